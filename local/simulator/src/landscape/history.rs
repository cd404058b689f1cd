//! What happened in the sample company before: events of every type, most of which concern no data platform.

use jiff::Timestamp;
use serde_json::{Map, json};

use super::PastEvent;

/// An agreement that was a data usage agreement and is found under `/api/access` today.
pub(super) const MOVED_AGREEMENT: &str = "8c2f40f1-1f0e-4a58-b7a6-64a3a8b5c0de";

/// An agreement of the first generation that no longer exists.
const FORGOTTEN_CONTRACT: &str = "f1e0b8a2-9d5c-4c3a-8a77-1d2c3b4a5f60";
/// An access that ended and was deleted.
const DELETED_ACCESS: &str = "0f6c2d9a-2f34-4c8e-9b71-7c5a1e3d8b20";
/// A request that was turned down.
const REJECTED_ACCESS: &str = "profiles-for-a-person";

/// Time, name of the type, subject.
const EVENTS: &[(&str, &str, &str)] = &[
    ("2023-06-01T07:12:04Z", "TeamCreatedEvent", "shop"),
    ("2023-06-01T07:13:31Z", "TeamCreatedEvent", "checkout"),
    ("2023-06-01T07:14:02Z", "TeamCreatedEvent", "fulfillment"),
    ("2023-06-01T07:14:40Z", "TeamCreatedEvent", "search"),
    ("2023-06-05T09:02:11Z", "SourceSystemCreatedEvent", "shop-backend"),
    ("2023-06-05T09:30:47Z", "DataProductCreatedEvent", "orders"),
    ("2023-06-05T09:30:47.001Z", "OutputPortCreatedEvent", "orders/orders-events-v1"),
    ("2023-06-06T13:21:09Z", "DataProductCreatedEvent", "shipments"),
    ("2023-06-06T13:21:09.002Z", "OutputPortCreatedEvent", "shipments/shipments-daily"),
    ("2023-06-19T08:00:12Z", "DataContractCreatedEvent", FORGOTTEN_CONTRACT),
    ("2023-06-19T08:00:12.001Z", "DataContractRequestedEvent", FORGOTTEN_CONTRACT),
    ("2023-06-20T10:41:55Z", "DataContractApprovedEvent", FORGOTTEN_CONTRACT),
    ("2023-06-20T10:41:55.003Z", "DataContractActivatedEvent", FORGOTTEN_CONTRACT),
    ("2023-08-31T22:00:00Z", "DataContractDeactivatedEvent", FORGOTTEN_CONTRACT),
    ("2023-09-04T06:55:27Z", "DefinitionCreatedEvent", "shop/order-id"),
    ("2023-09-04T06:58:02Z", "DefinitionUpdatedEvent", "shop/order-id"),
    ("2023-10-11T11:11:43Z", "TeamCreatedEvent", "marketing"),
    ("2023-10-11T11:12:16Z", "TeamUpdatedEvent", "marketing"),
    ("2023-11-02T14:03:58Z", "TagCreatedEvent", "reviewed"),
    ("2024-01-15T09:20:33Z", "DataProductUpdatedEvent", "orders"),
    ("2024-01-15T09:20:33.001Z", "OutputPortUpdatedEvent", "orders/orders-events-v1"),
    ("2024-01-15T09:20:33.002Z", "OutputPortCreatedEvent", "orders/orders-stream-v1"),
    ("2024-02-20T12:44:10Z", "DataUsageAgreementCreatedEvent", MOVED_AGREEMENT),
    ("2024-02-20T12:44:10.001Z", "DataUsageAgreementRequestedEvent", MOVED_AGREEMENT),
    ("2024-02-22T08:17:39Z", "DataUsageAgreementApprovedEvent", MOVED_AGREEMENT),
    ("2024-03-01T00:00:02Z", "DataUsageAgreementActivatedEvent", MOVED_AGREEMENT),
    ("2024-03-11T15:36:21Z", "DataUsageAgreementUpdatedEvent", MOVED_AGREEMENT),
    ("2024-04-18T10:05:00Z", "SourceSystemUpdatedEvent", "shop-backend"),
    ("2024-05-07T07:49:52Z", "DataContractCreatedEvent", "orders-events"),
    ("2024-05-07T08:02:29Z", "DataContractUpdatedEvent", "orders-events"),
    ("2024-06-12T16:24:14Z", "AssetCreatedEvent", "glue:fulfillment.stock_levels"),
    ("2024-06-12T16:24:15Z", "AssetCreatedEvent", "glue:fulfillment.stock_levels_tmp"),
    ("2024-06-13T02:00:05Z", "AssetUpdatedEvent", "glue:fulfillment.stock_levels"),
    ("2024-06-14T02:00:04Z", "AssetDeletedEvent", "glue:fulfillment.stock_levels_tmp"),
    ("2024-09-03T09:00:41Z", "DataProductCreatedEvent", "stock-levels"),
    ("2024-09-03T09:00:41.001Z", "OutputPortCreatedEvent", "stock-levels/stock-levels-table-v1"),
    ("2024-09-16T13:08:26Z", "DataContractCreatedEvent", "abandoned-draft"),
    ("2024-09-17T07:31:03Z", "DataContractDeletedEvent", "abandoned-draft"),
    ("2024-10-01T11:55:18Z", "TestResultsCreatedEvent", "2f0720d5-e7b2-4b83-90d3-421fda9be54b"),
    ("2024-11-05T10:10:10Z", "AccessCreatedEvent", DELETED_ACCESS),
    ("2024-11-05T10:10:10.001Z", "AccessRequestedEvent", DELETED_ACCESS),
    ("2024-11-06T09:13:47Z", "AccessApprovedEvent", DELETED_ACCESS),
    ("2024-11-06T09:13:47.002Z", "AccessActivatedEvent", DELETED_ACCESS),
    ("2024-11-06T09:14:12Z", "AccessProvisioningStartedEvent", DELETED_ACCESS),
    ("2024-11-06T09:14:13Z", "AccessProvisioningFailedEvent", DELETED_ACCESS),
    ("2024-11-06T12:30:08Z", "AccessProvisioningStartedEvent", DELETED_ACCESS),
    ("2024-11-06T12:30:09Z", "AccessProvisionedEvent", DELETED_ACCESS),
    ("2025-03-01T00:00:01Z", "DataUsageAgreementDeactivatedEvent", MOVED_AGREEMENT),
    ("2025-03-24T08:26:35Z", "AccessUpdatedEvent", DELETED_ACCESS),
    ("2025-04-02T14:40:57Z", "AccessCanceledEvent", DELETED_ACCESS),
    ("2025-04-02T14:40:57.001Z", "AccessDeactivatedEvent", DELETED_ACCESS),
    ("2025-04-02T14:41:20Z", "AccessDeprovisioningStartedEvent", DELETED_ACCESS),
    ("2025-04-02T14:41:21Z", "AccessDeprovisioningFailedEvent", DELETED_ACCESS),
    ("2025-04-02T14:46:21Z", "AccessDeprovisionedEvent", DELETED_ACCESS),
    ("2025-04-09T07:07:07Z", "AccessDeletedEvent", DELETED_ACCESS),
    ("2025-05-20T09:58:44Z", "AccessCreatedEvent", REJECTED_ACCESS),
    ("2025-05-20T09:58:44.001Z", "AccessRequestedEvent", REJECTED_ACCESS),
    ("2025-05-21T06:45:30Z", "AccessRejectedEvent", REJECTED_ACCESS),
    ("2025-07-01T12:00:23Z", "DataProductCreatedEvent", "newsletter-clicks"),
    ("2025-07-01T12:00:23.001Z", "OutputPortCreatedEvent", "newsletter-clicks/clicks-v1"),
    ("2025-12-15T15:15:51Z", "DataProductDeletedEvent", "newsletter-clicks"),
    ("2025-12-15T15:15:51.001Z", "OutputPortDeletedEvent", "newsletter-clicks/clicks-v1"),
    ("2026-01-12T08:33:19Z", "SourceSystemDeletedEvent", "newsletter-tool"),
    ("2026-01-12T08:35:02Z", "DefinitionDeletedEvent", "marketing/click"),
    ("2026-01-12T08:36:40Z", "TagUpdatedEvent", "reviewed"),
    ("2026-01-12T08:37:11Z", "TagDeletedEvent", "deprecated"),
    ("2026-02-03T10:19:56Z", "TeamDeletedEvent", "newsletter"),
    ("2026-03-30T05:00:03Z", "TestResultsCreatedEvent", "7d2a5e64-0c1f-4f5b-8a3e-9b6c7d8e1f02"),
    ("2026-03-31T05:00:02Z", "TestResultsDeletedEvent", "7d2a5e64-0c1f-4f5b-8a3e-9b6c7d8e1f02"),
];

/// The events in their order.
pub(super) fn events() -> Vec<PastEvent> {
    EVENTS.iter().filter_map(|(time, name, subject)| event(time, name, subject)).collect()
}

fn event(time: &str, name: &str, subject: &str) -> Option<PastEvent> {
    let time: Timestamp = time.parse().ok()?;
    // A port's event is about its product and names the port beside.
    let port = subject.split_once('/').filter(|_| name.starts_with("OutputPort"));
    let (subject, port) = port.map_or((subject, None), |(product, port)| (product, Some(port)));
    let mut data = Map::new();
    if let Some(port) = port {
        data.insert("outputPortId".into(), port.into());
    }
    if let Some(status) = status(name) {
        data.insert("status".into(), status.into());
    }
    if name.contains("rovision") {
        data.insert("platform".into(), json!("aws"));
    }
    Some(PastEvent { time, name: name.into(), subject: subject.into(), data })
}

fn status(name: &str) -> Option<&'static str> {
    match name {
        "AccessProvisioningStartedEvent" => Some("provisioning"),
        "AccessProvisionedEvent" => Some("provisioned"),
        "AccessProvisioningFailedEvent" => Some("provisioning-failed"),
        "AccessDeprovisioningStartedEvent" => Some("deprovisioning"),
        "AccessDeprovisionedEvent" => Some("deprovisioned"),
        "AccessDeprovisioningFailedEvent" => Some("deprovisioning-failed"),
        "TestResultsCreatedEvent" => Some("passed"),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    /// The types that the vendor's API description lists.
    const TYPES: [&str; 41] = [
        "DataProductCreatedEvent",
        "DataProductUpdatedEvent",
        "DataProductDeletedEvent",
        "OutputPortCreatedEvent",
        "OutputPortUpdatedEvent",
        "OutputPortDeletedEvent",
        "DataContractCreatedEvent",
        "DataContractUpdatedEvent",
        "DataContractDeletedEvent",
        "AccessCreatedEvent",
        "AccessUpdatedEvent",
        "AccessDeletedEvent",
        "AccessRequestedEvent",
        "AccessApprovedEvent",
        "AccessRejectedEvent",
        "AccessActivatedEvent",
        "AccessDeactivatedEvent",
        "AccessCanceledEvent",
        "AccessProvisioningStartedEvent",
        "AccessProvisionedEvent",
        "AccessProvisioningFailedEvent",
        "AccessDeprovisioningStartedEvent",
        "AccessDeprovisionedEvent",
        "AccessDeprovisioningFailedEvent",
        "SourceSystemCreatedEvent",
        "SourceSystemUpdatedEvent",
        "SourceSystemDeletedEvent",
        "TeamCreatedEvent",
        "TeamUpdatedEvent",
        "TeamDeletedEvent",
        "DefinitionCreatedEvent",
        "DefinitionUpdatedEvent",
        "DefinitionDeletedEvent",
        "TagCreatedEvent",
        "TagUpdatedEvent",
        "TagDeletedEvent",
        "AssetCreatedEvent",
        "AssetUpdatedEvent",
        "AssetDeletedEvent",
        "TestResultsCreatedEvent",
        "TestResultsDeletedEvent",
    ];

    #[test]
    fn every_line_of_the_history_becomes_an_event_in_order_of_time() {
        let events = events();
        assert_eq!(events.len(), EVENTS.len());
        assert!(events.windows(2).all(|pair| pair[0].time < pair[1].time));
        assert!(events.len() >= 60);
    }

    #[test]
    fn every_type_of_today_and_of_the_older_generations_occurs() {
        let events = events();
        let names: BTreeSet<&str> = events.iter().map(|event| event.name.as_str()).collect();
        let older = [
            "DataContractActivatedEvent",
            "DataContractDeactivatedEvent",
            "DataUsageAgreementActivatedEvent",
            "DataUsageAgreementDeactivatedEvent",
        ];
        for name in TYPES.iter().chain(&older) {
            assert!(names.contains(name), "{name}");
        }
    }
}
