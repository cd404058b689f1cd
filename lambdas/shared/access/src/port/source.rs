//! Where a port says what its data is. In this order:
//!
//! 1. its custom fields, if `output-port-type` is among them;
//! 2. its own `server`, with its `type`;
//! 3. the data contract that it names.
//!
//! Custom fields with ARNs complete what the second and the third say.

use dmm_mesh::{DataContract, OutputPort, Server};

use super::fields::{Fields, is_arn_field};
use super::server::{Platform, Reading, ServerType, platform_named, platform_of};
use super::{PortKind, TYPE_FIELD, choice};
use crate::custom;
use crate::home::Home;
use crate::origin::ServerRef;
use crate::refusal::Refusal;

/// What a port says.
pub(super) struct Found {
    pub(super) kind: PortKind,
    pub(super) fields: Fields,
}

/// Where a port says it, before the data contract is known.
enum Source<'a> {
    /// Its custom fields.
    Fields(PortKind),
    /// Its own server.
    Server(&'a Server, &'static ServerType),
    /// The data contract with this id.
    Contract(&'a str),
    /// Nowhere.
    Nowhere,
}

/// The id of the data contract that has to be read to know what the port gives access to; `None` if the port says it
/// itself, or is refused anyway.
pub(super) fn contract_id(port: &OutputPort) -> Option<&str> {
    match source(port).ok()? {
        Source::Contract(id) => Some(id),
        Source::Server(server, server_type) if lacks_model(server, server_type) => {
            port.contract_id.as_deref()
        }
        _ => None,
    }
}

/// What a port says about its data.
///
/// # Errors
///
/// The [`Refusal`] that says what is missing or wrong.
pub(super) fn find(
    port: &OutputPort,
    contract: Option<&DataContract>,
    home: &Home,
) -> Result<Found, Refusal> {
    let contract = contract.filter(|contract| port.contract_id.as_deref() == Some(&contract.id));
    let source = source(port)?;
    if let Some(DataContract { id, problem: Some(problem), .. }) = contract
        && contract_id(port) == Some(id)
    {
        let (contract, problem) = (id.clone(), problem.to_string());
        return Err(Refusal::ContractInvalid { port: label(port), contract, problem });
    }
    match source {
        Source::Fields(kind) => by_custom_fields(port, kind),
        Source::Server(server, server_type) => {
            if lacks_model(server, server_type)
                && contract.is_none()
                && let Some(id) = &port.contract_id
            {
                return Err(Refusal::ContractGone { port: label(port), contract: id.clone() });
            }
            let place = ServerRef::Port;
            by_server(port, (server, place), contract, home, Some(server_type), server_type.kind)
        }
        Source::Contract(id) => match contract {
            Some(contract) => by_contract(port, contract, home),
            None => Err(Refusal::ContractGone { port: label(port), contract: id.to_owned() }),
        },
        Source::Nowhere => nowhere(port),
    }
}

fn source(port: &OutputPort) -> Result<Source<'_>, Refusal> {
    let owner = format!("output port {}", port.label());
    if let Some(field) = custom::field(&port.custom, &owner, TYPE_FIELD)? {
        return Ok(Source::Fields(kind_named(port, field.value)?));
    }
    let named = port.port_type.as_deref().map_or(Platform::Unknown, platform_named);
    if let Some(server) = &port.server
        && let Platform::Aws(server_type) = platform_of(server, port.port_type.as_deref())
        && (server_type.suffices(server) || port.contract_id.is_none())
    {
        return Ok(Source::Server(server, server_type));
    }
    match (named, &port.contract_id) {
        (Platform::Other, _) => Ok(Source::Nowhere),
        (_, Some(id)) => Ok(Source::Contract(id)),
        _ => Ok(Source::Nowhere),
    }
}

/// Whether the names of the tables or topics are only in the data contract.
fn lacks_model(server: &Server, server_type: &ServerType) -> bool {
    server_type.model.is_some_and(|member| server.get(member).is_none())
}

fn by_custom_fields(port: &OutputPort, kind: PortKind) -> Result<Found, Refusal> {
    let mut fields = Fields::new(label(port), kind.as_str());
    fields.add_port(port)?;
    Ok(Found { kind, fields })
}

fn by_contract(port: &OutputPort, contract: &DataContract, home: &Home) -> Result<Found, Refusal> {
    let Some(server) = choice::server(port, contract)? else { return nowhere(port) };
    let name = server.name.clone().unwrap_or_default();
    let place = ServerRef::Contract { contract: contract.id.clone(), server: name };
    let read =
        |server_type, kind| by_server(port, (server, place.clone()), Some(contract), home, server_type, kind);
    match platform_of(server, None) {
        Platform::Aws(server_type) => read(Some(server_type), server_type.kind),
        Platform::Described => {
            let field = custom::field(&server.custom, &place.to_string(), TYPE_FIELD)?;
            let missing = || Refusal::PortTypeMissing { port: label(port), choices: PortKind::choices() };
            read(None, kind_named(port, field.ok_or_else(missing)?.value)?)
        }
        Platform::Unsupported => Err(Refusal::ServerUnsupported {
            server: place,
            server_type: server.get("type").unwrap_or_default().to_owned(),
            choices: PortKind::choices(),
        }),
        // The provider named this server.
        Platform::Other | Platform::Unknown => nowhere(port),
    }
}

fn by_server(
    port: &OutputPort,
    (server, place): (&Server, ServerRef),
    contract: Option<&DataContract>,
    home: &Home,
    server_type: Option<&ServerType>,
    kind: PortKind,
) -> Result<Found, Refusal> {
    let fields = Fields::new(label(port), kind.as_str());
    let reading = Reading { server, place, contract, home, fields, from_custom_fields: 0 };
    Ok(Found { kind, fields: reading.read(server_type, port)? })
}

/// The port says nowhere where its data is in AWS. Its type or its fields may tell that it is in AWS nevertheless.
fn nowhere(port: &OutputPort) -> Result<Found, Refusal> {
    let owner = format!("output port {}", port.label());
    let arns = custom::fields(&port.custom, &owner, is_arn_field)?;
    let of_server = port.server.as_ref().and_then(|server| server.get("type"));
    let named = port.port_type.as_deref().or(of_server).unwrap_or("(none)").to_owned();
    let platform = match (&port.server, port.port_type.as_deref()) {
        (Some(server), port_type) => platform_of(server, port_type),
        (None, Some(port_type)) => platform_named(port_type),
        (None, None) => Platform::Unknown,
    };
    match platform {
        // The ARNs are complete, or the kind says what is missing.
        Platform::Aws(server_type) if !arns.is_empty() => by_custom_fields(port, server_type.kind),
        _ if !arns.is_empty() => {
            Err(Refusal::PortTypeMissing { port: label(port), choices: PortKind::choices() })
        }
        Platform::Aws(server_type) => Err(Refusal::LocationMissing {
            port: label(port),
            port_type: named,
            member: server_type.needs.first().copied().unwrap_or_default(),
        }),
        Platform::Unsupported | Platform::Described => Err(Refusal::PortTypeUnsupported {
            port: label(port),
            port_type: named,
            choices: PortKind::choices(),
        }),
        Platform::Other | Platform::Unknown => Err(Refusal::NotOnAws { port: label(port) }),
    }
}

fn kind_named(port: &OutputPort, name: &str) -> Result<PortKind, Refusal> {
    PortKind::named(name).ok_or_else(|| Refusal::PortTypeUnsupported {
        port: label(port),
        port_type: name.to_owned(),
        choices: PortKind::choices(),
    })
}

fn label(port: &OutputPort) -> String {
    port.label().to_owned()
}

#[cfg(test)]
mod tests;
