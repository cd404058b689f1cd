use super::*;

fn tags(entries: &[(&str, &str)]) -> Tags {
    entries.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())).collect()
}

fn owner() -> Owner {
    Owner { product: Some("orders".to_owned()), team: Some("sales".to_owned()) }
}

#[test]
fn the_tag_of_the_data_product_or_of_its_team_proves_ownership() {
    for (entries, proof) in [
        (&[("dmm-data-product", "orders")][..], Some(Proof::ProductTag("orders".to_owned()))),
        (&[("dmm-team", "sales")], Some(Proof::TeamTag("sales".to_owned()))),
        (&[("dmm-data-product", "other"), ("dmm-team", "sales")], Some(Proof::TeamTag("sales".to_owned()))),
        (&[("dmm-data-product", "sales")], None),
        (&[("dmm-data-product", "Orders")], None),
        (&[("dmm-data-product", "orders ")], None),
        (&[("DMM-data-product", "orders")], None),
        (&[("dmm-team", "")], None),
        (&[], None),
    ] {
        assert_eq!(owner().proof_in(&tags(entries)), proof, "{entries:?}");
    }
    assert_eq!(Owner::default().proof_in(&tags(&[("dmm-team", "sales")])), None);
}

#[test]
fn the_consumer_owns_its_role_by_its_own_document_only() {
    let claim = Consumer::DataProduct { id: "orders".to_owned(), team_id: Some("claimed".to_owned()) };
    let orders = Owner { product: Some("orders".to_owned()), team: None };
    assert_eq!(Owner::of_consumer(&claim, None), orders);
    let document = serde_json::json!({ "id": "orders", "info": { "owner": "sales" } });
    let product = DataProduct::from_value(&document).unwrap();
    assert_eq!(Owner::of_consumer(&claim, Some(&product)), owner());
    let team = Owner { product: None, team: Some("sales".to_owned()) };
    assert_eq!(Owner::of_consumer(&Consumer::Team { id: "sales".to_owned() }, None), team);
    assert_eq!(Owner::of_consumer(&Consumer::User { id: "u".to_owned() }, None), Owner::default());
}

#[test]
fn the_remedy_names_the_tag_and_the_resource() {
    let remedy = |product: &str, team: Option<&str>| {
        let owner = Owner { product: Some(product.to_owned()), team: team.map(str::to_owned) };
        owner.remedy("bucket arn:aws:s3:::orders")
    };
    assert_eq!(
        remedy("orders", None),
        "Add the tag `dmm-data-product` with the value `orders` to the bucket arn:aws:s3:::orders."
    );
    assert!(remedy("orders", Some("sales")).contains("or the tag `dmm-team` with the value `sales`"));
    assert!(remedy("orders#1", Some("sales")).starts_with("Add the tag `dmm-team`"));
    assert!(remedy("orders#1", None).contains("RESOURCE_OWNERS"));
}

#[test]
fn a_value_of_a_tag_has_up_to_256_letters_digits_spaces_and_some_signs() {
    for text in ["orders", "urn:acme:dataproduct:orders/1", "Größe 1", "a@b.c", &"x".repeat(256)] {
        assert!(is_tag_value(text), "{text}");
    }
    for text in ["", "a#b", "a,b", "a*b", "a\tb", "${a}", &"x".repeat(257)] {
        assert!(!is_tag_value(text), "{text}");
    }
}

#[test]
fn a_mode_is_one_of_three_words() {
    assert_eq!("require".parse(), Ok(Ownership::Require));
    assert_eq!("report".parse(), Ok(Ownership::Report));
    assert_eq!("off".parse(), Ok(Ownership::Off));
    for text in ["", "Off", "true"] {
        let error = text.parse::<Ownership>().unwrap_err().to_string();
        assert!(error.contains(&format!("`{text}`")) && error.contains("`report`"), "{error}");
    }
}

#[test]
fn the_operator_names_the_owners_of_resources_that_cannot_carry_tags() {
    let owners: ResourceOwners = r#"{"product:orders":["arn:aws:s3:::shared/orders"],
        "team:sales":["arn:aws:kms:*:123456789012:key/*","arn:aws:s3:::sales-*"]}"#
        .parse()
        .unwrap();
    for (arn, is_owned) in [
        ("arn:aws:s3:::shared/orders", true),
        ("arn:aws:s3:::shared/orders/daily", true),
        ("arn:aws:s3:::shared/orders-secret", false),
        ("arn:aws:s3:::shared", false),
        ("arn:aws:s3:::sales-data/daily", true),
        ("arn:aws:kms:eu-central-1:123456789012:key/1", true),
        ("arn:aws:kms:eu-central-1:210987654321:key/1", false),
    ] {
        assert_eq!(owners.prove(&owner(), arn).is_some(), is_owned, "{arn}");
        assert_eq!(owners.prove(&Owner::default(), arn), None, "{arn}");
    }
    // The id of a team is not the id of a data product.
    let team = Owner { product: Some("sales".to_owned()), team: Some("orders".to_owned()) };
    assert_eq!(owners.prove(&team, "arn:aws:s3:::shared/orders"), None);
}

#[test]
fn an_invalid_map_of_owners_is_an_error_that_names_the_entry() {
    let error = |text: &str| text.parse::<ResourceOwners>().unwrap_err().to_string();
    assert!(error("[]").contains("JSON object"));
    assert!(error(r#"{"team:a":"arn:aws:s3:::a"}"#).contains("JSON object"));
    assert!(error(r#"{"sales":[]}"#).contains("`sales`"));
    assert!(error(r#"{"user:a":[]}"#).contains("`user:a`"));
    assert!(error(r#"{"team:":[]}"#).contains("`team:`"));
    assert!(error(r#"{"team:a":["sales-*"]}"#).contains("`sales-*`, listed for `team:a`"));
}

#[test]
fn a_value_that_a_policy_cannot_contain_is_no_condition() {
    for (id, is_condition) in [("Größe", true), ("注文", false), ("${aws:username}", false)] {
        assert_eq!(Proof::ProductTag(id.to_owned()).condition().is_some(), is_condition, "{id}");
    }
}
