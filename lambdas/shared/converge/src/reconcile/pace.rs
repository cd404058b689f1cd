//! IAM, asked slowly.
//!
//! IAM has one rate for a whole account, does not publish it, and throttles people and deployments along with
//! us. A pass has the time to leave them room: it calls IAM one by one, at a steady pace, and stands back
//! when IAM asks for it.

use std::pin::Pin;
use std::time::Duration;

use async_trait::async_trait;
use dmm_budget::Backoff;
use tokio::sync::Mutex;
use tokio::time::{Instant, sleep, sleep_until};

use crate::error::{RoleListError, RolesError};
use crate::ports::{Attached, Put, Roles, Room};
use dmm_access::document::Document;
use dmm_access::prefix::ManagedPolicy;
use dmm_access::record::{Grant, Place};
use dmm_access::role::{Role, RoleName};

/// Calls the roles behind it at a pace.
pub struct Paced<R> {
    inner: R,
    /// From one call to the next.
    interval: Duration,
    /// How long it stands back after a failure that may pass, beyond the tries of the client itself.
    backoff: Backoff,
    /// When the next call may be made.
    next: Mutex<Instant>,
}

type Call<'a, T> = Pin<Box<dyn Future<Output = Result<T, RolesError>> + Send + 'a>>;

impl<R> Paced<R> {
    /// Calls `inner` no more often than once per `interval`.
    #[must_use]
    pub fn new(inner: R, interval: Duration, backoff: Backoff) -> Paced<R> {
        Paced { inner, interval, backoff, next: Mutex::new(Instant::now()) }
    }

    async fn turn(&self) {
        let mut next = self.next.lock().await;
        sleep_until(*next).await;
        *next = Instant::now() + self.interval;
    }

    async fn call<'a, T>(&'a self, make: impl Fn(&'a R) -> Call<'a, T> + Sync) -> Result<T, RolesError> {
        let mut attempt = 1;
        loop {
            self.turn().await;
            let error = match make(&self.inner).await {
                Err(error) if error.is_retryable() => error,
                result => return result,
            };
            let Some(wait) = self.backoff.wait(attempt) else { return Err(error) };
            tracing::warn!(error = dmm_telemetry::causes(&error), attempt, "IAM is given time");
            sleep(wait).await;
            attempt += 1;
        }
    }
}

#[async_trait]
impl<R: Roles> Roles for Paced<R> {
    async fn role(&self, name: &RoleName) -> Result<Option<Role>, RolesError> {
        self.call(|roles| roles.role(name)).await
    }

    async fn policy(&self, place: &Place) -> Result<Option<Document>, RolesError> {
        self.call(|roles| roles.policy(place)).await
    }

    async fn put(&self, grant: &Grant) -> Result<Put, RolesError> {
        self.call(|roles| roles.put(grant)).await
    }

    async fn delete(&self, place: &Place) -> Result<(), RolesError> {
        self.call(|roles| roles.delete(place)).await
    }
}

#[async_trait]
impl<R: Room> Room for Paced<R> {
    /// A few calls at most: the pages are as large as IAM gives them.
    async fn roles(&self) -> Result<Vec<Role>, RoleListError> {
        self.turn().await;
        self.inner.roles().await
    }

    async fn inline(&self, role: &RoleName) -> Result<Vec<String>, RolesError> {
        self.call(|iam| iam.inline(role)).await
    }

    async fn size(&self, role: &RoleName, policy: &str) -> Result<usize, RolesError> {
        self.call(|iam| iam.size(role, policy)).await
    }

    async fn attached(&self, role: &RoleName) -> Result<Attached, RolesError> {
        self.call(|iam| iam.attached(role)).await
    }

    async fn quota(&self) -> Result<usize, RolesError> {
        self.call(|iam| iam.quota()).await
    }

    async fn managed(&self, policy: &ManagedPolicy) -> Result<Option<Document>, RolesError> {
        self.call(|iam| iam.managed(policy)).await
    }

    async fn hold(&self, policy: &ManagedPolicy, document: &Document) -> Result<Put, RolesError> {
        self.call(|iam| iam.hold(policy, document)).await
    }

    async fn drop(&self, policy: &ManagedPolicy) -> Result<(), RolesError> {
        self.call(|iam| iam.drop(policy)).await
    }
}
