//! Who takes part in an agreement.

use serde_json::{Map, Value};

use crate::document::{DocumentError, Member};

/// The providing side of an agreement. An id is `None` if it is the literal `unknown`, which Data Mesh Manager writes for what
/// was deleted. The team's id may also be missing.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Provider {
    /// The data product that provides the data.
    pub data_product_id: Option<String>,
    /// The output port, by its id or its name.
    pub output_port_id: Option<String>,
    /// The team that owns the data product.
    pub team_id: Option<String>,
}

/// The consuming side of an agreement.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Consumer {
    /// A data product.
    DataProduct {
        /// The data product's id.
        id: String,
        /// The team that owns it.
        team_id: Option<String>,
    },
    /// A team.
    Team {
        /// The team's id.
        id: String,
    },
    /// A person. Who it is does not matter, because a person gets no access, and is not kept, because the id may be an
    /// e-mail address.
    User,
    /// None of them is named, because it was deleted.
    Unknown,
}

impl Provider {
    pub(super) fn read(provider: &Map<String, Value>) -> Result<Provider, DocumentError> {
        let known = |id: Option<String>, member| {
            let missing = DocumentError::Missing { member, expected: "a string" };
            id.ok_or(missing).map(|id| Some(id).filter(|id| id != UNKNOWN))
        };
        let product = Member::of(provider, "dataProductId", "provider.dataProductId").id()?;
        let port = Member::of(provider, "outputPortId", "provider.outputPortId").id()?;
        let team = Member::of(provider, "teamId", "provider.teamId").id()?;
        Ok(Provider {
            data_product_id: known(product, "provider.dataProductId")?,
            output_port_id: known(port, "provider.outputPortId")?,
            team_id: team.filter(|id| id != UNKNOWN),
        })
    }
}

impl Consumer {
    /// A data product takes precedence over a user, and a user over a team: the owner of a data product is the `teamId` next
    /// to it, and one person's access must not become a whole team's.
    pub(super) fn read(consumer: &Map<String, Value>) -> Result<Consumer, DocumentError> {
        let product = Member::of(consumer, "dataProductId", "consumer.dataProductId").id()?;
        let user = Member::of(consumer, "userId", "consumer.userId").id()?;
        let team = Member::of(consumer, "teamId", "consumer.teamId").id()?;
        if product.is_none() && user.is_none() && team.is_none() {
            let expected = "an object with `dataProductId`, `teamId` or `userId`";
            return Err(DocumentError::Invalid { member: "consumer", expected });
        }
        let [product, user, team] = [product, user, team].map(|id| id.filter(|id| id != UNKNOWN));
        Ok(match (product, user, team) {
            (Some(id), _, team_id) => Consumer::DataProduct { id, team_id },
            (None, Some(_), _) => Consumer::User,
            (None, None, Some(id)) => Consumer::Team { id },
            (None, None, None) => Consumer::Unknown,
        })
    }
}

/// What Data Mesh Manager writes instead of an id that does not apply or was deleted.
const UNKNOWN: &str = "unknown";
