//! Functions, their triggers, and the permissions to invoke them.

use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::time::Duration;

use aws_credential_types::Credentials;
use dmm_lambda_service::{AsyncConfig, FunctionConfig, Mapping, Permission};
use dmm_pulumi::Resource;
use serde_json::json;

use super::properties::Properties;
use super::{DeployError, Deployer, Outputs, aws, outputs, refused};
use crate::clients::{AwsAccount, Clients};
use crate::lambdas::workspace;

/// Lambda's default time limit, in seconds.
/// <https://docs.aws.amazon.com/lambda/latest/dg/configuration-timeout.html>
const DEFAULT_TIMEOUT_SECONDS: u64 = 3;
/// Lambda's default memory, in MB.
const DEFAULT_MEMORY_MB: u32 = 128;

impl Deployer {
    pub(super) async fn function(
        &mut self,
        p: &mut Properties,
        resource: &Resource,
    ) -> Result<Outputs, DeployError> {
        let name = p.required("name")?;
        let code = self.code(&name, resource, p)?;
        p.expect("packageType", &["Zip"])?;
        p.string("description")?;
        p.texts("tags")?;
        // Functions run on this machine's architecture, regardless of the deployed one.
        p.strings("architectures")?;
        let log_file = match p.object("loggingConfig")? {
            None => None,
            Some(mut config) => {
                config.expect("logFormat", &["Text", "JSON"])?;
                let group = config.string("logGroup")?;
                config.finish()?;
                group.map(|group| self.log_file(&group))
            }
        };
        let environment = match p.object("environment")? {
            None => Vec::new(),
            Some(mut given) => {
                let variables = given.texts("variables")?;
                given.finish()?;
                variables
            }
        };
        let mode = match p.object("tracingConfig")? {
            None => None,
            Some(mut config) => {
                let mode = config.expect("mode", &["Active", "PassThrough"])?;
                config.finish()?;
                mode
            }
        };
        let role = p.required("role")?;
        let credentials = self.assume(&role, &name).await?;
        let arn = format!("arn:aws:lambda:{}:{}:function:{name}", self.region, self.account);
        let config = FunctionConfig {
            name: name.clone(),
            arn: arn.clone(),
            binary: code.binary,
            arguments: code.arguments,
            environment: environment.into_iter().collect(),
            credentials: credentials.clone(),
            timeout: Duration::from_secs(p.number("timeout")?.unwrap_or(DEFAULT_TIMEOUT_SECONDS)),
            memory_mb: p.number("memorySize")?.unwrap_or(DEFAULT_MEMORY_MB),
            reserved_concurrency: p.number("reservedConcurrentExecutions")?,
            log_file,
            active_tracing: mode.as_deref() == Some("Active"),
        };
        self.functions.add_function(config).map_err(|source| refused(p, "name", source))?;
        self.roles_of_functions.insert(name.clone(), credentials);
        self.deployed.functions.insert(code.key, name.clone());
        Ok(outputs(json!({
            "id": name, "name": name, "arn": arn, "qualifiedArn": format!("{arn}:$LATEST"), "version": "$LATEST",
            "invokeArn": format!("arn:aws:apigateway:{}:lambda:path/2015-03-31/functions/{arn}/invocations", self.region),
        })))
    }

    /// Returns the program of a function: a binary of this workspace, or Lambda's Python runtime with a folder.
    fn code(&self, name: &str, resource: &Resource, p: &mut Properties) -> Result<Code, DeployError> {
        let runtime = p.required("runtime")?;
        let handler = p.required("handler")?;
        if runtime == "provided.al2023" && handler == "bootstrap" {
            let key = binary_name(resource, p)?;
            let binary = self.lambdas.binary(&key)?.to_path_buf();
            return Ok(Code { key, binary, arguments: Vec::new() });
        }
        if !runtime.starts_with("python3.") {
            return Err(DeployError::UnsupportedValue {
                path: p.at("runtime"),
                value: runtime,
                known: "provided.al2023 with the handler bootstrap, python3.…".to_owned(),
            });
        }
        p.value("code");
        // Absolute, because it becomes the function's working directory.
        let folder = resource
            .archive("code")
            .and_then(|path| self.folder.join(path).canonicalize().ok())
            .filter(|path| path.is_dir());
        let folder = folder.ok_or_else(|| DeployError::WrongType {
            path: p.at("code"),
            expected: "an archive of a folder",
            found: "something else",
        })?;
        // The function runs on this machine's version of Python.
        let runtime = workspace().join("local/lambda-service/python/runtime.py");
        let arguments = ["-B".into(), runtime.into(), folder.into(), handler.into()];
        Ok(Code { key: name.to_owned(), binary: self.python.clone(), arguments: arguments.into() })
    }

    pub(super) fn event_source_mapping(&mut self, p: &mut Properties) -> Result<Outputs, DeployError> {
        let queue_arn = p.required("eventSourceArn")?;
        let function_arn = p.required("functionName")?;
        let function = self.function_name(&function_arn, &p.at("functionName"))?;
        let reports = p.strings("functionResponseTypes")?;
        if let Some(unknown) = reports.iter().find(|kind| *kind != "ReportBatchItemFailures") {
            return Err(DeployError::UnsupportedValue {
                path: p.at("functionResponseTypes"),
                value: unknown.clone(),
                known: "ReportBatchItemFailures".to_owned(),
            });
        }
        let maximum_concurrency = match p.object("scalingConfig")? {
            None => None,
            Some(mut scaling) => {
                let maximum = scaling.number("maximumConcurrency")?;
                scaling.finish()?;
                maximum
            }
        };
        p.expect("enabled", &["true"])?;
        // Lambda polls with the function's role.
        let credentials =
            self.roles_of_functions.get(&function).cloned().ok_or_else(|| DeployError::UnknownReference {
                path: p.at("functionName"),
                name: format!("the function {function}"),
            })?;
        let aws_account = AwsAccount { region: self.region.clone(), account: self.account.clone() };
        let mapping = Mapping {
            queue_url: self.queue_url(&queue_arn, &p.at("eventSourceArn"))?,
            queue_arn: queue_arn.clone(),
            client: Clients::new(&self.endpoint, &aws_account, credentials).sqs,
            operator: self.clients.sqs.clone(),
            function: function.clone(),
            batch_size: p.number("batchSize")?.unwrap_or(10),
            batching_window: Duration::from_secs(p.number("maximumBatchingWindowInSeconds")?.unwrap_or(0)),
            report_batch_item_failures: !reports.is_empty(),
            maximum_concurrency,
        };
        self.functions.add_mapping(mapping).map_err(|source| refused(p, "functionName", source))?;
        let id = format!("{function}-mapping");
        Ok(outputs(json!({ "id": id, "uuid": id, "functionArn": function_arn, "eventSourceArn": queue_arn })))
    }

    pub(super) fn function_event_invoke_config(
        &mut self,
        p: &mut Properties,
    ) -> Result<Outputs, DeployError> {
        let function_arn = p.required("functionName")?;
        let function = self.function_name(&function_arn, &p.at("functionName"))?;
        let mut config = AsyncConfig::default();
        if let Some(retries) = p.number("maximumRetryAttempts")? {
            config.maximum_retry_attempts = retries;
        }
        if let Some(seconds) = p.number("maximumEventAgeInSeconds")? {
            config.maximum_event_age = Duration::from_secs(seconds);
        }
        if let Some(mut destinations) = p.object("destinationConfig")? {
            if let Some(mut on_failure) = destinations.object("onFailure")? {
                let arn = on_failure.required("destination")?;
                config.on_failure_queue_url =
                    Some(self.standard_queue_url(&arn, &on_failure.at("destination"))?);
                on_failure.finish()?;
            }
            destinations.finish()?;
        }
        // Lambda writes to the destination with the function's role.
        let credentials = self.roles_of_functions.get(&function).cloned();
        let aws_account = AwsAccount { region: self.region.clone(), account: self.account.clone() };
        config.client =
            credentials.map(|credentials| Clients::new(&self.endpoint, &aws_account, credentials).sqs);
        self.functions
            .configure_async(&function, config)
            .map_err(|source| refused(p, "functionName", source))?;
        Ok(outputs(json!({ "id": function, "functionName": function_arn })))
    }

    pub(super) fn permission(&mut self, p: &mut Properties) -> Result<Outputs, DeployError> {
        let function_arn = p.required("function")?;
        let function = self.function_name(&function_arn, &p.at("function"))?;
        p.expect("action", &["lambda:InvokeFunction"])?;
        let statement = p.string("statementId")?.unwrap_or_else(|| "pulumi".to_owned());
        let permission =
            Permission { principal: p.required("principal")?, source_arn: p.string("sourceArn")? };
        self.functions
            .add_permission(&function, permission)
            .map_err(|source| refused(p, "function", source))?;
        Ok(outputs(json!({ "id": statement, "statementId": statement })))
    }

    /// Returns temporary credentials of a function's role. Policies are evaluated when the credentials are used, so they may be
    /// written later.
    async fn assume(&self, role_arn: &str, function: &str) -> Result<Credentials, DeployError> {
        let answer = self
            .clients
            .sts
            .assume_role()
            .role_arn(role_arn)
            .role_session_name(function.get(..64).unwrap_or(function))
            .send()
            .await
            .map_err(aws("AssumeRole"))?;
        let given = answer.credentials().ok_or_else(|| DeployError::Refused {
            operation: "AssumeRole",
            message: "the answer does not contain credentials".to_owned(),
        })?;
        Ok(Credentials::new(
            given.access_key_id(),
            given.secret_access_key(),
            Some(given.session_token().to_owned()),
            None,
            "assumed role",
        ))
    }
}

/// The program of a function.
struct Code {
    /// The name of the binary; for Python, the name of the function.
    key: String,
    binary: PathBuf,
    arguments: Vec<OsString>,
}

/// Returns the name of a function's binary: for `code: fn::fileArchive: ../target/lambda/arm64/feed.zip`, it is `feed`.
fn binary_name(resource: &Resource, p: &mut Properties) -> Result<String, DeployError> {
    p.value("code");
    resource
        .archive("code")
        .filter(|path| path.extension().is_some_and(|extension| extension == "zip"))
        .and_then(Path::file_stem)
        .and_then(|name| name.to_str())
        .map(str::to_owned)
        .ok_or_else(|| DeployError::WrongType {
            path: p.at("code"),
            expected: "an archive NAME.zip with the name of a binary in this workspace",
            found: "something else",
        })
}
