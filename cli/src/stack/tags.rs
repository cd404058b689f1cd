//! Finds the parts of a stack by the tags that the Pulumi program gives them.

use std::collections::{BTreeMap, BTreeSet};

use aws_sdk_resourcegroupstagging::types::{ResourceTagMapping, TagFilter};
use aws_types::SdkConfig;

use super::Names;
use crate::call::failed;
use crate::error::CliError;
use crate::selection::nearest;

/// The tag with the name of the stack.
const STACK: &str = "dmm-stack";
/// The tag that says which part of the stack a resource is.
const PART: &str = "dmm-part";
/// The parts of a stack, as the tag names them.
const PARTS: [&str; 11] = [
    "events",
    "unpublished",
    "undelivered",
    "failures",
    "bus",
    "state",
    "feed",
    "router",
    "iam-grant",
    "iam-revoke",
    "iam-reconcile",
];

/// A resource that belongs to a stack.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Tagged {
    stack: String,
    part: String,
    arn: String,
}

/// Finds the parts of the stack with this name in the account and region.
///
/// # Errors
///
/// [`CliError::UnknownStack`] if no resource has its name, [`CliError::Incomplete`] if parts are missing, and
/// [`CliError::Ambiguous`] if a part exists twice.
pub async fn names(stack: &str, config: &SdkConfig) -> Result<Names, CliError> {
    let tagged = tagged(config).await?;
    let parts = parts(stack, &tagged)?;
    let sqs = aws_sdk_sqs::Client::new(config);
    let arn = |part: &str| parts.get(part).copied().unwrap_or_default();
    // What an ARN ends with is the name of a queue, a function or a bucket.
    let name = |part: &str| arn(part).rsplit(':').next().unwrap_or_default().to_owned();
    let url = async |part: &str| -> Result<String, CliError> {
        let found = sqs.get_queue_url().queue_name(name(part)).send().await;
        let found = found.map_err(failed("sqs:GetQueueUrl"))?;
        let missing = || CliError::Incomplete { what: format!("the queue {} does not exist", name(part)) };
        found.queue_url.ok_or_else(missing)
    };
    Ok(Names {
        events_queue_url: url("events").await?,
        dead_letter_queue_url: url("unpublished").await?,
        undelivered_queue_url: url("undelivered").await?,
        failure_queue_url: url("failures").await?,
        bus_name: arn("bus").rsplit('/').next().unwrap_or_default().to_owned(),
        state_bucket: name("state"),
        feed_function: name("feed"),
        router_function: name("router"),
        iam_grant_function: name("iam-grant"),
        iam_revoke_function: name("iam-revoke"),
        iam_reconcile_function: name("iam-reconcile"),
    })
}

/// The parts of all stacks in the account and region.
async fn tagged(config: &SdkConfig) -> Result<Vec<Tagged>, CliError> {
    let client = aws_sdk_resourcegroupstagging::Client::new(config);
    let filter = TagFilter::builder().key(STACK).build();
    let mut pages = client.get_resources().tag_filters(filter).into_paginator().send();
    let mut found = Vec::new();
    while let Some(page) = pages.next().await {
        let page = page.map_err(failed("tag:GetResources"))?;
        found.extend(page.resource_tag_mapping_list.unwrap_or_default().iter().filter_map(read));
    }
    Ok(found)
}

fn read(resource: &ResourceTagMapping) -> Option<Tagged> {
    let tag = |key: &str| {
        let tag = resource.tags().iter().find(|tag| tag.key() == key)?;
        Some(tag.value().to_owned())
    };
    Some(Tagged { stack: tag(STACK)?, part: tag(PART)?, arn: resource.resource_arn()?.to_owned() })
}

/// The ARN of each part of the stack with this name.
fn parts<'a>(stack: &str, all: &'a [Tagged]) -> Result<BTreeMap<&'a str, &'a str>, CliError> {
    let mut parts: BTreeMap<&str, &str> = BTreeMap::new();
    let is_part = |tagged: &&Tagged| tagged.stack == stack && PARTS.contains(&tagged.part.as_str());
    for Tagged { part, arn, .. } in all.iter().filter(is_part) {
        if let Some(other) = parts.insert(part, arn).filter(|other| other != arn) {
            return Err(CliError::Ambiguous {
                stack: stack.to_owned(),
                part: part.clone(),
                arns: [other.to_owned(), arn.clone()],
            });
        }
    }
    let missing: Vec<&str> = PARTS.into_iter().filter(|part| !parts.contains_key(part)).collect();
    if parts.is_empty() {
        let known: BTreeSet<&str> = all.iter().map(|tagged| tagged.stack.as_str()).collect();
        return Err(CliError::UnknownStack {
            stack: stack.to_owned(),
            nearest: nearest(stack, known.iter().copied()),
            known: known.into_iter().map(str::to_owned).collect(),
        });
    }
    if !missing.is_empty() {
        let what =
            format!("no resource has the tags {STACK} = {stack} and {PART} = {}", missing.join(" or "));
        return Err(CliError::Incomplete { what });
    }
    Ok(parts)
}

#[cfg(test)]
mod tests {
    use aws_sdk_resourcegroupstagging::types::Tag;

    use super::*;

    fn whole(stack: &str) -> Vec<Tagged> {
        let tagged = |part: &str| Tagged {
            stack: stack.to_owned(),
            part: part.to_owned(),
            arn: format!("arn:aws:x:::{stack}-{part}"),
        };
        PARTS.map(tagged).into()
    }

    #[test]
    fn the_parts_of_a_stack_are_those_with_its_name() {
        let mut all = whole("prod");
        all.extend(whole("test"));
        // A resource can be returned twice, and other programs can use the tag.
        all.push(all[0].clone());
        all.push(Tagged { part: "other".to_owned(), ..all[0].clone() });
        let parts = parts("prod", &all).unwrap();
        assert_eq!((parts.len(), parts["bus"]), (11, "arn:aws:x:::prod-bus"));
    }

    #[test]
    fn an_unknown_stack_is_an_error_with_the_names_that_exist() {
        let mut all = whole("production");
        all.extend(whole("test"));
        let error = parts("prodution", &all).unwrap_err().to_string();
        assert!(error.contains("did you mean production?") && error.contains("production, test"), "{error}");
        let error = parts("prod", &[]).unwrap_err().to_string();
        assert!(error.contains("AWS_REGION") && error.contains("--outputs"), "{error}");
    }

    #[test]
    fn what_is_missing_or_exists_twice_is_named() {
        let mut all = whole("prod");
        all.retain(|tagged| !["failures", "router"].contains(&tagged.part.as_str()));
        let error = parts("prod", &all).unwrap_err().to_string();
        assert!(error.contains("dmm-part = failures or router") && error.contains("pulumi up"), "{error}");
        let mut all = whole("prod");
        all.push(Tagged { arn: "arn:aws:x:::twin".to_owned(), ..all[5].clone() });
        let error = parts("prod", &all).unwrap_err().to_string();
        for text in ["state", "arn:aws:x:::prod-state", "arn:aws:x:::twin", "--outputs"] {
            assert!(error.contains(text), "{text}: {error}");
        }
    }

    #[test]
    fn a_resource_needs_both_tags() {
        let resource = |tags: &[(&str, &str)]| {
            let tag = |(key, value): &(&str, &str)| Tag::builder().key(*key).value(*value).build().unwrap();
            let tags = tags.iter().map(tag).collect();
            read(&ResourceTagMapping::builder().resource_arn("arn").set_tags(Some(tags)).build())
        };
        let found = resource(&[("team", "x"), (STACK, "prod"), (PART, "bus")]).unwrap();
        assert_eq!((&*found.stack, &*found.part, &*found.arn), ("prod", "bus", "arn"));
        assert_eq!(resource(&[(STACK, "prod")]), None);
    }
}
