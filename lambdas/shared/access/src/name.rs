//! The names of what this software creates: the policy of an agreement, and the object that records its grant.
//!
//! Both are derived from the agreement's id, which can be any string. Two agreements never share a policy or a record,
//! whatever their ids are.

use std::fmt::{self, Write as _};
use std::str::FromStr;

use dmm_mesh::{AgreementKind, AgreementRef, sha256_hex};
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, percent_decode_str, utf8_percent_encode};
use serde::{Deserialize, Serialize};
use thiserror::Error;

use crate::role::is_name_byte;

/// The longest name that IAM accepts for a policy
/// ([names in IAM](https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_iam-quotas.html)).
const POLICY_NAME_LIMIT: usize = 128;
/// The length of a SHA-256 in hexadecimal digits.
const HASH_LENGTH: usize = 64;
/// S3 accepts keys of up to 1,024 bytes. The rest is left for a prefix.
const KEY_LIMIT: usize = 900;
/// The characters that a key contains unencoded, besides letters and digits.
const UNENCODED_IN_KEYS: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'_').remove(b'.');

/// The name of the policy of one agreement: 1 to 128 characters of `[A-Za-z0-9_+=,.@-]`. It begins with the prefix of a
/// generation, and is exactly what [`PolicyName::of`] gives for some agreement.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct PolicyName(String);

/// The text is not the name of the policy of an agreement.
#[derive(Clone, Copy, Debug, Error, PartialEq, Eq)]
#[error("the text is not the name of a policy of an agreement, such as DMM_Access_ and the id of the access")]
pub struct PolicyNameError;

impl PolicyName {
    /// The agreement's policy: the generation's prefix and the id.
    ///
    /// Characters that IAM accepts are kept. Of all others, each byte of their UTF-8 becomes `=` and two upper-case
    /// hexadecimal digits. An `=` that is followed by two such digits is encoded as well, so that different ids have
    /// different names. A name that would have 128 characters or more is shortened to exactly 128, and ends with `-`
    /// and the SHA-256 of the id. Other names never have that length.
    #[must_use]
    pub fn of(agreement: &AgreementRef) -> PolicyName {
        let mut name = format!("{}{}", agreement.kind.policy_prefix(), encode(&agreement.id));
        if name.len() >= POLICY_NAME_LIMIT {
            let hash = sha256_hex(&agreement.id);
            // All characters are ASCII, so it can be cut anywhere.
            name.truncate(POLICY_NAME_LIMIT - hash.len() - 1);
            name.push('-');
            name.push_str(&hash);
        }
        PolicyName(name)
    }

    /// The agreement whose policy has this name; `None` if the name is not one of ours, or was shortened, so that it
    /// does not hold the whole id.
    #[must_use]
    pub fn agreement(name: &str) -> Option<AgreementRef> {
        AgreementKind::ALL.into_iter().find_map(|kind| {
            let id = decode(name.strip_prefix(kind.policy_prefix())?).filter(|id| !id.is_empty())?;
            let agreement = AgreementRef { kind, id };
            (PolicyName::of(&agreement).as_str() == name).then_some(agreement)
        })
    }

    /// Whether `key` can be the [key](record_key) of the record of the agreement with this policy. This also works for a
    /// shortened name, which does not hold the agreement's id.
    #[must_use]
    pub fn is_recorded_at(&self, key: &str) -> bool {
        AgreementKind::ALL.into_iter().any(|kind| {
            let folder = key.strip_prefix(&record_prefix(kind)).and_then(|id| id.strip_suffix(".json"));
            let Some(id) = folder.filter(|_| self.0.starts_with(kind.policy_prefix())) else { return false };
            match id.rsplit_once('~') {
                Some((_, hash)) => self.0.len() == POLICY_NAME_LIMIT && self.0.ends_with(&format!("-{hash}")),
                None => percent_decode_str(id)
                    .decode_utf8()
                    .is_ok_and(|id| PolicyName::of(&AgreementRef { kind, id: id.into_owned() }) == *self),
            }
        })
    }

    /// The name.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for PolicyName {
    type Err = PolicyNameError;

    fn from_str(text: &str) -> Result<PolicyName, PolicyNameError> {
        let is_prefixed =
            || AgreementKind::ALL.into_iter().any(|kind| text.starts_with(kind.policy_prefix()));
        let is_shortened = || {
            let hash = text.len().checked_sub(HASH_LENGTH).and_then(|at| text.split_at_checked(at));
            text.len() == POLICY_NAME_LIMIT
                && is_prefixed()
                && text.bytes().all(is_name_byte)
                && hash.is_some_and(|(id, hash)| id.ends_with('-') && hash.bytes().all(is_hash_digit))
        };
        let is_name = PolicyName::agreement(text).is_some() || is_shortened();
        if is_name { Ok(PolicyName(text.to_owned())) } else { Err(PolicyNameError) }
    }
}

impl TryFrom<String> for PolicyName {
    type Error = PolicyNameError;

    fn try_from(text: String) -> Result<PolicyName, PolicyNameError> {
        text.parse()
    }
}

impl From<PolicyName> for String {
    fn from(name: PolicyName) -> String {
        name.0
    }
}

impl fmt::Display for PolicyName {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.0)
    }
}

/// The key of the object that records what was given for an agreement: `grants/{kind}/{id}.json`. The id is
/// percent-encoded except for letters, digits and `-_.`. If the key would be too long, the id is shortened and ends with
/// `~` and its SHA-256; encoded ids never contain `~`.
#[must_use]
pub fn record_key(agreement: &AgreementRef) -> String {
    let mut id = utf8_percent_encode(&agreement.id, UNENCODED_IN_KEYS).to_string();
    if id.len() > KEY_LIMIT {
        id.truncate(KEY_LIMIT / 2);
        id.push('~');
        id.push_str(&sha256_hex(&agreement.id));
    }
    format!("{}{id}.json", record_prefix(agreement.kind))
}

/// What the keys of all grant records begin with.
pub const RECORDS: &str = "grants/";

/// What the keys of all entries of the evidence begin with.
pub const EVIDENCE: &str = "evidence/";

/// What the keys of the evidence about what no record knew begin with. No kind of agreement has this name.
pub const LEFTOVERS: &str = "evidence/uninstall/";

/// What the keys of the entries of an agreement's evidence begin with: `evidence/{kind}/{id}/`, with the id as in the
/// [key of its record](record_key).
#[must_use]
pub fn evidence_prefix(agreement: &AgreementRef) -> String {
    let record = record_key(agreement);
    let name = record.strip_prefix(RECORDS).and_then(|name| name.strip_suffix(".json"));
    format!("{EVIDENCE}{}/", name.unwrap_or(&record))
}

/// The beginning of the keys of a generation's records.
fn record_prefix(kind: AgreementKind) -> String {
    format!("{RECORDS}{}/", kind.as_str())
}

fn encode(id: &str) -> String {
    let mut encoded = String::with_capacity(id.len());
    let mut rest = id.as_bytes();
    while let [byte, tail @ ..] = rest {
        let looks_encoded =
            *byte == b'=' && matches!(tail, [high, low, ..] if is_digit(*high) && is_digit(*low));
        if is_name_byte(*byte) && !looks_encoded {
            encoded.push(char::from(*byte));
        } else {
            // Writing to a `String` cannot fail.
            let _ = write!(encoded, "={byte:02X}");
        }
        rest = tail;
    }
    encoded
}

/// The id that was encoded; `None` if the bytes are not UTF-8.
fn decode(encoded: &str) -> Option<String> {
    let mut rest = encoded.as_bytes();
    let mut decoded = Vec::with_capacity(rest.len());
    while let [byte, tail @ ..] = rest {
        match (byte, tail) {
            (b'=', [high, low, tail @ ..]) if is_digit(*high) && is_digit(*low) => {
                decoded.push(value_of(*high) << 4 | value_of(*low));
                rest = tail;
            }
            _ => {
                decoded.push(*byte);
                rest = tail;
            }
        }
    }
    String::from_utf8(decoded).ok()
}

/// The value of an upper-case hexadecimal digit.
fn value_of(digit: u8) -> u8 {
    if digit.is_ascii_digit() { digit - b'0' } else { digit - b'A' + 10 }
}

/// Whether this is a digit of a hash in [`PolicyName::of`].
fn is_hash_digit(byte: u8) -> bool {
    matches!(byte, b'0'..=b'9' | b'a'..=b'f')
}

fn is_digit(byte: u8) -> bool {
    matches!(byte, b'0'..=b'9' | b'A'..=b'F')
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;

    fn reference(kind: AgreementKind, id: &str) -> AgreementRef {
        AgreementRef { kind, id: id.to_owned() }
    }

    fn name(id: &str) -> String {
        PolicyName::of(&reference(AgreementKind::Access, id)).to_string()
    }

    #[test]
    fn a_plain_id_is_kept_after_the_prefix_of_its_generation() {
        let id = "640864de-83d4-4619-afba-ccea8037ed3a";
        for (kind, prefix) in [
            (AgreementKind::DataContract, "DMM_Datacontract_"),
            (AgreementKind::DataUsageAgreement, "DMM_DataUsageAgreement_"),
            (AgreementKind::Access, "DMM_Access_"),
        ] {
            assert_eq!(PolicyName::of(&reference(kind, id)).as_str(), format!("{prefix}{id}"));
        }
        assert_eq!(name("a_b+c=d,e.f@g-h"), "DMM_Access_a_b+c=d,e.f@g-h");
    }

    #[test]
    fn other_characters_are_encoded_and_can_be_decoded() {
        assert_eq!(name("urn:dmm:access 1"), "DMM_Access_urn=3Admm=3Aaccess=201");
        assert_eq!(name("ü"), "DMM_Access_=C3=BC");
        for id in
            ["", "=", "==", "=3A", ":", "=:", "=3:", "=A", "=AG", "=3D3A", "==3A", "a=b=C0", "é=E9", "%3A"]
        {
            assert_eq!(decode(&encode(id)).as_deref(), Some(id), "{id:?} became {:?}", encode(id));
            assert!(encode(id).bytes().all(is_name_byte));
        }
    }

    #[test]
    fn different_ids_have_different_names_and_keys() {
        let alphabet = ['=', '3', 'A', ':', 'a', '~'];
        let mut ids = vec![String::new()];
        for _ in 0..4 {
            ids = ids.iter().flat_map(|id| alphabet.map(|letter| format!("{id}{letter}"))).collect();
        }
        ids.extend((100..140).map(|length| "x".repeat(length)));
        ids.extend((100..140).map(|length| format!("{}y", "x".repeat(length))));
        ids.extend((295..305).map(|length| ":".repeat(length)));
        let names: BTreeMap<_, _> = ids.iter().map(|id| (name(id), id)).collect();
        let keys: BTreeMap<_, _> =
            ids.iter().map(|id| (record_key(&reference(AgreementKind::Access, id)), id)).collect();
        assert_eq!((names.len(), keys.len()), (ids.len(), ids.len()));
        assert!(names.keys().all(|name| name.len() <= 128 && name.bytes().all(is_name_byte)));
        assert!(keys.keys().all(|key| key.len() <= 1024 && key.is_ascii()));
    }

    #[test]
    fn the_name_for_a_long_id_has_exactly_128_characters_and_ends_with_its_hash() {
        let id = "z".repeat(117);
        assert_eq!(name(&id).len(), 128);
        assert!(name(&id).ends_with(&sha256_hex(&id)));
        assert_eq!(name(&"z".repeat(116)), format!("DMM_Access_{}", "z".repeat(116)));
    }

    #[test]
    fn a_name_tells_its_agreement_unless_it_was_shortened_or_is_not_ours() {
        for kind in AgreementKind::ALL {
            for id in ["640864de-83d4", "urn:dmm:access 1", "=3A", "ü"] {
                let agreement = reference(kind, id);
                assert_eq!(PolicyName::agreement(PolicyName::of(&agreement).as_str()), Some(agreement));
            }
        }
        let shortened = name(&"z".repeat(200));
        for foreign in [
            shortened.as_str(),
            "DMM_Access_",
            "DMM_Access",
            "DMM_Other_1",
            "dmm_access_1",
            "DMM_Access_=C3",
            "x",
        ] {
            assert_eq!(PolicyName::agreement(foreign), None, "{foreign}");
        }
    }

    #[test]
    fn a_key_contains_the_percent_encoded_id() {
        let key = |id| record_key(&reference(AgreementKind::DataContract, id));
        assert_eq!(key("640864de-83d4"), "grants/datacontract/640864de-83d4.json");
        assert_eq!(key("urn:a/b ü"), "grants/datacontract/urn%3Aa%2Fb%20%C3%BC.json");
        assert_eq!(key(".."), "grants/datacontract/...json");
    }

    #[test]
    fn only_the_name_of_the_policy_of_some_agreement_is_read() {
        let long = "ü".repeat(400);
        for id in ["640864de-83d4", "urn:dmm:access 1", &"z".repeat(117), &long] {
            let read: PolicyName = serde_json::from_value(name(id).into()).unwrap();
            assert_eq!(read.as_str(), name(id));
        }
        let (prefix, hash) = ("DMM_Access_", "0".repeat(64));
        let shortened = |id: &str, hash: &str| format!("{prefix}{id:z<width$}-{hash}", width = 128 - 76);
        assert!(shortened("", &hash).parse::<PolicyName>().is_ok());
        for text in [
            "",
            "x",
            "DenySecrets",
            "DMM_Access_",
            "DMM_Access_a b",
            "DMM_Access_a/b",
            "DMM_Access_=C3",
            "AdministratorAccess",
            &shortened(" ", &hash),
            &shortened("", &"g".repeat(64)),
            &shortened("", &hash).replacen("DMM_Access", "DMM_Excess", 1),
            &format!("{prefix}{}", "z".repeat(117)),
            &format!("{prefix}{}", "z".repeat(200)),
        ] {
            assert_eq!(text.parse::<PolicyName>(), Err(PolicyNameError), "{text}");
            assert!(serde_json::from_value::<PolicyName>(text.into()).is_err());
        }
    }

    #[test]
    fn a_name_tells_whether_a_key_is_its_records() {
        let ids = ["a1", "urn:a/b ü", &"z".repeat(200), &"ü".repeat(400), "a~1"];
        let references = || ids.iter().flat_map(|id| AgreementKind::ALL.map(|kind| reference(kind, id)));
        for one in references() {
            for other in references() {
                let is_same = one == other;
                assert_eq!(
                    PolicyName::of(&one).is_recorded_at(&record_key(&other)),
                    is_same,
                    "{one} {other}"
                );
            }
        }
        for key in ["", "packs/a1.json", "grants/access/a1", "grants/access/%FF.json", "grants/other/a1.json"]
        {
            assert!(!PolicyName::of(&reference(AgreementKind::Access, "a1")).is_recorded_at(key));
        }
    }
}
