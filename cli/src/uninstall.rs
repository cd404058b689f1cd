//! `dmm uninstall`: revokes everything that the stack has granted, so that it can be destroyed.

use std::collections::BTreeSet;
use std::fmt;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::json;

use crate::call::failed;
use crate::cli::Uninstall;
use crate::error::CliError;
use crate::evidence::{Exported, Keeping, Stored};
use crate::functions::{invoke, variables};
use crate::pause;
use crate::plan::Failure;
use crate::stack::Stack;
use crate::terminal::{Terminal, confirm, progress, shown};

/// The environment variable with the mode of a function.
const MODE: &str = "MODE";
/// The mode in which the functions revoke everything.
const UNINSTALL: &str = "uninstall";

/// What `iam-reconcile` answers, as far as it is needed here.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Report {
    revoked: usize,
    remaining: Option<usize>,
    failed: Vec<Failure>,
    complete: bool,
    paused_until: Option<Timestamp>,
}

/// What the command prints.
#[derive(Debug, Serialize)]
pub struct Uninstalled {
    /// How many accesses were revoked.
    pub revoked: usize,
    /// How many are left.
    pub remaining: usize,
    /// What could not be revoked.
    pub failed: Vec<Failure>,
    /// The rules of others on the bus, with which AWS does not delete it.
    pub rules_of_others: BTreeSet<String>,
    /// The copy of the evidence, with what was revoked last; `None` if it is not kept.
    pub evidence: Option<Exported>,
    /// How the entries in the state bucket are locked, and until when at the latest; `None` if they are not.
    pub lock: Option<Locked>,
}

/// How the entries in the state bucket are locked.
#[derive(Debug, Serialize)]
pub struct Locked {
    /// `governance` or `compliance`.
    pub mode: String,
    /// When the last lock ends. AWS does not delete the bucket before.
    pub until: Timestamp,
}

/// Runs the command. It can be interrupted and run again.
///
/// # Errors
///
/// [`CliError::Mode`] if the functions would give access meanwhile; the errors of the calls.
pub async fn run(stack: &Stack, args: &Uninstall, terminal: &mut Terminal) -> Result<bool, CliError> {
    for function in [
        &stack.names.iam_grant_function,
        &stack.names.iam_revoke_function,
        &stack.names.iam_reconcile_function,
    ] {
        check_mode(stack, function).await?;
    }
    if let Some(pause) = pause::active(stack).await? {
        return Err(CliError::Paused { until: shown(pause.until) });
    }
    confirm("Revoke everything that this stack has granted?", args.yes)?;
    let mut done = Uninstalled {
        revoked: 0,
        remaining: 0,
        failed: Vec::new(),
        rules_of_others: rules_of_others(stack).await?,
        evidence: None,
        lock: None,
    };
    loop {
        progress(format_args!("revoking, {} so far", done.revoked));
        let run: Report = invoke(stack, &stack.names.iam_reconcile_function, &json!({})).await?;
        done.revoked += run.revoked;
        if let Some(until) = run.paused_until {
            return Err(CliError::Paused { until: shown(until) });
        }
        // The pass goes on where the run stopped; once it is complete, another one would find the same obstacles.
        if run.complete {
            done.remaining = run.remaining.unwrap_or(run.failed.len());
            done.failed = run.failed;
            break;
        }
    }
    let Keeping { retention, lock } = Keeping::of(stack).await?;
    done.lock = lock.map(|mode| Locked { mode, until: retention.kept_until(Timestamp::now()) });
    if let Some(folder) = &args.evidence {
        progress("copying the evidence");
        done.evidence = Some(Stored::read(stack).await?.kept_for(retention).copy_to(folder)?);
    }
    terminal.print(&done)?;
    Ok(done.remaining == 0 && done.rules_of_others.is_empty())
}

async fn check_mode(stack: &Stack, function: &str) -> Result<(), CliError> {
    let mode = variables(stack, function).await?.remove(MODE).unwrap_or_else(|| "unknown".to_owned());
    if mode == UNINSTALL {
        return Ok(());
    }
    Err(CliError::Mode { function: function.to_owned(), mode })
}

/// The rules on the bus that neither the stack nor AWS has made.
async fn rules_of_others(stack: &Stack) -> Result<BTreeSet<String>, CliError> {
    let prefix = format!("{}-", stack.prefix());
    let mut names = BTreeSet::new();
    let mut token = None;
    loop {
        let call = stack.events.list_rules().event_bus_name(&stack.names.bus_name).set_next_token(token);
        let page = call.send().await.map_err(failed("events:ListRules"))?;
        let others = page.rules().iter().filter(|rule| rule.managed_by().is_none());
        names.extend(
            others
                .filter_map(|rule| rule.name())
                .filter(|name| !name.starts_with(&prefix))
                .map(str::to_owned),
        );
        token = page.next_token;
        if token.is_none() {
            return Ok(names);
        }
    }
}

impl fmt::Display for Uninstalled {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Uninstalled { revoked, remaining, failed, rules_of_others, evidence, lock } = self;
        writeln!(formatter, "{revoked} revoked, {remaining} remaining.")?;
        for Failure { agreement, reason } in failed {
            writeln!(formatter, "! {agreement}: {reason}")?;
        }
        for rule in rules_of_others {
            writeln!(
                formatter,
                "! The rule {rule} on the bus is not the stack's: destroy the extension that it belongs to."
            )?;
        }
        if let Some(evidence) = evidence {
            evidence.fmt(formatter)?;
        }
        if *remaining == 0 && rules_of_others.is_empty() {
            writeln!(formatter, "The stack can be destroyed.")?;
        }
        match lock {
            Some(Locked { mode, until }) if mode == "compliance" => writeln!(
                formatter,
                "The evidence in the state bucket is locked until {}, and nobody can delete the bucket before: \
                 docs/operate.md (Uninstall) shows how to destroy the rest.",
                shown(*until)
            ),
            Some(Locked { until, .. }) => writeln!(
                formatter,
                "The evidence in the state bucket is locked until {}: whoever destroys the stack before needs \
                 s3:BypassGovernanceRetention.",
                shown(*until)
            ),
            None => Ok(()),
        }
    }
}
