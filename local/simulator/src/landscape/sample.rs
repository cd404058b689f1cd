//! Who in the sample company asks whom for data, which IAM roles they have, and what a demonstration does.

use serde_json::{Value, json};

use super::{ConsumerRole, Ending, Landscape, Outcome, Script, ScriptedAgreement, company, history};
use crate::agreement::{AgreementKind, AgreementRef};

use AgreementKind::{Access, DataContract, DataUsageAgreement};

/// Path of the roles that data products run under.
const PRODUCT_PATH: &str = "/data-products/";

const ORDERS_FOR_FORECAST: &str = "2b7a61fc-3c1e-4d0b-8f6e-0d5c2f1a9b47";
const SHIPMENTS_FOR_FINANCE: &str = "urn:acme:datacontract:shipments:finance";
const STOCK_FOR_RECOMMENDATIONS: &str = "640864de-83d4-4619-afba-ccea8037ed3a";
const CATALOG_FOR_MARKETING: &str = "catalog-for-marketing";
const PAYMENTS_FOR_REVENUE: &str = "c9f4b0de-6f5e-4a86-9d57-1e7f2f7f4f10";
const PROFILES_FOR_MARKETING: &str = "urn:acme:access:customer-profiles:marketing:2026";
const STREAM_FOR_CAMPAIGNS: &str = "order-stream-for-campaigns";
const QUERIES_FOR_FORECAST: &str = "5d1e9c1b-7a44-4a0e-9d0b-93f0c4d2b8e6";
const ORDERS_FOR_FRAUD: &str = "orders-for-fraud-detection";
const CATALOG_FOR_RETURNS: &str = "catalog-for-returns-dashboard";

impl Landscape {
    /// An online shop with eight teams, data products in both forms, agreements of all three generations,
    /// most of them waiting to be approved, and three years of events. Nothing is active at the start.
    #[must_use]
    pub fn sample() -> Landscape {
        let documents = company::contract_documents().into_iter().map(|document| (DataContract, document));
        Landscape {
            teams: company::teams(),
            products: company::products(),
            agreements: agreements().into_iter().chain(documents).collect(),
            history: history::events(),
            raw: Vec::new(),
            roles: roles(),
            script: script(),
        }
    }
}

fn agreements() -> Vec<(AgreementKind, Value)> {
    vec![
        (
            DataContract,
            agreement(
                ORDERS_FOR_FORECAST,
                "Train the demand model with past orders",
                ("orders", "orders-events-v1"),
                json!({"dataProductId": "demand-forecast", "teamId": "data-science"}),
            ),
        ),
        (
            DataContract,
            agreement(
                SHIPMENTS_FOR_FINANCE,
                "Accrue shipping costs at the end of the month",
                ("shipments", "shipments-daily"),
                json!({"teamId": "finance"}),
            ),
        ),
        (
            DataUsageAgreement,
            agreement(
                STOCK_FOR_RECOMMENDATIONS,
                "Do not recommend what is sold out",
                ("stock-levels", "stock-levels-table-v1"),
                json!({"dataProductId": "recommendations", "teamId": "search"}),
            ),
        ),
        (
            DataUsageAgreement,
            agreement(
                CATALOG_FOR_MARKETING,
                "Write newsletters about new products",
                ("product-catalog", "product-catalog-export"),
                json!({"teamId": "marketing"}),
            ),
        ),
        (
            Access,
            agreement(
                PAYMENTS_FOR_REVENUE,
                "Report the revenue of every day",
                ("payments", "payments-table-v2"),
                json!({"dataProductId": "revenue-report", "teamId": "finance"}),
            ),
        ),
        (
            Access,
            // Ids that do not apply can come as the word `unknown`.
            agreement(
                PROFILES_FOR_MARKETING,
                "Choose who gets the birthday campaign",
                ("customer-profiles", "customer-profiles-table-v1"),
                json!({"dataProductId": "unknown", "teamId": "marketing", "userId": "unknown"}),
            ),
        ),
        (
            Access,
            agreement(
                STREAM_FOR_CAMPAIGNS,
                "Stop a campaign when its product sells out",
                ("orders", "orders-stream-v1"),
                json!({"dataProductId": "campaign-performance", "teamId": "marketing"}),
            ),
        ),
        (
            Access,
            agreement(
                QUERIES_FOR_FORECAST,
                "See demand for what the shop does not sell yet",
                ("search-queries", "search-queries-raw"),
                json!({"dataProductId": "demand-forecast"}),
            ),
        ),
        (
            Access,
            agreement(
                ORDERS_FOR_FRAUD,
                "Find patterns of stolen cards",
                ("orders", "orders-events-v1"),
                json!({"dataProductId": "fraud-detection"}),
            ),
        ),
        (
            Access,
            agreement(
                CATALOG_FOR_RETURNS,
                "Show which products come back",
                ("product-catalog", "product-catalog-export"),
                json!({"dataProductId": "returns-dashboard"}),
            ),
        ),
        (Access, approved_for_later()),
        (Access, ended()),
        (Access, rejected()),
    ]
}

/// Approved, but its start date is far away.
fn approved_for_later() -> Value {
    let mut agreement = agreement(
        "forecast-for-finance-2099",
        "Plan the budget of the coming year",
        ("demand-forecast", "demand-forecast-weekly"),
        json!({"teamId": "finance"}),
    );
    agreement["info"]["status"] = json!("approved");
    agreement["info"]["startDate"] = json!("2099-01-01");
    agreement
}

/// Over since 2025. Its events in the feed are of the generation before, as it was moved.
fn ended() -> Value {
    let mut agreement = agreement(
        history::MOVED_AGREEMENT,
        "Compare delivery times",
        ("shipments", "shipments-daily"),
        json!({"dataProductId": "demand-forecast", "teamId": "data-science"}),
    );
    agreement["info"]["status"] = json!("approved");
    agreement["info"]["startDate"] = json!("2024-03-01");
    agreement["info"]["endDate"] = json!("2025-03-01");
    agreement
}

fn rejected() -> Value {
    let mut agreement = agreement(
        "profiles-for-a-person",
        "Look at some customers",
        ("customer-profiles", "customer-profiles-table-v1"),
        json!({"userId": "emil@example.com"}),
    );
    agreement["info"]["status"] = json!("rejected");
    agreement
}

fn agreement(id: &str, purpose: &str, (product, port): (&str, &str), consumer: Value) -> Value {
    let mut agreement = json!({
        "id": id,
        "info": {"purpose": purpose, "status": "requested", "active": false},
        "provider": {"dataProductId": product, "outputPortId": port},
        "consumer": {},
        "tags": ["reviewed"],
        "links": {},
        "custom": {"ticket": format!("DATA-{}", 100 + id.len())},
    });
    agreement["consumer"] = consumer;
    agreement
}

fn roles() -> Vec<ConsumerRole> {
    let role =
        |name: &str, path: &str, opted_in| ConsumerRole { name: name.into(), path: path.into(), opted_in };
    vec![
        role("dp-demand-forecast", PRODUCT_PATH, true),
        role("dp-recommendations", PRODUCT_PATH, true),
        role("dp-revenue-report", PRODUCT_PATH, true),
        role("dp-campaign-performance", PRODUCT_PATH, true),
        role("dp-fraud-detection", PRODUCT_PATH, false),
        role("team-marketing", "/", true),
        role("team-finance", "/", true),
    ]
}

fn script() -> Script {
    let scripted = |kind, id: &str, title: &str, outcome, ending| ScriptedAgreement {
        agreement: AgreementRef::new(kind, id),
        title: title.into(),
        outcome,
        ending,
    };
    let granted = |kind, id, title, role: &str| {
        scripted(kind, id, title, Outcome::Granted { role: role.into() }, Ending::Cancelled)
    };
    let refused = |id, title, reason: &str| {
        scripted(Access, id, title, Outcome::Refused { reason: reason.into() }, Ending::Cancelled)
    };
    let marketing = || Outcome::Granted { role: "team-marketing".into() };
    let agreements = vec![
        granted(DataContract, ORDERS_FOR_FORECAST, "Orders for the demand forecast", "dp-demand-forecast"),
        granted(DataContract, SHIPMENTS_FOR_FINANCE, "Shipments for team Finance", "team-finance"),
        granted(
            DataUsageAgreement,
            STOCK_FOR_RECOMMENDATIONS,
            "Stock levels for recommendations",
            "dp-recommendations",
        ),
        granted(
            DataUsageAgreement,
            CATALOG_FOR_MARKETING,
            "Product catalog for team Marketing",
            "team-marketing",
        ),
        granted(Access, PAYMENTS_FOR_REVENUE, "Payments for the revenue report", "dp-revenue-report"),
        scripted(
            Access,
            PROFILES_FOR_MARKETING,
            "Customer profiles for team Marketing",
            marketing(),
            Ending::Deleted,
        ),
        refused(
            STREAM_FOR_CAMPAIGNS,
            "Order stream for campaigns",
            "a Kafka topic is no supported output port",
        ),
        refused(QUERIES_FOR_FORECAST, "Search queries for the demand forecast", "the port names no bucket"),
        refused(ORDERS_FOR_FRAUD, "Orders for fraud detection", "the role has not opted in"),
        refused(CATALOG_FOR_RETURNS, "Product catalog for returns", "the role does not exist"),
    ];
    Script { agreements }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;
    use crate::world::World;

    fn world() -> World {
        Landscape::sample().into_world()
    }

    #[test]
    fn the_sample_is_what_the_api_would_accept() {
        let mut world = world();
        let by = crate::world::Principal::User;
        for team in company::teams() {
            world.put_team(team["id"].as_str().unwrap(), team.clone(), by).unwrap();
        }
        for product in company::products() {
            world.put_product(product["id"].as_str().unwrap(), product.clone(), by).unwrap();
        }
        let documents = company::contract_documents().into_iter().map(|document| (DataContract, document));
        for (kind, body) in agreements().into_iter().chain(documents) {
            let agreement = AgreementRef::new(kind, body["id"].as_str().unwrap());
            world.put_agreement(&agreement, body, by).unwrap();
        }
    }

    #[test]
    fn nothing_in_the_sample_is_active_at_the_start_and_no_provider_is_unknown() {
        let world = world();
        let all: Vec<Value> =
            AgreementKind::ALL.into_iter().flat_map(|kind| world.agreements(kind)).collect();
        for agreement in all.iter().filter(|agreement| agreement.get("provider").is_some()) {
            assert_eq!(agreement["info"]["active"], json!(false), "{agreement}");
            assert_ne!(agreement["provider"]["dataProductId"], json!("unknown"), "{agreement}");
            assert_ne!(agreement["provider"]["outputPortId"], json!("unknown"), "{agreement}");
        }
        assert!(all.len() >= 13);
    }

    #[test]
    fn both_forms_of_data_products_occur() {
        let products = company::products();
        let standard = products.iter().filter(|product| product["kind"] == "DataProduct").count();
        let specification =
            products.iter().filter(|product| product.get("dataProductSpecification").is_some()).count();
        assert!(standard >= 5 && specification >= 5, "{standard} and {specification}");
    }

    #[test]
    fn every_agreement_of_the_script_waits_to_be_approved() {
        let world = world();
        for scripted in script().agreements {
            let agreement = world.agreement(&scripted.agreement).unwrap();
            assert_eq!(agreement["info"]["status"], json!("requested"), "{}", scripted.agreement);
        }
    }

    #[test]
    fn the_script_grants_to_roles_that_exist_and_have_opted_in() {
        let roles = roles();
        for scripted in script().agreements {
            if let Outcome::Granted { role } = scripted.outcome {
                assert!(roles.iter().any(|known| known.name == role && known.opted_in), "{role}");
            }
        }
    }

    #[test]
    fn one_role_that_a_consumer_names_does_not_exist() {
        let mut named = BTreeSet::new();
        for value in company::teams().into_iter().chain(company::products()) {
            named.extend(value.pointer("/custom/aws-role-name").and_then(Value::as_str).map(str::to_owned));
            let properties = value.get("customProperties").and_then(Value::as_array);
            let property = properties
                .and_then(|list| list.iter().find(|item| item["property"] == "aws-role-name"))
                .and_then(|item| item["value"].as_str());
            named.extend(property.map(str::to_owned));
        }
        let known: BTreeSet<String> = roles().into_iter().map(|role| role.name).collect();
        let missing: Vec<&String> = named.difference(&known).collect();
        assert_eq!(missing, ["dp-returns-dashboard"]);
        assert!(known.is_subset(&named));
    }
}
