//! What the page shows of the agreements: what Data Mesh Manager says, and what the records say. No I/O.

use std::collections::BTreeMap;

use dmm::console::convert;
use dmm::grants::{self, Record};
use dmm_console::{Action, Agreement, AgreementId, AgreementState};
use jiff::Timestamp;
use serde_json::Value;

/// Returns all agreements of both sides. `simulated` are the agreements of the simulated Data Mesh Manager with their kinds.
pub(super) fn all<'a>(
    simulated: impl IntoIterator<Item = (&'a str, Value)>,
    records: Vec<Record>,
) -> Vec<Agreement> {
    let mut records: BTreeMap<AgreementId, Record> = records
        .into_iter()
        .map(|record| {
            let grants::Agreement { kind, id } = record.agreement.clone();
            (AgreementId { kind, id }, record)
        })
        .collect();
    let mut agreements = Vec::new();
    for (kind, value) in simulated {
        // Documents of data contracts have the same address as agreements.
        if value.get("provider").is_none() {
            continue;
        }
        let Some(id) = text(&value, "/id") else { continue };
        let name = AgreementId { kind: kind.to_owned(), id };
        let record = records.remove(&name);
        agreements.push(one(name, &value, record.as_ref()));
    }
    // What Data Mesh Manager no longer has.
    agreements.extend(records.values().map(convert::agreement));
    agreements
}

fn one(name: AgreementId, value: &Value, record: Option<&Record>) -> Agreement {
    let known = record.map(convert::agreement);
    let status = text(value, "/info/status").unwrap_or_else(|| "requested".to_owned());
    let is_active = value.pointer("/info/active").and_then(Value::as_bool).unwrap_or(false);
    let reason = reason(value).filter(|_| is_active);
    let has_access = known.as_ref().is_some_and(|known| !known.roles.is_empty());
    let state = match (is_active, has_access) {
        _ if known.as_ref().is_some_and(|known| known.state == AgreementState::Changing) => {
            AgreementState::Changing
        }
        (true, true) => AgreementState::Granted,
        (false, true) => AgreementState::Changing,
        (true, false) if reason.is_some() => AgreementState::Refused,
        (true, false) => AgreementState::Waiting,
        (false, false) if status == "requested" => AgreementState::Requested,
        (false, false) => AgreementState::Ended,
    };
    let failed_at = text(value, "/provisioning/failedAt").and_then(|time| time.parse::<Timestamp>().ok());
    let since = known.as_ref().and_then(|known| known.since);
    let since = if state == AgreementState::Refused { failed_at.or(since) } else { since };
    let mut actions = vec![Action::Delete];
    actions.insert(0, if is_active { Action::Cancel } else { Action::Approve });
    let consumer = ["/consumer/dataProductId", "/consumer/teamId", "/consumer/userId"];
    Agreement {
        name,
        purpose: text(value, "/info/purpose"),
        product: text(value, "/provider/dataProductId"),
        port: text(value, "/provider/outputPortId"),
        // A consumer that is a team has no data product.
        consumer: consumer.iter().filter_map(|pointer| text(value, pointer)).find(|id| id != "unknown"),
        state,
        reason,
        code: record.and_then(|record| record.refusal.as_ref()).map(|refusal| refusal.code.clone()),
        roles: known.as_ref().map(|known| known.roles.clone()).unwrap_or_default(),
        policies: known.as_ref().map(|known| known.policies.clone()).unwrap_or_default(),
        since,
        until: known.as_ref().and_then(|known| known.until),
        actions,
    }
}

/// The reason for a refusal, as it was reported to Data Mesh Manager.
pub(crate) fn reason(agreement: &Value) -> Option<String> {
    ["/provisioning/diagnostics", "/custom/aws-integration-error"]
        .iter()
        .find_map(|pointer| text(agreement, pointer))
}

fn text(value: &Value, pointer: &str) -> Option<String> {
    value.pointer(pointer)?.as_str().filter(|text| !text.is_empty()).map(str::to_owned)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn agreement(active: bool, status: &str, change: impl FnOnce(&mut Value)) -> Value {
        let mut value = json!({
            "id": "a-1",
            "info": { "purpose": "Plan promotions", "status": status, "active": active },
            "provider": { "dataProductId": "orders", "outputPortId": "s3" },
            "consumer": { "teamId": "marketing" },
        });
        change(&mut value);
        value
    }

    fn record(granted: bool) -> Record {
        let place = json!({ "role": "r", "policy": "DMM_Access_a-1", "document": {} });
        let record = json!({
            "agreement": { "kind": "access", "id": "a-1" },
            "phase": "settled",
            "granted": if granted { vec![place] } else { vec![] },
            "former": [],
            "updated_at": "2026-11-01T00:00:00Z",
        });
        Record::read(record.to_string().as_bytes()).unwrap()
    }

    fn state(value: Value, record: Option<Record>) -> AgreementState {
        let all = all([("access", value)], record.into_iter().collect());
        assert_eq!(all.len(), 1);
        all[0].state
    }

    #[test]
    fn the_state_follows_from_the_agreement_and_its_record() {
        let nothing = |_: &mut Value| {};
        assert_eq!(state(agreement(false, "requested", nothing), None), AgreementState::Requested);
        assert_eq!(state(agreement(true, "approved", nothing), None), AgreementState::Waiting);
        assert_eq!(state(agreement(true, "approved", nothing), Some(record(true))), AgreementState::Granted);
        assert_eq!(
            state(agreement(false, "approved", nothing), Some(record(true))),
            AgreementState::Changing
        );
        assert_eq!(state(agreement(false, "approved", nothing), Some(record(false))), AgreementState::Ended);
        let refused = |value: &mut Value| value["provisioning"] = json!({ "diagnostics": "Set the field." });
        assert_eq!(state(agreement(true, "approved", refused), None), AgreementState::Refused);
        assert_eq!(state(agreement(false, "approved", refused), None), AgreementState::Ended);
    }

    #[test]
    fn a_row_says_who_reads_what_and_what_can_be_done() {
        let all = all(
            [
                ("access", agreement(true, "approved", |_| {})),
                ("datacontract", json!({ "id": "a-document" })),
            ],
            vec![record(true)],
        );
        let [row] = all.as_slice() else { panic!("{all:?}") };
        assert_eq!((row.product.as_deref(), row.consumer.as_deref()), (Some("orders"), Some("marketing")));
        assert_eq!(row.roles, ["r"]);
        assert_eq!(row.actions, [Action::Cancel, Action::Delete]);
    }

    #[test]
    fn a_record_of_a_deleted_agreement_keeps_its_row_without_actions() {
        let all = all(std::iter::empty(), vec![record(true)]);
        assert_eq!((all[0].state, all[0].actions.len()), (AgreementState::Granted, 0));
    }
}
