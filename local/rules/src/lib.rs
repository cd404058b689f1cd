//! Event patterns of EventBridge: whether one matches an event, and if not, why.
//!
//! The operators are those of
//! [EventBridge's user guide](https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-create-pattern-operators.html). Where
//! it is silent (arrays, the checks of a pattern, fields named twice), this does what
//! [Event Ruler](https://github.com/aws/event-ruler) does, the engine that AWS published.
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
//! | `pattern` | [`Pattern`]: from its JSON text to branches of fields, and the error of an invalid one |
//! | `operator` | what a field's value must be |
//! | `numeric`, `wildcard`, `network` | the operators that need more than a comparison |
//! | `event` | an event as its leaves |
//! | `verdict` | matching, and the reasons against it |

mod event;
mod network;
mod numeric;
mod operator;
mod pattern;
mod verdict;
mod wildcard;

pub use pattern::{Pattern, PatternError};
pub use verdict::Mismatch;
