//! An execution environment: a process that runs one invocation at a time.

use std::collections::BTreeMap;
use std::process::{ExitStatus, Stdio};
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use jiff::Timestamp;
use tokio::fs::File;
use tokio::io::{AsyncBufReadExt, AsyncRead, AsyncWriteExt, BufReader};
use tokio::process::{Child, Command};
use tokio::sync::{Mutex, Notify, oneshot};
use uuid::Uuid;

use crate::config::{FunctionConfig, Settings};
use crate::error::{FunctionError, InvokeError};
use crate::runtime_api::{Invocation, RuntimeApi};

/// A running process with its Runtime API. Dropping it kills the process.
pub(crate) struct Environment {
    process: Child,
    api: RuntimeApi,
    kill: Arc<Notify>,
}

/// How an invocation ended.
pub(crate) enum Invoked {
    /// The function answered. The environment can run another invocation.
    Answered(Result<Bytes, FunctionError>),
    /// The process ended during the invocation.
    Ended(FunctionError),
    /// The process ended before it took the invocation, so another environment can run it.
    NeverTaken(FunctionError),
}

/// The time limit of the init phase. A longer start continues within the first invocation.
/// <https://docs.aws.amazon.com/lambda/latest/dg/lambda-runtime-environment.html#runtimes-lifecycle-ib>
const INIT_LIMIT: Duration = Duration::from_secs(10);

impl Environment {
    /// Starts the function's binary with exactly the environment variables that Lambda and the function set, and waits until it
    /// asks for its first invocation.
    pub(crate) async fn start(
        config: &FunctionConfig,
        settings: &Settings,
        kill: Arc<Notify>,
    ) -> Result<Self, InvokeError> {
        let failed = |source| InvokeError::Start {
            function: config.name.clone(),
            binary: config.binary.clone(),
            source,
        };
        let api = RuntimeApi::start().await.map_err(failed)?;
        let mut command = Command::new(&config.binary);
        command
            .args(&config.arguments)
            .env_clear()
            .envs(variables(config, settings, &api))
            .envs(&config.environment)
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            // Ctrl-C in a terminal reaches every process of a group. A function would fail, and its event with it.
            .process_group(0)
            .kill_on_drop(true);
        let mut process = command.spawn().map_err(failed)?;
        let log = match &config.log_file {
            None => None,
            Some(path) => {
                let file = File::options().append(true).create(true).open(path).await.map_err(failed)?;
                Some(Arc::new(Mutex::new(file)))
            }
        };
        if let Some(stdout) = process.stdout.take() {
            tokio::spawn(write_log(config.name.clone(), stdout, log.clone()));
        }
        if let Some(stderr) = process.stderr.take() {
            tokio::spawn(write_log(config.name.clone(), stderr, log));
        }
        let mut environment = Self { process, api, kill };
        environment
            .initialize()
            .await
            .map_err(|error| InvokeError::Function { function: config.name.clone(), error })?;
        Ok(environment)
    }

    /// Waits until the process is initialized, for at most [`INIT_LIMIT`].
    async fn initialize(&mut self) -> Result<(), FunctionError> {
        tokio::select! {
            biased;
            () = self.api.initialized() => Ok(()),
            ended = self.process.wait() => Err(self.api.init_error().unwrap_or_else(|| exit_error(None, ended))),
            () = self.kill.notified() => {
                self.end().await;
                Err(FunctionError::new("Runtime.ExitError", "Runtime was killed"))
            }
            () = tokio::time::sleep(INIT_LIMIT) => Ok(()),
        }
    }

    /// Runs one invocation until the function answers, the time limit is reached, or the process ends.
    pub(crate) async fn run(
        &mut self,
        config: &FunctionConfig,
        request_id: &str,
        payload: Bytes,
        trace_header: String,
    ) -> Invoked {
        // Registered first, so that a kill between here and the wait below is not missed.
        let kill = Arc::clone(&self.kill);
        let killed = kill.notified();
        let (answer, answered) = oneshot::channel();
        let now = Timestamp::now();
        let timeout_ms = i64::try_from(config.timeout.as_millis()).unwrap_or(i64::MAX);
        let invocation = Invocation {
            request_id: request_id.to_owned(),
            payload,
            deadline_ms: now.as_millisecond().saturating_add(timeout_ms),
            function_arn: config.arn.clone(),
            trace_header,
            answer,
        };
        if self.api.invocations.send(invocation).await.is_err() {
            return Invoked::NeverTaken(FunctionError::new("Runtime.Unknown", "the Runtime API is closed"));
        }
        let error = tokio::select! {
            // An answer counts even if the process ends right after it.
            biased;
            Ok(result) = answered => return Invoked::Answered(result),
            ended = self.process.wait() => {
                let taken = self.api.is_working();
                let error = self.api.init_error().unwrap_or_else(|| exit_error(Some(request_id), ended));
                return if taken { Invoked::Ended(error) } else { Invoked::NeverTaken(error) };
            }
            () = killed => {
                self.end().await;
                FunctionError::new("Runtime.ExitError", format!("RequestId: {request_id} Error: Runtime was killed"))
            }
            () = tokio::time::sleep(config.timeout) => {
                self.end().await;
                let seconds = config.timeout.as_secs_f64();
                FunctionError::new("Sandbox.Timedout", format!("RequestId: {request_id} Error: Task timed out after {seconds:.2} seconds"))
            }
        };
        Invoked::Ended(error)
    }

    async fn end(&mut self) {
        if let Err(error) = self.process.kill().await {
            tracing::warn!(%error, "a function's process could not be killed");
        }
    }
}

fn exit_error(request_id: Option<&str>, ended: std::io::Result<ExitStatus>) -> FunctionError {
    let how = ended.map_or_else(|error| error.to_string(), |status| status.to_string());
    let request = request_id.map(|id| format!("RequestId: {id} ")).unwrap_or_default();
    FunctionError::new("Runtime.ExitError", format!("{request}Error: Runtime exited with error: {how}"))
}

/// Returns whether Lambda reserves an environment variable. Functions must not set it.
/// <https://docs.aws.amazon.com/lambda/latest/dg/configuration-envvars.html#configuration-envvars-runtime>
pub(crate) fn is_reserved(variable: &str) -> bool {
    const RESERVED: [&str; 17] = [
        "_HANDLER",
        "_X_AMZN_TRACE_ID",
        "AWS_ACCESS_KEY",
        "AWS_ACCESS_KEY_ID",
        "AWS_DEFAULT_REGION",
        "AWS_EXECUTION_ENV",
        "AWS_LAMBDA_FUNCTION_MEMORY_SIZE",
        "AWS_LAMBDA_FUNCTION_NAME",
        "AWS_LAMBDA_FUNCTION_VERSION",
        "AWS_LAMBDA_INITIALIZATION_TYPE",
        "AWS_LAMBDA_LOG_GROUP_NAME",
        "AWS_LAMBDA_LOG_STREAM_NAME",
        "AWS_LAMBDA_RUNTIME_API",
        "AWS_REGION",
        "AWS_SECRET_ACCESS_KEY",
        "AWS_SESSION_TOKEN",
        "LAMBDA_TASK_ROOT",
    ];
    RESERVED.contains(&variable)
}

/// Returns the environment variables from which a function knows its region, its credentials and its own configuration.
pub(crate) fn configuration(config: &FunctionConfig, settings: &Settings) -> BTreeMap<String, String> {
    let named = |(name, value): (&'static str, String)| (name.to_owned(), value);
    config
        .environment
        .clone()
        .into_iter()
        .chain(aws_variables(config, settings).into_iter().map(named))
        .collect()
}

/// Returns the environment variables with the function's region, endpoint and credentials.
fn aws_variables(config: &FunctionConfig, settings: &Settings) -> Vec<(&'static str, String)> {
    let mut variables = vec![
        ("AWS_ACCESS_KEY_ID", config.credentials.access_key_id().to_owned()),
        ("AWS_DEFAULT_REGION", settings.region.clone()),
        ("AWS_ENDPOINT_URL", settings.endpoint_url.clone()),
        ("AWS_REGION", settings.region.clone()),
        ("AWS_SECRET_ACCESS_KEY", config.credentials.secret_access_key().to_owned()),
    ];
    if let Some(token) = config.credentials.session_token() {
        variables.push(("AWS_SESSION_TOKEN", token.to_owned()));
    }
    variables
}

/// Returns the environment variables that Lambda sets.
/// <https://docs.aws.amazon.com/lambda/latest/dg/configuration-envvars.html#configuration-envvars-runtime>
fn variables(config: &FunctionConfig, settings: &Settings, api: &RuntimeApi) -> Vec<(&'static str, String)> {
    let stream = format!("{}/[$LATEST]{}", Timestamp::now().strftime("%Y/%m/%d"), Uuid::new_v4().simple());
    let mut variables = vec![
        ("_HANDLER", "bootstrap".to_owned()),
        ("AWS_LAMBDA_FUNCTION_MEMORY_SIZE", config.memory_mb.to_string()),
        ("AWS_LAMBDA_FUNCTION_NAME", config.name.clone()),
        ("AWS_LAMBDA_FUNCTION_VERSION", "$LATEST".to_owned()),
        ("AWS_LAMBDA_INITIALIZATION_TYPE", "on-demand".to_owned()),
        ("AWS_LAMBDA_LOG_GROUP_NAME", format!("/aws/lambda/{}", config.name)),
        ("AWS_LAMBDA_LOG_STREAM_NAME", stream),
        ("AWS_LAMBDA_RUNTIME_API", api.address.to_string()),
        ("LAMBDA_TASK_ROOT", config.binary.parent().unwrap_or(&config.binary).display().to_string()),
        ("TZ", ":UTC".to_owned()),
    ];
    if let Some(tracing) = &settings.tracing {
        variables.push(("AWS_XRAY_DAEMON_ADDRESS", tracing.daemon.to_string()));
    }
    variables.extend(aws_variables(config, settings));
    variables
}

/// Appends the output of a process to its function's log.
async fn write_log(function: String, output: impl AsyncRead + Unpin, log: Option<Arc<Mutex<File>>>) {
    let mut output = BufReader::new(output);
    let mut line = Vec::new();
    loop {
        line.clear();
        match output.read_until(b'\n', &mut line).await {
            Ok(0) => return,
            Ok(_) => {
                // A function may print invalid UTF-8. If reading stopped here, its next write would fail.
                let line = String::from_utf8_lossy(&line);
                let line = line.trim_end_matches(['\n', '\r']);
                tracing::debug!(function, line);
                let Some(log) = &log else { continue };
                let mut file = log.lock().await;
                let written = file.write_all(format!("{line}\n").as_bytes()).await;
                if let Err(error) = written.and(file.flush().await) {
                    tracing::warn!(function, %error, "a line cannot be written to the log");
                }
            }
            Err(error) => {
                tracing::warn!(function, %error, "the function's output can no longer be read");
                return;
            }
        }
    }
}
