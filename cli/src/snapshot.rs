//! `dmm snapshot` and `dmm diff`: what IAM permits, before and after an upgrade.

use std::collections::BTreeSet;
use std::fmt;

use aws_sdk_iam::error::SdkError;
use aws_smithy_types::error::metadata::ProvideErrorMetadata;
use dmm_console::document;
use jiff::Timestamp;
use percent_encoding::percent_decode_str;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::call::failed;
use crate::cli::Diff;
use crate::error::CliError;
use crate::grants::Records;
use crate::stack::Stack;
use crate::terminal::{Terminal, progress, shown};

/// The prefix of the names of inline policies.
const INLINE: &str = "DMM_";

/// What a policy permits to a role.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Right {
    /// The role.
    pub role: String,
    /// The right.
    #[serde(flatten)]
    pub right: document::Right,
}

/// What `snapshot` prints.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Snapshot {
    /// The name of the stack.
    pub stack: String,
    /// When it was taken.
    pub taken_at: Timestamp,
    /// What the stack's policies permit.
    pub rights: BTreeSet<Right>,
}

/// What `diff` prints.
#[derive(Debug, Serialize)]
pub struct Difference {
    /// When the earlier snapshot was taken.
    pub since: Timestamp,
    /// How many rights are the same.
    pub unchanged: usize,
    /// What somebody can no longer do.
    pub lost: Vec<Right>,
    /// What somebody can do now.
    pub gained: Vec<Right>,
    /// What is permitted under other conditions than before: the right as it is now.
    pub conditions: Vec<Right>,
}

/// Prints what IAM permits now.
///
/// # Errors
///
/// [`CliError`].
pub async fn take(stack: &Stack, terminal: &mut Terminal) -> Result<bool, CliError> {
    terminal.print(&now(stack).await?)?;
    Ok(true)
}

/// Compares what IAM permits now with an earlier snapshot. Returns false if somebody has lost a right.
///
/// # Errors
///
/// [`CliError`].
pub async fn diff(stack: &Stack, args: &Diff, terminal: &mut Terminal) -> Result<bool, CliError> {
    let path = &args.snapshot;
    let text =
        std::fs::read_to_string(path).map_err(|source| CliError::File { path: path.clone(), source })?;
    let invalid = |problem: String| CliError::Snapshot { path: path.clone(), problem };
    let before: Snapshot = serde_json::from_str(&text).map_err(|error| invalid(error.to_string()))?;
    if before.stack != stack.prefix() {
        return Err(invalid(format!("it is of the stack {}, and this is {}", before.stack, stack.prefix())));
    }
    let difference = Difference::between(&before, &now(stack).await?);
    terminal.print(&difference)?;
    Ok(difference.lost.is_empty())
}

/// What IAM permits now to every role that a record names.
async fn now(stack: &Stack) -> Result<Snapshot, CliError> {
    let Records { roles, .. } = Records::read(stack).await?;
    let mut rights = BTreeSet::new();
    for (index, role) in roles.iter().enumerate() {
        progress(format_args!("reading the policies of {role} ({} of {})", index + 1, roles.len()));
        for (_, document) in documents(stack, role).await? {
            rights.extend(rights_of(role, &document));
        }
    }
    Ok(Snapshot { stack: stack.prefix().to_owned(), taken_at: Timestamp::now(), rights })
}

/// The stack's policies of a role, inline and managed, each with its name. None if the role does not exist.
///
/// # Errors
///
/// [`CliError`] if IAM cannot be read.
pub async fn documents(stack: &Stack, role: &str) -> Result<Vec<(String, Value)>, CliError> {
    let iam = &stack.iam;
    let mut documents = Vec::new();
    let mut names = iam.list_role_policies().role_name(role).into_paginator().items().send();
    while let Some(name) = names.next().await {
        let Some(name) = existing("iam:ListRolePolicies", name)? else { return Ok(Vec::new()) };
        if !name.starts_with(INLINE) {
            continue;
        }
        let found = iam.get_role_policy().role_name(role).policy_name(&name).send().await;
        if let Some(found) = existing("iam:GetRolePolicy", found)? {
            documents.push((name, decoded("iam:GetRolePolicy", found.policy_document())?));
        }
    }
    let mut attached = iam.list_attached_role_policies().role_name(role).into_paginator().items().send();
    while let Some(policy) = attached.next().await {
        let Some(policy) = existing("iam:ListAttachedRolePolicies", policy)? else { return Ok(documents) };
        let arn = policy.policy_arn().unwrap_or_default();
        // The path of the stack's managed policies is the stack's name.
        if !arn.contains(&format!(":policy/{}/", stack.prefix())) {
            continue;
        }
        let Some(found) = existing("iam:GetPolicy", iam.get_policy().policy_arn(arn).send().await)? else {
            continue;
        };
        let version = found.policy().and_then(|policy| policy.default_version_id()).unwrap_or_default();
        let found = iam.get_policy_version().policy_arn(arn).version_id(version).send().await;
        if let Some(found) = existing("iam:GetPolicyVersion", found)? {
            let text = found.policy_version().and_then(|version| version.document()).unwrap_or_default();
            let name = policy.policy_name().unwrap_or(arn).to_owned();
            documents.push((name, decoded("iam:GetPolicyVersion", text)?));
        }
    }
    Ok(documents)
}

/// The answer of a call; `None` if what it is about does not exist any more.
fn existing<T, E, R>(action: &'static str, answer: Result<T, SdkError<E, R>>) -> Result<Option<T>, CliError>
where
    E: ProvideErrorMetadata + std::error::Error + 'static,
    R: std::fmt::Debug,
{
    match answer {
        Ok(answer) => Ok(Some(answer)),
        Err(error) if error.code() == Some("NoSuchEntity") => Ok(None),
        Err(error) => Err(failed(action)(error)),
    }
}

/// IAM returns documents URL-encoded.
fn decoded(action: &'static str, text: &str) -> Result<Value, CliError> {
    let text = percent_decode_str(text).decode_utf8_lossy();
    let invalid =
        |error| CliError::Call { action, problem: format!("the policy document is not valid JSON: {error}") };
    serde_json::from_str(&text).map_err(invalid)
}

/// What a policy document permits to a role.
fn rights_of(role: &str, document: &Value) -> impl Iterator<Item = Right> {
    document::rights(document).into_iter().map(|right| Right { role: role.to_owned(), right })
}

impl Difference {
    /// What is different in `after`.
    #[must_use]
    pub fn between(before: &Snapshot, after: &Snapshot) -> Difference {
        let key =
            |Right { role, right }: &Right| (role.clone(), right.action.clone(), right.resource.clone());
        let keys = |snapshot: &Snapshot| snapshot.rights.iter().map(key).collect::<BTreeSet<_>>();
        let (keys_before, keys_after) = (keys(before), keys(after));
        let only = |one: &Snapshot, others: &BTreeSet<_>| -> Vec<Right> {
            one.rights.iter().filter(|right| !others.contains(&key(right))).cloned().collect()
        };
        let is_new = |right: &&Right| !before.rights.contains(right) && keys_before.contains(&key(right));
        Difference {
            since: before.taken_at,
            unchanged: after.rights.intersection(&before.rights).count(),
            lost: only(before, &keys_after),
            gained: only(after, &keys_before),
            conditions: after.rights.iter().filter(is_new).cloned().collect(),
        }
    }
}

impl fmt::Display for Snapshot {
    /// The same as with `--json`, so that every snapshot can be compared.
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let text = serde_json::to_string_pretty(self).map_err(|_| fmt::Error)?;
        formatter.write_str(&text)
    }
}

impl fmt::Display for Right {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{}: {} on {}", self.role, self.right.action, self.right.resource)
    }
}

impl fmt::Display for Difference {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(
            formatter,
            "Since {}: {} rights lost, {} gained, {} under other conditions, {} unchanged.",
            shown(self.since),
            self.lost.len(),
            self.gained.len(),
            self.conditions.len(),
            self.unchanged
        )?;
        for (mark, rights) in [('-', &self.lost), ('+', &self.gained), ('~', &self.conditions)] {
            for right in rights {
                writeln!(formatter, "{mark} {right}")?;
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn snapshot(documents: &[Value]) -> Snapshot {
        Snapshot {
            stack: "s".to_owned(),
            taken_at: "2026-11-01T00:00:00Z".parse().unwrap(),
            rights: documents.iter().flat_map(|document| rights_of("r", document)).collect(),
        }
    }

    fn allow(action: &str, resource: &str, condition: &Value) -> Value {
        json!({ "Statement": { "Effect": "Allow", "Action": action, "Resource": resource, "Condition": condition } })
    }

    #[test]
    fn how_statements_are_grouped_makes_no_difference() {
        let one = json!({ "Statement": [
            { "Action": ["a:A", "a:B"], "Resource": ["x", "y"], "Condition": { "C": { "k": "v", "j": "w" } } },
        ] });
        let condition = || json!({ "C": { "j": "w", "k": "v" } });
        let several: Vec<Value> = ["a:A", "a:B"]
            .iter()
            .flat_map(|action| ["x", "y"].map(|resource| allow(action, resource, &condition())))
            .collect();
        assert_eq!(snapshot(&[one]).rights, snapshot(&several).rights);
    }

    #[test]
    fn what_is_lost_gained_and_conditioned_otherwise_is_told_apart() {
        let before = snapshot(&[
            allow("a:A", "x", &json!({})),
            allow("a:B", "x", &json!({})),
            allow("a:C", "x", &json!({})),
        ]);
        let after = snapshot(&[
            allow("a:A", "x", &json!({})),
            allow("a:B", "x", &json!({ "C": { "k": "v" } })),
            allow("a:D", "x", &json!({})),
        ]);
        let Difference { unchanged, lost, gained, conditions, .. } = Difference::between(&before, &after);
        let actions =
            |rights: Vec<Right>| rights.into_iter().map(|right| right.right.action).collect::<Vec<_>>();
        assert_eq!(unchanged, 1);
        assert_eq!(
            (actions(lost), actions(gained), actions(conditions)),
            (vec!["a:C".to_owned()], vec!["a:D".to_owned()], vec!["a:B".to_owned()])
        );
    }
}
