//! `dmm who-reads`: which roles have access to a resource or a data product.

use std::collections::BTreeSet;
use std::fmt;

use serde::Serialize;

use crate::cli::WhoReads;
use crate::error::CliError;
use crate::grants::{Grant, Records, Refused, shown_consumer};
use crate::selection::nearest;
use crate::stack::Stack;
use crate::terminal::{Terminal, shown};

/// What the command prints.
#[derive(Debug, Serialize)]
pub struct Readers {
    /// The ARN of the resource, or the id of the data product.
    pub what: String,
    /// The accesses that include it.
    pub grants: Vec<Grant>,
    /// The agreements about the data product that are in force and give nothing. Empty for a resource.
    pub refused: Vec<Refused>,
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
    let Records { grants, refused, known, unreadable, .. } = Records::read(stack).await?;
    let what = args.what.clone();
    let readers = if what.starts_with("arn:") {
        let includes = |grant: &Grant| grant.resources.iter().any(|granted| overlaps(granted, &what));
        let grants = grants.into_iter().filter(includes).collect();
        Readers { what, grants, refused: Vec::new(), unreadable }
    } else {
        let products: BTreeSet<&str> = known.iter().filter_map(|known| known.product.as_deref()).collect();
        if !products.contains(what.as_str()) {
            let nearest = nearest(&what, products.into_iter());
            let remedy = ". A data product is known once an agreement about it was granted or refused";
            return Err(CliError::Unknown { what: "data product", id: what, nearest, remedy });
        }
        let is_about = |product: &Option<String>| product.as_ref() == Some(&what);
        let grants = grants.into_iter().filter(|grant| is_about(&grant.product)).collect();
        let refused = refused.into_iter().filter(|refused| is_about(&refused.product)).collect();
        Readers { what, grants, refused, unreadable }
    };
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
            writeln!(formatter, "This stack has not granted access to {}.", self.what)?;
        }
        for Grant { agreement, role, policy, consumer, port, since, until, .. } in &self.grants {
            write!(formatter, "{role}  since {}", shown(*since))?;
            if let Some(until) = until {
                write!(formatter, "  until {}", shown(*until))?;
            }
            write!(formatter, "  {agreement} ({policy})")?;
            let consumer = shown_consumer(consumer.as_ref());
            if !consumer.is_empty() {
                write!(formatter, "  {consumer}")?;
            }
            match port {
                Some(port) => writeln!(formatter, "  port {port}")?,
                None => writeln!(formatter)?,
            }
        }
        for Refused { agreement, consumer, code, since, .. } in &self.refused {
            let consumer = shown_consumer(consumer.as_ref());
            writeln!(formatter, "refused since {}  {agreement}  {code}  {consumer}", shown(*since))?;
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
