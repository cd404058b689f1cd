//! The documentation says what the code and the deployed stack say.

#![expect(clippy::unwrap_used, clippy::panic, reason = "helpers of tests: a failure here is the test's")]

mod alarms;
mod prices;
mod references;
mod security;
mod telemetry;

use dmm_docs_test::files;
use dmm_docs_test::markdown::Document;

/// Every Markdown file of the repository.
fn documents() -> Vec<Document> {
    files(".", &[".md"]).iter().map(|path| Document::read(path)).collect()
}
