//! Slow calls to IAM.
//!
//! IAM has one rate limit for a whole account, does not publish it, and throttles people and deployments together with
//! this software. A pass has time to leave them room: it makes one call to IAM at a time, at a steady rate, and waits
//! when IAM throttles it.

use std::pin::Pin;
use std::time::Duration;

use async_trait::async_trait;
use dmm_access::document::Document;
use dmm_access::entitlement::RolePolicy;
use dmm_access::managed_policy::ManagedPolicy;
use dmm_access::role::{Role, RoleName};
use dmm_budget::Backoff;
use tokio::sync::Mutex;
use tokio::time::{Instant, sleep, sleep_until};

use crate::error::{AwsError, ListError};
use crate::ports::{
    Attached, Decision, InlinePolicies, ManagedPolicies, ManagedPolicyList, Put, RoleList, Roles, Simulation,
};

/// Limits the rate of calls to IAM.
pub struct RateLimited<R> {
    iam: R,
    /// The time from one call to the next.
    interval: Duration,
    /// How long to wait after a retryable failure, in addition to the retries of the client itself.
    throttle_backoff: Backoff,
    /// When the next call may be made.
    next: Mutex<Instant>,
}

type Call<'a, T> = Pin<Box<dyn Future<Output = Result<T, AwsError>> + Send + 'a>>;

impl<R> RateLimited<R> {
    /// Calls `iam` at most once per `interval`.
    #[must_use]
    pub fn new(iam: R, interval: Duration, throttle_backoff: Backoff) -> RateLimited<R> {
        RateLimited { iam, interval, throttle_backoff, next: Mutex::new(Instant::now()) }
    }

    async fn turn(&self) {
        let mut next = self.next.lock().await;
        sleep_until(*next).await;
        *next = Instant::now() + self.interval;
    }

    async fn call<'a, T>(&'a self, make: impl Fn(&'a R) -> Call<'a, T> + Sync) -> Result<T, AwsError> {
        let mut attempt = 1;
        loop {
            self.turn().await;
            let error = match make(&self.iam).await {
                Err(error) if error.is_retryable() => error,
                result => return result,
            };
            let Some(wait) = self.throttle_backoff.wait(attempt) else { return Err(error) };
            tracing::warn!(error = dmm_telemetry::causes(&error), attempt, "a call to IAM failed; waiting");
            sleep(wait).await;
            attempt += 1;
        }
    }
}

#[async_trait]
impl<R: Roles> Roles for RateLimited<R> {
    async fn role(&self, name: &RoleName) -> Result<Option<Role>, AwsError> {
        self.call(|iam| iam.role(name)).await
    }
}

#[async_trait]
impl<R: Simulation> Simulation for RateLimited<R> {
    async fn decide(&self, role: &RoleName, document: &Document) -> Result<Decision, AwsError> {
        self.call(|iam| iam.decide(role, document)).await
    }
}

#[async_trait]
impl<R: RoleList> RoleList for RateLimited<R> {
    /// These are a few calls at most, because IAM's pages are large.
    async fn roles(&self) -> Result<Vec<Role>, ListError> {
        self.turn().await;
        self.iam.roles().await
    }
}

#[async_trait]
impl<R: ManagedPolicyList> ManagedPolicyList for RateLimited<R> {
    /// These are a few calls at most, because IAM's pages are large.
    async fn managed_policies(&self) -> Result<Vec<ManagedPolicy>, ListError> {
        self.turn().await;
        self.iam.managed_policies().await
    }
}

#[async_trait]
impl<R: InlinePolicies> InlinePolicies for RateLimited<R> {
    async fn inline_names(&self, role: &RoleName) -> Result<Vec<String>, AwsError> {
        self.call(|iam| iam.inline_names(role)).await
    }

    async fn inline_size(&self, role: &RoleName, policy: &str) -> Result<usize, AwsError> {
        self.call(|iam| iam.inline_size(role, policy)).await
    }

    async fn inline(&self, policy: &RolePolicy) -> Result<Option<Document>, AwsError> {
        self.call(|iam| iam.inline(policy)).await
    }

    async fn put_inline(&self, policy: &RolePolicy, document: &Document) -> Result<Put, AwsError> {
        self.call(|iam| iam.put_inline(policy, document)).await
    }

    async fn delete_inline(&self, policy: &RolePolicy) -> Result<(), AwsError> {
        self.call(|iam| iam.delete_inline(policy)).await
    }
}

#[async_trait]
impl<R: ManagedPolicies> ManagedPolicies for RateLimited<R> {
    async fn attached(&self, role: &RoleName) -> Result<Attached, AwsError> {
        self.call(|iam| iam.attached(role)).await
    }

    async fn quota(&self) -> Result<usize, AwsError> {
        self.call(|iam| iam.quota()).await
    }

    async fn managed(&self, policy: &ManagedPolicy) -> Result<Option<Document>, AwsError> {
        self.call(|iam| iam.managed(policy)).await
    }

    async fn put_managed(&self, policy: &ManagedPolicy, document: &Document) -> Result<Put, AwsError> {
        self.call(|iam| iam.put_managed(policy, document)).await
    }

    async fn replace_managed(&self, policy: &ManagedPolicy, document: &Document) -> Result<(), AwsError> {
        self.call(|iam| iam.replace_managed(policy, document)).await
    }

    async fn delete_managed(&self, policy: &ManagedPolicy) -> Result<(), AwsError> {
        self.call(|iam| iam.delete_managed(policy)).await
    }
}
