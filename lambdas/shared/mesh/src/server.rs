//! Servers: where the data of a port or a data contract is.

use std::collections::BTreeMap;

use serde_json::{Map, Value};

use crate::custom::{self, CustomFields};

/// Where data is: the `server` of an output port, or one of the `servers` of a data contract.
///
/// Which members a server has depends on its type. Values are text, as those of [`CustomFields`]; blank ones are left out.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Server {
    /// Its name in the data contract: `server` in the Open Data Contract Standard, the key of the map in the Data Contract
    /// Specification.
    pub name: Option<String>,
    /// Its custom fields.
    pub custom: CustomFields,
    members: BTreeMap<String, String>,
}

impl Server {
    pub(crate) fn of(name: Option<&str>, server: &Map<String, Value>) -> Server {
        let texts = server.iter().filter(|(name, _)| !matches!(name.as_str(), "custom" | "customProperties"));
        let texts =
            texts.filter_map(|(name, value)| Some((name.clone(), custom::text(value)?.trim().to_owned())));
        let members: BTreeMap<_, _> = texts.filter(|(_, value)| !value.is_empty()).collect();
        let name = name.map(str::to_owned).or_else(|| members.get("server").cloned());
        Server { name, custom: CustomFields::of(server), members }
    }

    /// A member of the standard, for example `location`.
    #[must_use]
    pub fn get(&self, member: &str) -> Option<&str> {
        self.members.get(member).map(String::as_str)
    }

    /// The type in lower case, for example `s3`. The server of a port has none: there it is the port's type.
    #[must_use]
    pub fn server_type(&self) -> Option<String> {
        self.get("type").map(str::to_ascii_lowercase)
    }

    /// The values of all members.
    pub fn values(&self) -> impl Iterator<Item = &str> {
        self.members.values().map(String::as_str)
    }
}
