//! Records of version 1, which knew one place: a policy of a role, of which an agreement had at most one.

use std::collections::BTreeSet;

use jiff::Timestamp;
use serde::Deserialize;

use super::{Cause, GrantState, Phase, Record, RecordedAgreement};
use crate::document::Document;
use crate::entitlement::{Entitlement, Place, RolePolicy};

#[derive(Deserialize)]
struct Version1 {
    agreement: RecordedAgreement,
    phase: Phase,
    granted: Option<Grant>,
    former: BTreeSet<RolePolicy>,
    event: Cause,
    updated_at: Timestamp,
    revision: String,
}

#[derive(Deserialize)]
struct Grant {
    #[serde(flatten)]
    place: RolePolicy,
    document: Document,
}

/// Reads a record of version 1 as one of today.
pub(super) fn read(body: &[u8]) -> Result<Record, serde_json::Error> {
    let Version1 { agreement, phase, granted, former, event, updated_at, revision } =
        serde_json::from_slice(body)?;
    let granted = granted.map(|Grant { place, document }| Entitlement {
        place: Place::RolePolicy(place),
        permission: document.into(),
    });
    let state = GrantState {
        phase,
        granted: granted.into_iter().collect(),
        former: former.into_iter().map(Place::RolePolicy).collect(),
        missing_since: None,
    };
    Ok(Record { version: 1, agreement, state, event, updated_at, revision })
}
