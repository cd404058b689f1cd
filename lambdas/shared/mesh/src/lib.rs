//! Data Mesh Manager's documents (also sold as Entropy Data), read from JSON. No I/O.
//!
//! - [`CloudEvent`]: an event of the feed, with every member as received.
//! - [`RawEvent`]: an entry of the feed before it is known to be an event; [`mod@array`] tells the entries apart.
//! - [`Agreement`], [`DataProduct`], [`DataContract`], [`Team`]: answers of the API. What is written back loses nothing.
//! - [`AgreementPage`]: a page of a list of agreements.
//! - [`ProvisioningReport`], [`Marks`]: what is written to the API about a grant.
//! - [`Connector`]: what is written to the API about this software itself.

mod agreement;
pub mod array;
mod connector;
mod contract;
pub mod custom;
mod document;
mod event;
mod hash;
pub mod json;
mod list;
mod marks;
mod members;
mod organization;
mod product;
mod provisioning;
mod raw_event;
mod server;
pub mod strict;
mod team;

pub use agreement::{
    Agreement, AgreementKind, AgreementRef, AgreementStatus, Consumer, Provider, Provisioning,
};
pub use connector::Connector;
pub use contract::{DataContract, Model};
pub use custom::CustomFields;
pub use document::DocumentError;
pub use event::{CloudEvent, EventError, EventProblem};
pub use hash::sha256_hex;
pub use list::{AgreementPage, ListEntry};
pub use marks::Marks;
pub use organization::organization;
pub use product::{DataProduct, OutputPort};
pub use provisioning::{ProvisioningReport, ProvisioningTransition};
pub use raw_event::{EventDefect, RawEvent};
pub use server::Server;
pub use team::Team;
