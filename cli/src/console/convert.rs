//! Turns what a stack consists of into what the page shows. No I/O.

use dmm_access::record::Receiver;
use dmm_console::{
    Agreement, AgreementId, AgreementState, Health, Held, Letter, Level, Policy, Role, Span, Trace, words,
};
use dmm_mesh::strict;
use jiff::Timestamp;
use serde::Deserialize;
use serde_json::Value;

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

/// What a grant record says. Its members `refusal`, `product`, `port`, `consumer` and `first_granted_at` may be missing.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Record {
    /// The agreement's name.
    pub kind: String,
    /// The agreement's id.
    pub id: String,
    /// Whether IAM is being changed.
    pub is_changing: bool,
    /// The policies that exist.
    pub policies: Vec<Policy>,
    /// The names of policies that have existed.
    pub former: Vec<String>,
    /// When the access ends by itself.
    pub until: Option<Timestamp>,
    /// When it was written.
    pub updated_at: Option<Timestamp>,
    /// Since when there is access.
    pub first_granted_at: Option<Timestamp>,
    /// The rule that refuses the agreement, and since when.
    pub refusal: Option<(String, Option<Timestamp>)>,
    /// The data product that gives access.
    pub product: Option<String>,
    /// The output port.
    pub port: Option<String>,
    /// Who gets access.
    pub consumer: Option<String>,
}

impl Record {
    /// Reads a stored record; `None` if it is not one.
    #[must_use]
    pub fn read(body: &[u8]) -> Option<Record> {
        let record = strict::read(body).ok()?;
        let text = |pointer: &str| Some(record.pointer(pointer)?.as_str()?.to_owned());
        let time = |pointer: &str| record.pointer(pointer)?.as_str()?.parse().ok();
        let places = |name: &str| record.get(name).and_then(Value::as_array).into_iter().flatten();
        let granted = |granted: &Value| {
            let document = granted.get("document").cloned().unwrap_or_default();
            // It may be stored as text.
            let parsed = document.as_str().and_then(|text| serde_json::from_str(text).ok());
            Some(policy(
                granted.get("role")?.as_str()?,
                granted.get("policy")?.as_str()?,
                parsed.unwrap_or(document),
            ))
        };
        let until = |granted: &Value| granted.get("until")?.as_str()?.parse::<Timestamp>().ok();
        let receiver = |consumer: &Value| {
            let Receiver { data_product, team } = Receiver::deserialize(consumer).ok()?;
            data_product.or(team)
        };
        let name = |place: &Value| Some(place.get("policy")?.as_str()?.to_owned());
        Some(Record {
            kind: text("/agreement/kind")?,
            id: text("/agreement/id")?,
            is_changing: text("/phase").as_deref() == Some("changing"),
            policies: places("granted").filter_map(granted).collect(),
            former: places("former").filter_map(name).collect(),
            until: places("granted").filter_map(until).min(),
            updated_at: time("/updated_at"),
            first_granted_at: time("/first_granted_at"),
            refusal: text("/refusal/code").map(|code| (code, time("/refusal/since"))),
            product: text("/product"),
            port: text("/port"),
            consumer: record.get("consumer").and_then(receiver),
        })
    }

    /// The agreement, as far as the record knows it.
    #[must_use]
    pub fn agreement(&self) -> Agreement {
        let state = match self {
            Record { is_changing: true, .. } => AgreementState::Changing,
            Record { refusal: Some(_), .. } => AgreementState::Refused,
            Record { policies, .. } if !policies.is_empty() => AgreementState::Granted,
            _ => AgreementState::Ended,
        };
        let refused_since = self.refusal.as_ref().and_then(|(_, since)| *since);
        let since = match state {
            AgreementState::Refused => refused_since.or(self.updated_at),
            AgreementState::Granted => self.first_granted_at.or(self.updated_at),
            _ => self.updated_at,
        };
        let code =
            self.refusal.as_ref().filter(|_| state == AgreementState::Refused).map(|(code, _)| code.clone());
        let mut names: Vec<String> = self.policies.iter().map(|policy| policy.name.clone()).collect();
        names.extend(self.former.iter().cloned());
        names.sort();
        names.dedup();
        Agreement {
            name: AgreementId { kind: self.kind.clone(), id: self.id.clone() },
            purpose: None,
            product: self.product.clone(),
            port: self.port.clone(),
            consumer: self.consumer.clone(),
            state,
            reason: code.as_ref().map(|code| {
                format!("Refused ({code}). Data Mesh Manager shows at this agreement what is wrong and what to change.")
            }),
            code,
            roles: self.policies.iter().map(|policy| policy.role.clone()).collect(),
            policies: names,
            since,
            until: self.until,
            actions: Vec::new(),
        }
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
        assert_eq!(read.policies[0].words, ["S3: read objects on arn:aws:s3:::b/*"]);
        let agreement = read.agreement();
        assert_eq!((agreement.state, agreement.roles), (AgreementState::Granted, vec!["r1".to_owned()]));
        assert_eq!(agreement.policies, ["DMM_Access_a-1"]);
        assert_eq!(agreement.until, "2027-01-01T00:00:00Z".parse().ok());
        assert_eq!(agreement.since, "2026-11-01T00:00:00Z".parse().ok());
    }

    #[test]
    fn a_record_without_access_has_ended_or_was_refused() {
        let ended = record(|it| it["granted"] = json!([])).agreement();
        assert_eq!((ended.state, ended.reason), (AgreementState::Ended, None));
        let refused = record(|it| {
            it["granted"] = json!([]);
            it["refusal"] = json!({ "code": "role_field_missing", "since": "2026-10-01T00:00:00Z" });
            it["product"] = json!("orders");
        });
        let agreement = refused.agreement();
        assert_eq!(agreement.state, AgreementState::Refused);
        assert_eq!(agreement.since, "2026-10-01T00:00:00Z".parse().ok());
        assert!(agreement.reason.unwrap().contains("role_field_missing"));
        assert_eq!(agreement.product.as_deref(), Some("orders"));
        assert_eq!(record(|it| it["phase"] = json!("changing")).agreement().state, AgreementState::Changing);
    }

    #[test]
    fn the_consumer_is_the_data_product_else_the_team() {
        let consumer = |consumer: Value| record(|it| it["consumer"] = consumer).agreement().consumer;
        let product = json!({ "data_product": "promotions", "team": "marketing" });
        assert_eq!(consumer(product).as_deref(), Some("promotions"));
        assert_eq!(consumer(json!({ "team": "marketing" })).as_deref(), Some("marketing"));
        assert_eq!(consumer(json!("somebody")), None);
    }

    #[test]
    fn what_is_not_a_record_is_left_out() {
        for body in ["", "7", "{}", r#"{"agreement":{"kind":"access"}}"#] {
            assert_eq!(Record::read(body.as_bytes()), None, "{body}");
        }
    }
}
