//! One execution environment: a process that runs one invocation after the other.

use std::process::Stdio;
use std::sync::Arc;

use bytes::Bytes;
use jiff::Timestamp;
use tokio::fs::File;
use tokio::io::{AsyncBufReadExt, AsyncRead, AsyncWriteExt, BufReader};
use tokio::process::{Child, Command};
use tokio::sync::{Mutex, Notify, oneshot};
use uuid::Uuid;

use crate::error::{FunctionError, InvokeError};
use crate::runtime_api::{Invocation, RuntimeApi};
use crate::service::{FunctionConfig, Settings};
use crate::trace;

/// A started process with the listener that it talks to. Dropping it kills the process.
pub(crate) struct Environment {
    process: Child,
    api: RuntimeApi,
    kill: Arc<Notify>,
}

/// How an invocation ended, and whether the environment can take another.
pub(crate) struct Outcome {
    pub(crate) result: Result<Bytes, FunctionError>,
    pub(crate) reusable: bool,
}

impl Environment {
    /// Starts the function's binary with the variables that Lambda sets, those of the function, and no others.
    pub(crate) async fn start(
        config: &FunctionConfig,
        settings: &Settings,
        kill: Arc<Notify>,
    ) -> Result<Self, InvokeError> {
        let failed =
            |source| InvokeError::Start { function: config.name.clone(), binary: config.binary.clone(), source };
        let api = RuntimeApi::start().await.map_err(failed)?;
        let mut command = Command::new(&config.binary);
        command
            .env_clear()
            .envs(variables(config, settings, &api))
            .envs(&config.environment)
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
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
            tokio::spawn(keep_lines(config.name.clone(), stdout, log.clone()));
        }
        if let Some(stderr) = process.stderr.take() {
            tokio::spawn(keep_lines(config.name.clone(), stderr, log));
        }
        Ok(Self { process, api, kill })
    }

    /// Runs one invocation: until it answers, its time is up, or the process ends.
    pub(crate) async fn run(&mut self, config: &FunctionConfig, payload: Bytes, trace: Option<String>) -> Outcome {
        let (answer, answered) = oneshot::channel();
        let request_id = Uuid::new_v4().to_string();
        let now = Timestamp::now();
        let timeout_ms = i64::try_from(config.timeout.as_millis()).unwrap_or(i64::MAX);
        let invocation = Invocation {
            request_id: request_id.clone(),
            payload,
            deadline_ms: now.as_millisecond().saturating_add(timeout_ms),
            function_arn: config.arn.clone(),
            trace_header: trace.unwrap_or_else(|| trace::new_header(now)),
            answer,
        };
        if self.api.invocations.send(invocation).await.is_err() {
            let error = FunctionError::new("Runtime.Unknown", "the Runtime API is closed");
            return Outcome { result: Err(error), reusable: false };
        }
        let error = tokio::select! {
            // An answer counts even when the process ends right after it.
            biased;
            Ok(result) = answered => return Outcome { result, reusable: true },
            ended = self.process.wait() => {
                let how = ended.map_or_else(|error| error.to_string(), |status| status.to_string());
                self.api.init_error().unwrap_or_else(|| {
                    let message = format!("RequestId: {request_id} Error: Runtime exited with error: {how}");
                    FunctionError::new("Runtime.ExitError", message)
                })
            }
            () = self.kill.notified() => {
                self.end().await;
                FunctionError::new("Runtime.ExitError", format!("RequestId: {request_id} Error: Runtime was killed"))
            }
            () = tokio::time::sleep(config.timeout) => {
                self.end().await;
                let seconds = config.timeout.as_secs_f64();
                FunctionError::new("Sandbox.Timedout", format!("RequestId: {request_id} Error: Task timed out after {seconds:.2} seconds"))
            }
        };
        Outcome { result: Err(error), reusable: false }
    }

    async fn end(&mut self) {
        if let Err(error) = self.process.kill().await {
            tracing::warn!(%error, "a function's process could not be killed");
        }
    }
}

/// The variables that Lambda sets.
/// <https://docs.aws.amazon.com/lambda/latest/dg/configuration-envvars.html#configuration-envvars-runtime>
fn variables(config: &FunctionConfig, settings: &Settings, api: &RuntimeApi) -> Vec<(&'static str, String)> {
    let stream = format!("{}/[$LATEST]{}", Timestamp::now().strftime("%Y/%m/%d"), Uuid::new_v4().simple());
    let mut variables = vec![
        ("_HANDLER", "bootstrap".to_owned()),
        ("AWS_ACCESS_KEY_ID", config.credentials.access_key_id().to_owned()),
        ("AWS_DEFAULT_REGION", settings.region.clone()),
        ("AWS_ENDPOINT_URL", settings.endpoint_url.clone()),
        ("AWS_LAMBDA_FUNCTION_MEMORY_SIZE", config.memory_mb.to_string()),
        ("AWS_LAMBDA_FUNCTION_NAME", config.name.clone()),
        ("AWS_LAMBDA_FUNCTION_VERSION", "$LATEST".to_owned()),
        ("AWS_LAMBDA_INITIALIZATION_TYPE", "on-demand".to_owned()),
        ("AWS_LAMBDA_LOG_GROUP_NAME", format!("/aws/lambda/{}", config.name)),
        ("AWS_LAMBDA_LOG_STREAM_NAME", stream),
        ("AWS_LAMBDA_RUNTIME_API", api.address.to_string()),
        ("AWS_REGION", settings.region.clone()),
        ("AWS_SECRET_ACCESS_KEY", config.credentials.secret_access_key().to_owned()),
        ("TZ", ":UTC".to_owned()),
    ];
    if let Some(token) = config.credentials.session_token() {
        variables.push(("AWS_SESSION_TOKEN", token.to_owned()));
    }
    variables
}

/// Appends what a process prints to its function's log.
async fn keep_lines(function: String, output: impl AsyncRead + Unpin, log: Option<Arc<Mutex<File>>>) {
    let mut lines = BufReader::new(output).lines();
    loop {
        match lines.next_line().await {
            Ok(Some(line)) => {
                tracing::debug!(function, line);
                let Some(log) = &log else { continue };
                let mut file = log.lock().await;
                let written = file.write_all(format!("{line}\n").as_bytes()).await;
                if let Err(error) = written.and(file.flush().await) {
                    tracing::warn!(function, %error, "a line of the log could not be kept");
                }
            }
            Ok(None) => return,
            Err(error) => {
                tracing::warn!(function, %error, "the function's output cannot be read any more");
                return;
            }
        }
    }
}
