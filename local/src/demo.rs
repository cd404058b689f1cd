//! The demonstration: agreements become active, their policies appear; they end, and nothing is left over.

use std::collections::BTreeMap;
use std::fmt;
use std::time::{Duration, Instant};

use dmm_simulator::{AgreementRef, Ending, ExpectedOutcome, Landscape, ScriptedAgreement, WorldHandle};
use serde::Serialize;
use serde_json::Value;

use crate::cli::Demo;
use crate::demo_table::DemoTable;
use crate::error::StackError;
pub use crate::event_counts::EventCounts;
use crate::journal::Journal;
use crate::progress::Progress;
use crate::stack::Stack;
use crate::traces;
use crate::view::Standing;

/// How long the demonstration waits for something before it says that it did not happen.
const PATIENCE: Duration = Duration::from_mins(5);
/// How many times faster than in AWS the demonstration's waits pass: the feed is polled every second.
pub(crate) const SPEED: u32 = 60;

/// What happened, read from the emulated AWS.
#[derive(Debug, Serialize)]
pub struct Report {
    /// The events' way.
    pub events: EventCounts,
    /// What stood in IAM while the agreements were active.
    pub granted: Vec<Granted>,
    /// What was taken back of it.
    pub revoked: Vec<Revoked>,
    /// Policies of ours that stand though no agreement asks for them.
    pub left_over: Vec<Standing>,
    /// Messages in the dead-letter and failure queues.
    pub dead_letters: usize,
    /// Events that could not be sent.
    pub quarantined: usize,
    /// The first trace in which access was given; none without telemetry.
    pub trace: Option<ShownTrace>,
    /// How long it took, without building and starting.
    pub seconds: f64,
}

/// A trace, as it is shown.
#[derive(Debug, Serialize)]
pub struct ShownTrace {
    /// Its id, as X-Ray writes it.
    pub id: String,
    /// The spans under each other.
    pub waterfall: String,
}

/// A policy that stood while its agreement was active.
#[derive(Clone, Debug, Serialize)]
pub struct Granted {
    /// The agreement's id.
    pub agreement: String,
    /// Its generation.
    pub kind: String,
    /// The consumer's role.
    pub role: String,
    /// The policy's name.
    pub policy_name: String,
    /// The policy document.
    pub document: Value,
}

/// A policy that was taken back.
#[derive(Debug, Serialize)]
pub struct Revoked {
    /// The agreement's id.
    pub agreement: String,
    /// The consumer's role.
    pub role: String,
    /// The policy's name.
    pub policy_name: String,
}

impl Report {
    /// Whether everything went as the script says.
    #[must_use]
    pub fn is_clean(&self) -> bool {
        self.left_over.is_empty() && self.dead_letters == 0 && self.granted.len() == self.revoked.len()
    }
}

/// Runs the demonstration on a stack that it starts.
///
/// # Errors
///
/// [`StackError`] when the stack does not start, or something does not happen that should.
pub async fn run(args: &Demo) -> Result<Report, StackError> {
    let progress = Progress::detect();
    let landscape = Landscape::sample();
    let script = landscape.script().agreements.clone();
    let mut options = args.common.options(&landscape, SPEED, progress);
    let (traces, events) = args.common.artifact_files()?;
    options.traces = Some(traces);
    let stack = Stack::start(options).await?;
    let mut journal = Journal::start(events, &stack)?;
    let started = Instant::now();
    let world = stack.world().ok_or(StackError::NoSimulator)?;

    let step = progress.step("Reading the feed's history");
    let history = world.events().len();
    stack.settled(PATIENCE).await?;
    step.done(&format!("{history} earlier events went through the queue and the bus"));

    activate(&stack, &world, &script, progress).await?;
    let granted = granted(&stack).await?;
    if !args.json {
        show(&granted);
    }

    end(&stack, &world, &script, &granted, progress).await?;
    let report = report(&stack, granted, started).await?;
    if let (Some(trace), false) = (&report.trace, args.json) {
        println!("\nThe way of one event:\n\n{}", trace.waterfall);
    }
    journal.catch_up()?;
    stack.stop().await;
    Ok(report)
}

async fn activate(
    stack: &Stack,
    world: &WorldHandle,
    script: &[ScriptedAgreement],
    progress: Progress,
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
        return Err(stack.waited(PATIENCE, format!("nothing came of \"{title}\"")));
    }
    stack.settled(PATIENCE).await
}

async fn end(
    stack: &Stack,
    world: &WorldHandle,
    script: &[ScriptedAgreement],
    granted_before: &[Granted],
    progress: Progress,
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
            let standing = stack.view().standing().await?;
            for (index, scripted) in ended.iter().enumerate() {
                let stands = granted_before
                    .iter()
                    .filter(|granted| is_of(granted, &scripted.agreement))
                    .any(|granted| standing.iter().any(|found| is_same(found, granted)));
                if !stands {
                    table.settle(index, '✓', "taken back");
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

/// The policies that stand, each with the agreement that its grant record names.
async fn granted(stack: &Stack) -> Result<Vec<Granted>, StackError> {
    let records = stack.view().grant_records().await?;
    let text =
        |record: &Value, pointer: &str| record.pointer(pointer).and_then(Value::as_str).map(str::to_owned);
    let owners: BTreeMap<(String, String), (String, String)> = records
        .values()
        .filter_map(|record| {
            let place = (text(record, "/granted/role")?, text(record, "/granted/policy")?);
            Some((place, (text(record, "/agreement/kind")?, text(record, "/agreement/id")?)))
        })
        .collect();
    let standing = stack.view().standing().await?;
    Ok(standing
        .into_iter()
        .filter_map(|Standing { role, policy_name, document }| {
            let (kind, agreement) = owners.get(&(role.clone(), policy_name.clone()))?.clone();
            Some(Granted { agreement, kind, role, policy_name, document })
        })
        .collect())
}

async fn report(stack: &Stack, granted: Vec<Granted>, started: Instant) -> Result<Report, StackError> {
    let standing = stack.view().standing().await?;
    let revoked = granted
        .iter()
        .filter(|granted| !standing.iter().any(|found| is_same(found, granted)))
        .map(|granted| Revoked {
            agreement: granted.agreement.clone(),
            role: granted.role.clone(),
            policy_name: granted.policy_name.clone(),
        })
        .collect();
    Ok(Report {
        events: EventCounts::of(stack),
        granted,
        revoked,
        left_over: standing,
        dead_letters: stack.view().dead_letters().await?.values().sum(),
        quarantined: stack.view().quarantined().await?.len(),
        trace: traces::first_grant(stack.collector().store())
            .map(|trace| ShownTrace { id: trace.xray_id(), waterfall: traces::waterfall(&trace) }),
        seconds: started.elapsed().as_secs_f64(),
    })
}

/// Why an agreement was refused, as Data Mesh Manager was told.
fn refusal(world: &WorldHandle, agreement: &AgreementRef) -> Option<String> {
    let reported = world.agreement(agreement.kind, &agreement.id)?;
    ["/provisioning/diagnostics", "/custom/aws-integration-error"]
        .iter()
        .find_map(|pointer| reported.pointer(pointer).and_then(Value::as_str))
        .map(str::to_owned)
}

fn is_of(granted: &Granted, agreement: &AgreementRef) -> bool {
    granted.kind == agreement.kind.as_str() && granted.agreement == agreement.id
}

fn is_same(standing: &Standing, granted: &Granted) -> bool {
    standing.role == granted.role && standing.policy_name == granted.policy_name
}

fn titles(script: &[ScriptedAgreement]) -> Vec<String> {
    script.iter().map(|scripted| scripted.title.clone()).collect()
}

fn show(granted: &[Granted]) {
    println!("\nWhat stands in IAM:");
    for Granted { agreement, kind, role, policy_name, document } in granted {
        println!("\n  {policy_name} on the role {role} ({kind} {agreement})");
        for statement in document.get("Statement").and_then(Value::as_array).into_iter().flatten() {
            println!("    {} on {}", texts(statement.get("Action")), texts(statement.get("Resource")));
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

impl fmt::Display for Report {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.left_over.is_empty() {
            writeln!(formatter, "What stands in IAM now: nothing of it is left.\n")?;
        } else {
            writeln!(formatter, "What stands in IAM now, though no agreement asks for it:")?;
            for Standing { role, policy_name, .. } in &self.left_over {
                writeln!(formatter, "  {policy_name} on the role {role}")?;
            }
            writeln!(formatter)?;
        }
        let EventCounts { polled, queued, published } = self.events;
        write!(
            formatter,
            "{polled} events polled, {queued} queued, {published} published; {} policies granted, {} taken back; {} dead \
             letters, {} quarantined; {:.1} s",
            self.granted.len(),
            self.revoked.len(),
            self.dead_letters,
            self.quarantined,
            self.seconds,
        )
    }
}
