//! JSON Schemas for the events on the bus and for the custom fields, with an example of each.
//!
//! The [catalogue](EVENTS) and the [kinds of ports](PORTS) are the only sources: all files in this folder, and a part of
//! `docs/custom-fields.md`, are generated from them.
//!
//! ```sh
//! cargo run -p dmm-schemas                         # regenerates the files
//! cargo run -p dmm-schemas -- vendor openapi.yaml  # regenerates what tests know of the vendor's API description
//! ```
//!
//! The last command writes `tests/fixtures/vendor.json`, with the event types, and `local/simulator/src/requests.json`, with the
//! schemas of the requests that this software sends. Tests fail if a file differs from the catalogue, or if the catalogue differs from the vendor's description, from the Rust
//! types that the Lambdas read, or from the event types in the stack's rules.
//!
//! The schemas use draft 4, the version that EventBridge's schema registry accepts:
//! <https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-schema.html>.
//!
//! # Layout
//!
//! | module | subject |
//! | --- | --- |
//! | `catalogue` | every event type, and the members of its `data` |
//! | `event` | the schema and the example of an event type |
//! | `custom_fields` | the schemas and examples of the custom fields that users write |
//! | `documentation` | the generated part of `docs/custom-fields.md` |
//! | `files` | the generated files, here and in `pulumi/schemas` |
//! | `vendor` | reads event types and members from the vendor's API description |

mod catalogue;
mod custom_fields;
mod documentation;
mod event;
mod files;
mod vendor;

pub use catalogue::{EVENTS, EventType, Generation, Member, UNKNOWN};
pub use custom_fields::{CUSTOM_FIELDS, CustomFields, Field, Names, Need, PORTS, Port};
pub use documentation::{DOCUMENT, DocumentationError, documentation};
pub use event::{SOURCE, example, schema};
pub use files::{File, files};
pub use vendor::{VendorError, requests, vendor};

use serde_json::Value;

/// Returns an example of every event in the catalogue, as a rule's target receives it, with its type. Used to try out event
/// patterns.
#[must_use]
pub fn samples() -> Vec<(&'static str, Value)> {
    EVENTS.iter().chain([&UNKNOWN]).map(|event| (event.detail_type, example(event))).collect()
}
