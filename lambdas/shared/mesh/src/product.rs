//! Data products, in both formats of the API: Data Product Specification and Open Data Product Standard.

use std::collections::BTreeMap;

use serde_json::Value;

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
    /// Specification. `None` if it has no `id`.
    #[must_use]
    pub fn from_value(document: &Value) -> Option<DataProduct> {
        let id = json::text(document, "id")?.to_owned();
        let ports = document.get("outputPorts").and_then(Value::as_array).into_iter().flatten();
        if json::text(document, "kind") == Some("DataProduct") {
            let output_ports =
                ports.map(|port| OutputPort::read(port, json::custom_properties(port))).collect();
            Some(DataProduct {
                id,
                owner_team_id: standard_owner(document),
                custom: json::custom_properties(document),
                output_ports,
            })
        } else {
            let output_ports = ports.map(|port| OutputPort::read(port, json::custom_map(port))).collect();
            Some(DataProduct {
                id,
                owner_team_id: document.get("info").and_then(|info| json::id(info, "owner")),
                custom: json::custom_map(document),
                output_ports,
            })
        }
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
    fn read(port: &Value, custom: BTreeMap<String, String>) -> OutputPort {
        let member = |name| json::text(port, name).map(str::to_owned);
        OutputPort { id: member("id"), name: member("name"), port_type: member("type"), custom }
    }
}

/// The owner in the Open Data Product Standard: `team` is the team's id, or an object with the id in `name` or `id`.
fn standard_owner(document: &Value) -> Option<String> {
    let team = document.get("team")?;
    json::id(document, "team").or_else(|| json::id(team, "name")).or_else(|| json::id(team, "id"))
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
    fn a_document_without_an_id_is_not_a_data_product() {
        for document in [json!({}), json!({"id": ""}), json!({"id": 1}), json!([])] {
            assert_eq!(DataProduct::from_value(&document), None);
        }
    }
}
