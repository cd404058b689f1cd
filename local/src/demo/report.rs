//! The result of the demonstration.

use std::collections::BTreeMap;
use std::fmt;
use std::time::Instant;

use dmm_simulator::{AgreementRef, ScriptedAgreement, WorldHandle};
use serde::Serialize;
use serde_json::Value;

use crate::error::StackError;
use crate::event_counts::EventCounts;
use crate::stack::Stack;
use crate::traces;
use crate::view::PolicyOnRole;

/// The result of the demonstration, read from the emulated AWS.
#[derive(Debug, Serialize)]
pub struct DemoReport {
    /// How many events passed each stage.
    pub events: EventCounts,
    /// The policies in IAM while the agreements were active.
    pub granted: Vec<Granted>,
    /// The agreements that were refused, each with the reason and the remedy that Data Mesh Manager shows.
    pub refused: Vec<Refused>,
    /// The policies that were revoked.
    pub revoked: Vec<Revoked>,
    /// Policies that still exist although no agreement is active.
    pub left_over: Vec<PolicyOnRole>,
    /// The number of messages in the dead-letter and failure queues.
    pub dead_letters: usize,
    /// The number of quarantined events.
    pub quarantined: usize,
    /// The first trace in which access was granted; `None` without telemetry.
    pub trace: Option<ShownTrace>,
    /// The connectors that Data Mesh Manager lists.
    pub connectors: Vec<Value>,
    /// The duration in seconds, without building and starting the stack.
    pub seconds: f64,
}

/// A trace for display.
#[derive(Debug, Serialize)]
pub struct ShownTrace {
    /// Its id, in X-Ray's format.
    pub id: String,
    /// The waterfall of its spans.
    pub waterfall: String,
}

/// A policy that existed while its agreement was active.
#[derive(Clone, Debug, Serialize)]
pub struct Granted {
    /// The agreement's id.
    pub agreement: String,
    /// The agreement's generation.
    pub kind: String,
    /// The consumer's role.
    pub role: String,
    /// The policy's name.
    pub policy_name: String,
    /// The policy document.
    pub document: Value,
}

/// An agreement that was refused.
#[derive(Debug, Serialize)]
pub struct Refused {
    /// The agreement's id.
    pub agreement: String,
    /// The reason and the remedy.
    pub reason: String,
}

/// A policy that was revoked.
#[derive(Debug, Serialize)]
pub struct Revoked {
    /// The agreement's id.
    pub agreement: String,
    /// The consumer's role.
    pub role: String,
    /// The policy's name.
    pub policy_name: String,
}

impl DemoReport {
    /// Returns whether everything went as expected.
    #[must_use]
    pub fn is_clean(&self) -> bool {
        self.left_over.is_empty() && self.dead_letters == 0 && self.granted.len() == self.revoked.len()
    }
}

/// Returns the existing policies, each with the agreement in its grant record.
pub(super) async fn granted(stack: &Stack) -> Result<Vec<Granted>, StackError> {
    let records = stack.view().grant_records().await?;
    let text = |json: &Value, pointer: &str| json.pointer(pointer).and_then(Value::as_str).map(str::to_owned);
    let mut owners: BTreeMap<(String, String), (String, String)> = BTreeMap::new();
    for record in records.values() {
        let (Some(kind), Some(id)) = (text(record, "/agreement/kind"), text(record, "/agreement/id")) else {
            continue;
        };
        let entitlements = record.get("granted").and_then(Value::as_array).into_iter().flatten();
        let places = entitlements.filter_map(|it| Some((text(it, "/role")?, text(it, "/policy")?)));
        owners.extend(places.map(|place| (place, (kind.clone(), id.clone()))));
    }
    let policies = stack.view().policies().await?;
    Ok(policies
        .into_iter()
        .filter_map(|PolicyOnRole { role, policy_name, document }| {
            let (kind, agreement) = owners.get(&(role.clone(), policy_name.clone()))?.clone();
            Some(Granted { agreement, kind, role, policy_name, document })
        })
        .collect())
}

/// Reads the result from the emulated AWS.
pub(super) async fn report(
    stack: &Stack,
    granted: Vec<Granted>,
    refused: Vec<Refused>,
    started: Instant,
) -> Result<DemoReport, StackError> {
    let policies = stack.view().policies().await?;
    let revoked = granted
        .iter()
        .filter(|granted| !policies.iter().any(|found| is_same(found, granted)))
        .map(|granted| Revoked {
            agreement: granted.agreement.clone(),
            role: granted.role.clone(),
            policy_name: granted.policy_name.clone(),
        })
        .collect();
    Ok(DemoReport {
        events: EventCounts::of(stack),
        granted,
        refused,
        revoked,
        left_over: policies,
        dead_letters: stack.view().dead_letters().await?.values().sum(),
        quarantined: stack.view().quarantined().await?.len(),
        trace: traces::first_grant(stack.collector().store())
            .map(|trace| ShownTrace { id: trace.xray_id(), waterfall: traces::waterfall(&trace) }),
        connectors: stack.world().map(|world| world.connectors()).unwrap_or_default(),
        seconds: started.elapsed().as_secs_f64(),
    })
}

/// Returns the reason for a refusal that was reported to Data Mesh Manager.
pub(super) fn refusal(world: &WorldHandle, agreement: &AgreementRef) -> Option<String> {
    let reported = world.agreement(agreement.kind, &agreement.id)?;
    ["/provisioning/diagnostics", "/custom/aws-integration-error"]
        .iter()
        .find_map(|pointer| reported.pointer(pointer).and_then(Value::as_str))
        .map(str::to_owned)
}

/// Returns the agreements of the script that were refused.
pub(super) fn refused(world: &WorldHandle, script: &[ScriptedAgreement]) -> Vec<Refused> {
    let of = |ScriptedAgreement { agreement, .. }: &ScriptedAgreement| {
        let reason = refusal(world, agreement)?;
        Some(Refused { agreement: agreement.id.clone(), reason })
    };
    script.iter().filter_map(of).collect()
}

/// Whether a policy in IAM is one that was granted.
pub(super) fn is_same(policy: &PolicyOnRole, granted: &Granted) -> bool {
    policy.role == granted.role && policy.policy_name == granted.policy_name
}

impl fmt::Display for DemoReport {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.left_over.is_empty() {
            writeln!(formatter, "No policies are left in IAM.\n")?;
        } else {
            writeln!(formatter, "Policies that are left in IAM although no agreement is active:")?;
            for PolicyOnRole { role, policy_name, .. } in &self.left_over {
                writeln!(formatter, "  {policy_name} on the role {role}")?;
            }
            writeln!(formatter)?;
        }
        for connector in &self.connectors {
            let text = |pointer: &str| connector.pointer(pointer).and_then(Value::as_str).unwrap_or_default();
            writeln!(
                formatter,
                "Data Mesh Manager lists the connector {}, version {}, which has read the feed up to {}.\n",
                text("/id"),
                text("/info/connectorVersion"),
                text("/state/lastEventId"),
            )?;
        }
        let EventCounts { polled, queued, published } = self.events;
        write!(
            formatter,
            "{polled} events polled, {queued} queued, {published} published; {} policies granted, {} refused, {} revoked; {} dead \
             letters, {} quarantined; {:.1} s",
            self.granted.len(),
            self.refused.len(),
            self.revoked.len(),
            self.dead_letters,
            self.quarantined,
            self.seconds,
        )
    }
}
