//! Every event type, and the members of its `data`.

/// An event type.
#[derive(Clone, Copy, Debug)]
pub struct EventType {
    /// `detail-type` on the bus: the part of the vendor's type after the last dot.
    pub detail_type: &'static str,
    /// What happened.
    pub description: &'static str,
    /// Whether the vendor still emits events of this type.
    pub generation: Generation,
    /// The object that `data.id` identifies.
    pub subject: &'static str,
    /// The id used in the example.
    pub example_id: &'static str,
    /// Members of `data` in addition to `id` and `timestamp`.
    pub members: &'static [Member],
}

/// The period in which the vendor emits events of a type.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Generation {
    /// The vendor emits them today.
    Today,
    /// Historical: agreements were called data contracts until 2023-09. Only a feed that is read from its start contains them.
    DataContracts,
    /// Historical: agreements were called data usage agreements before they were called access.
    DataUsageAgreements,
    /// A type that the catalogue does not contain.
    Unknown,
}

/// A member of `data`.
#[derive(Clone, Copy, Debug)]
pub struct Member {
    /// The member's name.
    pub name: &'static str,
    /// What it means.
    pub description: &'static str,
    /// Whether every event of the type has this member.
    pub required: bool,
    /// The value used in the example.
    pub example: &'static str,
}

const OUTPUT_PORT: &[Member] = &[Member {
    name: "outputPortId",
    description: "The id of the output port",
    required: true,
    example: "orders-events-v1",
}];

const TEST_STATUS: &[Member] =
    &[Member { name: "status", description: "The result of the tests", required: false, example: "passed" }];

const PLATFORM: Member = Member {
    name: "platform",
    description: "The data platform, as reported by the component that provisions access",
    required: false,
    example: "aws",
};

/// The members of `data` of an event about provisioning; the example has the given status.
macro_rules! provisioning {
    ($status:literal) => {
        &[
            Member {
                name: "status",
                description: "The new provisioning status",
                required: true,
                example: $status,
            },
            PLATFORM,
        ]
    };
}

const fn event(
    detail_type: &'static str,
    description: &'static str,
    (subject, example_id): (&'static str, &'static str),
    members: &'static [Member],
) -> EventType {
    EventType { detail_type, description, generation: Generation::Today, subject, example_id, members }
}

const fn older(
    generation: Generation,
    detail_type: &'static str,
    description: &'static str,
    (subject, example_id): (&'static str, &'static str),
) -> EventType {
    EventType { detail_type, description, generation, subject, example_id, members: &[] }
}

const PRODUCT: (&str, &str) = ("data product", "orders");
const CONTRACT: (&str, &str) = ("data contract", "orders-events");
const ACCESS: (&str, &str) = ("access agreement", "640864de-83d4-4619-afba-ccea8037ed3a");
const SYSTEM: (&str, &str) = ("source system", "shop-backend");
const TEAM: (&str, &str) = ("team", "marketing");
const DEFINITION: (&str, &str) = ("definition", "shop/order-id");
const TAG: (&str, &str) = ("tag", "reviewed");
const ASSET: (&str, &str) = ("asset", "glue:fulfillment.stock_levels");
const TESTS: (&str, &str) = ("test results", "2f0720d5-e7b2-4b83-90d3-421fda9be54b");
const OLD_CONTRACT: (&str, &str) =
    ("agreement (called a data contract at the time)", "c9f0a2d4-6f0e-4c39-8a53-0a7b53a4d1f7");
const AGREEMENT: (&str, &str) =
    ("agreement (called a data usage agreement at the time)", "8c2f40f1-1f0e-4a58-b7a6-64a3a8b5c0de");

/// All known event types: first those that the vendor emits today, then the older generations of agreements.
pub const EVENTS: &[EventType] = &[
    event("DataProductCreatedEvent", "A data product was created", PRODUCT, &[]),
    event("DataProductUpdatedEvent", "A data product was changed", PRODUCT, &[]),
    event("DataProductDeletedEvent", "A data product was deleted", PRODUCT, &[]),
    event("OutputPortCreatedEvent", "An output port of a data product was created", PRODUCT, OUTPUT_PORT),
    event("OutputPortUpdatedEvent", "An output port of a data product was changed", PRODUCT, OUTPUT_PORT),
    event("OutputPortDeletedEvent", "An output port of a data product was deleted", PRODUCT, OUTPUT_PORT),
    event(
        "DataContractCreatedEvent",
        "A data contract was created (until 2023-09: an agreement)",
        CONTRACT,
        &[],
    ),
    event(
        "DataContractUpdatedEvent",
        "A data contract was changed (until 2023-09: an agreement)",
        CONTRACT,
        &[],
    ),
    event(
        "DataContractDeletedEvent",
        "A data contract was deleted (until 2023-09: an agreement)",
        CONTRACT,
        &[],
    ),
    event("AccessCreatedEvent", "An access agreement was created", ACCESS, &[]),
    event("AccessUpdatedEvent", "An access agreement was changed", ACCESS, &[]),
    event(
        "AccessDeletedEvent",
        "An access agreement was deleted; if it was active, it ends now",
        ACCESS,
        &[],
    ),
    event("AccessRequestedEvent", "Access was requested", ACCESS, &[]),
    event("AccessApprovedEvent", "A request for access was approved", ACCESS, &[]),
    event("AccessRejectedEvent", "A request for access was rejected", ACCESS, &[]),
    event(
        "AccessActivatedEvent",
        "An access agreement became active: it is approved and its start date has been reached",
        ACCESS,
        &[],
    ),
    event(
        "AccessDeactivatedEvent",
        "An access agreement became inactive: it was cancelled or its end date has been reached",
        ACCESS,
        &[],
    ),
    event("AccessCanceledEvent", "An access agreement was cancelled", ACCESS, &[]),
    event(
        "AccessProvisioningStartedEvent",
        "A data platform started to provision access",
        ACCESS,
        provisioning!("provisioning"),
    ),
    event(
        "AccessProvisionedEvent",
        "A data platform provisioned access",
        ACCESS,
        provisioning!("provisioned"),
    ),
    event(
        "AccessProvisioningFailedEvent",
        "A data platform failed to provision access",
        ACCESS,
        provisioning!("provisioning-failed"),
    ),
    event(
        "AccessDeprovisioningStartedEvent",
        "A data platform started to deprovision access",
        ACCESS,
        provisioning!("deprovisioning"),
    ),
    event(
        "AccessDeprovisionedEvent",
        "A data platform deprovisioned access",
        ACCESS,
        provisioning!("deprovisioned"),
    ),
    event(
        "AccessDeprovisioningFailedEvent",
        "A data platform failed to deprovision access",
        ACCESS,
        provisioning!("deprovisioning-failed"),
    ),
    event("SourceSystemCreatedEvent", "A source system was created", SYSTEM, &[]),
    event("SourceSystemUpdatedEvent", "A source system was changed", SYSTEM, &[]),
    event("SourceSystemDeletedEvent", "A source system was deleted", SYSTEM, &[]),
    event("TeamCreatedEvent", "A team was created", TEAM, &[]),
    event("TeamUpdatedEvent", "A team was changed", TEAM, &[]),
    event("TeamDeletedEvent", "A team was deleted", TEAM, &[]),
    event("DefinitionCreatedEvent", "A definition was created", DEFINITION, &[]),
    event("DefinitionUpdatedEvent", "A definition was changed", DEFINITION, &[]),
    event("DefinitionDeletedEvent", "A definition was deleted", DEFINITION, &[]),
    event("TagCreatedEvent", "A tag was created", TAG, &[]),
    event("TagUpdatedEvent", "A tag was changed", TAG, &[]),
    event("TagDeletedEvent", "A tag was deleted", TAG, &[]),
    event("AssetCreatedEvent", "An asset was created", ASSET, &[]),
    event("AssetUpdatedEvent", "An asset was changed", ASSET, &[]),
    event("AssetDeletedEvent", "An asset was deleted", ASSET, &[]),
    event("TestResultsCreatedEvent", "Test results were published", TESTS, TEST_STATUS),
    event("TestResultsDeletedEvent", "Test results were deleted", TESTS, &[]),
    older(Generation::DataContracts, "DataContractRequestedEvent", "Access was requested", OLD_CONTRACT),
    older(Generation::DataContracts, "DataContractApprovedEvent", "The request was approved", OLD_CONTRACT),
    older(Generation::DataContracts, "DataContractRejectedEvent", "The request was rejected", OLD_CONTRACT),
    older(
        Generation::DataContracts,
        "DataContractActivatedEvent",
        "An agreement became active",
        OLD_CONTRACT,
    ),
    older(
        Generation::DataContracts,
        "DataContractDeactivatedEvent",
        "An agreement became inactive",
        OLD_CONTRACT,
    ),
    older(Generation::DataContracts, "DataContractCanceledEvent", "An agreement was cancelled", OLD_CONTRACT),
    older(
        Generation::DataUsageAgreements,
        "DataUsageAgreementCreatedEvent",
        "An agreement was created",
        AGREEMENT,
    ),
    older(
        Generation::DataUsageAgreements,
        "DataUsageAgreementUpdatedEvent",
        "An agreement was changed",
        AGREEMENT,
    ),
    older(
        Generation::DataUsageAgreements,
        "DataUsageAgreementDeletedEvent",
        "An agreement was deleted; if it was active, it ends now",
        AGREEMENT,
    ),
    older(
        Generation::DataUsageAgreements,
        "DataUsageAgreementRequestedEvent",
        "Access was requested",
        AGREEMENT,
    ),
    older(
        Generation::DataUsageAgreements,
        "DataUsageAgreementApprovedEvent",
        "The request was approved",
        AGREEMENT,
    ),
    older(
        Generation::DataUsageAgreements,
        "DataUsageAgreementRejectedEvent",
        "The request was rejected",
        AGREEMENT,
    ),
    older(
        Generation::DataUsageAgreements,
        "DataUsageAgreementActivatedEvent",
        "An agreement became active",
        AGREEMENT,
    ),
    older(
        Generation::DataUsageAgreements,
        "DataUsageAgreementDeactivatedEvent",
        "An agreement became inactive",
        AGREEMENT,
    ),
    older(
        Generation::DataUsageAgreements,
        "DataUsageAgreementCanceledEvent",
        "An agreement was cancelled",
        AGREEMENT,
    ),
];

/// What every event on the bus has in common, including types that are not in [`EVENTS`]: the vendor may add types at any time.
pub const UNKNOWN: EventType = EventType {
    detail_type: "UnknownEvent",
    description: "Any event on the bus, including types that are not in this catalogue",
    generation: Generation::Unknown,
    subject: "object that the event is about",
    example_id: "data-scientists-2027",
    members: &[],
};
