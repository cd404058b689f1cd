//! Where a value about a port's data comes from, for people who have to correct it.

use std::fmt;

/// Where a value comes from. Its text continues a sentence that begins with "The", such as "The custom field `x` of the
/// output port is …".
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Origin {
    /// A custom field of the output port, by its name as the provider wrote it.
    Field(String),
    /// A member of a server.
    Server {
        /// The server.
        server: ServerRef,
        /// The member, or the custom field of the server.
        member: String,
    },
    /// The name of a table, file or topic in a data contract: `schema[].physicalName` in the Open Data Contract Standard, a
    /// key of `models` in the Data Contract Specification.
    Model {
        /// The data contract's id.
        contract: String,
        /// The name.
        name: String,
    },
}

/// A server, as people know it.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum ServerRef {
    /// The output port's own `server`.
    Port,
    /// A server of a data contract.
    Contract {
        /// The data contract's id.
        contract: String,
        /// The server's name; empty if it has none.
        server: String,
    },
}

impl Origin {
    /// The data contract that the value is from.
    #[must_use]
    pub fn contract(&self) -> Option<&str> {
        match self {
            Origin::Model { contract, .. }
            | Origin::Server { server: ServerRef::Contract { contract, .. }, .. } => Some(contract),
            Origin::Field(_) | Origin::Server { server: ServerRef::Port, .. } => None,
        }
    }
}

impl fmt::Display for Origin {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Origin::Field(name) => write!(formatter, "custom field `{name}` of the output port"),
            Origin::Server { server, member } => write!(formatter, "member `{member}` of the {server}"),
            Origin::Model { contract, name } => {
                write!(formatter, "name `{name}` in the schema of the data contract {contract}")
            }
        }
    }
}

impl fmt::Display for ServerRef {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            ServerRef::Port => formatter.write_str("`server` of the output port"),
            ServerRef::Contract { contract, server } if server.is_empty() => {
                write!(formatter, "server of the data contract {contract}")
            }
            ServerRef::Contract { contract, server } => {
                write!(formatter, "server `{server}` of the data contract {contract}")
            }
        }
    }
}
