//! The handler: from an invocation to a report.

use std::time::Duration;

use dmm_access::evidence::Retention;
use dmm_access::guardrails::Guardrails;
use dmm_access::record::Cause;
use dmm_access::stack::Stack;
use dmm_aws::{AwsResources, IamRoles, S3Store};
use dmm_budget::agreement::{CONFLICT_BACKOFF, CONSISTENCY_BACKOFF};
use dmm_budget::reconcile as budget;
use dmm_converge::adapters::Adapters;
use dmm_converge::blocks;
use dmm_converge::changes::Recorded;
use dmm_converge::dry_run::DryRun;
use dmm_converge::gate::Open;
use dmm_converge::organization::{OrganizationError, Pin};
use dmm_converge::packing::Packing;
use dmm_converge::ports::{Leftovers, Simulation};
use dmm_converge::proof::Proof;
use dmm_converge::reconcile::checkpoint::Checkpoint;
use dmm_converge::reconcile::rate_limit::RateLimited;
use dmm_converge::reconcile::{Progress, ReconcileError, Reconciler, Report, Request};
use dmm_converge::uninstall::{self, ListedMesh, Mesh, OptionalMesh};
use dmm_converge::window;
use dmm_converge::{Brake, Converger, Mode};
use dmm_function::config::ReconcileConfig;
use dmm_function::telemetry;
use dmm_function::wiring::{AgreementAdapters, WiringError, adapters};
use dmm_telemetry::Trigger;
use jiff::Timestamp;
use lambda_runtime::{Diagnostic, LambdaEvent};
use serde_json::Value;
use tokio::time::Instant;

/// Compares all agreements with IAM. Built once, and used for every invocation.
pub struct ReconcileHandler {
    api: dmm_api::Client,
    places: Adapters<Packing<RateLimited<IamRoles>>>,
    resources: AwsResources,
    records: S3Store,
    retention: Retention,
    guardrails: Guardrails,
    stack: Stack,
    scan_roles: bool,
    simulates_access: bool,
    mode: Mode,
    brake: Brake,
    organization: Pin,
}

impl ReconcileHandler {
    /// Builds the handler with the real adapters.
    ///
    /// # Errors
    ///
    /// [`WiringError`], if a client cannot be built.
    pub fn from_config(config: ReconcileConfig) -> Result<ReconcileHandler, WiringError> {
        let ReconcileConfig { agreement, scan_roles } = config;
        let simulates_access = agreement.simulate_access;
        let (mode, brake, organization) =
            (agreement.mode, agreement.brake, Pin::new(agreement.organization.clone()));
        let AgreementAdapters { api, iam, resources, records, retention, guardrails, stack } =
            AgreementAdapters::new(agreement)?;
        let iam = RateLimited::new(iam, budget::IAM_CALL_INTERVAL, budget::THROTTLE_BACKOFF);
        // The search for policies that no record knows is for those of the predecessor.
        let places = adapters(iam, &records, &guardrails, &stack, scan_roles);
        Ok(ReconcileHandler {
            api,
            places,
            resources,
            records,
            retention,
            guardrails,
            stack,
            scan_roles,
            simulates_access,
            mode,
            brake,
            organization,
        })
    }

    /// Handles one invocation.
    ///
    /// # Errors
    ///
    /// The invocation fails if the run cannot go on, for example because Data Mesh Manager does not answer. Lambda does not
    /// retry it: the next hour continues where this run stopped. If a single agreement cannot be brought in line, the run
    /// succeeds and its report says so.
    pub async fn invoke(&self, event: LambdaEvent<Value>) -> Result<Report, Diagnostic> {
        let LambdaEvent { payload, context } = event;
        let invocation = telemetry::invocation(Trigger::Timer, &context);
        // Boxed, because the future is too large for the stack of its callers.
        let run = Box::pin(self.run(payload, &context.request_id, invocation.time_left()));
        invocation.run(run).await.map_err(|error| Diagnostic {
            error_type: error.class().to_owned(),
            error_message: dmm_telemetry::causes(&error),
        })
    }

    /// Does what the payload asks for ([`Request`]), as far as the time that is left allows.
    ///
    /// # Errors
    ///
    /// [`ReconcileError`], if the run cannot go on. The next run continues where this one stopped.
    async fn run(&self, payload: Value, run_id: &str, time_left: Duration) -> Result<Report, ReconcileError> {
        let request = Request::read(payload)?;
        let now = Instant::now();
        let longest = budget::AGREEMENT_TIMEOUT.min(time_left / budget::AGREEMENT_SHARE);
        let reserve = budget::ANSWER_RESERVE.min(time_left / budget::RESERVE_SHARE);
        let api = self.api.until(now + time_left.saturating_sub(reserve));
        let until = now + time_left.saturating_sub(reserve + longest);

        let observes = self.mode == Mode::Observe;
        let dry_run = DryRun::new(&self.places, &self.records);
        let dry_run = (request.dry_run || observes).then_some(&dry_run);
        let uninstalls = self.mode == Mode::Uninstall;
        let organization = self.organization(&api, dry_run);
        let api = if uninstalls {
            uninstall::if_known(organization).await.map(|name| api.only_for(name))
        } else {
            Some(api.only_for(organization.await?))
        };
        let optional = OptionalMesh::new(api.as_ref().map(|api| api as &dyn Mesh));
        let mesh: &dyn ListedMesh = match &api {
            Some(api) if !uninstalls => api,
            _ => &optional,
        };
        let iam = &self.places.role_policies.iam;
        let recorded = Recorded::new(&self.places);
        let guardrails = self.guardrails.clone().with_blocks(blocks::read(&self.records).await?);
        let mut converger = Converger {
            agreements: mesh,
            reporter: mesh,
            roles: iam,
            resources: &self.resources,
            places: &recorded,
            proof: Proof {
                read_back: &self.places,
                simulation: self.simulates_access.then_some(iam as &dyn Simulation),
                backoff: CONSISTENCY_BACKOFF,
            },
            records: &self.records,
            guardrails: &guardrails,
            stack: &self.stack,
            retention: self.retention,
            gate: &Open::default(),
            clock: Timestamp::now,
            conflict_backoff: CONFLICT_BACKOFF,
        };
        if let Some(dry_run) = dry_run {
            (converger.reporter, converger.places, converger.records) = (dry_run, dry_run, dry_run);
            converger.proof = Proof { read_back: dry_run, simulation: None, ..converger.proof };
        }
        let reconciler = Reconciler {
            converger,
            agreement_lists: mesh,
            record_keys: &self.records,
            role_list: iam,
            scan_roles: self.scan_roles,
            leftovers: uninstalls.then_some(&self.places.role_policies as &dyn Leftovers),
            dry_run,
            recorded: dry_run.is_none().then_some(&recorded),
            // An operator sets the mode `uninstall` on purpose.
            brake: if uninstalls { Brake::OFF } else { self.brake },
            trusts_first_look: observes || uninstalls,
            deadline: until,
            agreement_timeout: longest,
        };
        let traceparent = dmm_telemetry::current().map(|context| context.traceparent);
        let cause = Cause { id: run_id.to_owned(), event_type: "Reconcile".to_owned(), traceparent };

        // A run in the mode `observe` also continues where the last one stopped.
        let checkpoint =
            if request.dry_run { None } else { Some(Checkpoint::read(&self.records, self.mode).await?) };
        let stored = checkpoint.as_ref().map(|checkpoint| checkpoint.next.clone()).unwrap_or_default();
        let began = Timestamp::now();
        let is_whole = request.from.is_none();
        let remembered = checkpoint.as_ref().map(|checkpoint| checkpoint.history.clone()).unwrap_or_default();
        let continues = stored != Progress::default();
        let mut start = match request.from {
            Some(position) => Progress { position, ..Progress::default() },
            None => stored,
        };
        start.census.confirmed = request.confirm.or(start.census.confirmed);
        let (mut report, next, result) = reconciler.run(start, request.limit, &cause).await;
        let history = if is_whole && checkpoint.is_some() {
            remembered.begin(continues, began).end(&mut report, Timestamp::now())
        } else {
            report.remaining = None;
            remembered
        };
        if is_whole && dry_run.is_none() && (report.complete || report.brake.is_some()) {
            window::write_grants(&self.records, report.grants, Timestamp::now()).await?;
        }
        report.record();
        log(&report);
        if let Some(checkpoint) = checkpoint {
            checkpoint.write(&self.records, &next, history, run_id, Timestamp::now()).await?;
        }
        result.map(|()| report)
    }

    /// The name of the organization that this stack serves.
    async fn organization(
        &self,
        api: &dmm_api::Client,
        dry_run: Option<&DryRun<'_>>,
    ) -> Result<String, OrganizationError> {
        match dry_run {
            Some(dry_run) => self.organization.name(api, dry_run).await,
            None => self.organization.name(api, &self.records).await,
        }
    }
}

/// Logs what a run found and did.
fn log(report: &Report) {
    let paused_until = report.paused_until.map(|until| until.to_string());
    tracing::info!(
        checked = report.checked,
        granted = report.granted,
        revoked = report.revoked,
        unchanged = report.unchanged,
        refused = report.refused,
        failed = report.failed.len(),
        stuck = report.stuck.len(),
        seconds = report.seconds,
        postponed = report.postponed,
        remaining = report.remaining,
        dry_run = report.dry_run,
        complete = report.complete,
        paused_until,
        "reconciled"
    );
}
