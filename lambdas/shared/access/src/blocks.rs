//! What operators have taken back until further notice, whatever agreements say.

use dmm_mesh::{Agreement, Consumer};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::refusal::Refusal;
use crate::role::RoleName;
use crate::target::Context;

/// The blocks that are in force.
///
/// As JSON: `{"blocks": [{"role": "etl", "since": "2026-01-01T10:00:00Z", "reason": "…"}]}`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Blocks {
    /// Each block.
    pub blocks: Vec<Block>,
}

/// Whatever this concerns gets no access.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Block {
    /// What it concerns.
    #[serde(flatten)]
    pub subject: Subject,
    /// Since when.
    pub since: Timestamp,
    /// Why, in the operator's words. No function writes it anywhere.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub reason: String,
}

/// What a block concerns.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Subject {
    /// A consuming data product, or a team with all its data products, by its id.
    Consumer(String),
    /// A providing data product, by its id.
    Product(String),
    /// An IAM role, by its name.
    Role(RoleName),
}

impl Blocks {
    /// Whether nothing concerns this agreement.
    ///
    /// # Errors
    ///
    /// [`Refusal::Blocked`], which does not name what is blocked: its text is shown to both teams.
    pub(crate) fn check(&self, agreement: &Agreement, context: &Context<'_>) -> Result<(), Refusal> {
        let concerns = |block: &Block| block.subject.concerns(agreement, context);
        if self.blocks.iter().any(concerns) { Err(Refusal::Blocked) } else { Ok(()) }
    }
}

impl Subject {
    fn concerns(&self, agreement: &Agreement, context: &Context<'_>) -> bool {
        match self {
            Subject::Product(id) => agreement.provider.data_product_id.as_ref() == Some(id),
            Subject::Role(name) => context.reference.as_ref().is_ok_and(|reference| reference.name() == name),
            Subject::Consumer(id) => match &agreement.consumer {
                Consumer::Team { id: team } => team == id,
                Consumer::DataProduct { id: product, team_id } => {
                    let owner = context.consumer.and_then(|consumer| consumer.owner_team_id.as_ref());
                    [Some(product), team_id.as_ref(), owner].into_iter().flatten().any(|known| known == id)
                }
                Consumer::User | Consumer::Unknown => false,
            },
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn blocks_are_read_as_they_are_written_and_nothing_else_is_a_block() {
        let since = "2026-01-01T10:00:00Z";
        for (member, subject) in [
            ("consumer", Subject::Consumer("x".to_owned())),
            ("product", Subject::Product("x".to_owned())),
            ("role", Subject::Role("x".parse().expect("a name"))),
        ] {
            let text = json!({ "blocks": [{ member: "x", "since": since, "reason": "an incident" }] });
            let blocks: Blocks = serde_json::from_value(text.clone()).expect("blocks");
            assert_eq!(blocks.blocks.first().map(|block| &block.subject), Some(&subject));
            assert_eq!(serde_json::to_value(&blocks).expect("JSON"), text);
        }
        for wrong in [
            json!({}),
            json!({ "blocks": [{ "since": since }] }),
            json!({ "blocks": [{ "team": "x", "since": since }] }),
            json!({ "blocks": [{ "role": "no/name", "since": since }] }),
            json!({ "blocks": [{ "role": "x" }] }),
            json!({ "blocks": [], "other": 1 }),
        ] {
            assert!(serde_json::from_value::<Blocks>(wrong.clone()).is_err(), "{wrong}");
        }
    }
}
