//! Lambda on one machine: runs functions' binaries behind the Runtime API, and everything that invokes them.
//!
//! # Layout
//!
//! | module | subject |
//! | --- | --- |
//! | `service` | [`FunctionService`]: the functions, who may invoke them, their concurrency |
//! | `environment` | one execution environment: a process and its time limit |
//! | `runtime_api` | what the process talks to |
//! | `asynchronous` | invocation of the type Event: retries, age, on-failure destination |
//! | `mapping` | event source mapping of an SQS queue |
//! | `target` | targets of event rules: functions and API destinations |
//! | `webhook` | one request to an API destination |
//! | `schedule` | event rules with a rate |
//! | `speed` | how fast the waits of all these pass |
//! | `trace` | X-Ray's header and segments |

mod asynchronous;
mod config;
mod environment;
mod error;
mod functions;
mod mapping;
mod runtime_api;
mod schedule;
mod service;
mod speed;
mod sqs_event;
mod target;
mod trace;
mod webhook;

pub use config::{AsyncConfig, FunctionConfig, Permission, Settings};
pub use error::{FunctionError, InvokeError, ServiceError};
pub use mapping::Mapping;
pub use schedule::{Rate, RateError, Schedule};
pub use service::FunctionService;
pub use speed::Speed;
pub use target::{Receiver, RetryPolicy, RuleTarget};
pub use trace::{Segment, Tracing};
pub use webhook::{Webhook, WebhookError};
