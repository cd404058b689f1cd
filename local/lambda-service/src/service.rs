//! The service as its users see it: it holds the functions and starts the triggers that invoke them.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::{Arc, Mutex};

use bytes::Bytes;

use crate::config::{AsyncConfig, FunctionConfig, Permission, Settings};
use crate::environment;
use crate::error::{InvokeError, ServiceError};
use crate::functions::{Functions, Tasks, lock};
use crate::mapping::{self, Mapping};
use crate::schedule::{self, Schedule};
use crate::target::{self, Receiver, RuleTarget};

/// Lambda on one machine. Clones are handles to the same service; dropping the last one ends all processes.
#[derive(Clone)]
pub struct FunctionService {
    functions: Functions,
    triggers: Arc<Mutex<Vec<Trigger>>>,
    tasks: Tasks,
}

/// What invokes functions once the triggers are started.
enum Trigger {
    Mapping(Mapping),
    Target(RuleTarget),
    Schedule(Schedule),
}

impl FunctionService {
    /// Creates a service without functions.
    #[must_use]
    pub fn new(settings: Settings) -> Self {
        let tasks = Tasks::default();
        Self { functions: Functions::new(settings, &tasks), triggers: Arc::default(), tasks }
    }

    /// Adds a function. Its process starts with the first invocation.
    ///
    /// # Errors
    ///
    /// [`ServiceError::Exists`], [`ServiceError::ReservedVariable`].
    pub fn add_function(&self, config: FunctionConfig) -> Result<(), ServiceError> {
        self.functions.add(config)
    }

    /// Returns the configuration of a function, or `None` if no function has this name.
    #[must_use]
    pub fn configuration(&self, function: &str) -> Option<FunctionConfig> {
        self.functions.get(function).map(|function| function.config.clone())
    }

    /// Returns the environment variables from which a function knows its region, its credentials and its own configuration;
    /// `None` if no function has this name.
    #[must_use]
    pub fn variables(&self, function: &str) -> Option<BTreeMap<String, String>> {
        let config = self.configuration(function)?;
        Some(environment::configuration(&config, self.functions.settings()))
    }

    /// Sets how asynchronous invocations of a function are retried, and its on-failure destination.
    ///
    /// # Errors
    ///
    /// [`ServiceError::Unknown`].
    pub fn configure_async(&self, function: &str, config: AsyncConfig) -> Result<(), ServiceError> {
        *lock(&self.functions.known(function)?.asynchronous) = config;
        Ok(())
    }

    /// Adds a statement to the resource policy of a function.
    ///
    /// # Errors
    ///
    /// [`ServiceError::Unknown`].
    pub fn add_permission(&self, function: &str, permission: Permission) -> Result<(), ServiceError> {
        self.functions.add_permission(function, permission)
    }

    /// Adds an event source mapping. It polls once the triggers are started.
    ///
    /// # Errors
    ///
    /// [`ServiceError`] for a mapping that AWS would refuse.
    pub fn add_mapping(&self, mapping: Mapping) -> Result<(), ServiceError> {
        self.functions.known(&mapping.function)?;
        mapping.check()?;
        lock(&self.triggers).push(Trigger::Mapping(mapping));
        Ok(())
    }

    /// Adds a target of an event rule. It receives events once the triggers are started.
    ///
    /// # Errors
    ///
    /// [`ServiceError::Unknown`].
    pub fn add_rule_target(&self, target: RuleTarget) -> Result<(), ServiceError> {
        if let Receiver::Function(name) = &target.receiver {
            self.functions.known(name)?;
        }
        lock(&self.triggers).push(Trigger::Target(target));
        Ok(())
    }

    /// Adds a scheduled rule. It invokes its function once the triggers are started.
    ///
    /// # Errors
    ///
    /// [`ServiceError::Unknown`].
    pub fn add_schedule(&self, schedule: Schedule) -> Result<(), ServiceError> {
        self.functions.known(&schedule.function)?;
        lock(&self.triggers).push(Trigger::Schedule(schedule));
        Ok(())
    }

    /// Starts the triggers that were added: mappings, rule targets and, if `schedules` is set, the schedules.
    pub fn start_triggers(&self, schedules: bool) {
        let triggers = std::mem::take(&mut *lock(&self.triggers));
        let mut tasks = lock(&self.tasks);
        for trigger in triggers {
            let functions = self.functions.clone();
            match trigger {
                Trigger::Mapping(mapping) => {
                    for _ in 0..mapping.pollers() {
                        tasks.spawn(mapping::run(functions.clone(), mapping.clone()));
                    }
                }
                Trigger::Target(target) => drop(tasks.spawn(target::run(functions, target))),
                Trigger::Schedule(schedule) if schedules => {
                    drop(tasks.spawn(schedule::run(functions, schedule)));
                }
                Trigger::Schedule(_) => {}
            }
        }
    }

    /// Invokes a function and waits for its answer (`RequestResponse`).
    ///
    /// # Errors
    ///
    /// [`InvokeError`]; [`InvokeError::Throttled`] at once if the function's concurrency is used up.
    pub async fn invoke(&self, function: &str, payload: Bytes) -> Result<Bytes, InvokeError> {
        self.functions.invoke(function, payload).await
    }

    /// Kills all processes of a function, including those that are processing an invocation.
    pub fn kill(&self, function: &str) {
        self.functions.kill(function);
    }

    /// Sets whether Lambda accepts asynchronous invocations of a function, which it does by default. While it does not,
    /// event rules retry and finally use their target's dead-letter queue; tests use this to show that.
    pub fn set_reachable(&self, function: &str, reachable: bool) {
        self.functions.set_reachable(function, reachable);
    }

    /// Returns whether an event or a batch is being processed, or an event waits for a retry. Scheduled invocations do not count,
    /// because they never end.
    #[must_use]
    pub fn is_busy(&self) -> bool {
        self.functions.is_busy()
    }

    /// Stops the triggers and ends all processes.
    pub async fn stop(&self) {
        let mut tasks = std::mem::take(&mut *lock(&self.tasks));
        tasks.shutdown().await;
        self.functions.kill_all();
    }
}

impl fmt::Debug for FunctionService {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("FunctionService")
            .field("functions", &self.functions.names())
            .finish_non_exhaustive()
    }
}
