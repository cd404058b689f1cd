//! Every type of event, and what its `data` holds.

/// A type of event.
#[derive(Clone, Copy, Debug)]
pub struct EventType {
    /// `detail-type` on the bus: the vendor's type after its last dot.
    pub detail_type: &'static str,
    /// What happened.
    pub description: &'static str,
    /// Whether the feed still has new ones.
    pub generation: Generation,
    /// What `data.id` is the id of.
    pub subject: &'static str,
    /// The id in the example.
    pub example_id: &'static str,
    /// Members of `data` beside `id` and `timestamp`.
    pub members: &'static [Member],
}

/// Since when, or until when, the vendor's feed has events of a type.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Generation {
    /// The feed of today has them.
    Today,
    /// Only a feed that is read from its beginning has them: agreements were called data contracts until 2023-09.
    DataContracts,
    /// The same: agreements were called data usage agreements until accesses came.
    DataUsageAgreements,
    /// A type that this software does not know.
    Unknown,
}

/// A member of `data`.
#[derive(Clone, Copy, Debug)]
pub struct Member {
    /// Its name.
    pub name: &'static str,
    /// What it says.
    pub description: &'static str,
    /// Whether every event of the type has it.
    pub required: bool,
    /// Its value in the example.
    pub example: &'static str,
}

const OUTPUT_PORT: &[Member] = &[Member {
    name: "outputPortId",
    description: "The id of the output port",
    required: true,
    example: "orders-events-v1",
}];

const TEST_STATUS: &[Member] =
    &[Member { name: "status", description: "The status of the tests", required: false, example: "passed" }];

const PLATFORM: Member = Member {
    name: "platform",
    description: "The data platform that the reporting component named",
    required: false,
    example: "aws",
};

/// `data` of an event about provisioning, its example with this status.
macro_rules! provisioning {
    ($status:literal) => {
        &[
            Member {
                name: "status",
                description: "The status of the provisioning from now on",
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
const ACCESS: (&str, &str) = ("access", "640864de-83d4-4619-afba-ccea8037ed3a");
const SYSTEM: (&str, &str) = ("source system", "shop-backend");
const TEAM: (&str, &str) = ("team", "marketing");
const DEFINITION: (&str, &str) = ("definition", "shop/order-id");
const TAG: (&str, &str) = ("tag", "reviewed");
const ASSET: (&str, &str) = ("asset", "glue:fulfillment.stock_levels");
const TESTS: (&str, &str) = ("test results", "2f0720d5-e7b2-4b83-90d3-421fda9be54b");
const OLD_CONTRACT: (&str, &str) =
    ("agreement, then called a data contract", "c9f0a2d4-6f0e-4c39-8a53-0a7b53a4d1f7");
const AGREEMENT: (&str, &str) =
    ("agreement, then called a data usage agreement", "8c2f40f1-1f0e-4a58-b7a6-64a3a8b5c0de");

/// Every type that this software knows: those of the vendor's feed of today, then the older generations of agreements.
pub const EVENTS: &[EventType] = &[
    event("DataProductCreatedEvent", "A data product was created", PRODUCT, &[]),
    event("DataProductUpdatedEvent", "A data product was changed", PRODUCT, &[]),
    event("DataProductDeletedEvent", "A data product was deleted", PRODUCT, &[]),
    event("OutputPortCreatedEvent", "An output port of a data product was created", PRODUCT, OUTPUT_PORT),
    event("OutputPortUpdatedEvent", "An output port of a data product was changed", PRODUCT, OUTPUT_PORT),
    event("OutputPortDeletedEvent", "An output port of a data product was deleted", PRODUCT, OUTPUT_PORT),
    event(
        "DataContractCreatedEvent",
        "A data contract was created; until 2023-09, an agreement",
        CONTRACT,
        &[],
    ),
    event(
        "DataContractUpdatedEvent",
        "A data contract was changed; until 2023-09, an agreement",
        CONTRACT,
        &[],
    ),
    event(
        "DataContractDeletedEvent",
        "A data contract was deleted; until 2023-09, an agreement",
        CONTRACT,
        &[],
    ),
    event("AccessCreatedEvent", "An access was created", ACCESS, &[]),
    event("AccessUpdatedEvent", "An access was changed", ACCESS, &[]),
    event("AccessDeletedEvent", "An access was deleted; an active one ends with it", ACCESS, &[]),
    event("AccessRequestedEvent", "Somebody asked for access", ACCESS, &[]),
    event("AccessApprovedEvent", "A request for access was approved", ACCESS, &[]),
    event("AccessRejectedEvent", "A request for access was rejected", ACCESS, &[]),
    event(
        "AccessActivatedEvent",
        "An access stands from now on: approved, and its start date is reached",
        ACCESS,
        &[],
    ),
    event(
        "AccessDeactivatedEvent",
        "An access stands no more: cancelled, or its end date is reached",
        ACCESS,
        &[],
    ),
    event("AccessCanceledEvent", "An access was cancelled", ACCESS, &[]),
    event(
        "AccessProvisioningStartedEvent",
        "A platform began to give an access",
        ACCESS,
        provisioning!("provisioning"),
    ),
    event("AccessProvisionedEvent", "A platform has given an access", ACCESS, provisioning!("provisioned")),
    event(
        "AccessProvisioningFailedEvent",
        "A platform could not give an access",
        ACCESS,
        provisioning!("provisioning-failed"),
    ),
    event(
        "AccessDeprovisioningStartedEvent",
        "A platform began to take an access back",
        ACCESS,
        provisioning!("deprovisioning"),
    ),
    event(
        "AccessDeprovisionedEvent",
        "A platform has taken an access back",
        ACCESS,
        provisioning!("deprovisioned"),
    ),
    event(
        "AccessDeprovisioningFailedEvent",
        "A platform could not take an access back",
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
    event("TestResultsCreatedEvent", "Results of tests were published", TESTS, TEST_STATUS),
    event("TestResultsDeletedEvent", "Results of tests were deleted", TESTS, &[]),
    older(Generation::DataContracts, "DataContractRequestedEvent", "Somebody asked for access", OLD_CONTRACT),
    older(Generation::DataContracts, "DataContractApprovedEvent", "A request was approved", OLD_CONTRACT),
    older(Generation::DataContracts, "DataContractRejectedEvent", "A request was rejected", OLD_CONTRACT),
    older(
        Generation::DataContracts,
        "DataContractActivatedEvent",
        "An agreement stands from now on",
        OLD_CONTRACT,
    ),
    older(
        Generation::DataContracts,
        "DataContractDeactivatedEvent",
        "An agreement stands no more",
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
        "An agreement was deleted; an active one ends with it",
        AGREEMENT,
    ),
    older(
        Generation::DataUsageAgreements,
        "DataUsageAgreementRequestedEvent",
        "Somebody asked for access",
        AGREEMENT,
    ),
    older(
        Generation::DataUsageAgreements,
        "DataUsageAgreementApprovedEvent",
        "A request was approved",
        AGREEMENT,
    ),
    older(
        Generation::DataUsageAgreements,
        "DataUsageAgreementRejectedEvent",
        "A request was rejected",
        AGREEMENT,
    ),
    older(
        Generation::DataUsageAgreements,
        "DataUsageAgreementActivatedEvent",
        "An agreement stands from now on",
        AGREEMENT,
    ),
    older(
        Generation::DataUsageAgreements,
        "DataUsageAgreementDeactivatedEvent",
        "An agreement stands no more",
        AGREEMENT,
    ),
    older(
        Generation::DataUsageAgreements,
        "DataUsageAgreementCanceledEvent",
        "An agreement was cancelled",
        AGREEMENT,
    ),
];

/// What holds of every event on the bus, also of a type that is not in [`EVENTS`]: the vendor may add one any day.
pub const UNKNOWN: EventType = EventType {
    detail_type: "UnknownEvent",
    description: "Any event of the bus, also of a type that this software does not know",
    generation: Generation::Unknown,
    subject: "thing that the event is about",
    example_id: "data-scientists-2027",
    members: &[],
};
