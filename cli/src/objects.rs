//! Objects of the state bucket.

use std::collections::BTreeMap;

use aws_sdk_s3::operation::get_object::GetObjectError;
use aws_smithy_types::error::metadata::ProvideErrorMetadata;
use futures_util::{StreamExt, TryStreamExt, stream};
use serde::de::DeserializeOwned;

use crate::call::failed;
use crate::error::CliError;
use crate::stack::Stack;

/// How many objects are read at the same time.
const READERS: usize = 16;

/// The keys that begin with `prefix`.
///
/// # Errors
///
/// [`CliError`] if the bucket cannot be listed.
pub async fn keys(stack: &Stack, prefix: &str) -> Result<Vec<String>, CliError> {
    let list = stack.s3.list_objects_v2().bucket(&stack.names.state_bucket).prefix(prefix);
    let mut pages = list.into_paginator().send();
    let mut keys = Vec::new();
    while let Some(page) = pages.next().await {
        let page = page.map_err(failed("s3:ListBucket"))?;
        keys.extend(page.contents.unwrap_or_default().into_iter().filter_map(|object| object.key));
    }
    Ok(keys)
}

/// The content of an object; `None` if it does not exist.
///
/// # Errors
///
/// [`CliError`] if it cannot be read.
pub async fn get(stack: &Stack, key: &str) -> Result<Option<Vec<u8>>, CliError> {
    Ok(get_with_tag(stack, key).await?.map(|(body, _)| body))
}

/// An object as JSON, and its entity tag for [`replace`]; `None` if it does not exist.
///
/// # Errors
///
/// [`CliError`] if it cannot be read, or does not have the format.
pub async fn read<T: DeserializeOwned>(stack: &Stack, key: &str) -> Result<Option<(T, String)>, CliError> {
    let Some((body, tag)) = get_with_tag(stack, key).await? else { return Ok(None) };
    let content = serde_json::from_slice(&body).map_err(|_| CliError::Object { key: key.to_owned() })?;
    Ok(Some((content, tag)))
}

async fn get_with_tag(stack: &Stack, key: &str) -> Result<Option<(Vec<u8>, String)>, CliError> {
    let found = match stack.s3.get_object().bucket(&stack.names.state_bucket).key(key).send().await {
        Ok(found) => found,
        Err(error) if error.as_service_error().is_some_and(GetObjectError::is_no_such_key) => {
            return Ok(None);
        }
        Err(error) => return Err(failed("s3:GetObject")(error)),
    };
    let tag = found.e_tag.unwrap_or_default();
    let body = found.body.collect().await;
    let broken = |error| CliError::Call {
        action: "s3:GetObject",
        problem: format!("the answer is incomplete: {error}"),
    };
    Ok(Some((body.map_err(broken)?.into_bytes().to_vec(), tag)))
}

/// Writes an object, unless it has changed since it had this entity tag; without a tag, unless it exists.
///
/// # Errors
///
/// [`CliError::Changed`] if it has; another one if it cannot be written.
pub async fn replace(stack: &Stack, key: &str, body: Vec<u8>, tag: Option<String>) -> Result<(), CliError> {
    let call = stack.s3.put_object().bucket(&stack.names.state_bucket).key(key).body(body.into());
    let call = match tag {
        Some(tag) => call.if_match(tag),
        None => call.if_none_match("*"),
    };
    match call.send().await {
        Ok(_) => Ok(()),
        Err(error) if matches!(error.code(), Some("PreconditionFailed" | "ConditionalRequestConflict")) => {
            Err(CliError::Changed { key: key.to_owned() })
        }
        Err(error) => Err(failed("s3:PutObject")(error)),
    }
}

/// All objects whose keys begin with `prefix`, in the order of their keys. Several are read at the same time.
///
/// # Errors
///
/// [`CliError`] if the bucket cannot be read.
pub async fn all(stack: &Stack, prefix: &str) -> Result<BTreeMap<String, Vec<u8>>, CliError> {
    let read = stream::iter(keys(stack, prefix).await?).map(async |key| {
        let body = get(stack, &key).await?;
        Ok(body.map(|body| (key, body)))
    });
    // An object may be deleted after it was listed.
    read.buffer_unordered(READERS).try_filter_map(async |read| Ok(read)).try_collect().await
}

/// Writes an object.
///
/// # Errors
///
/// [`CliError`] if it cannot be written.
pub async fn put(stack: &Stack, key: &str, body: Vec<u8>) -> Result<(), CliError> {
    let call = stack.s3.put_object().bucket(&stack.names.state_bucket).key(key).body(body.into());
    call.send().await.map(drop).map_err(failed("s3:PutObject"))
}
