//! Data contracts, in both formats of the API: Open Data Contract Standard and Data Contract Specification.

use serde_json::{Map, Value};

use crate::custom::CustomFields;
use crate::document::{self, DocumentError, Member};
use crate::server::Server;

/// The parts of a data contract that say where the data is.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct DataContract {
    /// The id.
    pub id: String,
    /// The id of the team that owns it.
    pub owner_team_id: Option<String>,
    /// The servers, in the document's order.
    pub servers: Vec<Server>,
    /// The tables, files or topics that it describes, in the document's order.
    pub models: Vec<Model>,
    /// What is wrong with the document, which then has neither servers nor models here. People write data contracts by hand,
    /// and whoever wrote this one can correct it.
    pub problem: Option<DocumentError>,
}

/// A table, a file or a topic that a data contract describes.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Model {
    /// Its name in the contract.
    pub name: String,
    /// Its name on the server, if the contract says so.
    pub physical_name: Option<String>,
}

impl Model {
    /// Its name on the server.
    #[must_use]
    pub fn name_on_server(&self) -> &str {
        self.physical_name.as_deref().unwrap_or(&self.name)
    }
}

impl DataContract {
    /// Reads an answer of the API: a document of the Open Data Contract Standard if `kind` is `DataContract`, a Data Contract
    /// Specification if it has `dataContractSpecification`. It must have the id that was asked for.
    ///
    /// A document in another form has a [`problem`](Self::problem). That includes an agreement of the oldest generation, which
    /// had the same address.
    ///
    /// # Errors
    ///
    /// [`DocumentError`], if it is not a JSON object with this id.
    pub fn read(id: &str, text: &[u8]) -> Result<DataContract, DocumentError> {
        DataContract::of(id, &document::read(text)?)
    }

    /// A data contract from a JSON value, with whichever id it has. `None` if [`read`](Self::read) would fail.
    #[must_use]
    pub fn from_value(document: &Value) -> Option<DataContract> {
        DataContract::of(crate::json::text(document, "id")?, document).ok()
    }

    fn of(id: &str, document: &Value) -> Result<DataContract, DocumentError> {
        let members = document::object(document, id)?;
        Ok(DataContract::of_members(id, members).unwrap_or_else(|problem| DataContract {
            id: id.to_owned(),
            problem: Some(problem),
            ..DataContract::default()
        }))
    }

    fn of_members(id: &str, members: &Map<String, Value>) -> Result<DataContract, DocumentError> {
        if members.contains_key("dataContractSpecification") {
            return Ok(DataContract {
                id: id.to_owned(),
                owner_team_id: specification_owner(members)?,
                servers: specification_servers(members)?,
                models: specification_models(members)?,
                problem: None,
            });
        }
        let kind = Member::of(members, "kind", "kind").optional_text()?;
        if kind != Some("DataContract") {
            let expected = "`DataContract`, and the document is not a Data Contract Specification either";
            return Err(DocumentError::Invalid { member: "kind", expected });
        }
        Ok(DataContract {
            id: id.to_owned(),
            owner_team_id: standard_owner(members)?,
            servers: standard_servers(members)?,
            models: standard_models(members)?,
            problem: None,
        })
    }
}

/// The owner in the Open Data Contract Standard. The API takes it from `team.name`, the custom property `owner` or `domain`.
/// In version 3.0 of the standard, `team` is a list of people.
fn standard_owner(members: &Map<String, Value>) -> Result<Option<String>, DocumentError> {
    let team = match members.get("team") {
        Some(Value::Object(team)) => Member::of(team, "name", "team.name").optional_text()?,
        Some(Value::String(team)) => Some(team.as_str()),
        _ => None,
    };
    let custom = CustomFields::of(members);
    let domain = Member::of(members, "domain", "domain").optional_text()?;
    let mut candidates = [team, custom.get("owner"), domain].into_iter().flatten();
    Ok(candidates.find(|id| is_id(id)).map(str::to_owned))
}

fn standard_servers(members: &Map<String, Value>) -> Result<Vec<Server>, DocumentError> {
    let invalid = DocumentError::Invalid { member: "servers", expected: "a list of objects" };
    let servers = Member::of(members, "servers", "servers").optional_list()?.iter();
    servers
        .map(|server| {
            server.as_object().map(|server| Server::of(None, server)).ok_or_else(|| invalid.clone())
        })
        .collect()
}

fn standard_models(members: &Map<String, Value>) -> Result<Vec<Model>, DocumentError> {
    let schema = Member::of(members, "schema", "schema").optional_list()?.iter();
    schema
        .map(|entry| {
            let expected = "a list of objects";
            let entry = entry.as_object().ok_or(DocumentError::Invalid { member: "schema", expected })?;
            let text = |name, path| {
                let text = Member::of(entry, name, path).optional_text()?.map(str::trim);
                Ok::<_, DocumentError>(text.filter(|text| !text.is_empty()).map(str::to_owned))
            };
            let physical_name = text("physicalName", "schema[].physicalName")?;
            let name = text("name", "schema[].name")?.or_else(|| physical_name.clone());
            Ok(Model { name: name.unwrap_or_default(), physical_name })
        })
        .collect()
}

fn specification_owner(members: &Map<String, Value>) -> Result<Option<String>, DocumentError> {
    let Some(info) = Member::of(members, "info", "info").optional_object()? else { return Ok(None) };
    let owner = Member::of(info, "owner", "info.owner").optional_text()?;
    Ok(owner.filter(|id| is_id(id)).map(str::to_owned))
}

fn specification_servers(members: &Map<String, Value>) -> Result<Vec<Server>, DocumentError> {
    let invalid = DocumentError::Invalid { member: "servers", expected: "an object of objects" };
    let servers = Member::of(members, "servers", "servers").optional_object()?.into_iter().flatten();
    servers
        .map(|(name, server)| {
            server.as_object().map(|server| Server::of(Some(name), server)).ok_or_else(|| invalid.clone())
        })
        .collect()
}

fn specification_models(members: &Map<String, Value>) -> Result<Vec<Model>, DocumentError> {
    let models = Member::of(members, "models", "models").optional_object()?.into_iter().flatten();
    Ok(models.map(|(name, _)| Model { name: name.clone(), physical_name: None }).collect())
}

fn is_id(text: &str) -> bool {
    !matches!(text, "" | "unknown")
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_document_of_the_open_data_contract_standard_is_read() {
        let contract = DataContract::from_value(&json!({
            "apiVersion": "v3.1.0", "kind": "DataContract", "id": "orders-v1", "team": { "name": "checkout" },
            "schema": [{ "name": "orders", "physicalName": "Orders_V1" }, { "name": "lines" }],
            "servers": [{
                "server": "production", "type": "S3", "environment": "prod", "location": " s3://orders ",
                "format": "", "customProperties": [{ "property": "awsKeyArn", "value": "k" }],
            }],
        }))
        .expect("a contract");
        assert_eq!(
            (contract.id.as_str(), contract.owner_team_id.as_deref()),
            ("orders-v1", Some("checkout"))
        );
        let names: Vec<_> = contract.models.iter().map(Model::name_on_server).collect();
        assert_eq!(names, ["Orders_V1", "lines"]);
        let server = &contract.servers[0];
        assert_eq!(
            (server.name.as_deref(), server.server_type().as_deref()),
            (Some("production"), Some("s3"))
        );
        assert_eq!((server.get("location"), server.get("format")), (Some("s3://orders"), None));
        assert_eq!(server.custom.get("awsKeyArn"), Some("k"));
    }

    #[test]
    fn a_data_contract_specification_is_read() {
        let contract = DataContract::from_value(&json!({
            "dataContractSpecification": "1.1.0", "id": "orders-v1", "info": { "owner": "checkout" },
            "models": { "orders": { "fields": {} } },
            "servers": { "production": { "type": "glue", "account": 123_456_789_012_u64 } },
        }))
        .expect("a contract");
        assert_eq!(contract.owner_team_id.as_deref(), Some("checkout"));
        assert_eq!(contract.models[0].name_on_server(), "orders");
        assert_eq!(contract.servers[0].name.as_deref(), Some("production"));
        assert_eq!(contract.servers[0].get("account"), Some("123456789012"));
    }

    #[test]
    fn the_owner_is_the_team_or_the_custom_property_or_the_domain() {
        let owner = |more: &Value| {
            let mut document = json!({ "kind": "DataContract", "id": "c" });
            document.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
            DataContract::from_value(&document).expect("a contract").owner_team_id
        };
        let property = json!([{ "property": "owner", "value": "b" }]);
        let all = json!({ "team": { "name": "a" }, "customProperties": property, "domain": "c" });
        assert_eq!(owner(&all).as_deref(), Some("a"));
        let people = json!({ "team": [{ "username": "x" }], "customProperties": property, "domain": "c" });
        assert_eq!(owner(&people).as_deref(), Some("b"));
        assert_eq!(owner(&json!({ "domain": "c" })).as_deref(), Some("c"));
        assert_eq!(owner(&json!({})), None);
    }

    #[test]
    fn a_document_in_another_form_has_a_problem_that_names_the_member() {
        for (text, named) in [
            (r#"{"id":"c","info":{},"provider":{},"consumer":{}}"#, "`kind`"),
            (r#"{"id":"c","kind":"DataContract","servers":{}}"#, "`servers`"),
            (r#"{"id":"c","kind":"DataContract","servers":["s3"]}"#, "`servers`"),
            (r#"{"id":"c","kind":"DataContract","schema":[7]}"#, "`schema`"),
            (r#"{"id":"c","kind":"DataContract","schema":[{"physicalName":7}]}"#, "`schema[].physicalName`"),
            (r#"{"id":"c","dataContractSpecification":"1","servers":[]}"#, "`servers`"),
            (r#"{"id":"c","dataContractSpecification":"1","models":[]}"#, "`models`"),
        ] {
            let contract = DataContract::read("c", text.as_bytes()).expect(text);
            let problem = contract.problem.expect(text).to_string();
            assert!(problem.contains(named), "{text}: {problem}");
            assert!(contract.servers.is_empty() && contract.models.is_empty());
        }
        for text in [r#"{"id":"other","kind":"DataContract"}"#, "[]", "{", r#"{"id":"c","id":"c"}"#] {
            assert!(DataContract::read("c", text.as_bytes()).is_err(), "{text}");
        }
    }
}
