//! The page of `dmm console`, over a stack that it reaches through AWS's interfaces only.

use std::sync::Arc;

use dmm::cli::Which;
use dmm::console::Deployed;
use dmm_console::Console;
use dmm_simulator::AgreementKind;

use crate::accessibility::assert_accessible;
use crate::browser::{Chromium, TIMEOUT};
use crate::{row, running};

#[tokio::test(flavor = "multi_thread")]
async fn the_page_of_a_deployed_stack_counts_what_passes_each_stage_and_shows_traces() {
    let Some(chromium) = Chromium::start().await else { return };
    let running = running().await;
    let id = "order-stream-for-campaigns";
    running.stack.world().unwrap().approve(AgreementKind::Access, id).unwrap();
    running.stack.poll(TIMEOUT).await.unwrap();
    let which = Which { control: Some(running.control.url().to_owned()), ..Which::default() };
    let deployed = Deployed::start(dmm::stack::Stack::find(&which).await.unwrap());
    let console = Console::start(Arc::new(deployed), 0).await.unwrap();
    let tab = &chromium;
    tab.go(console.url()).await;
    tab.wait_for("#stack", "read-only").await;
    // A line of a log may be found only with the next reading.
    tab.wait("/iam-grant: [1-9][0-9]* /.test(document.querySelector('#stages').innerText)").await;
    tab.wait("/router: [1-9][0-9]* /.test(document.querySelector('#stages').innerText)").await;
    tab.wait("/IAM: [1-9][0-9]* 1 policy/.test(document.querySelector('#stages').innerText)").await;
    tab.wait_for("#counted", "Counted since ").await;

    let agreement = row(&format!("access/{id}"));
    tab.wait_for(&agreement, "Access granted").await;
    tab.click(&format!("{agreement} .details")).await;
    tab.wait_for("#detail-traces", "AccessActivatedEvent").await;
    tab.wait_for(".waterfall", "IAM PutRolePolicy").await;
    tab.wait_for(".waterfall", "granted on the role ").await;
    assert_accessible(tab).await;
    assert_eq!(tab.problems().await, Vec::<String>::new());
    chromium.close().await;
}
