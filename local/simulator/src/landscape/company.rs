//! The sample company: an online shop, its teams, data products and contract documents.

use serde_json::{Value, json};

/// The account and region that the company's data lies in.
const ACCOUNT: &str = "123456789012";
const REGION: &str = "eu-central-1";

pub(super) fn teams() -> Vec<Value> {
    let shop = json!({
        "id": "shop",
        "name": "Shop",
        "type": "Domain",
        "description": "Everything between a search and a paid order",
        "tags": [],
    });
    let team = |id: &str, name: &str, member: &str, custom: Value| {
        json!({
            "id": id,
            "name": name,
            "type": "Team",
            "parent": "shop",
            "members": [{"emailAddress": member, "role": "Owner"}],
            "tags": ["shop"],
            "links": {"homepage": format!("https://wiki.example.com/teams/{id}")},
            "custom": custom,
        })
    };
    let no_custom = || json!({});
    vec![
        shop,
        team("checkout", "Checkout", "ida@example.com", json!({"slack-channel": "team-checkout"})),
        team("fulfillment", "Fulfillment", "omar@example.com", no_custom()),
        team("search", "Search", "lena@example.com", no_custom()),
        team("customer-service", "Customer Service", "paul@example.com", no_custom()),
        team("marketing", "Marketing", "nina@example.com", json!({"aws-role-name": "team-marketing"})),
        team("finance", "Finance", "emil@example.com", json!({"aws-role-name": "team-finance"})),
        team("data-science", "Data Science", "yuki@example.com", no_custom()),
        json!({
            "id": "data-platform",
            "name": "Data Platform",
            "type": "Platform Team",
            "members": [{"emailAddress": "kim@example.com", "role": "Owner"}],
        }),
    ]
}

pub(super) fn products() -> Vec<Value> {
    vec![
        orders(),
        payments(),
        shipments(),
        stock_levels(),
        search_queries(),
        product_catalog(),
        customer_profiles(),
        campaign_performance(),
        demand_forecast(),
        recommendations(),
        revenue_report(),
        fraud_detection(),
        returns_dashboard(),
    ]
}

/// Documents under `/api/datacontracts`, as today: they describe data and connect nobody.
pub(super) fn contract_documents() -> Vec<Value> {
    vec![
        json!({
            "apiVersion": "v3.1.0",
            "kind": "DataContract",
            "id": "orders-events",
            "name": "Order Events",
            "version": "1.2.0",
            "status": "active",
            "description": {"purpose": "Every change of an order, one line each"},
            "servers": [{"server": "prod", "type": "s3", "location": "s3://acme-orders-events/", "format": "json"}],
            "schema": [{"name": "order_events", "physicalType": "json", "properties": [
                {"name": "order_id", "logicalType": "string", "required": true, "primaryKey": true},
                {"name": "status", "logicalType": "string", "required": true},
            ]}],
            "team": {"name": "checkout"},
        }),
        json!({
            "dataContractSpecification": "1.1.0",
            "id": "customer-profiles-v1",
            "info": {"title": "Customer Profiles", "version": "1.0.0", "owner": "customer-service"},
            "terms": {"usage": "Not for advertising without consent"},
        }),
    ]
}

fn orders() -> Value {
    specification(
        "orders",
        "Orders",
        "checkout",
        &[],
        &[
            with(
                port(
                    "orders-events-v1",
                    "Order events",
                    "s3",
                    &[
                        ("output-port-type", "s3_bucket"),
                        ("aws-s3-bucket-arn", &bucket("acme-orders-events")),
                    ],
                ),
                json!({"dataContractId": "orders-events", "server": {"location": "s3://acme-orders-events"}}),
            ),
            with(
                port("orders-stream-v1", "Order stream", "kafka", &[("output-port-type", "kafka_topic")]),
                json!({"server": {"host": "kafka.example.com:9093", "topic": "orders.v1"}}),
            ),
        ],
    )
}

fn payments() -> Value {
    standard(
        "payments",
        "Payments",
        "checkout",
        &[],
        &[json!({
            "name": "payments-table-v2",
            "description": "Settled payments, a row each",
            "type": "glue",
            "version": "2.0.0",
            "customProperties": properties(&[
                ("output-port-type", "glue_table"),
                ("aws-glue-table-arn", &table("payments", "settled_payments")),
                ("aws-s3-folder-arn", &bucket("acme-payments-lake/settled_payments")),
                ("aws-athena-workgroup-arn", &workgroup("payments-consumers")),
                ("aws-athena-query-result-arn", &bucket("acme-athena-results/payments")),
                ("environment", "prod"),
            ]),
        })],
    )
}

fn shipments() -> Value {
    standard(
        "shipments",
        "Shipments",
        "fulfillment",
        &[],
        &[json!({
            "name": "shipments-daily",
            "description": "One file for every day",
            "type": "s3",
            "version": "1.0.0",
            "customProperties": properties(&[
                ("output-port-type", "s3_bucket"),
                ("aws-s3-bucket-arn", &bucket("acme-logistics/shipments/daily")),
            ]),
        })],
    )
}

fn stock_levels() -> Value {
    specification(
        "stock-levels",
        "Stock levels",
        "fulfillment",
        &[],
        &[port(
            "stock-levels-table-v1",
            "Stock levels",
            "glue",
            &[
                ("output-port-type", "glue_table"),
                ("aws-glue-table-arn", &table("fulfillment", "stock_levels")),
                ("aws-s3-folder-arn", &bucket("acme-logistics/stock_levels")),
                ("aws-athena-workgroup-arn", &workgroup("fulfillment-consumers")),
                ("aws-athena-query-result-arn", &bucket("acme-athena-results/fulfillment")),
                ("aws-kms-key-arn", &key("1f6d2c3e-58b4-4a09-9c1d-7e02b5a4d8f3")),
            ],
        )],
    )
}

/// Its port does not say where the data lies.
fn search_queries() -> Value {
    specification(
        "search-queries",
        "Search queries",
        "search",
        &[],
        &[port("search-queries-raw", "Raw search queries", "s3", &[("output-port-type", "s3_bucket")])],
    )
}

fn product_catalog() -> Value {
    standard(
        "product-catalog",
        "Product catalog",
        "search",
        &[],
        &[json!({
            "name": "product-catalog-export",
            "type": "s3",
            "version": "3.1.0",
            "customProperties": properties(&[
                ("output-port-type", "s3_bucket"),
                ("aws-s3-bucket-arn", &bucket("acme-product-catalog")),
                ("aws-kms-key-arn", &key("8a3e51c7-0b92-4f6d-b1a8-2c94d7e6f015")),
            ]),
        })],
    )
}

fn customer_profiles() -> Value {
    specification(
        "customer-profiles",
        "Customer profiles",
        "customer-service",
        &[],
        &[with(
            port(
                "customer-profiles-table-v1",
                "Customer profiles",
                "glue",
                &[
                    ("output-port-type", "glue_table"),
                    ("aws-glue-table-arn", &table("customers", "profiles")),
                    ("aws-s3-folder-arn", &bucket("acme-customers/profiles")),
                    ("aws-athena-workgroup-arn", &workgroup("customer-consumers")),
                    ("aws-athena-query-result-arn", &bucket("acme-athena-results/customers")),
                ],
            ),
            json!({"containsPii": true, "dataContractId": "customer-profiles-v1"}),
        )],
    )
}

fn campaign_performance() -> Value {
    specification(
        "campaign-performance",
        "Campaign performance",
        "marketing",
        &[("aws-role-name", "dp-campaign-performance")],
        &[with(
            port("campaign-performance-v1", "Campaign performance", "snowflake", &[]),
            json!({"server": {"account": "acme-eu", "database": "MARKETING", "schema": "CAMPAIGNS"}}),
        )],
    )
}

fn demand_forecast() -> Value {
    standard(
        "demand-forecast",
        "Demand forecast",
        "data-science",
        &[("aws-role-name", "dp-demand-forecast")],
        &[json!({
            "name": "demand-forecast-weekly",
            "type": "s3",
            "version": "1.0.0",
            "customProperties": properties(&[
                ("output-port-type", "s3_bucket"),
                ("aws-s3-bucket-arn", &bucket("acme-forecasts/demand")),
            ]),
        })],
    )
}

fn recommendations() -> Value {
    standard("recommendations", "Recommendations", "search", &[("aws-role-name", "dp-recommendations")], &[])
}

fn revenue_report() -> Value {
    specification(
        "revenue-report",
        "Revenue report",
        "finance",
        &[("aws-role-name", "dp-revenue-report"), ("cost-center", "4711")],
        &[],
    )
}

fn fraud_detection() -> Value {
    specification(
        "fraud-detection",
        "Fraud detection",
        "checkout",
        &[("aws-role-name", "dp-fraud-detection")],
        &[],
    )
}

fn returns_dashboard() -> Value {
    specification(
        "returns-dashboard",
        "Returns dashboard",
        "customer-service",
        &[("aws-role-name", "dp-returns-dashboard")],
        &[],
    )
}

/// A data product in the form of the Data Product Specification.
fn specification(id: &str, title: &str, owner: &str, custom: &[(&str, &str)], ports: &[Value]) -> Value {
    json!({
        "dataProductSpecification": "0.0.1",
        "id": id,
        "info": {"title": title, "owner": owner, "status": "active", "archetype": "aggregate"},
        "inputPorts": [],
        "outputPorts": ports,
        "tags": ["shop"],
        "links": {},
        "custom": map(custom),
    })
}

fn port(id: &str, name: &str, kind: &str, custom: &[(&str, &str)]) -> Value {
    json!({
        "id": id,
        "name": name,
        "type": kind,
        "status": "active",
        "autoApprove": false,
        "containsPii": false,
        "tags": [],
        "custom": map(custom),
    })
}

/// Adds or replaces members.
fn with(mut value: Value, members: Value) -> Value {
    if let (Some(value), Value::Object(members)) = (value.as_object_mut(), members) {
        value.extend(members);
    }
    value
}

/// A data product in the form of the Open Data Product Standard.
fn standard(id: &str, name: &str, owner: &str, custom: &[(&str, &str)], ports: &[Value]) -> Value {
    json!({
        "apiVersion": "v1.0.0",
        "kind": "DataProduct",
        "id": id,
        "name": name,
        "version": "1.0.0",
        "status": "active",
        "domain": "shop",
        "customProperties": properties(custom),
        "tags": ["shop"],
        "inputPorts": [],
        "outputPorts": ports,
        "managementPorts": [],
        "team": {"name": owner},
    })
}

fn properties(pairs: &[(&str, &str)]) -> Value {
    pairs.iter().map(|(name, value)| json!({"property": name, "value": value})).collect()
}

fn map(pairs: &[(&str, &str)]) -> Value {
    pairs.iter().map(|(name, value)| ((*name).to_owned(), json!(value))).collect()
}

fn bucket(location: &str) -> String {
    format!("arn:aws:s3:::{location}")
}

fn table(database: &str, table: &str) -> String {
    format!("arn:aws:glue:{REGION}:{ACCOUNT}:table/{database}/{table}")
}

fn workgroup(name: &str) -> String {
    format!("arn:aws:athena:{REGION}:{ACCOUNT}:workgroup/{name}")
}

fn key(id: &str) -> String {
    format!("arn:aws:kms:{REGION}:{ACCOUNT}:key/{id}")
}
