//! Objects in an S3 bucket.

use std::error::Error;

use async_trait::async_trait;
use aws_sdk_s3::Client;
use aws_sdk_s3::primitives::{ByteStream, DateTime};
use aws_sdk_s3::types::{ChecksumAlgorithm, ObjectLockMode};
use jiff::Timestamp;

use crate::call_error::{CallError, CallErrorKind};
use crate::config::Aws;
use dmm_state::{ETag, Object, ObjectKeys, ObjectStore, Precondition, StateError};

/// An [`ObjectStore`] in an S3 bucket. Preconditions are S3's
/// [conditional requests](https://docs.aws.amazon.com/AmazonS3/latest/userguide/conditional-requests.html).
///
/// The role needs `s3:GetObject` and `s3:PutObject` on the objects, and `s3:ListBucket` on the bucket: without that, S3
/// answers 403 instead of 404 for a missing object. To lock objects, it also needs `s3:PutObjectRetention`.
#[derive(Clone, Debug)]
pub struct S3Store {
    client: Client,
    bucket: String,
    lock: Option<ObjectLock>,
}

/// Which objects are locked when they are written, by
/// [S3 Object Lock](https://docs.aws.amazon.com/AmazonS3/latest/userguide/object-lock.html), which has to be enabled on the bucket.
/// A version that is locked can be neither deleted nor changed; a new version of the object can still be written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ObjectLock {
    /// What the keys of these objects begin with.
    pub prefix: &'static str,
    /// Who is kept from deleting them.
    pub mode: LockMode,
    /// For how many days they are locked.
    pub days: u32,
}

/// Who is kept from deleting a locked version.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LockMode {
    /// Whoever does not have `s3:BypassGovernanceRetention`.
    Governance,
    /// Everybody, including the root user of the account.
    Compliance,
}

impl S3Store {
    /// The store in this bucket.
    #[must_use]
    pub fn new(aws: &Aws, bucket: impl Into<String>) -> S3Store {
        S3Store { client: aws.s3(), bucket: bucket.into(), lock: None }
    }

    /// The same store, which locks the objects that it writes.
    #[must_use]
    pub fn with_lock(self, lock: Option<ObjectLock>) -> S3Store {
        S3Store { lock, ..self }
    }

    fn request(&self, action: &'static str, key: &str) -> Request {
        Request { action, object: format!("s3://{}/{key}", self.bucket) }
    }
}

impl ObjectLock {
    fn until(&self, now: Timestamp) -> DateTime {
        const DAY: i64 = 24 * 60 * 60;
        DateTime::from_secs(now.as_second() + DAY * i64::from(self.days))
    }
}

impl From<LockMode> for ObjectLockMode {
    fn from(mode: LockMode) -> ObjectLockMode {
        match mode {
            LockMode::Governance => ObjectLockMode::Governance,
            LockMode::Compliance => ObjectLockMode::Compliance,
        }
    }
}

#[async_trait]
impl ObjectStore for S3Store {
    async fn get(&self, key: &str) -> Result<Option<Object>, StateError> {
        let request = self.request("s3:GetObject", key);
        let sent = self.client.get_object().bucket(&self.bucket).key(key).send().await;
        let answer = match sent.map_err(CallError::new) {
            Ok(answer) => answer,
            Err(error) if is_missing_object(&error) => return Ok(None),
            Err(error) => return Err(request.failed(error)),
        };
        let etag = request.etag(answer.e_tag)?;
        let body = answer.body.collect().await.map_err(|source| request.unavailable(source))?;
        Ok(Some(Object { body: body.to_vec(), etag }))
    }

    async fn put(&self, key: &str, body: Vec<u8>, when: &Precondition) -> Result<ETag, StateError> {
        let lock = self.lock.filter(|lock| key.starts_with(lock.prefix));
        let action = if lock.is_some() {
            "s3:PutObject, or s3:PutObjectRetention for the lock,"
        } else {
            "s3:PutObject"
        };
        let request = self.request(action, key);
        let put = self.client.put_object().bucket(&self.bucket).key(key).body(ByteStream::from(body));
        let put = match when {
            Precondition::Absent => put.if_none_match("*"),
            Precondition::Matches(etag) => put.if_match(etag.as_str()),
        };
        let put = match lock {
            Some(lock) => put
                .object_lock_mode(lock.mode.into())
                .object_lock_retain_until_date(lock.until(Timestamp::now()))
                // S3 requires a checksum for a lock.
                .checksum_algorithm(ChecksumAlgorithm::Sha256),
            None => put,
        };
        match put.send().await.map_err(CallError::new) {
            Ok(answer) => request.etag(answer.e_tag),
            // The object that was to be replaced has been deleted.
            Err(error) if is_missing_object(&error) => Err(request.conflict()),
            Err(error) => Err(request.failed(error)),
        }
    }
}

#[async_trait]
impl ObjectKeys for S3Store {
    async fn keys(&self, prefix: &str, after: Option<&str>) -> Result<Vec<String>, StateError> {
        let request = self.request("s3:ListBucket", prefix);
        let list = self.client.list_objects_v2().bucket(&self.bucket).prefix(prefix);
        let answer = list.set_start_after(after.map(str::to_owned)).send().await;
        let answer = answer.map_err(|error| request.failed(CallError::new(error)))?;
        Ok(answer.contents.into_iter().flatten().filter_map(|object| object.key).collect())
    }
}

/// A request to S3, for its errors.
struct Request {
    action: &'static str,
    object: String,
}

impl Request {
    fn etag(&self, etag: Option<String>) -> Result<ETag, StateError> {
        etag.map(ETag::new).ok_or_else(|| self.rejected("the answer has no ETag", None))
    }

    fn failed(&self, error: CallError) -> StateError {
        if is_conflict(&error) {
            return self.conflict();
        }
        let CallError { kind, code, reason, source, .. } = error;
        match kind {
            CallErrorKind::Throttled | CallErrorKind::Expired | CallErrorKind::Unavailable => {
                self.unavailable(source)
            }
            CallErrorKind::Denied => {
                StateError::Denied { object: self.object.clone(), action: self.action, source }
            }
            CallErrorKind::Invalid | CallErrorKind::NotFound => {
                self.rejected(&code.unwrap_or(reason), Some(source))
            }
        }
    }

    fn conflict(&self) -> StateError {
        StateError::Conflict { object: self.object.clone() }
    }

    fn rejected(&self, reason: &str, source: Option<Box<dyn Error + Send + Sync>>) -> StateError {
        let (object, action, reason) = (self.object.clone(), self.action, reason.to_owned());
        StateError::Rejected { object, action, reason, source }
    }

    fn unavailable(&self, source: impl Into<Box<dyn Error + Send + Sync>>) -> StateError {
        StateError::Unavailable { object: self.object.clone(), action: self.action, source: source.into() }
    }
}

/// Whether a conditional write was refused because its precondition does not hold.
fn is_conflict(error: &CallError) -> bool {
    error.status == Some(412) || error.status == Some(409) && error.is_code("ConditionalRequestConflict")
}

/// Whether S3 says that the object does not exist. A 404 for a missing bucket has another code.
fn is_missing_object(error: &CallError) -> bool {
    error.status == Some(404) && matches!(error.code.as_deref(), Some("NoSuchKey" | "NotFound") | None)
}

#[cfg(test)]
mod tests;
