//! `dmm plan`: what the next comparison would change in IAM.

use std::fmt;

use dmm_console::document::{self, Right};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use crate::cli::Plan;
use crate::error::CliError;
use crate::functions::invoke;
use crate::look::Change;
use crate::stack::Stack;
use crate::terminal::{Terminal, confirm, progress, shown};

/// How many lines the text has about one policy.
const LINES: usize = 12;

/// What `iam-reconcile` answers, as far as people need it. A pass may take several runs.
#[derive(Debug, Default, Deserialize, Serialize)]
#[serde(default)]
pub struct Report {
    /// How many agreements were compared.
    pub checked: usize,
    /// How often access was given or changed.
    pub granted: usize,
    /// How often access was taken away.
    pub revoked: usize,
    /// How many agreements in force get nothing.
    pub refused: usize,
    /// How many revocations wait for a second look.
    pub postponed: usize,
    /// What could not be compared.
    pub failed: Vec<Failure>,
    /// What would be changed.
    pub differences: Vec<Difference>,
    /// The policies of what would be changed, as far as the function states them.
    pub policies: Vec<PolicyDifference>,
    /// What was changed.
    pub changes: Vec<Difference>,
    /// Why nothing is taken away.
    pub brake: Option<Brake>,
    /// When the pause ends because of which the pass has stopped.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub paused_until: Option<Timestamp>,
    /// Whether the pass is complete.
    pub complete: bool,
    /// Where the next run continues.
    pub next: Option<Value>,
}

/// Something that could not be compared.
#[derive(Debug, Deserialize, Serialize)]
pub struct Failure {
    /// The agreement, record or role.
    pub agreement: String,
    /// Why.
    pub reason: String,
}

/// A difference between IAM and what should exist.
#[derive(Debug, Deserialize, Serialize)]
pub struct Difference {
    /// The agreement.
    pub agreement: String,
    /// What would be done.
    #[serde(flatten)]
    pub change: Change,
}

/// How a policy would be changed.
#[derive(Debug, Deserialize, Serialize)]
pub struct PolicyDifference {
    /// The role.
    pub role: String,
    /// The policy.
    pub policy: String,
    /// What it permits now; `None` if it does not exist.
    pub before: Option<Value>,
    /// What it would permit; `None` if it would not exist.
    pub after: Option<Value>,
}

/// The brake stopped the pass before it took anything away.
#[derive(Debug, Deserialize, Serialize)]
pub struct Brake {
    /// What confirms these revocations.
    pub digest: String,
    /// How many are allowed.
    pub limit: usize,
    /// What would be taken away.
    pub revocations: Vec<Revocation>,
}

/// An agreement that would lose its access.
#[derive(Debug, Deserialize, Serialize)]
pub struct Revocation {
    /// The agreement.
    pub agreement: String,
    /// Why.
    pub reason: String,
}

impl Report {
    /// Whether nothing has kept the pass from being whole.
    pub(crate) fn is_done(&self) -> bool {
        self.failed.is_empty() && self.brake.is_none() && self.paused_until.is_none()
    }

    /// Adds what a later run of the same pass found.
    fn add(&mut self, later: Report) {
        self.checked += later.checked;
        self.granted += later.granted;
        self.revoked += later.revoked;
        self.refused += later.refused;
        self.postponed += later.postponed;
        self.failed.extend(later.failed);
        self.differences.extend(later.differences);
        self.policies.extend(later.policies);
        self.changes.extend(later.changes);
        self.brake = later.brake;
        self.paused_until = later.paused_until;
        self.complete = later.complete;
        self.next = later.next;
    }
}

/// Runs the command.
///
/// # Errors
///
/// [`CliError`].
pub async fn run(stack: &Stack, args: &Plan, terminal: &mut Terminal) -> Result<bool, CliError> {
    let plan = Planned { report: dry_run(stack).await? };
    terminal.print(&plan)?;
    if !args.apply {
        return Ok(plan.report.failed.is_empty() && plan.report.brake.is_none());
    }
    if plan.report.differences.is_empty() {
        return Ok(plan.report.failed.is_empty());
    }
    confirm("Carry out these changes?", args.yes)?;
    let payload = args.confirm.as_ref().map_or_else(|| json!({}), |digest| json!({ "confirm": digest }));
    let applied = Applied { report: pass(stack, payload).await? };
    terminal.print(&applied)?;
    Ok(applied.report.is_done())
}

/// A whole dry run, from the beginning.
async fn dry_run(stack: &Stack) -> Result<Report, CliError> {
    let mut report = Report::default();
    let mut payload = json!({ "dry_run": true });
    loop {
        progress(format_args!("comparing, {} agreements so far", report.checked));
        let run: Report = invoke(stack, &stack.names.iam_reconcile_function, &payload).await?;
        report.add(run);
        match &report.next {
            Some(next) if !report.complete => payload = json!({ "dry_run": true, "from": next }),
            _ => return Ok(report),
        }
    }
}

/// A whole pass that carries out what it finds. It continues by itself where the last run stopped.
pub(crate) async fn pass(stack: &Stack, mut payload: Value) -> Result<Report, CliError> {
    let mut report = Report::default();
    loop {
        progress(format_args!("changing, {} agreements so far", report.checked));
        let run: Report = invoke(stack, &stack.names.iam_reconcile_function, &payload).await?;
        report.add(run);
        if report.complete || report.brake.is_some() || report.paused_until.is_some() {
            return Ok(report);
        }
        payload = json!({});
    }
}

/// What `plan` prints.
#[derive(Debug, Serialize)]
#[serde(transparent)]
struct Planned {
    report: Report,
}

/// What `plan --apply` prints after the changes.
#[derive(Debug, Serialize)]
#[serde(transparent)]
pub(crate) struct Applied {
    pub(crate) report: Report,
}

/// What keeps a pass from being whole.
fn obstacles(report: &Report, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
    for Failure { agreement, reason } in &report.failed {
        writeln!(formatter, "! {agreement}: {reason}")?;
    }
    if let Some(until) = report.paused_until {
        writeln!(formatter, "The functions are paused until {}: `dmm resume` ends the pause.", shown(until))?;
    }
    if let Some(Brake { digest, limit, revocations }) = &report.brake {
        writeln!(
            formatter,
            "The brake is on: {} agreements would lose their access, and {limit} are allowed.",
            revocations.len()
        )?;
        for Revocation { agreement, reason } in revocations {
            writeln!(formatter, "  {agreement} ({reason})")?;
        }
        writeln!(formatter, "To revoke exactly these: `dmm plan --apply --confirm {digest}`")?;
    }
    Ok(())
}

impl fmt::Display for Planned {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Report { checked, differences, .. } = &self.report;
        if differences.is_empty() {
            writeln!(formatter, "{checked} agreements compared: nothing would change.")?;
        } else {
            writeln!(formatter, "{checked} agreements compared: {} changes.", differences.len())?;
        }
        for Difference { agreement, change } in differences {
            writeln!(formatter, "{change} ({agreement})")?;
            let of_change =
                |policy: &&PolicyDifference| policy.role == change.role && policy.policy == change.policy;
            if let Some(policy) = self.report.policies.iter().find(of_change) {
                policy.write(formatter)?;
            }
        }
        obstacles(&self.report, formatter)
    }
}

impl PolicyDifference {
    /// Writes what the role could no longer do and what it could do then, one action on one resource per line.
    fn write(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let difference = document::Difference::between(self.before.as_ref(), self.after.as_ref());
        let lines: Vec<(char, &Right)> = difference.lines().collect();
        for (mark, Right { action, resource, .. }) in lines.iter().take(LINES) {
            writeln!(formatter, "    {mark} {action} on {resource}")?;
        }
        match lines.len().saturating_sub(LINES) {
            0 => Ok(()),
            more => writeln!(formatter, "    … and {more} more, which --json shows"),
        }
    }
}

impl fmt::Display for Applied {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Report { granted, revoked, postponed, .. } = &self.report;
        writeln!(formatter, "{granted} granted or changed, {revoked} revoked, {postponed} postponed.")?;
        for Difference { agreement, change } in &self.report.changes {
            writeln!(formatter, "{change} ({agreement})")?;
        }
        obstacles(&self.report, formatter)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_plan_names_every_change_and_every_obstacle() {
        let report: Report = serde_json::from_value(json!({
            "checked": 3, "granted": 1, "revoked": 1, "unchanged": 1, "refused": 0, "dry_run": true, "complete": true,
            "failed": [{ "agreement": "access a-3", "reason": "denied" }],
            "differences": [
                { "agreement": "access a-1", "change": "put", "kind": "role_policy", "role": "r", "policy": "DMM_Access_a-1" },
                { "agreement": "access a-2", "change": "delete", "kind": "role_policy", "role": "r", "policy": "DMM_Access_a-2" },
                { "agreement": "access a-4", "change": "replace", "kind": "role_policy", "role": "r", "policy": "DMM_Access_a-4" },
            ],
            "policies": [
                { "kind": "role_policy", "role": "r", "policy": "DMM_Access_a-4",
                  "before": { "Statement": [{ "Effect": "Allow", "Action": ["a:Get", "a:Put"], "Resource": "arn:a" }] },
                  "after": { "Statement": [{ "Effect": "Allow", "Action": "a:Get", "Resource": ["arn:a", "arn:b"] }] } },
            ],
            "brake": { "digest": "d", "limit": 0, "grants": 2, "missing_products": 0,
                       "revocations": [{ "agreement": "access a-2", "reason": "ended" }] },
        }))
        .unwrap();
        assert_eq!(
            Planned { report }.to_string(),
            "3 agreements compared: 3 changes.\n\
             + DMM_Access_a-1 on the role r (access a-1)\n\
             - DMM_Access_a-2 on the role r (access a-2)\n\
             ~ DMM_Access_a-4 on the role r (access a-4)\n    - a:Put on arn:a\n    + a:Get on arn:b\n\
             ! access a-3: denied\n\
             The brake is on: 1 agreements would lose their access, and 0 are allowed.\n  access a-2 (ended)\n\
             To revoke exactly these: `dmm plan --apply --confirm d`\n"
        );
    }
}
