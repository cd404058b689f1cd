//! Data products, in both formats of the API: Data Product Specification and Open Data Product Standard.

use std::collections::BTreeMap;

use serde_json::{Map, Value};

use crate::document::{self, DocumentError, Member};
use crate::json;

/// The parts of a data product that matter for access.
///
/// The values of custom fields are text: a string as it is, anything else as compact JSON. `null` is left out.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DataProduct {
    /// The id.
    pub id: String,
    /// The id of the team that owns it.
    pub owner_team_id: Option<String>,
    /// The custom fields.
    pub custom: BTreeMap<String, String>,
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
    /// The technology as the provider wrote it, for example `s3`.
    pub port_type: Option<String>,
    /// The custom fields, like [`DataProduct::custom`].
    pub custom: BTreeMap<String, String>,
}

impl DataProduct {
    /// Reads an answer of the API: an Open Data Product Standard document if `kind` is `DataProduct`, else a Data Product
    /// Specification. It must have the id that was asked for.
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
        DataProduct::of(json::text(document, "id")?, document).ok()
    }

    fn of(id: &str, document: &Value) -> Result<DataProduct, DocumentError> {
        let members = document::object(document, id)?;
        let format = match json::text(document, "kind") {
            Some("DataProduct") => Format::Standard,
            _ => Format::Specification,
        };
        let ports = Member::of(members, "outputPorts", "outputPorts").optional_list()?;
        Ok(DataProduct {
            id: id.to_owned(),
            owner_team_id: format.owner(members)?,
            custom: format.custom(document, members, ["custom", "customProperties"])?,
            output_ports: ports.iter().map(|port| OutputPort::of(format, port)).collect::<Result<_, _>>()?,
        })
    }

    /// The output port that an agreement names: the one with this id, or else the one with this name.
    ///
    /// `None` if there is none or if there are several (in the Open Data Product Standard, several versions of a port have
    /// the same name): access must not be granted to the wrong one.
    #[must_use]
    pub fn output_port(&self, id_or_name: &str) -> Option<&OutputPort> {
        let by = |key: fn(&OutputPort) -> Option<&str>| {
            self.output_ports.iter().filter(move |port| key(port) == Some(id_or_name))
        };
        let mut found = by(|port| port.id.as_deref()).peekable();
        if found.peek().is_some() {
            return only(found);
        }
        only(by(|port| port.name.as_deref()))
    }
}

impl OutputPort {
    fn of(format: Format, port: &Value) -> Result<OutputPort, DocumentError> {
        let expected = "a list of objects";
        let members = port.as_object().ok_or(DocumentError::Invalid { member: "outputPorts", expected })?;
        let text = |name, path| {
            let text = Member::of(members, name, path).optional_text()?;
            Ok::<_, DocumentError>(text.filter(|text| !text.is_empty()).map(str::to_owned))
        };
        Ok(OutputPort {
            id: text("id", "outputPorts[].id")?,
            name: text("name", "outputPorts[].name")?,
            port_type: text("type", "outputPorts[].type")?,
            custom: format.custom(
                port,
                members,
                ["outputPorts[].custom", "outputPorts[].customProperties"],
            )?,
        })
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
    /// The custom fields of a data product or a port. `paths` are the names of the member in the two formats.
    fn custom(
        self,
        owner: &Value,
        members: &Map<String, Value>,
        paths: [&'static str; 2],
    ) -> Result<BTreeMap<String, String>, DocumentError> {
        let [specification, standard] = paths;
        match self {
            Format::Specification => {
                Member::of(members, "custom", specification).optional_object()?;
                Ok(json::custom_map(owner))
            }
            Format::Standard => {
                Member::of(members, "customProperties", standard).optional_list()?;
                Ok(json::custom_properties(owner))
            }
        }
    }

    /// The id of the team that owns the data product. In the Data Product Specification, it is `info.owner`. In the Open Data
    /// Product Standard, `team` is the team's id, or an object with the id in `name` or `id`.
    fn owner(self, members: &Map<String, Value>) -> Result<Option<String>, DocumentError> {
        let text = |object, name, path| {
            let text = Member::of(object, name, path).optional_text()?;
            Ok::<_, DocumentError>(text.filter(|id| !matches!(*id, "" | "unknown")).map(str::to_owned))
        };
        match (self, members.get("team")) {
            (Format::Specification, _) => match Member::of(members, "info", "info").optional_object()? {
                Some(info) => text(info, "owner", "info.owner"),
                None => Ok(None),
            },
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

fn only<T>(mut items: impl Iterator<Item = T>) -> Option<T> {
    let first = items.next()?;
    items.next().is_none().then_some(first)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

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
        assert_eq!(product.custom["aws-role-name"], "stock-levels-job");
        let port = product.output_port("stock-levels-s3-v1").expect("a port");
        assert_eq!(port.name.as_deref(), Some("Stock levels, files"));
        assert_eq!(port.port_type.as_deref(), Some("s3"));
        assert_eq!(port.custom["aws-s3-bucket-arn"], "arn:aws:s3:::acme-warehouse-stock-levels");
    }

    #[test]
    fn an_open_data_product_standard_document_is_read() {
        let product = standard();
        assert_eq!(product.id, "urn:acme:dataproduct:delivery-forecast");
        assert_eq!(product.owner_team_id.as_deref(), Some("delivery-planning"));
        assert_eq!(product.custom["aws-role-name"], "delivery-forecast-job");
        let port = product.output_port("delivery-forecast-s3").expect("a port");
        assert_eq!(port.id, None);
        assert_eq!(port.custom["output-port-type"], "s3_bucket");
        assert_eq!(port.custom["aws-s3-bucket-arn"], "arn:aws:s3:::acme-delivery-forecast");
    }

    #[test]
    fn custom_fields_that_are_not_strings_become_text() {
        let (specification, standard) = (specification(), standard());
        assert_eq!(specification.custom["cost-centre"], "4711");
        assert_eq!(standard.custom["cost-centre"], "4712");
        assert!(!standard.custom.contains_key("reviewer"));
        let port = specification.output_port("stock-levels-glue-v2").expect("a port");
        assert_eq!(port.custom["retention-days"], "400");
        assert_eq!(port.custom["certified"], "true");
        assert!(!port.custom.contains_key("contact"));
        let port = standard.output_port("delivery-forecast-s3").expect("a port");
        assert_eq!(port.custom["server"], r#"{"location":"s3://acme-delivery-forecast"}"#);
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
        assert_eq!(product.output_port("b").and_then(|port| port.name.as_deref()), Some("c"));
        assert_eq!(product.output_port("c").and_then(|port| port.id.as_deref()), Some("b"));
        assert_eq!(product.output_port("d"), None);
    }

    #[test]
    fn a_name_of_several_ports_finds_none() {
        assert_eq!(standard().output_port("delivery-forecast-table"), None);
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
    fn a_document_without_an_id_is_not_a_data_product() {
        for document in [json!({}), json!({"id": ""}), json!({"id": 1}), json!([])] {
            assert_eq!(DataProduct::from_value(&document), None);
        }
    }
}
