//! EventBridge's event patterns: tells whether a pattern matches an event and, if not, why.
//!
//! The operators are documented in
//! [EventBridge's user guide](https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-create-pattern-operators.html). Where
//! the guide is silent (arrays, validation of patterns, fields that occur twice), this crate behaves like
//! [Event Ruler](https://github.com/aws/event-ruler), the engine that AWS published.
//!
//! ```
//! use dmm_rules::Pattern;
//! use serde_json::json;
//!
//! let pattern = Pattern::parse(r#"{"detail-type": [{"prefix": "Access"}], "detail": {"data": {"id": [{"exists": true}]}}}"#)?;
//! assert!(pattern.check(&json!({"detail-type": "AccessActivatedEvent", "detail": {"data": {"id": "a"}}})).is_ok());
//!
//! let why = pattern.check(&json!({"detail-type": "TeamDeletedEvent", "detail": {}})).unwrap_err();
//! assert_eq!(why.to_string(), "\
//!     detail-type is \"TeamDeletedEvent\", but must begin with \"Access\"\n\
//!     detail.data.id is missing, but must be present");
//! # Ok::<(), dmm_rules::PatternError>(())
//! ```
//!
//! # Layout
//!
//! | module | subject |
//! | --- | --- |
//! | `pattern` | [`Pattern`]: parsed from JSON to branches of fields; errors of invalid patterns |
//! | `operator` | the conditions on a field's value |
//! | `numeric`, `wildcard`, `network` | the operators that are more than a comparison |
//! | `event` | an event as a list of its leaves |
//! | `verdict` | matching, and the reasons for a mismatch |

mod event;
mod network;
mod numeric;
mod operator;
mod pattern;
mod verdict;
mod wildcard;

pub use pattern::{Pattern, PatternError};
pub use verdict::Mismatch;
