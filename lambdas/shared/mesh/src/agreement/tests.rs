use proptest::prelude::*;
use serde_json::json;

use super::*;

macro_rules! fixture {
    ($name:literal) => {
        serde_json::from_str::<Value>(include_str!(concat!("../../tests/fixtures/", $name))).expect("JSON")
    };
}

fn read(kind: AgreementKind, raw: &Value) -> Option<Agreement> {
    let id = raw["id"].as_str().unwrap_or("a").to_owned();
    Agreement::from_value(AgreementRef { kind, id }, raw.clone())
}

fn access() -> Value {
    json!({
        "id": "a",
        "info": {"purpose": "p", "status": "approved", "active": true, "endDate": "2027-02-01"},
        "provider": {"dataProductId": "orders", "outputPortId": "daily", "teamId": "sales"},
        "consumer": {"dataProductId": "promotions", "teamId": "marketing"},
        "roles": ["reader"],
    })
}

fn error(kind: AgreementKind, text: &str) -> DocumentError {
    Agreement::read(AgreementRef { kind, id: "a".to_owned() }, text.as_bytes()).expect_err(text)
}

fn consumer(value: &Value) -> Consumer {
    let mut raw = access();
    raw["consumer"] = value.clone();
    read(AgreementKind::Access, &raw).expect("an agreement").consumer
}

#[test]
fn a_data_contract_of_the_first_generation_is_an_agreement() {
    let raw = fixture!("data_contract.json");
    let agreement = read(AgreementKind::DataContract, &raw).expect("an agreement");
    assert!(agreement.is_in_force());
    assert_eq!(agreement.provider.data_product_id.as_deref(), Some("stock-levels"));
    assert_eq!(agreement.provider.output_port_id.as_deref(), Some("stock-levels-s3-v1"));
    assert_eq!(agreement.provider.team_id.as_deref(), Some("warehouse-logistics"));
    let id = "urn:acme:dataproduct:delivery-forecast".to_owned();
    let team_id = Some("delivery-planning".to_owned());
    assert_eq!(agreement.consumer, Consumer::DataProduct { id, team_id });
    assert_eq!(agreement.tags.first().map(String::as_str), Some("business-critical"));
    assert_eq!(agreement.custom["ticket"], "LOG-118");
    assert_eq!(agreement.provisioning, None);
    assert_eq!(agreement.raw(), &raw);
}

#[test]
fn a_data_contract_document_is_not_an_agreement() {
    assert_eq!(read(AgreementKind::DataContract, &fixture!("data_contract_document.json")), None);
    for raw in
        [json!([]), json!({"provider": {}}), json!({"consumer": {}}), json!({"provider": 1, "consumer": {}})]
    {
        assert_eq!(read(AgreementKind::Access, &raw), None, "{raw}");
    }
    for kind in AgreementKind::ALL {
        for member in DATA_CONTRACT_MEMBERS {
            let mut raw = access();
            raw[member] = json!(null);
            assert_eq!(error(kind, &raw.to_string()), DocumentError::DataContract { member });
        }
    }
}

#[test]
fn an_access_has_its_provisioning() {
    let agreement = read(AgreementKind::Access, &fixture!("access.json")).expect("an agreement");
    let provisioning = agreement.provisioning.expect("a report");
    assert_eq!(provisioning.status.as_deref(), Some("provisioned"));
    assert_eq!(provisioning.reference.as_deref(), Some("arn:aws:iam::123456789012:role/stock-levels-job"));
    assert_eq!(provisioning.diagnostics, None);
}

#[test]
fn an_agreement_ends_after_its_end_date() {
    let raw = fixture!("data_usage_agreement.json");
    let agreement = read(AgreementKind::DataUsageAgreement, &raw).expect("an agreement");
    assert_eq!(agreement.ends_at, Some("2027-02-02T00:00:00Z".parse().expect("a time")));
    let without = read(AgreementKind::Access, &fixture!("access.json")).expect("an agreement");
    assert_eq!(without.ends_at, None);
}

#[test]
fn the_roles_of_an_access_are_read() {
    let agreement = read(AgreementKind::Access, &fixture!("access.json")).expect("an agreement");
    assert_eq!(agreement.roles, ["reader"]);
}

#[test]
fn the_literal_unknown_is_not_an_id() {
    let raw = fixture!("data_usage_agreement.json");
    let agreement = read(AgreementKind::DataUsageAgreement, &raw).expect("an agreement");
    assert_eq!(agreement.consumer, Consumer::Team { id: "customer-care".to_owned() });
    let raw = fixture!("access_of_deleted_product.json");
    let agreement = read(AgreementKind::Access, &raw).expect("an agreement");
    assert_eq!(agreement.provider.data_product_id, None);
    assert_eq!(agreement.provider.output_port_id, None);
    assert_eq!(agreement.consumer, Consumer::User);
    assert_eq!(consumer(&json!({"dataProductId": "unknown", "teamId": "unknown"})), Consumer::Unknown);
    assert_eq!(consumer(&json!({"dataProductId": "unknown", "teamId": null})), Consumer::Unknown);
}

#[test]
fn one_persons_access_is_not_the_teams() {
    assert_eq!(consumer(&json!({"userId": "u", "teamId": "t"})), Consumer::User);
}

#[test]
fn an_agreement_is_in_force_if_it_is_active_and_approved() {
    let in_force = |info: Value| {
        let mut raw = access();
        raw["info"] = info;
        AgreementKind::ALL.map(|kind| read(kind, &raw).expect("an agreement").is_in_force())
    };
    assert_eq!(in_force(json!({"active": true, "status": "approved"})), [true; 3]);
    assert_eq!(in_force(json!({"active": true, "status": "requested"})), [false; 3]);
    assert_eq!(in_force(json!({"active": true, "status": "rejected"})), [false; 3]);
    assert_eq!(in_force(json!({"active": false, "status": "approved"})), [false; 3]);
}

/// The agreement with another value at this pointer; `None` removes the member.
fn with(pointer: &str, value: Option<&Value>) -> String {
    let mut raw = access();
    let (parent, name) = pointer.rsplit_once('/').expect("a pointer");
    let members = raw.pointer_mut(parent).and_then(Value::as_object_mut).expect("an object");
    match value {
        Some(value) => drop(members.insert(name.to_owned(), value.clone())),
        None => drop(members.shift_remove(name)),
    }
    raw.to_string()
}

#[test]
fn a_member_that_decides_has_exactly_its_type_and_a_known_value() {
    let required = [
        ("/id", "id"),
        ("/info", "info"),
        ("/info/active", "info.active"),
        ("/info/status", "info.status"),
        ("/provider", "provider"),
        ("/provider/dataProductId", "provider.dataProductId"),
        ("/provider/outputPortId", "provider.outputPortId"),
        ("/consumer", "consumer"),
    ];
    let optional = [
        ("/provider/teamId", "provider.teamId"),
        ("/consumer/dataProductId", "consumer.dataProductId"),
        ("/consumer/teamId", "consumer.teamId"),
        ("/consumer/userId", "consumer.userId"),
        ("/roles", "roles"),
        ("/info/endDate", "info.endDate"),
    ];
    let odd = [
        json!(1),
        json!(""),
        json!([7]),
        json!(["approved"]),
        json!({"x": 1}),
        json!("true"),
        json!("APPROVED"),
    ];
    for kind in AgreementKind::ALL {
        for (pointer, member) in required {
            for value in [None, Some(&json!(null))] {
                let expected = format!("`{member}` is missing");
                assert!(error(kind, &with(pointer, value)).to_string().starts_with(&expected), "{pointer}");
            }
        }
        for (pointer, member) in required.into_iter().chain(optional) {
            for value in &odd {
                let text = with(pointer, Some(value));
                let result = Agreement::read(AgreementRef { kind, id: "a".to_owned() }, text.as_bytes());
                let is_an_id = pointer.ends_with("Id") && value.as_str().is_some_and(|text| !text.is_empty());
                let are_roles = pointer == "/roles" && *value == json!(["approved"]);
                if is_an_id || are_roles {
                    assert!(result.is_ok(), "{text}: {result:?}");
                } else {
                    let problem = result.expect_err(&text).to_string();
                    // A member of the wrong type may also lack what should be in it.
                    assert!(problem.contains(&format!("`{member}")), "{text}: {problem}");
                }
            }
        }
        for bad in ["1", "2027-2-1", "20270201", "2027-02-30", "2027-02-01T00:00", "2027-02-1a", "-2027-02-1"]
        {
            assert!(
                error(kind, &with("/info/endDate", Some(&json!(bad)))).to_string().contains("`info.endDate`")
            );
        }
        for text in ["{}", "[]", "null", "true", "7", "\"a\"", "", "<html>", "{\"id\":\"a\"}"] {
            error(kind, text);
        }
        assert_eq!(error(kind, &with("/id", Some(&json!("b")))), DocumentError::OtherId);
        let nobody = error(kind, &with("/consumer", Some(&json!({}))));
        assert!(nobody.to_string().contains("`consumer`"), "{nobody}");
        let team = error(kind, &with("/consumer", Some(&json!({"userId": 7, "teamId": "t"}))));
        assert!(team.to_string().contains("`consumer.userId`"), "{team}");
    }
}

#[test]
fn duplicate_members_decide_nothing() {
    for (member, twice) in [
        (r#""status":"approved""#, r#""status":"rejected","status":"approved""#),
        (r#""active":true"#, r#""active":false,"active":true"#),
        (r#""id":"a""#, r#""id":"b","id":"a""#),
        (r#""roles":["reader"]"#, r#""roles":["reader"],"custom":{"x":1,"x":1}"#),
    ] {
        let text = access().to_string().replace(member, twice);
        assert!(text.contains(twice));
        let error = error(AgreementKind::Access, &text);
        assert!(error.to_string().contains("two members of the same name"), "{error}");
    }
}

#[test]
fn an_end_date_beyond_all_timestamps_is_no_end() {
    let raw: Value = serde_json::from_str(&with("/info/endDate", Some(&json!("9999-12-31")))).expect("JSON");
    assert_eq!(read(AgreementKind::Access, &raw).expect("an agreement").ends_at, None);
}

#[test]
fn nothing_that_people_have_written_is_printed() {
    let mut raw = access();
    raw["info"]["purpose"] = json!("secret");
    raw["consumer"] = json!({"userId": "secret@example.com"});
    raw["custom"] = json!({"secret": "secret"});
    let agreement = read(AgreementKind::Access, &raw).expect("an agreement");
    assert!(!format!("{agreement:?}").contains("secret"), "{agreement:?}");
    for pointer in ["/info/status", "/info/endDate", "/info", "/consumer", "/roles", "/provider"] {
        let error = error(AgreementKind::Access, &with(pointer, Some(&json!("secret"))));
        assert!(!format!("{error} {error:?}").contains("secret"), "{error:?}");
    }
}

#[test]
fn the_text_is_kept_as_received() {
    let text = access()
        .to_string()
        .replace(r#""roles""#, r#" "custom": {"n": 12345678901234567890123, "m": 1.10}, "roles""#);
    let reference = AgreementRef { kind: AgreementKind::Access, id: "a".to_owned() };
    assert_eq!(Agreement::read(reference, text.as_bytes()).expect("an agreement").text(), text);
}

proptest! {
    #[test]
    fn any_bytes_are_an_agreement_or_an_error(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
        let reference = AgreementRef { kind: AgreementKind::Access, id: "a".to_owned() };
        prop_assert!(Agreement::read(reference, &bytes).is_err());
    }

    #[test]
    fn a_document_with_a_changed_byte_is_the_same_agreement_or_an_error(
        at in any::<prop::sample::Index>(),
        byte in any::<u8>(),
    ) {
        let reference = AgreementRef { kind: AgreementKind::Access, id: "a".to_owned() };
        let text = access().to_string();
        let original = Agreement::read(reference.clone(), text.as_bytes()).expect("an agreement");
        let mut bytes = text.into_bytes();
        let at = at.index(bytes.len());
        bytes[at] = byte;
        if let Ok(agreement) = Agreement::read(reference, &bytes) {
            prop_assert_eq!(agreement.status, original.status);
            prop_assert_eq!(agreement.active, original.active);
        }
    }
}
