//! IAM is asked slowly, and given time when it asks for it.

use std::sync::atomic::{AtomicU32, Ordering};

use async_trait::async_trait;
use dmm_budget::Backoff;

use super::super::pace::Paced;
use super::*;
use crate::error::RolesError;
use crate::ports::{Put, Roles};
use dmm_access::document::Document;
use dmm_access::record::Grant;
use dmm_access::role::RoleName;

/// An IAM that throttles the first calls.
struct Busy {
    throttled: u32,
    calls: AtomicU32,
}

impl Busy {
    fn answer<T>(&self, answer: T) -> Result<T, RolesError> {
        if self.calls.fetch_add(1, Ordering::Relaxed) < self.throttled {
            let role = "consumer".parse().unwrap();
            return Err(RolesError::Failed { action: "iam:Any", role, source: "Throttling".into() });
        }
        Ok(answer)
    }
}

#[async_trait]
impl Roles for Busy {
    async fn role(&self, _: &RoleName) -> Result<Option<Role>, RolesError> {
        self.answer(None)
    }

    async fn policy(&self, _: &Place) -> Result<Option<Document>, RolesError> {
        self.answer(None)
    }

    async fn put(&self, _: &Grant) -> Result<Put, RolesError> {
        self.answer(Put::Done)
    }

    async fn delete(&self, place: &Place) -> Result<(), RolesError> {
        Err(RolesError::Denied { action: "iam:Any", role: place.role.clone(), source: "no".into() })
    }
}

const QUICK: Backoff = Backoff { attempts: 3, base: Duration::from_millis(1), cap: Duration::from_millis(1) };

fn paced(throttled: u32, interval: Duration) -> Paced<Busy> {
    Paced::new(Busy { throttled, calls: AtomicU32::new(0) }, interval, QUICK)
}

#[tokio::test]
async fn calls_are_an_interval_apart() {
    let interval = Duration::from_millis(20);
    let roles = paced(0, interval);
    let began = Instant::now();
    for _ in 0..4 {
        roles.role(&"consumer".parse().unwrap()).await.unwrap();
    }
    assert!(began.elapsed() >= 3 * interval, "{:?}", began.elapsed());
}

#[tokio::test]
async fn throttling_is_waited_out_and_what_never_passes_is_an_error() {
    let name = "consumer".parse().unwrap();
    assert!(paced(2, Duration::ZERO).role(&name).await.is_ok());
    assert!(paced(3, Duration::ZERO).role(&name).await.is_err());
}

#[tokio::test]
async fn what_waiting_does_not_cure_is_not_waited_for() {
    let roles = Paced::new(
        Busy { throttled: 0, calls: AtomicU32::new(0) },
        Duration::ZERO,
        Backoff { attempts: 3, base: Duration::from_hours(1), cap: Duration::from_hours(1) },
    );
    let error = roles.delete(&place("consumer", &reference(Access, "a1"))).await.unwrap_err();
    assert!(!error.is_retryable());
}
