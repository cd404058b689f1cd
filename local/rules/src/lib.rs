//! EventBridge's event patterns: tells whether a pattern matches an event and, if not, why.
//!
//! The operators are documented in
//! [EventBridge's user guide](https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-create-pattern-operators.html). This crate
//! behaves like [Event Ruler](https://github.com/aws/event-ruler), the engine that AWS publishes, also where the guide is silent
//! (arrays, fields that occur twice) or says something else: AWS answers that 300 and 300.0 are equal, and compares numbers beyond
//! 5e9. `tests/event_ruler` compares both; `tests/event_ruler/differences.rs` lists the differences that are on purpose.
//!
//! ```
//! use dmm_rules::{Event, Pattern};
//!
//! let pattern = Pattern::parse(r#"{"detail-type": [{"prefix": "Access"}], "detail": {"data": {"id": [{"exists": true}]}}}"#)?;
//! let event = Event::parse(r#"{"detail-type": "AccessActivatedEvent", "detail": {"data": {"id": "a"}}}"#)?;
//! assert!(pattern.check(&event).is_ok());
//!
//! let event = Event::parse(r#"{"detail-type": "TeamDeletedEvent", "detail": {}}"#)?;
//! let why = pattern.check(&event).unwrap_err();
//! assert_eq!(why.to_string(), "\
//!     detail-type is \"TeamDeletedEvent\", but must begin with \"Access\"\n\
//!     detail.data.id is missing, but must be present");
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! # Layout
//!
//! | module | subject |
//! | --- | --- |
//! | `json`, `number` | JSON and numbers as EventBridge reads and compares them |
//! | `pattern` | [`Pattern`]: parsed from JSON to branches of fields; errors of invalid patterns |
//! | `machine`, `complexity` | what Event Ruler makes of all branches together: which of them count, and how complex they are |
//! | `operator`, `text` | the conditions on a field's value |
//! | `numeric`, `wildcard`, `folded`, `network` | the operators that are more than a comparison |
//! | `event` | [`Event`]: an event as a list of its leaves |
//! | `verdict` | matching, and the reasons for a mismatch |

mod complexity;
mod event;
mod folded;
mod json;
mod machine;
mod network;
mod number;
mod numeric;
mod operator;
mod pattern;
mod text;
mod verdict;
mod wildcard;

pub use event::Event;
pub use pattern::{Pattern, PatternError};
pub use verdict::Mismatch;
