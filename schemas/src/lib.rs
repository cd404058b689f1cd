//! The JSON Schemas of the events on the bus and of the custom fields, with an example of each.
//!
//! [`catalogue`](EVENTS) is the one source: the files of this folder follow from it.
//!
//! ```sh
//! cargo run -p dmm-schemas                       # writes the files anew
//! cargo run -p dmm-schemas -- vendor openapi.yaml  # writes tests/fixtures/vendor.json from the vendor's API description
//! ```
//!
//! A test fails while a file differs from the catalogue, and while the catalogue differs from what the vendor describes, from
//! what the Rust types of the Lambdas read, or from what the rules of the stack name.
//!
//! The schemas are of draft 4, which EventBridge's schema registry takes:
//! <https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-schema.html>.
//!
//! # Layout
//!
//! | module | subject |
//! | --- | --- |
//! | `catalogue` | every type of event, and what its `data` holds |
//! | `event` | the schema and the example of a type |
//! | `custom_fields` | the schemas and the examples of what users write |
//! | `files` | the files of this folder and of `pulumi/schemas` |
//! | `vendor` | the types and members that the vendor's API description names |

mod catalogue;
mod custom_fields;
mod event;
mod files;
mod vendor;

pub use catalogue::{EVENTS, EventType, Generation, Member, UNKNOWN};
pub use custom_fields::{CUSTOM_FIELDS, CustomFields};
pub use event::{SOURCE, example, schema};
pub use files::{File, files};
pub use vendor::{VendorError, vendor};

use serde_json::Value;

/// Every event of the catalogue as a target of a rule receives it, for trying out patterns: its type and the event.
#[must_use]
pub fn samples() -> Vec<(&'static str, Value)> {
    EVENTS.iter().chain([&UNKNOWN]).map(|event| (event.detail_type, example(event))).collect()
}
