//! The demonstration: agreements are approved, their policies appear, the agreements end, and no policy is left.

use std::sync::Arc;
use std::time::{Duration, Instant};

use dmm_console::Console;
use dmm_simulator::{AgreementRef, Ending, ExpectedOutcome, Landscape, ScriptedAgreement, WorldHandle};
use serde_json::Value;
use tokio::task::JoinHandle;

use crate::cli::Demo;
use crate::control::{Control, StackInfo};
use crate::demo_table::DemoTable;
use crate::error::StackError;
pub use crate::event_counts::EventCounts;
use crate::gateway::Gateway;
use crate::journal::Journal;
use crate::output::out;
use crate::page::{LocalSource, Observer};
use crate::progress::ProgressDisplay;
use crate::stack::Stack;

mod report;

pub use report::{DemoReport, Granted, Refused, Revoked, ShownTrace};
use report::{granted, is_same, refusal, refused, report};

/// How long the demonstration waits for a condition before it fails.
const PATIENCE: Duration = Duration::from_mins(5);
/// How many times faster than in AWS the stack's waits pass: the feed is polled every second.
pub(crate) const SPEED: u32 = 60;

/// Starts a stack and runs the demonstration on it.
///
/// # Errors
///
/// [`StackError`] if the stack does not start or an expected condition is not met in time.
pub async fn run(args: &Demo) -> Result<DemoReport, StackError> {
    let progress = ProgressDisplay::detect();
    let landscape = Landscape::sample();
    let script = landscape.script().agreements.clone();
    let mut options = args.common.options(&landscape, SPEED, progress);
    let (traces, events) = args.common.artifact_files()?;
    options.traces = Some(traces);
    let stack = Stack::start(options).await?;
    let page = if args.common.open {
        Some(Page::open(&stack, args.common.page_port, progress).await?)
    } else {
        None
    };
    let mut journal = Journal::start(events, &stack)?;
    let started = Instant::now();
    let world = stack.world().ok_or(StackError::NoSimulator)?;

    let step = progress.step("Processing the feed's history");
    let history = world.events().len();
    stack.settled(PATIENCE).await?;
    step.done(&format!("{history} past events passed the queue and the bus"));

    activate(&stack, &world, &script, progress).await?;
    let granted = granted(&stack).await?;
    let refused = refused(&world, &script);
    if !args.json {
        show(&granted);
    }

    end(&stack, &world, &script, &granted, progress).await?;
    let report = report(&stack, granted, refused, started).await?;
    if let (Some(trace), false) = (&report.trace, args.json) {
        out!("\nThe trace of one event:\n\n{}", trace.waterfall);
    }
    journal.catch_up()?;
    if let Some(page) = page {
        progress.line(&format!("\nThe page stays at {} until you press Ctrl-C.", page.console.url()));
        tokio::signal::ctrl_c().await.map_err(StackError::Signal)?;
        page.close();
    }
    stack.stop().await;
    Ok(report)
}

/// The page during the demonstration.
struct Page {
    console: Console,
    control: Control,
    _gateway: Gateway,
    looks: JoinHandle<()>,
}

impl Page {
    /// Serves the page, and opens it in the browser.
    async fn open(stack: &Stack, port: u16, progress: ProgressDisplay) -> Result<Page, StackError> {
        // Nobody answers other commands: the demonstration changes the agreements itself.
        let (control, _) = Control::start().await?;
        let gateway = Gateway::start(stack, None).await?;
        control.announce(StackInfo::of(stack, &gateway));
        let mut observer = Observer::start(stack, control.url()).await?;
        let console = Console::start(Arc::new(LocalSource::new(stack, &observer)?), port).await?;
        let looks = tokio::spawn(async move {
            let mut ticks = tokio::time::interval(Duration::from_millis(500));
            loop {
                ticks.tick().await;
                if let Err(error) = observer.look().await {
                    tracing::warn!(%error, "the page is no longer up to date");
                    return;
                }
            }
        });
        if let Err(error) = console.open() {
            progress.line(&format!("warning: {error}. The URL is {}", console.url()));
        }
        Ok(Page { console, control, _gateway: gateway, looks })
    }

    fn close(self) {
        self.looks.abort();
        self.control.stop();
    }
}

async fn activate(
    stack: &Stack,
    world: &WorldHandle,
    script: &[ScriptedAgreement],
    progress: ProgressDisplay,
) -> Result<(), StackError> {
    let mut table = DemoTable::new(progress, "Agreements are approved and become active:", &titles(script));
    for scripted in script {
        world.approve(scripted.agreement.kind, &scripted.agreement.id)?;
    }
    stack
        .wait(PATIENCE, async || {
            let granted = granted(stack).await?;
            for (index, scripted) in script.iter().enumerate() {
                match &scripted.expected {
                    ExpectedOutcome::Granted { .. } => {
                        if let Some(found) = granted.iter().find(|found| is_of(found, &scripted.agreement)) {
                            table.settle(index, '✓', &format!("{} on {}", found.policy_name, found.role));
                        }
                    }
                    ExpectedOutcome::Refused { .. } => {
                        if let Some(reason) = refusal(world, &scripted.agreement) {
                            table.settle(index, '✗', &format!("refused: {reason}"));
                        }
                    }
                }
            }
            Ok(table.waiting().is_empty())
        })
        .await?;
    if let Some(title) = table.waiting().first() {
        return Err(stack.waited(PATIENCE, format!("\"{title}\" was neither granted nor refused")));
    }
    stack.settled(PATIENCE).await
}

async fn end(
    stack: &Stack,
    world: &WorldHandle,
    script: &[ScriptedAgreement],
    granted_before: &[Granted],
    progress: ProgressDisplay,
) -> Result<(), StackError> {
    let ended: Vec<&ScriptedAgreement> = script
        .iter()
        .filter(|scripted| granted_before.iter().any(|granted| is_of(granted, &scripted.agreement)))
        .collect();
    let titles: Vec<String> = ended
        .iter()
        .map(|scripted| match scripted.ending {
            Ending::Cancelled => format!("{} (cancelled)", scripted.title),
            Ending::Deleted => format!("{} (deleted)", scripted.title),
        })
        .collect();
    let mut table = DemoTable::new(progress, "The agreements end:", &titles);
    for scripted in script {
        let AgreementRef { kind, id } = &scripted.agreement;
        match scripted.ending {
            Ending::Cancelled => world.cancel(*kind, id)?,
            Ending::Deleted => world.delete(*kind, id)?,
        }
    }
    stack
        .wait(PATIENCE, async || {
            let policies = stack.view().policies().await?;
            for (index, scripted) in ended.iter().enumerate() {
                let exists = granted_before
                    .iter()
                    .filter(|granted| is_of(granted, &scripted.agreement))
                    .any(|granted| policies.iter().any(|found| is_same(found, granted)));
                if !exists {
                    table.settle(index, '✓', "revoked");
                }
            }
            Ok(table.waiting().is_empty())
        })
        .await?;
    if let Some(title) = table.waiting().first() {
        return Err(stack.waited(PATIENCE, format!("\"{title}\" still has access")));
    }
    stack.settled(PATIENCE).await
}

fn is_of(granted: &Granted, agreement: &AgreementRef) -> bool {
    granted.kind == agreement.kind.as_str() && granted.agreement == agreement.id
}

fn titles(script: &[ScriptedAgreement]) -> Vec<String> {
    script.iter().map(|scripted| scripted.title.clone()).collect()
}

fn show(granted: &[Granted]) {
    out!("\nPolicies in IAM:");
    for Granted { agreement, kind, role, policy_name, document } in granted {
        out!("\n  {policy_name} on the role {role} ({kind} {agreement})");
        for statement in document.get("Statement").and_then(Value::as_array).into_iter().flatten() {
            out!("    {} on {}", texts(statement.get("Action")), texts(statement.get("Resource")));
        }
    }
}

fn texts(value: Option<&Value>) -> String {
    match value {
        Some(Value::String(text)) => text.clone(),
        Some(Value::Array(items)) => items.iter().filter_map(Value::as_str).collect::<Vec<_>>().join(", "),
        _ => String::new(),
    }
}
