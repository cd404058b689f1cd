//! What a record says for people and for the evidence. No decision about access depends on it.

use dmm_mesh::{Agreement, Consumer, sha256_hex};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::{Problem, Rejected};

/// The longest id that is noted, in bytes. Ids in Data Mesh Manager are far shorter.
const LONGEST_ID: usize = 1024;

/// What is known about an agreement beside its state. It names things only, never people: the API does not say who approved
/// an agreement, and a consumer who is a person is left out.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Notes {
    /// The id of the data product that provides the data.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub product: Option<String>,
    /// The output port, by its id or its name.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub port: Option<String>,
    /// Who receives access; `None` for a person.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub consumer: Option<Receiver>,
    /// When access was given for the first time; `None` if that never happened. If access was given before records had this
    /// member, it is the time of the last change before that.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub first_granted_at: Option<Timestamp>,
    /// Why the agreement gets nothing although it is in force; `None` if it is not refused.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub refusal: Option<RefusalNote>,
    /// The last entry of the agreement's evidence; `None` if there is none.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub evidence: Option<Head>,
}

/// Who receives access.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Receiver {
    /// The id of the consuming data product; `None` if the consumer is a team.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub data_product: Option<String>,
    /// The id of the team that is the consumer, or that owns the data product.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub team: Option<String>,
}

/// Why an agreement in force gets nothing.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RefusalNote {
    /// The [code](crate::refusal::Refusal::code) of the refusal. Its text is not stored, because it quotes documents.
    pub code: String,
    /// Since when the agreement has been refused for this reason.
    pub since: Timestamp,
}

/// The last entry of an agreement's [evidence](crate::evidence), as the grant record knows it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Head {
    /// Its number, counted from 1.
    pub sequence: u64,
    /// The SHA-256 of the object, in hexadecimal digits.
    pub sha256: String,
    /// The SHA-256 of its [`Statement`](crate::evidence::Statement); empty if it is not an entry of ours.
    pub statement: String,
    /// Whether it states that access exists.
    pub granted: bool,
    /// Its time.
    pub time: Timestamp,
}

/// Notes as they are stored, before they are checked.
#[derive(Default, Deserialize)]
#[serde(default)]
pub(super) struct StoredNotes {
    product: Value,
    port: Value,
    consumer: Value,
    first_granted_at: Value,
    refusal: Value,
    evidence: Value,
}

impl Notes {
    /// These notes with what the agreement says. An id that is not known any more is kept as it was.
    #[must_use]
    pub fn about(mut self, agreement: &Agreement) -> Notes {
        let known = |id: &Option<String>| id.clone().filter(|id| is_id(id));
        self.product = known(&agreement.provider.data_product_id).or(self.product);
        self.port = known(&agreement.provider.output_port_id).or(self.port);
        self.consumer = match &agreement.consumer {
            Consumer::DataProduct { id, team_id } if is_id(id) => {
                Some(Receiver { data_product: Some(id.clone()), team: known(team_id) })
            }
            Consumer::Team { id } if is_id(id) => {
                Some(Receiver { data_product: None, team: Some(id.clone()) })
            }
            Consumer::User => None,
            Consumer::DataProduct { .. } | Consumer::Team { .. } | Consumer::Unknown => self.consumer,
        };
        self
    }

    /// These notes with the code of the reason why the agreement is refused now; `None` if it is not.
    #[must_use]
    pub fn refused(mut self, code: Option<&str>, now: Timestamp) -> Notes {
        self.refusal = code.map(|code| match self.refusal.take() {
            Some(known) if known.code == code => known,
            _ => RefusalNote { code: code.to_owned(), since: now },
        });
        self
    }
}

impl Head {
    /// The head of a chain whose last object is not an entry of ours. The next entry is linked to it nevertheless, so that
    /// nobody can stop a chain.
    #[must_use]
    pub fn of_foreign(sequence: u64, body: &[u8], before: Option<&Head>) -> Head {
        Head {
            sequence,
            sha256: sha256_hex(body),
            statement: String::new(),
            granted: before.is_some_and(|head| head.granted),
            time: before.map_or(Timestamp::UNIX_EPOCH, |head| head.time),
        }
    }

    /// Whether this software could have written it.
    fn is_plausible(&self) -> bool {
        let is_digest = |text: &str| text.len() == 64 && text.bytes().all(|byte| byte.is_ascii_hexdigit());
        self.sequence > 0
            && is_digest(&self.sha256)
            && (self.statement.is_empty() || is_digest(&self.statement))
    }
}

impl StoredNotes {
    /// What this software could have written. The rest is rejected, and has no effect on the access.
    pub(super) fn checked(self, reject: &mut impl FnMut(Rejected)) -> Notes {
        let StoredNotes { product, port, consumer, first_granted_at, refusal, evidence } = self;
        Notes {
            product: member("product", product, reject, |id: &String| is_id(id)),
            port: member("port", port, reject, |id: &String| is_id(id)),
            consumer: member("consumer", consumer, reject, Receiver::is_plausible),
            first_granted_at: member("first_granted_at", first_granted_at, reject, |_| true),
            refusal: member("refusal", refusal, reject, |refusal: &RefusalNote| is_code(&refusal.code)),
            evidence: member("evidence", evidence, reject, Head::is_plausible),
        }
    }
}

impl Receiver {
    fn is_plausible(&self) -> bool {
        self.data_product.iter().chain(&self.team).all(|id| is_id(id))
    }
}

fn member<T: for<'de> Deserialize<'de>>(
    name: &str,
    value: Value,
    reject: &mut impl FnMut(Rejected),
    is_plausible: impl Fn(&T) -> bool,
) -> Option<T> {
    if value.is_null() {
        return None;
    }
    let read = serde_json::from_value(value).ok().filter(is_plausible);
    if read.is_none() {
        reject(Rejected { member: name.to_owned(), problem: Problem::Note });
    }
    read
}

/// Whether this can be shown as an id in one line of text.
fn is_id(text: &str) -> bool {
    !text.is_empty() && text.len() <= LONGEST_ID && !text.chars().any(char::is_control)
}

/// Whether this can be the code of a refusal, in any version of this software.
fn is_code(text: &str) -> bool {
    (1..=64).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_alphanumeric())
}
