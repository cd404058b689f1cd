//! Lambda on one machine: runs the functions' binaries behind the Runtime API, and the triggers that invoke them.
//!
//! # Layout
//!
//! | module | subject |
//! | --- | --- |
//! | `service` | [`FunctionService`]: the public interface; adds functions and starts triggers |
//! | `config` | the configuration of functions, without behaviour |
//! | `functions` | the functions: permissions, concurrency, invocation |
//! | `environment` | one execution environment: a process with a time limit |
//! | `runtime_api` | the Runtime API that the process calls |
//! | `asynchronous` | asynchronous invocation: retries, maximum age, on-failure destination |
//! | `mapping` | event source mapping for an SQS queue |
//! | `sqs_event` | the event for a batch of messages, and the batch response |
//! | `target` | targets of event rules: functions and API destinations |
//! | `webhook` | requests to API destinations |
//! | `schedule` | scheduled event rules |
//! | `speed` | scales the service's own waits |
//! | `trace` | X-Ray trace headers and segments |

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
