//! Calls to IAM are slow, and wait when IAM throttles.

use std::sync::atomic::{AtomicU32, Ordering};

use async_trait::async_trait;
use dmm_budget::Backoff;

use dmm_access::role::RoleName;
use dmm_access::testing::role_name;

use super::super::rate_limit::RateLimited;
use super::*;
use crate::error::AwsError;
use crate::ports::Roles;

/// An IAM that fails the first calls.
struct Busy {
    failures: u32,
    failure: fn() -> AwsError,
    calls: AtomicU32,
}

fn throttled() -> AwsError {
    AwsError::Failed { action: "iam:Any", role: role_name("consumer"), source: "Throttling".into() }
}

fn denied() -> AwsError {
    AwsError::Denied { action: "iam:Any", role: role_name("consumer"), source: "no".into() }
}

#[async_trait]
impl Roles for Busy {
    async fn role(&self, _: &RoleName) -> Result<Option<Role>, AwsError> {
        if self.calls.fetch_add(1, Ordering::Relaxed) < self.failures {
            return Err((self.failure)());
        }
        Ok(None)
    }
}

const QUICK: Backoff = Backoff { attempts: 3, base: Duration::from_millis(1), cap: Duration::from_millis(1) };

fn rate_limited(failures: u32, failure: fn() -> AwsError, interval: Duration) -> RateLimited<Busy> {
    RateLimited::new(Busy { failures, failure, calls: AtomicU32::new(0) }, interval, QUICK)
}

#[tokio::test]
async fn calls_are_an_interval_apart() {
    let interval = Duration::from_millis(20);
    let iam = rate_limited(0, throttled, interval);
    let began = Instant::now();
    for _ in 0..4 {
        iam.role(&role_name("consumer")).await.unwrap();
    }
    assert!(began.elapsed() >= 3 * interval, "{:?}", began.elapsed());
}

#[tokio::test]
async fn throttled_calls_are_repeated_until_the_attempts_are_used_up() {
    let role = role_name("consumer");
    assert!(rate_limited(2, throttled, Duration::ZERO).role(&role).await.is_ok());
    assert!(rate_limited(3, throttled, Duration::ZERO).role(&role).await.is_err());
}

#[tokio::test]
async fn a_permanent_failure_is_not_repeated() {
    let iam = rate_limited(1, denied, Duration::ZERO);
    let error = iam.role(&role_name("consumer")).await.unwrap_err();
    assert!(!error.is_retryable());
    assert!(iam.role(&role_name("consumer")).await.is_ok(), "the first call was made once");
}
