//! Data products, in both formats of the API: Data Product Specification and Open Data Product Standard.

use serde_json::{Map, Value};

use crate::custom::{self, CustomFields};
use crate::document::{self, DocumentError, Member};
use crate::json;
use crate::server::Server;

/// The parts of a data product that matter for access.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DataProduct {
    /// The id.
    pub id: String,
    /// The id of the team that owns it.
    pub owner_team_id: Option<String>,
    /// The custom fields.
    pub custom: CustomFields,
    /// The output ports, in the document's order.
    pub output_ports: Vec<OutputPort>,
}

/// An output port of a data product.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct OutputPort {
    /// The id. In the Open Data Product Standard, ports have only a name.
    pub id: Option<String>,
    /// The name.
    pub name: Option<String>,
    /// The version. Only the Open Data Product Standard has it.
    pub version: Option<String>,
    /// The technology as the provider wrote it, for example `s3`.
    pub port_type: Option<String>,
    /// The environment, for example `prod`: the member `environment`, or the custom field with that name.
    pub environment: Option<String>,
    /// Where the data is: the member `server`, or the custom field with that name.
    pub server: Option<Server>,
    /// The id of the data contract: the member `dataContractId` (Data Product Specification) or `contractId` (Open Data
    /// Product Standard), or the custom field `contractId`.
    pub contract_id: Option<String>,
    /// The custom fields.
    pub custom: CustomFields,
}

impl DataProduct {
    /// Reads an answer of the API: an Open Data Product Standard document if `kind` is `DataProduct`, else a Data Product
    /// Specification. It must have the id that was asked for. The early form of the Data Product Specification has its id in
    /// `info.id`.
    ///
    /// # Errors
    ///
    /// [`DocumentError`].
    pub fn read(id: &str, text: &[u8]) -> Result<DataProduct, DocumentError> {
        DataProduct::of(id, &document::read(text)?)
    }

    /// A data product from a JSON value, with whichever id it has. `None` if [`read`](Self::read) would fail.
    #[must_use]
    pub fn from_value(document: &Value) -> Option<DataProduct> {
        let id = json::text(document, "id").or_else(|| json::text(document.get("info")?, "id"))?;
        DataProduct::of(id, document).ok()
    }

    fn of(id: &str, document: &Value) -> Result<DataProduct, DocumentError> {
        let members = document.as_object().ok_or(DocumentError::NotAnObject)?;
        document::check_id(with_id(members), id)?;
        let format = match json::text(document, "kind") {
            Some("DataProduct") => Format::Standard,
            _ => Format::Specification,
        };
        let ports = Member::of(members, "outputPorts", "outputPorts").optional_list()?;
        Ok(DataProduct {
            id: id.to_owned(),
            owner_team_id: format.owner(members)?,
            custom: custom_fields(members, ["custom", "customProperties"])?,
            output_ports: ports.iter().map(OutputPort::of).collect::<Result<_, _>>()?,
        })
    }

    /// The output ports that an agreement may mean: those with this id, or else those with this name.
    ///
    /// There should be exactly one. In the Open Data Product Standard, several versions of a port may have the same name;
    /// access must not be granted to the wrong one.
    #[must_use]
    pub fn output_ports(&self, id_or_name: &str) -> Vec<&OutputPort> {
        let by = |key: fn(&OutputPort) -> Option<&str>| -> Vec<&OutputPort> {
            self.output_ports.iter().filter(|port| key(port) == Some(id_or_name)).collect()
        };
        let found = by(|port| port.id.as_deref());
        if found.is_empty() { by(|port| port.name.as_deref()) } else { found }
    }
}

impl OutputPort {
    fn of(port: &Value) -> Result<OutputPort, DocumentError> {
        let expected = "a list of objects";
        let members = port.as_object().ok_or(DocumentError::Invalid { member: "outputPorts", expected })?;
        let text = |name, path| {
            let text = Member::of(members, name, path).optional_text()?.map(str::trim);
            Ok::<_, DocumentError>(text.filter(|text| !text.is_empty()).map(str::to_owned))
        };
        let named = |name: &str| custom_value(members, name);
        let contract_id = match text("dataContractId", "outputPorts[].dataContractId")? {
            Some(id) => Some(id),
            None => text("contractId", "outputPorts[].contractId")?
                .or_else(|| named("contractId").and_then(custom::text)),
        };
        let server = members.get("server").filter(|server| !server.is_null()).or_else(|| named("server"));
        Ok(OutputPort {
            id: text("id", "outputPorts[].id")?,
            name: text("name", "outputPorts[].name")?,
            version: members.get("version").and_then(custom::text),
            port_type: text("type", "outputPorts[].type")?,
            environment: text("environment", "outputPorts[].environment")?
                .or_else(|| named("environment").and_then(custom::text)),
            server: server.and_then(Value::as_object).map(|server| Server::of(None, server)),
            contract_id: contract_id.map(|id| id.trim().to_owned()).filter(|id| !id.is_empty()),
            custom: custom_fields(members, ["outputPorts[].custom", "outputPorts[].customProperties"])?,
        })
    }

    /// What people know the port by: its id, or its name.
    #[must_use]
    pub fn label(&self) -> &str {
        self.id.as_deref().or(self.name.as_deref()).unwrap_or_default()
    }
}

/// The value of the custom field with this name, in camel case or in any other case, with or without hyphens.
fn custom_value<'a>(owner: &'a Map<String, Value>, name: &str) -> Option<&'a Value> {
    let map = owner.get("custom").and_then(Value::as_object).into_iter().flatten();
    let mut fields = map.map(|(name, value)| (name.as_str(), value)).chain(custom::properties(owner));
    fields
        .find(|(own, value)| custom::key(own) == custom::key(name) && !value.is_null())
        .map(|(_, value)| value)
}

/// The custom fields in both forms. `paths` are the names of the members.
fn custom_fields(
    members: &Map<String, Value>,
    [map, list]: [&'static str; 2],
) -> Result<CustomFields, DocumentError> {
    Member::of(members, "custom", map).optional_object()?;
    Member::of(members, "customProperties", list).optional_list()?;
    Ok(CustomFields::of(members))
}

/// The object that has the document's id: the document, or `info` in the early form of the Data Product Specification.
fn with_id(members: &Map<String, Value>) -> &Map<String, Value> {
    match members.get("info").and_then(Value::as_object) {
        Some(info) if !members.contains_key("id") && info.contains_key("id") => info,
        _ => members,
    }
}

/// The two formats of data products.
#[derive(Clone, Copy)]
enum Format {
    /// The Data Product Specification.
    Specification,
    /// The Open Data Product Standard.
    Standard,
}

impl Format {
    /// The id of the team that owns the data product. In the Data Product Specification, it is `info.owner`; in its early
    /// form, it may be `owner.teamId`. In the Open Data Product Standard, `team` is the team's id, or an object with the id in
    /// `name` or `id`.
    fn owner(self, members: &Map<String, Value>) -> Result<Option<String>, DocumentError> {
        let text = |object, name, path| {
            let text = Member::of(object, name, path).optional_text()?;
            Ok::<_, DocumentError>(text.filter(|id| !matches!(*id, "" | "unknown")).map(str::to_owned))
        };
        match (self, members.get("team")) {
            (Format::Specification, _) => {
                let info = Member::of(members, "info", "info").optional_object()?;
                let owner = info.map(|info| text(info, "owner", "info.owner")).transpose()?.flatten();
                match members.get("owner") {
                    Some(Value::Object(early)) if owner.is_none() => text(early, "teamId", "owner.teamId"),
                    _ => Ok(owner),
                }
            }
            (Format::Standard, Some(Value::Object(team))) => {
                let (name, id) = (text(team, "name", "team.name")?, text(team, "id", "team.id")?);
                Ok(name.or(id))
            }
            // A list of people.
            (Format::Standard, Some(Value::Array(_))) => Ok(None),
            (Format::Standard, _) => text(members, "team", "team"),
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn find<'a>(product: &'a DataProduct, id_or_name: &str) -> Option<&'a OutputPort> {
        let found = product.output_ports(id_or_name);
        assert!(found.len() < 2, "{found:?}");
        found.first().copied()
    }

    fn specification() -> DataProduct {
        read(include_str!("../tests/fixtures/data_product_specification.json"))
    }

    fn standard() -> DataProduct {
        read(include_str!("../tests/fixtures/open_data_product_standard.json"))
    }

    fn read(text: &str) -> DataProduct {
        let document = serde_json::from_str(text).expect("JSON");
        DataProduct::from_value(&document).expect("a data product")
    }

    #[test]
    fn a_data_product_specification_is_read() {
        let product = specification();
        assert_eq!(product.id, "stock-levels");
        assert_eq!(product.owner_team_id.as_deref(), Some("warehouse-logistics"));
        assert_eq!(product.custom.get("aws-role-name"), Some("stock-levels-job"));
        let port = find(&product, "stock-levels-s3-v1").expect("a port");
        assert_eq!(port.name.as_deref(), Some("Stock levels, files"));
        assert_eq!(port.port_type.as_deref(), Some("s3"));
        assert_eq!(port.custom.get("aws-s3-bucket-arn"), Some("arn:aws:s3:::acme-warehouse-stock-levels"));
    }

    #[test]
    fn an_open_data_product_standard_document_is_read() {
        let product = standard();
        assert_eq!(product.id, "urn:acme:dataproduct:delivery-forecast");
        assert_eq!(product.owner_team_id.as_deref(), Some("delivery-planning"));
        assert_eq!(product.custom.get("aws-role-name"), Some("delivery-forecast-job"));
        let port = find(&product, "delivery-forecast-s3").expect("a port");
        assert_eq!(port.id, None);
        assert_eq!(port.custom.get("output-port-type"), Some("s3_bucket"));
        assert_eq!(port.custom.get("aws-s3-bucket-arn"), Some("arn:aws:s3:::acme-delivery-forecast"));
    }

    #[test]
    fn custom_fields_that_are_not_strings_become_text() {
        let (specification, standard) = (specification(), standard());
        assert_eq!(specification.custom.get("cost-centre"), Some("4711"));
        assert_eq!(standard.custom.get("cost-centre"), Some("4712"));
        assert!(standard.custom.get("reviewer").is_none());
        let port = find(&specification, "stock-levels-glue-v2").expect("a port");
        assert_eq!(port.custom.get("retention-days"), Some("400"));
        assert_eq!(port.custom.get("certified"), Some("true"));
        assert!(port.custom.get("contact").is_none());
        let port = find(&standard, "delivery-forecast-s3").expect("a port");
        assert_eq!(port.custom.get("server"), Some(r#"{"location":"s3://acme-delivery-forecast"}"#));
        assert_eq!(
            port.server.as_ref().and_then(|server| server.get("location")),
            Some("s3://acme-delivery-forecast")
        );
    }

    #[test]
    fn the_owner_in_the_standard_is_a_string_or_an_object() {
        let owner = |team: Value| {
            let document = json!({"kind": "DataProduct", "id": "p", "team": team});
            DataProduct::from_value(&document).expect("a data product").owner_team_id
        };
        assert_eq!(owner(json!("sales")).as_deref(), Some("sales"));
        assert_eq!(owner(json!({"name": "sales"})).as_deref(), Some("sales"));
        assert_eq!(owner(json!({"id": "sales"})).as_deref(), Some("sales"));
        assert_eq!(owner(json!([{"username": "mira@example.com"}])), None);
        assert_eq!(owner(json!("unknown")), None);
    }

    #[test]
    fn a_ports_id_takes_precedence_over_another_ports_name() {
        let document = json!({"id": "p", "info": {}, "outputPorts": [
            {"id": "a", "name": "b"},
            {"id": "b", "name": "c"},
        ]});
        let product = DataProduct::from_value(&document).expect("a data product");
        assert_eq!(find(&product, "b").and_then(|port| port.name.as_deref()), Some("c"));
        assert_eq!(find(&product, "c").and_then(|port| port.id.as_deref()), Some("b"));
        assert_eq!(find(&product, "d"), None);
    }

    #[test]
    fn a_name_of_several_ports_finds_all() {
        assert_eq!(standard().output_ports("delivery-forecast-table").len(), 2);
    }

    #[test]
    fn a_document_that_cannot_be_relied_on_is_an_error_that_names_the_member() {
        let cases = [
            (r#"{"id":"other"}"#, "`id`"),
            (r#"{"id":"p","id":"p"}"#, "two members"),
            (r#"{"id":"p","x":1e400}"#, "not valid JSON"),
            (r#"{"id":"p","info":[]}"#, "`info`"),
            (r#"{"id":"p","info":{"owner":7}}"#, "`info.owner`"),
            (r#"{"id":"p","custom":[]}"#, "`custom`"),
            (r#"{"id":"p","outputPorts":{}}"#, "`outputPorts`"),
            (r#"{"id":"p","outputPorts":["daily"]}"#, "`outputPorts`"),
            (r#"{"id":"p","outputPorts":[{"id":7}]}"#, "`outputPorts[].id`"),
            (r#"{"id":"p","outputPorts":[{"custom":"x"}]}"#, "`outputPorts[].custom`"),
            (r#"{"id":"p","kind":"DataProduct","team":7}"#, "`team`"),
            (r#"{"id":"p","kind":"DataProduct","team":{"name":[]}}"#, "`team.name`"),
            (r#"{"id":"p","kind":"DataProduct","customProperties":{}}"#, "`customProperties`"),
        ];
        for (text, named) in cases {
            let error = DataProduct::read("p", text.as_bytes()).expect_err(text).to_string();
            assert!(error.contains(named), "{text}: {error}");
        }
    }

    #[test]
    fn the_server_the_environment_and_the_contract_are_read_in_both_formats() {
        let specification = json!({"id": "p", "outputPorts": [{
            "id": "a", "type": "S3", "environment": "prod", "dataContractId": "c", "server": {"location": "s3://orders"},
        }]});
        let standard = json!({"kind": "DataProduct", "id": "p", "outputPorts": [{
            "name": "a", "type": "S3", "version": "1.0.0", "contractId": "c", "customProperties": [
                {"property": "environment", "value": "prod"},
                {"property": "server", "value": {"location": "s3://orders"}},
            ],
        }]});
        let by_custom_fields = json!({"kind": "DataProduct", "id": "p", "outputPorts": [{
            "name": "a", "type": "S3",
            "custom": {"Contract-ID": " c ", "environment": "prod", "server": {"location": "s3://orders"}},
        }]});
        for document in [specification, standard, by_custom_fields] {
            let product = DataProduct::from_value(&document).expect("a data product");
            let port = find(&product, "a").expect("a port");
            assert_eq!(port.environment.as_deref(), Some("prod"));
            assert_eq!(port.contract_id.as_deref(), Some("c"));
            let location = port.server.as_ref().and_then(|server| server.get("location"));
            assert_eq!(location, Some("s3://orders"));
        }
    }

    #[test]
    fn the_early_form_has_its_id_in_info_and_its_owner_in_an_object() {
        let info = r#"{"dataProductSpecification":"0.0.1","info":{"id":"p1","owner":"checkout"},"links":{}}"#;
        let owner = r#"{"dataProductSpecification":"0.0.1","id":"p1","owner":{"teamId":"checkout"}}"#;
        for text in [info, owner] {
            let product = DataProduct::read("p1", text.as_bytes()).expect(text);
            assert_eq!((product.id.as_str(), product.owner_team_id.as_deref()), ("p1", Some("checkout")));
            assert!(DataProduct::read("p2", text.as_bytes()).is_err());
        }
    }

    #[test]
    fn a_document_without_an_id_is_not_a_data_product() {
        for document in [json!({}), json!({"id": ""}), json!({"id": 1}), json!([])] {
            assert_eq!(DataProduct::from_value(&document), None);
        }
    }
}
