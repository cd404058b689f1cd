//! From an invocation to a report.

use std::time::Duration;

use crate::{EnvironmentError, settings};
use dmm_aws::S3Store;
use dmm_budget::Backoff;
use jiff::Timestamp;
use serde_json::Value;
use tokio::time::Instant;

use crate::service::{CONFLICT_BACKOFF, Parts, SetupError, adapters};
use dmm_access::guardrails::Guardrails;
use dmm_access::record::Cause;
use dmm_aws::iam::IamRoles;
use dmm_converge::Converger;
use dmm_converge::adapters::Adapters;
use dmm_converge::packing::Packing;
use dmm_converge::ports::RoleList;
use dmm_converge::reconcile::checkpoint::Checkpoint;
use dmm_converge::reconcile::dry_run::DryRun;
use dmm_converge::reconcile::rate_limit::RateLimited;
use dmm_converge::reconcile::{ReconcileError, Reconciler, Report, Request};

/// From one call of IAM to the next.
const PACE: Duration = Duration::from_millis(50);
/// How long to wait when IAM throttles, after the SDK's own retries.
const THROTTLE_BACKOFF: Backoff =
    Backoff { attempts: 5, base: Duration::from_secs(1), cap: Duration::from_secs(15) };
/// How long one agreement may take: as long as iam-grant has.
const LONGEST: Duration = Duration::from_mins(1);
/// What is left of the time to note the place and to answer.
const RESERVE: Duration = Duration::from_secs(10);

/// Everything that is built once and used for every invocation.
pub struct Service {
    client: dmm_api::Client,
    places: Adapters<Packing<RateLimited<IamRoles>>>,
    records: S3Store,
    guardrails: Guardrails,
    scans_roles: bool,
}

impl Service {
    /// Builds all from the environment: as [`crate::Service::from_environment`], and `SCAN_ROLES`.
    ///
    /// # Errors
    ///
    /// [`SetupError`], which names the variable.
    pub fn from_environment() -> Result<Service, SetupError> {
        let scans_roles = settings::flag("SCAN_ROLES").map_err(EnvironmentError::from)?;
        let Parts { client, iam, records, guardrails } = Parts::from_environment()?;
        let places = adapters(RateLimited::new(iam, PACE, THROTTLE_BACKOFF), &records);
        Ok(Service { client, places, records, guardrails, scans_roles })
    }

    /// Does one run: what the payload asks for ([`Request`]), as far as it gets in the time that is left.
    ///
    /// # Errors
    ///
    /// [`ReconcileError`]: the run could not go on. The next one goes on where it stopped.
    pub async fn run(
        &self,
        payload: Value,
        run_id: &str,
        time_left: Duration,
    ) -> Result<Report, ReconcileError> {
        let request = Request::read(payload)?;
        let now = Instant::now();
        let longest = LONGEST.min(time_left / 3);
        let reserve = RESERVE.min(time_left / 10);
        let client = self.client.until(now + time_left.saturating_sub(reserve));
        let until = now + time_left.saturating_sub(reserve + longest);

        let dry_run = DryRun::new(&self.places, &self.records);
        let dry_run = request.dry_run.then_some(&dry_run);
        let iam = &self.places.role_policies.iam;
        let mut converger = Converger {
            agreements: &client,
            reporter: &client,
            roles: iam,
            places: &self.places,
            records: &self.records,
            guardrails: &self.guardrails,
            clock: Timestamp::now,
            conflict_backoff: CONFLICT_BACKOFF,
        };
        if let Some(dry_run) = dry_run {
            (converger.reporter, converger.places, converger.records) = (dry_run, dry_run, dry_run);
        }
        let reconciler = Reconciler {
            converger,
            agreement_lists: &client,
            record_keys: &self.records,
            role_list: self.scans_roles.then_some(iam as &dyn RoleList),
            dry_run,
            deadline: until,
            agreement_timeout: longest,
        };
        let traceparent = dmm_telemetry::current().map(|context| context.traceparent);
        let cause = Cause { id: run_id.to_owned(), event_type: "Reconcile".to_owned(), traceparent };

        let checkpoint = if request.dry_run { None } else { Some(Checkpoint::read(&self.records).await?) };
        let stored = checkpoint.as_ref().and_then(|checkpoint| checkpoint.next.clone());
        let from = request.from.or(stored);
        let (report, result) = reconciler.run(from, request.limit, &cause).await;
        report.record();
        tracing::info!(
            checked = report.checked,
            granted = report.granted,
            revoked = report.revoked,
            unchanged = report.unchanged,
            refused = report.refused,
            failed = report.failed.len(),
            dry_run = report.dry_run,
            complete = report.complete,
            "reconciled"
        );
        if let Some(checkpoint) = checkpoint {
            checkpoint.write(&self.records, report.next.as_ref(), run_id, Timestamp::now()).await?;
        }
        result.map(|()| report)
    }
}
