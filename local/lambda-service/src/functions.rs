//! The functions of the account: who may invoke them, how many invocations run at once, and the invocation itself.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::time::Duration;

use bytes::Bytes;
use jiff::Timestamp;
use tokio::sync::{Notify, Semaphore, SemaphorePermit};
use tokio::task::JoinSet;
use uuid::Uuid;

use crate::config::{AsyncConfig, FunctionConfig, Permission, Settings};
use crate::environment::{self, Environment, Invoked};
use crate::error::{InvokeError, ServiceError};
use crate::trace::Segment;

/// How many environments a function without reserved concurrency gets. The limit is low because they all share one machine.
const DEFAULT_CONCURRENCY: u32 = 4;

/// The tasks of a service. They are aborted when the last strong reference is dropped.
pub(crate) type Tasks = Arc<Mutex<JoinSet<()>>>;

/// A handle to the functions. Clones share them. A handle does not keep the service's tasks running, so that the tasks
/// themselves can hold one.
#[derive(Clone)]
pub(crate) struct Functions {
    inner: Arc<Inner>,
}

struct Inner {
    settings: Settings,
    functions: Mutex<BTreeMap<String, Arc<Function>>>,
    tasks: Weak<Mutex<JoinSet<()>>>,
    /// The number of events and batches that are being processed or wait for a retry.
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

/// Marks work as in progress until it is dropped.
pub(crate) struct Busy(Arc<Inner>);

impl Functions {
    pub(crate) fn new(settings: Settings, tasks: &Tasks) -> Self {
        Self {
            inner: Arc::new(Inner {
                settings,
                functions: Mutex::default(),
                tasks: Arc::downgrade(tasks),
                busy: AtomicUsize::new(0),
            }),
        }
    }

    /// Adds a function. Its process starts with the first invocation.
    pub(crate) fn add(&self, config: FunctionConfig) -> Result<(), ServiceError> {
        check_environment(&config.name, &config.environment)?;
        let mut functions = lock(&self.inner.functions);
        if functions.contains_key(&config.name) {
            return Err(ServiceError::Exists(config.name));
        }
        functions.insert(config.name.clone(), Arc::new(Function::new(config)));
        Ok(())
    }

    /// Returns the function of this name, if it exists.
    pub(crate) fn get(&self, name: &str) -> Option<Arc<Function>> {
        lock(&self.inner.functions).get(name).cloned()
    }

    /// Returns the function of this name, or [`ServiceError::Unknown`].
    pub(crate) fn known(&self, name: &str) -> Result<Arc<Function>, ServiceError> {
        self.get(name).ok_or_else(|| ServiceError::Unknown(name.to_owned()))
    }

    pub(crate) fn names(&self) -> Vec<String> {
        lock(&self.inner.functions).keys().cloned().collect()
    }

    pub(crate) fn settings(&self) -> &Settings {
        &self.inner.settings
    }

    pub(crate) fn add_permission(&self, name: &str, permission: Permission) -> Result<(), ServiceError> {
        lock(&self.known(name)?.permissions).push(permission);
        Ok(())
    }

    /// Returns whether a service may invoke a function on behalf of `source_arn`.
    pub(crate) fn allows(&self, name: &str, principal: &str, source_arn: &str) -> bool {
        self.get(name).is_some_and(|function| {
            lock(&function.permissions).iter().any(|permission| {
                permission.principal == principal
                    && permission.source_arn.as_deref().is_none_or(|arn| arn == source_arn)
            })
        })
    }

    pub(crate) fn set_reachable(&self, name: &str, reachable: bool) {
        if let Some(function) = self.get(name) {
            function.unreachable.store(!reachable, Ordering::SeqCst);
        }
    }

    pub(crate) fn is_reachable(&self, name: &str) -> bool {
        self.get(name).is_some_and(|function| !function.unreachable.load(Ordering::SeqCst))
    }

    /// Marks work as in progress until the returned value is dropped.
    pub(crate) fn busy(&self) -> Busy {
        self.inner.busy.fetch_add(1, Ordering::SeqCst);
        Busy(Arc::clone(&self.inner))
    }

    pub(crate) fn is_busy(&self) -> bool {
        self.inner.busy.load(Ordering::SeqCst) > 0
    }

    /// Runs work that ends with the service. Without a service, the work is dropped.
    pub(crate) fn spawn(&self, work: impl Future<Output = ()> + Send + 'static) {
        let Some(tasks) = self.inner.tasks.upgrade() else { return };
        let mut tasks = lock(&tasks);
        while tasks.try_join_next().is_some() {}
        tasks.spawn(work);
    }

    /// Kills all processes of a function, including those that are processing an invocation.
    pub(crate) fn kill(&self, name: &str) {
        if let Some(function) = self.get(name) {
            function.kill();
        }
    }

    /// Replaces the environment variables of a function.
    pub(crate) fn set_environment(
        &self,
        name: &str,
        environment: BTreeMap<String, String>,
    ) -> Result<(), ServiceError> {
        check_environment(name, &environment)?;
        let old = self.known(name)?;
        let config = FunctionConfig { environment, ..old.config.clone() };
        let new = Function {
            asynchronous: Mutex::new(lock(&old.asynchronous).clone()),
            permissions: Mutex::new(lock(&old.permissions).clone()),
            unreachable: AtomicBool::new(old.unreachable.load(Ordering::SeqCst)),
            ..Function::new(config)
        };
        lock(&self.inner.functions).insert(name.to_owned(), Arc::new(new));
        // Processes that wait for an invocation have the old variables.
        lock(&old.idle).clear();
        Ok(())
    }

    /// Kills the processes of all functions.
    pub(crate) fn kill_all(&self) {
        for function in lock(&self.inner.functions).values() {
            function.kill();
        }
    }

    /// Invokes a function and waits for its answer. Fails at once if the function's concurrency is used up.
    pub(crate) async fn invoke(&self, name: &str, payload: Bytes) -> Result<Bytes, InvokeError> {
        let function = self.invocable(name)?;
        let Ok(permit) = function.concurrency.try_acquire() else {
            return Err(InvokeError::Throttled(function.config.name.clone()));
        };
        let _busy = self.busy();
        self.run(&function, permit, &new_request_id(), payload, None).await
    }

    /// Invokes a function as Lambda's own pollers and queues do: waits until the function's concurrency allows it, for at
    /// most `patience` if that is given.
    pub(crate) async fn invoke_in_turn(
        &self,
        name: &str,
        request_id: &str,
        payload: Bytes,
        trace: Option<String>,
        patience: Option<Duration>,
    ) -> Result<Bytes, InvokeError> {
        let function = self.invocable(name)?;
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

    fn invocable(&self, name: &str) -> Result<Arc<Function>, InvokeError> {
        self.get(name).ok_or_else(|| InvokeError::Unknown(name.to_owned()))
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
        let starts_trace = trace.is_none();
        let header = trace.unwrap_or_else(|| segment.header(tracing.is_some()));
        let result = self.run_in_an_environment(function, request_id, payload, header).await;
        if let (Some(tracing), true) = (tracing, starts_trace) {
            segment.end(&result, tracing);
        }
        result
    }

    async fn run_in_an_environment(
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
                Invoked::Answered(result) => {
                    lock(&function.idle).push(environment);
                    return result.map_err(failed);
                }
                // The process ended while it was idle: try another one.
                Invoked::NeverTaken(_) if reused => {}
                Invoked::Ended(error) | Invoked::NeverTaken(error) => return Err(failed(error)),
            }
        }
    }
}

impl Function {
    fn new(config: FunctionConfig) -> Function {
        let concurrency = config.reserved_concurrency.unwrap_or(DEFAULT_CONCURRENCY);
        Function {
            asynchronous: Mutex::default(),
            permissions: Mutex::default(),
            unreachable: AtomicBool::new(false),
            concurrency: Semaphore::new(usize::try_from(concurrency).unwrap_or(1)),
            idle: Mutex::default(),
            kill: Arc::new(Notify::new()),
            config,
        }
    }

    fn kill(&self) {
        lock(&self.idle).clear();
        self.kill.notify_waiters();
    }
}

impl Drop for Busy {
    fn drop(&mut self) {
        self.0.busy.fetch_sub(1, Ordering::SeqCst);
    }
}

/// Lambda sets some variables itself.
fn check_environment(function: &str, environment: &BTreeMap<String, String>) -> Result<(), ServiceError> {
    match environment.keys().find(|name| environment::is_reserved(name)) {
        None => Ok(()),
        Some(variable) => {
            Err(ServiceError::ReservedVariable { function: function.to_owned(), variable: variable.clone() })
        }
    }
}

/// Creates the id of an invocation. Retries keep the id.
pub(crate) fn new_request_id() -> String {
    Uuid::new_v4().to_string()
}

/// Locks a mutex. If another thread panicked while it held the lock, the data is still consistent.
pub(crate) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
