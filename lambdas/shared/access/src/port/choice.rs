//! Which server of a data contract a port means.

use dmm_mesh::{DataContract, OutputPort, Server};

use super::server::{Platform, ServerType, platform_of, type_named};
use crate::custom;
use crate::refusal::Refusal;

/// The field of the port with the name of the server. The vendor's own connectors know it, too.
const SERVER_FIELD: &str = "contractServer";
/// The names of environments that mean the same.
const ENVIRONMENTS: [[&str; 2]; 4] =
    [["prod", "production"], ["dev", "development"], ["test", "testing"], ["stage", "staging"]];

/// The server of the data contract that the port means: the one that its field `contractServer` names; else the only one in
/// AWS that has the port's type and environment. `None` if the data contract has no server in AWS.
///
/// # Errors
///
/// A refusal if the field names no server, or if several servers fit, or none of those in AWS.
pub(super) fn server<'a>(
    port: &OutputPort,
    contract: &'a DataContract,
) -> Result<Option<&'a Server>, Refusal> {
    let owner = format!("output port {}", port.label());
    if let Some(field) = custom::field(&port.custom, &owner, SERVER_FIELD)? {
        let named = |server: &&Server| server.name.as_deref() == Some(field.value);
        return contract.servers.iter().find(named).map(Some).ok_or_else(|| Refusal::ServerUnknown {
            contract: contract.id.clone(),
            server: field.value.to_owned(),
            choices: names(&contract.servers.iter().collect::<Vec<_>>()),
        });
    }
    let in_aws: Vec<&Server> = contract.servers.iter().filter(|server| is_in_aws(server)).collect();
    if in_aws.is_empty() {
        return Ok(None);
    }
    let fitting = of_environment(port, of_type(port, in_aws.clone()));
    match fitting.as_slice() {
        [only] => Ok(Some(only)),
        [] => Err(Refusal::NoServerFits { contract: contract.id.clone(), choices: names(&in_aws) }),
        several => Err(Refusal::ServersAmbiguous { contract: contract.id.clone(), servers: names(several) }),
    }
}

/// Whether the server is in AWS, as far as can be told.
fn is_in_aws(server: &Server) -> bool {
    match platform_of(server, None) {
        Platform::Aws(_) | Platform::Described | Platform::Unsupported => true,
        Platform::Other | Platform::Unknown => false,
    }
}

/// The servers that have the type of the port, if it is one that servers can have.
fn of_type<'a>(port: &OutputPort, servers: Vec<&'a Server>) -> Vec<&'a Server> {
    let Some((wanted, _)) = port.port_type.as_deref().and_then(type_named) else { return servers };
    let kind = |server: &Server| match platform_of(server, None) {
        Platform::Aws(server_type) => Some(server_type.kind),
        _ => None,
    };
    let same_type = |server: &&Server| server.get("type").is_some_and(|name| is_named(wanted, name));
    let same: Vec<&Server> = servers.iter().copied().filter(same_type).collect();
    if !same.is_empty() {
        return same;
    }
    servers.into_iter().filter(|server| kind(server) == Some(wanted.kind)).collect()
}

fn is_named(wanted: &ServerType, name: &str) -> bool {
    type_named(name).is_some_and(|(server_type, _)| server_type.name() == wanted.name())
}

/// The servers of the port's environment, if it has one; else those that do not name one.
fn of_environment<'a>(port: &OutputPort, servers: Vec<&'a Server>) -> Vec<&'a Server> {
    let Some(wanted) = port.environment.as_deref() else { return servers };
    let of = |server: &Server| server.get("environment").map(|own| is_same_environment(own, wanted));
    let same: Vec<&Server> = servers.iter().copied().filter(|server| of(server) == Some(true)).collect();
    if !same.is_empty() {
        return same;
    }
    servers.into_iter().filter(|server| of(server).is_none()).collect()
}

fn is_same_environment(one: &str, other: &str) -> bool {
    let (one, other) = (one.trim().to_ascii_lowercase(), other.trim().to_ascii_lowercase());
    one == other
        || ENVIRONMENTS.iter().any(|same| same.contains(&one.as_str()) && same.contains(&other.as_str()))
}

/// The names of servers, for people: `` `a`, `b` and `c` ``.
fn names(servers: &[&Server]) -> String {
    let named = |server: &&Server| format!("`{}`", server.name.as_deref().unwrap_or("(without a name)"));
    crate::refusal::listed(&servers.iter().map(named).collect::<Vec<_>>(), "and")
}
