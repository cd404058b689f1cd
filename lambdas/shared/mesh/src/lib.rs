//! Data Mesh Manager's documents (also sold as Entropy Data), read from JSON. No I/O.
//!
//! - [`CloudEvent`]: one event of the feed, with every member as received.
//! - [`Agreement`], [`DataProduct`], [`Team`]: what the API answers, read without losing anything that is written back.
//! - [`AgreementPage`]: one page of a list of agreements.
//! - [`ProvisioningReport`]: what the API is told about a grant.

mod agreement;
mod event;
pub mod json;
mod list;
mod product;
mod provisioning;
mod team;

pub use agreement::{Agreement, AgreementKind, AgreementRef, Consumer, Provider, Provisioning, with_marks};
pub use event::{CloudEvent, EventError, EventProblem};
pub use list::AgreementPage;
pub use product::{DataProduct, OutputPort};
pub use provisioning::{ProvisioningReport, ProvisioningTransition};
pub use team::Team;
