//! `dmm who-reads`: which roles have access to a resource.

use std::fmt;

use serde::Serialize;

use crate::cli::WhoReads;
use crate::error::CliError;
use crate::grants::{Grant, Records};
use crate::stack::Stack;
use crate::terminal::{Terminal, shown};

/// What the command prints.
#[derive(Debug, Serialize)]
pub struct Readers {
    /// The resource.
    pub resource: String,
    /// The accesses that include it.
    pub grants: Vec<Grant>,
    /// The keys of records that cannot be read. What they say is unknown.
    pub unreadable: Vec<String>,
}

/// Runs the command. The answer comes from the records, which say what this stack has granted; access that others gave is not
/// included.
///
/// # Errors
///
/// [`CliError`].
pub async fn run(stack: &Stack, args: &WhoReads, terminal: &mut Terminal) -> Result<bool, CliError> {
    let Records { grants, unreadable, .. } = Records::read(stack).await?;
    let includes = |grant: &Grant| grant.resources.iter().any(|granted| overlaps(granted, &args.resource));
    let grants = grants.into_iter().filter(includes).collect();
    let readers = Readers { resource: args.resource.clone(), grants, unreadable };
    terminal.print(&readers)?;
    Ok(readers.unreadable.is_empty())
}

/// Whether access to `granted`, as a policy names it, includes `resource` or a part of it.
fn overlaps(granted: &str, resource: &str) -> bool {
    let resource = resource.trim_end_matches('/');
    let (granted, is_prefix) = match granted.strip_suffix('*') {
        Some(prefix) => (prefix, true),
        None => (granted, false),
    };
    let is_below = |inner: &str, outer: &str| {
        inner
            .strip_prefix(outer)
            .is_some_and(|rest| rest.is_empty() || outer.ends_with('/') || rest.starts_with('/'))
    };
    // The policy names the resource, something in it, or, with a wildcard, something that contains it.
    is_below(granted.trim_end_matches('/'), resource) || (is_prefix && resource.starts_with(granted))
}

impl fmt::Display for Readers {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.grants.is_empty() {
            writeln!(formatter, "This stack has not granted access to {}.", self.resource)?;
        }
        for Grant { agreement, role, policy, since, until, .. } in &self.grants {
            write!(formatter, "{role}  since {}", shown(*since))?;
            if let Some(until) = until {
                write!(formatter, "  until {}", shown(*until))?;
            }
            writeln!(formatter, "  {agreement} ({policy})")?;
        }
        for key in &self.unreadable {
            writeln!(formatter, "! the record {key} cannot be read: `dmm plan` says why")?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_resource_is_found_by_itself_by_what_contains_it_and_by_its_parts() {
        let bucket = "arn:aws:s3:::orders-data";
        for granted in [bucket, "arn:aws:s3:::orders-data/*", "arn:aws:s3:::orders-data/daily/*"] {
            assert!(overlaps(granted, bucket), "{granted}");
            assert!(overlaps(granted, "arn:aws:s3:::orders-data/"), "{granted}");
        }
        assert!(overlaps("arn:aws:s3:::orders-data/*", "arn:aws:s3:::orders-data/daily"));
        assert!(!overlaps("arn:aws:s3:::orders-data/weekly/*", "arn:aws:s3:::orders-data/daily"));
        assert!(!overlaps("arn:aws:s3:::orders-data-2/*", bucket));
        assert!(!overlaps("arn:aws:s3:::orders", bucket));
        let table = "arn:aws:glue:eu-central-1:1:table/orders/daily";
        assert!(overlaps(table, table));
        assert!(!overlaps(table, "arn:aws:glue:eu-central-1:1:table/orders/da"));
    }
}
