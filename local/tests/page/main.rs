//! The page in a browser, over a stack with the real binaries. `DMM_SCREENSHOTS=docs/images` also takes the pictures of the
//! documentation.

#![expect(
    clippy::indexing_slicing,
    clippy::panic,
    clippy::unwrap_used,
    reason = "helpers of tests: a failure here is the test's"
)]

mod accessibility;
mod browser;
mod deployed;
mod story;
mod strangers;

use std::sync::Arc;
use std::time::Duration;

use dmm_console::Console;
use dmm_local::control::{Control, StackInfo};
use dmm_local::gateway::Gateway;
use dmm_local::page::{LocalSource, Observer};
use dmm_local::{Options, Stack};
use dmm_simulator::Landscape;
use tokio::task::JoinHandle;

/// The sample company on a stack, and its page.
struct Running {
    stack: Stack,
    console: Console,
    _gateway: Gateway,
    control: Control,
    looks: JoinHandle<()>,
}

impl Drop for Running {
    fn drop(&mut self) {
        self.looks.abort();
    }
}

async fn running() -> Running {
    let stack = Stack::start(Options::by_hand(Landscape::sample())).await.unwrap();
    let gateway = Gateway::start(&stack, None).await.unwrap();
    let (control, _) = Control::start().await.unwrap();
    control.announce(StackInfo::of(&stack, &gateway));
    let mut observer = Observer::start(&stack, control.url()).await.unwrap();
    let source = LocalSource::new(&stack, &observer).unwrap();
    let console = Console::start(Arc::new(source), 0).await.unwrap();
    stack.poll(browser::TIMEOUT).await.unwrap();
    let looks = tokio::spawn(async move {
        let mut ticks = tokio::time::interval(Duration::from_millis(200));
        loop {
            ticks.tick().await;
            observer.look().await.unwrap();
        }
    });
    Running { stack, console, _gateway: gateway, control, looks }
}

/// The selector of a row.
fn row(agreement: &str) -> String {
    format!("#agreement-list > li[data-key=\"{agreement}\"]")
}
