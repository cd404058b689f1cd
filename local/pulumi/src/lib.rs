//! Evaluates a [Pulumi YAML](https://www.pulumi.com/docs/iac/languages-sdks/yaml/yaml-language-reference/) program without
//! Pulumi: config, variables, references, functions and the order of its resources. The caller creates each resource and returns
//! its outputs:
//!
//! ```
//! use dmm_pulumi::{Program, Settings};
//! use serde_json::json;
//!
//! let text = "
//! name: shop
//! runtime: yaml
//! variables:
//!   account: { fn::invoke: { function: aws:getCallerIdentity, return: accountId } }
//! resources:
//!   orders:
//!     type: aws:sqs:Queue
//!     properties: { name: '${pulumi.stack}-orders' }
//! outputs:
//!   url: ${orders.url}?account=${account}
//! ";
//! let invoke = |_token: &str, _arguments: &_| Ok(json!({ "accountId": "123456789012" }));
//! let settings = Settings { stack: "dev".to_owned(), ..Settings::default() };
//! let mut evaluation = Program::parse(text, "Pulumi.yaml".as_ref())?.evaluate(settings)?;
//! for name in evaluation.order()? {
//!     let queue = evaluation.resolve(&name, &invoke)?;
//!     assert_eq!(queue.token(), "aws:sqs:Queue");
//!     let url = format!("https://example.com/{}", queue.properties_json()["name"].as_str().unwrap_or_default());
//!     let outputs = [("id".to_owned(), json!(url)), ("url".to_owned(), json!(url))];
//!     evaluation.set_outputs(&name, outputs.into_iter().collect())?;
//! }
//! assert_eq!(evaluation.outputs(&invoke)?["url"], "https://example.com/dev-orders?account=123456789012");
//! # Ok::<(), dmm_pulumi::Error>(())
//! ```
//!
//! Language features that this crate does not support (components, `fn::stackReference`, importing resources, remote assets) are
//! rejected with an error that names them, and so is everything that the language does not define. Nothing is skipped silently.
//! It does not know the schemas of providers: only the engine checks the types of resources and of their properties.
//!
//! All numbers have 64 bits and a fraction, as in Pulumi, and a config value that looks like a number, a boolean or JSON is one,
//! whatever its key declares. The tests in `tests/engine` compare this crate with the real engine.
//! A value that is computed from a secret is a secret; see [`Value::Secret`].

mod comment;
mod config;
mod error;
mod evaluate;
mod expression;
mod function;
mod graph;
mod json;
mod number;
mod parse;
mod program;
mod reference;
mod resource;
mod to_json;
mod value;
mod yaml;

pub use error::{Error, Location};
pub use evaluate::{Evaluation, Invoke, Setting, Settings};
pub use program::Program;
pub use resource::Resource;
pub use value::{Archive, Asset, Map, Secrets, Value};
