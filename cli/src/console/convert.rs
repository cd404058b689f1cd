//! Turns what a stack consists of into what the page shows. No I/O.

use std::collections::BTreeSet;

use dmm_access::record::{Phase, Receiver, RefusalNote};
use dmm_console::{
    Agreement, AgreementId, AgreementState, Health, Held, Letter, Level, Policy, Role, Span, Trace, words,
};
use serde_json::Value;

use crate::grants::Record;
use crate::letters;
use crate::quarantine;
use crate::status::{Stage, State};
use crate::xray;
use crate::xray::segments::{Outcome, Segment};

/// How well a stage is.
#[must_use]
pub fn level(state: State) -> Level {
    match state {
        State::Ok => Level::Ok,
        State::Attention => Level::Attention,
        State::Unknown => Level::Unknown,
    }
}

/// A line of `dmm status`.
#[must_use]
pub fn health(stage: &Stage) -> Health {
    Health { name: stage.stage.to_owned(), level: level(stage.state), text: stage.text.clone() }
}

/// A dead letter.
#[must_use]
pub fn letter(letter: letters::Letter) -> Letter {
    Letter {
        id: letter.id,
        queue: letter.queue.as_str().to_owned(),
        sent: letter.sent,
        reason: letter.reason,
        event_type: letter.event_type,
        subject: letter.subject,
    }
}

/// An event in quarantine.
#[must_use]
pub fn held(held: &quarantine::Held) -> Held {
    Held {
        id: held.id.clone(),
        reason: held.reason.clone(),
        time: held.time.clone(),
        event: held.event().cloned(),
    }
}

/// A policy.
#[must_use]
pub fn policy(role: &str, name: &str, document: Value) -> Policy {
    Policy { role: role.to_owned(), name: name.to_owned(), words: words::of_document(&document), document }
}

/// The policies of a role.
#[must_use]
pub fn role(name: &str, policies: Vec<(String, Value)>) -> Role {
    let policies = policies.into_iter().map(|(policy_name, document)| policy(name, &policy_name, document));
    Role { name: name.to_owned(), policies: policies.collect() }
}

/// A trace of X-Ray.
#[must_use]
pub fn trace(found: &xray::Trace) -> Trace {
    let span = |segment: &Segment| Span {
        depth: segment.depth,
        name: segment.label(),
        service: segment.function.clone(),
        from: segment.offset_ms,
        took: segment.duration_ms.unwrap_or_default(),
        failed: segment.outcome != Outcome::Ok,
        remark: segment.remark(),
    };
    Trace {
        id: found.id.clone(),
        title: found.title().to_owned(),
        began: found.began,
        took: found.duration_ms,
        spans: found.segments.iter().map(span).collect(),
    }
}

/// The policies that a record says exist.
#[must_use]
pub fn policies(record: &Record) -> Vec<Policy> {
    record.granted.iter().map(|given| policy(&given.role, &given.policy, given.document.clone())).collect()
}

/// The agreement of a record, as far as the record knows it.
#[must_use]
pub fn agreement(record: &Record) -> Agreement {
    let state = match record {
        Record { phase: Phase::Changing, .. } => AgreementState::Changing,
        Record { refusal: Some(_), .. } => AgreementState::Refused,
        Record { granted, .. } if !granted.is_empty() => AgreementState::Granted,
        _ => AgreementState::Ended,
    };
    let refusal = record.refusal.as_ref().filter(|_| state == AgreementState::Refused);
    let since = match state {
        AgreementState::Granted => record.first_granted_at.unwrap_or(record.updated_at),
        _ => refusal.map_or(record.updated_at, |refusal| refusal.since),
    };
    let names = record.granted.iter().map(|given| &given.policy);
    let names: BTreeSet<&String> = names.chain(record.former.iter().map(|place| &place.policy)).collect();
    let consumer = record.consumer.clone();
    Agreement {
        name: AgreementId { kind: record.agreement.kind.clone(), id: record.agreement.id.clone() },
        purpose: None,
        product: record.product.clone(),
        port: record.port.clone(),
        consumer: consumer.and_then(|Receiver { data_product, team }| data_product.or(team)),
        state,
        reason: refusal.map(|RefusalNote { code, .. }| {
            format!("Refused ({code}). Data Mesh Manager shows at this agreement what is wrong and what to change.")
        }),
        code: refusal.map(|refusal| refusal.code.clone()),
        roles: record.granted.iter().map(|given| given.role.clone()).collect(),
        policies: names.into_iter().cloned().collect(),
        since: Some(since),
        until: record.granted.iter().filter_map(|given| given.until).min(),
        actions: Vec::new(),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn record(change: impl FnOnce(&mut Value)) -> Record {
        let document = json!({ "Statement": { "Action": "s3:GetObject", "Resource": "arn:aws:s3:::b/*" } });
        let mut record = json!({
            "version": 2,
            "agreement": { "kind": "access", "id": "a-1" },
            "phase": "settled",
            "granted": [{
                "kind": "role_policy", "role": "r1", "policy": "DMM_Access_a-1", "document": document.to_string(),
                "until": "2027-01-01T00:00:00Z",
            }],
            "former": [{ "kind": "role_policy", "role": "r0", "policy": "DMM_Access_a-1" }],
            "updated_at": "2026-11-01T00:00:00Z",
        });
        change(&mut record);
        Record::read(record.to_string().as_bytes()).unwrap()
    }

    #[test]
    fn a_record_says_who_has_access_and_until_when() {
        let read = record(|_| {});
        assert_eq!(policies(&read)[0].words, ["S3: read objects on arn:aws:s3:::b/*"]);
        let agreement = super::agreement(&read);
        assert_eq!((agreement.state, agreement.roles), (AgreementState::Granted, vec!["r1".to_owned()]));
        assert_eq!(agreement.policies, ["DMM_Access_a-1"]);
        assert_eq!(agreement.until, "2027-01-01T00:00:00Z".parse().ok());
        assert_eq!(agreement.since, "2026-11-01T00:00:00Z".parse().ok());
    }

    #[test]
    fn a_record_without_access_has_ended_or_was_refused() {
        let ended = agreement(&record(|it| it["granted"] = json!([])));
        assert_eq!((ended.state, ended.reason), (AgreementState::Ended, None));
        let refused = record(|it| {
            it["granted"] = json!([]);
            it["refusal"] = json!({ "code": "role_field_missing", "since": "2026-10-01T00:00:00Z" });
            it["product"] = json!("orders");
        });
        let agreement = super::agreement(&refused);
        assert_eq!(agreement.state, AgreementState::Refused);
        assert_eq!(agreement.since, "2026-10-01T00:00:00Z".parse().ok());
        assert!(agreement.reason.unwrap().contains("role_field_missing"));
        assert_eq!(agreement.product.as_deref(), Some("orders"));
        let changing = super::agreement(&record(|it| it["phase"] = json!("changing")));
        assert_eq!(changing.state, AgreementState::Changing);
    }

    #[test]
    fn the_consumer_is_the_data_product_else_the_team() {
        let consumer = |consumer: Value| agreement(&record(|it| it["consumer"] = consumer)).consumer;
        let product = json!({ "data_product": "promotions", "team": "marketing" });
        assert_eq!(consumer(product).as_deref(), Some("promotions"));
        assert_eq!(consumer(json!({ "team": "marketing" })).as_deref(), Some("marketing"));
        assert_eq!(consumer(json!("somebody")), None);
    }

    #[test]
    fn what_is_not_a_record_is_left_out() {
        for body in ["", "7", "{}", r#"{"agreement":{"kind":"access"}}"#] {
            assert!(Record::read(body.as_bytes()).is_none(), "{body}");
        }
    }
}
