//! `dmm look`: brings one agreement in line now, and shows what happened.

use std::fmt;

use dmm_mesh::AgreementRef;
use serde::{Deserialize, Serialize};
use serde_json::json;

use crate::cli::Look;
use crate::error::CliError;
use crate::explain;
use crate::functions::invoke;
use crate::grants::Records;
use crate::stack::Stack;
use crate::terminal::{Terminal, progress};

/// The outcome of an agreement at which the function looks after the pause.
const DEFERRED: &str = "deferred";

/// What `iam-grant` answers.
#[derive(Debug, Deserialize, Serialize)]
pub struct Looked {
    /// The agreement as `kind id`.
    pub agreement: String,
    /// `granted`, `revoked`, `unchanged`, `refused` or `postponed`; `deferred` if the functions are paused.
    pub outcome: String,
    /// True if Data Mesh Manager has no such agreement.
    #[serde(default)]
    pub unknown: bool,
    /// Why an agreement in force gets nothing.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub refusal: Option<Refusal>,
    /// What was changed.
    pub changes: Vec<Change>,
    /// True if the mode is `observe`, in which nothing is changed.
    pub dry_run: bool,
}

/// Why an agreement in force gets nothing.
#[derive(Debug, Deserialize, Serialize)]
pub struct Refusal {
    /// The name of the refusal.
    pub code: String,
    /// What is wrong, and what to do.
    pub text: String,
}

/// A change in AWS, as the functions answer it.
#[derive(Debug, Deserialize, Serialize)]
pub struct Change {
    /// `put`, `replace` or `delete`.
    pub change: String,
    /// The role.
    pub role: String,
    /// The policy.
    pub policy: String,
}

/// Runs the command. The agreement is read and IAM made to match, whatever its state is: the function that grants also revokes.
///
/// # Errors
///
/// [`CliError`].
pub async fn run(stack: &Stack, args: &Look, terminal: &mut Terminal) -> Result<bool, CliError> {
    let AgreementRef { kind, id } = &args.agreement.0;
    let event_type = format!("{}ActivatedEvent", kind.event_prefix());
    let payload = json!({
        "source": "operator",
        "detail-type": event_type,
        "detail": { "id": "by-hand", "type": event_type, "data": { "id": id } },
    });
    progress(format_args!("looking at {}", args.agreement.0));
    let looked: Looked = invoke(stack, &stack.names.iam_grant_function, &payload).await?;
    if looked.unknown && looked.changes.is_empty() {
        let records = Records::read(stack).await?;
        if !records.known.iter().any(|known| known.agreement == looked.agreement) {
            return Err(explain::unknown(&records, &args.agreement.0));
        }
    }
    terminal.print(&looked)?;
    Ok(looked.refusal.is_none() && looked.outcome != DEFERRED)
}

impl fmt::Display for Change {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mark = match self.change.as_str() {
            "put" => '+',
            "delete" => '-',
            _ => '~',
        };
        write!(formatter, "{mark} {} on the role {}", self.policy, self.role)
    }
}

impl fmt::Display for Looked {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(formatter, "{}: {}", self.agreement, self.outcome)?;
        if let Some(Refusal { code, text }) = &self.refusal {
            writeln!(formatter, "  {code}: {text}")?;
        }
        if self.unknown {
            writeln!(formatter, "  Data Mesh Manager has no such agreement (any more).")?;
        }
        for change in &self.changes {
            writeln!(formatter, "  {change}")?;
        }
        if self.outcome == DEFERRED {
            writeln!(formatter, "  The functions are paused. `dmm resume` ends the pause.")?;
        }
        if self.dry_run {
            writeln!(formatter, "  The mode is observe, so nothing was changed.")?;
        }
        Ok(())
    }
}
