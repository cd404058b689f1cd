//! The function `iam-reconcile`: compares all agreements with IAM and repairs drift, including drift that produces no event.
//!
//! A schedule invokes it every hour, and anybody who may can invoke it by hand:
//!
//! ```json
//! { "dry_run": true }
//! ```
//!
//! This changes nothing and answers with what would be changed. [`dmm_converge::reconcile::Request`] lists all members of the
//! payload; the answer is a [`dmm_converge::reconcile::Report`]. [`dmm_converge::reconcile`] says what a run goes through and
//! what it cannot find.

mod handler;

pub use handler::ReconcileHandler;
