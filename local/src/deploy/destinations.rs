//! API destinations and the connections that authorize them. The emulator does not call API destinations, so
//! [`dmm_lambda_service`] does.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use dmm_lambda_service::Webhook;
use secrecy::{ExposeSecret, SecretString};
use serde_json::json;

use super::properties::Properties;
use super::{DeployError, Deployer, Outputs, outputs, refused};

/// The header that authorizes a connection's requests.
pub(super) struct Connection {
    header: String,
    value: SecretString,
}

impl Deployer {
    pub(super) fn event_connection(&mut self, p: &mut Properties) -> Result<Outputs, DeployError> {
        let name = p.required("name")?;
        p.string("description")?;
        let path = p.at("authorizationType");
        let kind = p.required("authorizationType")?;
        let path_of_parameters = p.at("authParameters");
        let mut parameters = p
            .object("authParameters")?
            .ok_or_else(|| DeployError::MissingProperty { path: path_of_parameters })?;
        let member = match kind.as_str() {
            "API_KEY" => "apiKey",
            "BASIC" => "basic",
            _ => {
                let known = "API_KEY, BASIC".to_owned();
                return Err(DeployError::UnsupportedValue { path, value: kind, known });
            }
        };
        let path_of_member = parameters.at(member);
        let mut given = parameters
            .object(member)?
            .ok_or_else(|| DeployError::MissingProperty { path: path_of_member })?;
        let connection = if kind == "BASIC" {
            let pair = format!("{}:{}", given.required("username")?, given.required("password")?);
            let value = format!("Basic {}", STANDARD.encode(pair));
            Connection { header: "authorization".to_owned(), value: value.into() }
        } else {
            Connection { header: given.required("key")?, value: given.required("value")?.into() }
        };
        given.finish()?;
        parameters.finish()?;
        let arn = format!("arn:aws:events:{}:{}:connection/{name}", self.region, self.account);
        self.connections.insert(arn.clone(), connection);
        Ok(outputs(json!({ "id": name, "name": name, "arn": arn })))
    }

    pub(super) fn api_destination(&mut self, p: &mut Properties) -> Result<Outputs, DeployError> {
        let name = p.required("name")?;
        p.string("description")?;
        let connection_arn = p.required("connectionArn")?;
        let endpoint = p.required("invocationEndpoint")?;
        let method = p.required("httpMethod")?;
        // A rate limit for the endpoint. The number of events on one machine is far below it.
        p.integer("invocationRateLimitPerSecond")?;
        let connection =
            self.connections.get(&connection_arn).ok_or_else(|| DeployError::UnknownReference {
                path: p.at("connectionArn"),
                name: format!("the connection {connection_arn}"),
            })?;
        let arn = format!("arn:aws:events:{}:{}:api-destination/{name}", self.region, self.account);
        let authorization = (connection.header.as_str(), connection.value.expose_secret());
        let webhook = Webhook::new(&name, &arn, &endpoint, &method, authorization)
            .map_err(|source| refused(p, "invocationEndpoint", source))?;
        self.webhooks.insert(arn.clone(), webhook);
        Ok(outputs(json!({ "id": name, "name": name, "arn": arn })))
    }

    /// Returns the API destination with this ARN.
    pub(super) fn webhook(&self, arn: &str, path: &str) -> Result<Webhook, DeployError> {
        self.webhooks.get(arn).cloned().ok_or_else(|| DeployError::UnknownReference {
            path: path.to_owned(),
            name: format!("the API destination {arn}"),
        })
    }
}
