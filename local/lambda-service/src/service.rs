//! The functions, who may invoke them, and how many of them run at once.

use std::collections::{BTreeMap, VecDeque};
use std::ffi::OsString;
use std::fmt;
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::time::Duration;

use aws_credential_types::Credentials;
use bytes::Bytes;
use jiff::Timestamp;
use tokio::sync::{Notify, Semaphore, SemaphorePermit};
use tokio::task::JoinSet;
use uuid::Uuid;

use crate::asynchronous::AsyncConfig;
use crate::environment::{self, Environment, Outcome};
use crate::error::{InvokeError, ServiceError};
use crate::mapping::{self, Mapping};
use crate::schedule::{self, Schedule};
use crate::speed::Speed;
use crate::target::{self, Receiver, RuleTarget};
use crate::trace::{Segment, Tracing};

/// How many environments a function without reserved concurrency gets: this is one machine.
const DEFAULT_CONCURRENCY: u32 = 4;

/// What all functions share.
#[derive(Clone, Debug)]
pub struct Settings {
    /// The region.
    pub region: String,
    /// The account's id.
    pub account: String,
    /// The AWS that the functions talk to.
    pub endpoint_url: String,
    /// How fast the service's waits pass.
    pub speed: Speed,
    /// Where spans and segments go; nowhere if there is none.
    pub tracing: Option<Tracing>,
}

/// A function.
#[derive(Clone, Debug)]
pub struct FunctionConfig {
    /// Its name.
    pub name: String,
    /// Its ARN.
    pub arn: String,
    /// The binary that is its `bootstrap`, or a runtime.
    pub binary: PathBuf,
    /// What a runtime is told; none for a `bootstrap`.
    pub arguments: Vec<OsString>,
    /// Its environment variables.
    pub environment: BTreeMap<String, String>,
    /// The temporary credentials of its role.
    pub credentials: Credentials,
    /// The time limit of an invocation.
    pub timeout: Duration,
    /// Its memory in MB; told to the process, not enforced.
    pub memory_mb: u32,
    /// How many invocations may run at once.
    pub reserved_concurrency: Option<u32>,
    /// The file that takes what it prints.
    pub log_file: Option<PathBuf>,
    /// Whether an invocation without a trace header begins a sampled trace (tracing mode `Active`).
    pub active_tracing: bool,
}

/// Who may invoke a function: a statement of its resource policy.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Permission {
    /// The service, e.g. `events.amazonaws.com`.
    pub principal: String,
    /// The ARN that the service acts for; `None` for any.
    pub source_arn: Option<String>,
}

/// Lambda on one machine. A clone is another handle of the same service; when the last one is dropped, the processes end.
#[derive(Clone)]
pub struct FunctionService {
    inner: Arc<Inner>,
    /// Held by the handles outside only: the tasks end with the last of them.
    _tasks: Option<Tasks>,
}

type Tasks = Arc<Mutex<JoinSet<()>>>;

struct Inner {
    settings: Settings,
    functions: Mutex<BTreeMap<String, Arc<Function>>>,
    triggers: Mutex<VecDeque<Trigger>>,
    /// Not owned, because the tasks themselves hold this.
    tasks: Weak<Mutex<JoinSet<()>>>,
    /// Events and batches that are worked on or wait to be tried again.
    busy: AtomicUsize,
}

pub(crate) struct Function {
    pub(crate) config: FunctionConfig,
    pub(crate) asynchronous: Mutex<AsyncConfig>,
    permissions: Mutex<Vec<Permission>>,
    unreachable: AtomicBool,
    concurrency: Semaphore,
    idle: Mutex<Vec<Environment>>,
    kill: Arc<Notify>,
}

/// What invokes functions, once the triggers are started.
enum Trigger {
    Mapping(Mapping),
    Target(RuleTarget),
    Schedule(Schedule),
}

/// Something under way; dropping it says that it has ended.
pub(crate) struct Busy(Arc<Inner>);

impl FunctionService {
    /// A service without functions.
    #[must_use]
    pub fn new(settings: Settings) -> Self {
        let tasks = Tasks::default();
        Self {
            inner: Arc::new(Inner {
                settings,
                functions: Mutex::default(),
                triggers: Mutex::default(),
                tasks: Arc::downgrade(&tasks),
                busy: AtomicUsize::new(0),
            }),
            _tasks: Some(tasks),
        }
    }

    /// Adds a function. Its process starts with the first invocation.
    ///
    /// # Errors
    ///
    /// [`ServiceError::Exists`], [`ServiceError::ReservedVariable`].
    pub fn add_function(&self, config: FunctionConfig) -> Result<(), ServiceError> {
        if let Some(variable) = config.environment.keys().find(|name| environment::is_reserved(name)) {
            return Err(ServiceError::ReservedVariable {
                function: config.name.clone(),
                variable: variable.clone(),
            });
        }
        let mut functions = lock(&self.inner.functions);
        if functions.contains_key(&config.name) {
            return Err(ServiceError::Exists(config.name));
        }
        let concurrency = config.reserved_concurrency.unwrap_or(DEFAULT_CONCURRENCY);
        let function = Function {
            asynchronous: Mutex::default(),
            permissions: Mutex::default(),
            unreachable: AtomicBool::new(false),
            concurrency: Semaphore::new(usize::try_from(concurrency).unwrap_or(1)),
            idle: Mutex::default(),
            kill: Arc::new(Notify::new()),
            config,
        };
        functions.insert(function.config.name.clone(), Arc::new(function));
        Ok(())
    }

    /// How a function was added; `None` when there is none of this name.
    #[must_use]
    pub fn configuration(&self, function: &str) -> Option<FunctionConfig> {
        self.function(function).map(|function| function.config.clone())
    }

    /// Says how often asynchronous invocations are retried and where those go that fail.
    ///
    /// # Errors
    ///
    /// [`ServiceError::Unknown`].
    pub fn configure_async(&self, function: &str, config: AsyncConfig) -> Result<(), ServiceError> {
        *lock(&self.known(function)?.asynchronous) = config;
        Ok(())
    }

    /// Lets somebody invoke a function.
    ///
    /// # Errors
    ///
    /// [`ServiceError::Unknown`].
    pub fn add_permission(&self, function: &str, permission: Permission) -> Result<(), ServiceError> {
        lock(&self.known(function)?.permissions).push(permission);
        Ok(())
    }

    /// Polls a queue for a function, once the triggers are started.
    ///
    /// # Errors
    ///
    /// [`ServiceError`] for what AWS would refuse.
    pub fn add_mapping(&self, mapping: Mapping) -> Result<(), ServiceError> {
        self.known(&mapping.function)?;
        mapping.check()?;
        lock(&self.inner.triggers).push_back(Trigger::Mapping(mapping));
        Ok(())
    }

    /// Hands the events of a rule to a function or an API destination, once the triggers are started.
    ///
    /// # Errors
    ///
    /// [`ServiceError::Unknown`].
    pub fn add_rule_target(&self, target: RuleTarget) -> Result<(), ServiceError> {
        if let Receiver::Function(name) = &target.receiver {
            self.known(name)?;
        }
        lock(&self.inner.triggers).push_back(Trigger::Target(target));
        Ok(())
    }

    /// Invokes a function again and again, once the triggers are started.
    ///
    /// # Errors
    ///
    /// [`ServiceError::Unknown`].
    pub fn add_schedule(&self, schedule: Schedule) -> Result<(), ServiceError> {
        self.known(&schedule.function)?;
        lock(&self.inner.triggers).push_back(Trigger::Schedule(schedule));
        Ok(())
    }

    /// Starts what was added: mappings, targets, and with `schedules` the schedules.
    pub fn start_triggers(&self, schedules: bool) {
        let triggers = std::mem::take(&mut *lock(&self.inner.triggers));
        let Some(tasks) = self.inner.tasks.upgrade() else { return };
        let mut tasks = lock(&tasks);
        for trigger in triggers {
            let service = self.for_tasks();
            match trigger {
                Trigger::Mapping(mapping) => {
                    for _ in 0..mapping.pollers() {
                        tasks.spawn(mapping::run(service.clone(), mapping.clone()));
                    }
                }
                Trigger::Target(target) => drop(tasks.spawn(target::run(service, target))),
                Trigger::Schedule(schedule) if schedules => {
                    drop(tasks.spawn(schedule::run(service, schedule)));
                }
                Trigger::Schedule(_) => {}
            }
        }
    }

    /// Invokes a function and waits for its answer (`RequestResponse`).
    ///
    /// # Errors
    ///
    /// [`InvokeError`]; [`InvokeError::Throttled`] at once when its concurrency is used up.
    pub async fn invoke(&self, function: &str, payload: Bytes) -> Result<Bytes, InvokeError> {
        let function = self.function(function).ok_or_else(|| InvokeError::Unknown(function.to_owned()))?;
        let Ok(permit) = function.concurrency.try_acquire() else {
            return Err(InvokeError::Throttled(function.config.name.clone()));
        };
        let _busy = self.busy();
        self.run(&function, permit, &new_request_id(), payload, None).await
    }

    /// The same, but waits until its concurrency allows it, as Lambda's own pollers and queues do, at the most for
    /// `patience` where there is one.
    pub(crate) async fn invoke_in_turn(
        &self,
        function: &str,
        request_id: &str,
        payload: Bytes,
        trace: Option<String>,
        patience: Option<Duration>,
    ) -> Result<Bytes, InvokeError> {
        let function = self.function(function).ok_or_else(|| InvokeError::Unknown(function.to_owned()))?;
        let waiting = function.concurrency.acquire();
        let permit = match patience {
            None => waiting.await.ok(),
            Some(patience) => tokio::time::timeout(patience, waiting).await.ok().and_then(Result::ok),
        };
        let Some(permit) = permit else {
            return Err(InvokeError::Throttled(function.config.name.clone()));
        };
        self.run(&function, permit, request_id, payload, trace).await
    }

    async fn run(
        &self,
        function: &Function,
        _permit: SemaphorePermit<'_>,
        request_id: &str,
        payload: Bytes,
        trace: Option<String>,
    ) -> Result<Bytes, InvokeError> {
        let config = &function.config;
        let tracing = self.inner.settings.tracing.as_ref().filter(|_| config.active_tracing);
        let segment = Segment::begin(&config.name, Timestamp::now());
        let begins = trace.is_none();
        let header = trace.unwrap_or_else(|| segment.header(tracing.is_some()));
        let result = self.run_in_any(function, request_id, payload, header).await;
        if let (Some(tracing), true) = (tracing, begins) {
            segment.end(&result, tracing);
        }
        result
    }

    async fn run_in_any(
        &self,
        function: &Function,
        request_id: &str,
        payload: Bytes,
        trace_header: String,
    ) -> Result<Bytes, InvokeError> {
        let failed = |error| InvokeError::Function { function: function.config.name.clone(), error };
        loop {
            let idle = lock(&function.idle).pop();
            let reused = idle.is_some();
            let mut environment = match idle {
                Some(environment) => environment,
                None => {
                    Environment::start(&function.config, &self.inner.settings, Arc::clone(&function.kill))
                        .await?
                }
            };
            match environment.run(&function.config, request_id, payload.clone(), trace_header.clone()).await {
                Outcome::Answered(result) => {
                    lock(&function.idle).push(environment);
                    return result.map_err(failed);
                }
                // It ended while it was idle.
                Outcome::NeverTaken(_) if reused => {}
                Outcome::Ended(error) | Outcome::NeverTaken(error) => return Err(failed(error)),
            }
        }
    }

    /// Kills every process of a function, also those that are working.
    pub fn kill(&self, function: &str) {
        if let Some(function) = self.function(function) {
            lock(&function.idle).clear();
            function.kill.notify_waiters();
        }
    }

    /// Says whether Lambda takes asynchronous invocations of a function; it does unless told otherwise. For trying out what
    /// happens while it does not: event rules retry and in the end use their target's dead-letter queue.
    pub fn set_reachable(&self, function: &str, reachable: bool) {
        if let Some(function) = self.function(function) {
            function.unreachable.store(!reachable, Ordering::SeqCst);
        }
    }

    pub(crate) fn is_reachable(&self, function: &str) -> bool {
        self.function(function).is_some_and(|function| !function.unreachable.load(Ordering::SeqCst))
    }

    /// Whether an event or a batch is worked on, or an event waits to be tried again. Scheduled invocations do not count:
    /// they are due all the time.
    #[must_use]
    pub fn is_busy(&self) -> bool {
        self.inner.busy.load(Ordering::SeqCst) > 0
    }

    /// Ends the triggers and the processes.
    pub async fn stop(&self) {
        if let Some(tasks) = self.inner.tasks.upgrade() {
            let mut tasks = std::mem::take(&mut *lock(&tasks));
            tasks.shutdown().await;
        }
        for function in lock(&self.inner.functions).values() {
            lock(&function.idle).clear();
            function.kill.notify_waiters();
        }
    }

    /// Runs work that ends with the service.
    pub(crate) fn spawn(&self, work: impl Future<Output = ()> + Send + 'static) {
        // Without handles, there is no service any more.
        let Some(tasks) = self.inner.tasks.upgrade() else { return };
        let mut tasks = lock(&tasks);
        while tasks.try_join_next().is_some() {}
        tasks.spawn(work);
    }

    /// A handle that does not keep the service alive by itself.
    pub(crate) fn for_tasks(&self) -> Self {
        Self { inner: Arc::clone(&self.inner), _tasks: None }
    }

    pub(crate) fn busy(&self) -> Busy {
        self.inner.busy.fetch_add(1, Ordering::SeqCst);
        Busy(Arc::clone(&self.inner))
    }

    pub(crate) fn settings(&self) -> &Settings {
        &self.inner.settings
    }

    pub(crate) fn function(&self, name: &str) -> Option<Arc<Function>> {
        lock(&self.inner.functions).get(name).cloned()
    }

    /// Whether a service may invoke a function on behalf of `source_arn`.
    pub(crate) fn allows(&self, function: &str, principal: &str, source_arn: &str) -> bool {
        self.function(function).is_some_and(|function| {
            lock(&function.permissions).iter().any(|permission| {
                permission.principal == principal
                    && permission.source_arn.as_deref().is_none_or(|arn| arn == source_arn)
            })
        })
    }

    fn known(&self, name: &str) -> Result<Arc<Function>, ServiceError> {
        self.function(name).ok_or_else(|| ServiceError::Unknown(name.to_owned()))
    }
}

impl fmt::Debug for FunctionService {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let functions: Vec<String> = lock(&self.inner.functions).keys().cloned().collect();
        formatter.debug_struct("FunctionService").field("functions", &functions).finish_non_exhaustive()
    }
}

impl Drop for Busy {
    fn drop(&mut self) {
        self.0.busy.fetch_sub(1, Ordering::SeqCst);
    }
}

/// The id of an invocation; its retries have the same one.
pub(crate) fn new_request_id() -> String {
    Uuid::new_v4().to_string()
}

/// A poisoned lock only means that another thread panicked; what it holds is still whole.
pub(crate) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
