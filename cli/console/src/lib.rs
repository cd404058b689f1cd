//! A page in the browser that shows a stack: its pipeline, its agreements, its policies, and what could not be processed.
//!
//! [`Console::start`] serves the page on a port of 127.0.0.1. What it shows is a [`State`], which a [`Source`] provides and which
//! the server sends to the page as server-sent events. There are two sources: a local stack, whose agreements can be changed
//! ([`Control`]), and a deployed one, which is only read.
//!
//! The page is for the person who started the program, and for nobody else:
//!
//! - Its URL contains a random token, without which every request is answered with 404.
//! - The `Host` of a request must be this server, so that another site cannot reach it under a name of its own (DNS rebinding).
//! - A browser's request must come from the page itself (`Origin`, `Sec-Fetch-Site`).
//! - The content security policy permits no inline code, no other host and no text that is parsed as HTML.
//!
//! | module | subject |
//! | --- | --- |
//! | `model` | what the page shows |
//! | [`document`] | the statements and rights of a policy |
//! | [`words`] | a policy in words |
//! | [`changes`] | how a policy has changed |
//! | `source` | where the data comes from |
//! | `guard` | which requests are answered |
//! | `server` | the routes and the files of the page |

pub mod changes;
pub mod document;
mod guard;
mod model;
mod server;
mod source;
pub mod words;

pub use model::{
    Action, Agreement, AgreementId, AgreementState, Explanation, Finding, Flow, Happened, Happening, Health,
    Held, Letter, Letters, Level, NamedResource, Policy, Role, Span, Stage, State, Trace,
};
pub use server::{Console, ConsoleError};
pub use source::{Control, Problem, Source};
