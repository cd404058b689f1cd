//! Deploys `pulumi/Pulumi.yaml` into the emulator, like `pulumi up` deploys it into AWS.
//!
//! Queues, buckets, roles, policies, secrets, the bus and its rules are created in the emulator. Functions, their triggers and
//! their log groups are created in [`dmm_lambda_service`], which is Lambda on this machine. An unsupported resource type, property
//! or value is rejected, because tests of an incomplete stack would be meaningless.

mod cloudwatch;
mod destinations;
mod destroy;
mod error;
mod events;
mod iam;
mod kept;
mod lambda;
mod logs;
mod properties;
mod s3;
mod schemas;
mod secrets;
mod sqs;
mod stacks;
mod xray;

use std::collections::BTreeMap;
use std::path::PathBuf;

use aws_credential_types::Credentials;
use dmm_lambda_service::{FunctionService, Webhook};
use dmm_pulumi::{Evaluation, Resource, Secrets};
use serde_json::{Map, Value, json};

use crate::clients::{AwsAccount, Clients};
use crate::lambdas::Lambdas;
use crate::progress::ProgressDisplay;

pub use error::DeployError;
pub(crate) use error::aws;
pub(crate) use error::built;
pub use kept::Kept;
pub(crate) use logs::log_file_name;
use properties::Properties;

/// The outputs of a resource, which `${resource.output}` refers to.
type Outputs = Map<String, Value>;

/// The result of a deployment.
#[derive(Clone, Debug, Default)]
pub struct Deployed {
    /// The URLs of the queues, by ARN.
    pub queues: BTreeMap<String, String>,
    /// The URLs of the queues that replace rule targets which the emulator does not support.
    pub target_queues: Vec<String>,
    /// The names of the buckets.
    pub buckets: Vec<String>,
    /// The names of the functions, by the name of the binary.
    pub functions: BTreeMap<String, String>,
    /// The program's outputs.
    pub outputs: Map<String, Value>,
    /// The program's outputs, with secrets masked when they are displayed.
    pub shown_outputs: dmm_pulumi::Map,
    /// The resources in the order of their creation, with their evaluated properties.
    pub resources: Vec<Resource>,
    /// The extensions.
    pub extensions: Vec<Extension>,
    /// What a later deployment needs to update this one.
    pub(crate) kept: Kept,
}

/// A program that was deployed in addition to the main program.
#[derive(Clone, Debug)]
pub struct Extension {
    /// The name of its project.
    pub project: String,
    /// Its outputs.
    pub outputs: Map<String, Value>,
    /// The URLs of its queues, by ARN. [`Deployed::queues`] contains them, too.
    pub queues: BTreeMap<String, String>,
    /// The names of its functions.
    pub functions: Vec<String>,
}

impl Deployed {
    /// Returns whether a queue belongs to an extension.
    #[must_use]
    pub fn is_of_an_extension(&self, queue_arn: &str) -> bool {
        self.extensions.iter().any(|extension| extension.queues.contains_key(queue_arn))
    }
}

#[derive(Clone, Debug)]
struct Rule {
    arn: String,
    schedule: Option<String>,
}

/// Creates resources one after the other, in the order of their dependencies.
pub(crate) struct Deployer {
    pub(crate) clients: Clients,
    pub(crate) functions: FunctionService,
    pub(crate) lambdas: Lambdas,
    pub(crate) region: String,
    pub(crate) account: String,
    /// The endpoint URL of the emulated AWS.
    pub(crate) endpoint: String,
    /// The folder of the log groups, which are one file each.
    pub(crate) logs: PathBuf,
    /// The Python interpreter for functions in Python.
    pub(crate) python: PathBuf,
    deployed: Deployed,
    /// The earlier deployment, which is updated.
    before: Kept,
    /// The folder of the program that is being deployed. The program's paths are relative to it.
    folder: PathBuf,
    /// The outputs of the deployed programs, by the full name of the stack.
    stacks: BTreeMap<String, Map<String, Value>>,
    connections: BTreeMap<String, destinations::Connection>,
    webhooks: BTreeMap<String, Webhook>,
    rules: BTreeMap<(String, String), Rule>,
    roles_of_functions: BTreeMap<String, Credentials>,
}

impl Deployer {
    pub(crate) fn new(
        clients: Clients,
        functions: FunctionService,
        lambdas: Lambdas,
        aws_account: &AwsAccount,
        endpoint: String,
        logs: PathBuf,
        python: PathBuf,
    ) -> Self {
        Self {
            clients,
            functions,
            lambdas,
            region: aws_account.region.clone(),
            account: aws_account.account.clone(),
            endpoint,
            logs,
            python,
            deployed: Deployed::default(),
            before: Kept::default(),
            folder: PathBuf::new(),
            stacks: BTreeMap::new(),
            connections: BTreeMap::new(),
            webhooks: BTreeMap::new(),
            rules: BTreeMap::new(),
            roles_of_functions: BTreeMap::new(),
        }
    }

    /// Deploys the main program.
    pub(crate) async fn deploy(
        &mut self,
        evaluation: Evaluation,
        progress: ProgressDisplay,
    ) -> Result<(), DeployError> {
        let outputs = self.deploy_program(evaluation, "pulumi/Pulumi.yaml", progress).await?;
        self.deployed.outputs = revealed(&outputs);
        self.deployed.shown_outputs = outputs;
        Ok(())
    }

    /// Deploys an extension, in addition to the programs that are already deployed.
    pub(crate) async fn deploy_beside(
        &mut self,
        evaluation: Evaluation,
        progress: ProgressDisplay,
    ) -> Result<(), DeployError> {
        let before = self.deployed.clone();
        let project = evaluation.program().name().to_owned();
        let outputs = self.deploy_program(evaluation, &project, progress).await?;
        let queues = self.deployed.queues.iter().filter(|(arn, _)| !before.queues.contains_key(*arn));
        let functions =
            self.deployed.functions.iter().filter(|(key, _)| !before.functions.contains_key(*key));
        let extension = Extension {
            project,
            outputs: revealed(&outputs),
            queues: queues.map(|(arn, url)| (arn.clone(), url.clone())).collect(),
            functions: functions.map(|(_, name)| name.clone()).collect(),
        };
        self.deployed.extensions.push(extension);
        Ok(())
    }

    /// Returns the result.
    pub(crate) fn finish(self) -> Deployed {
        self.deployed
    }

    /// Creates all resources of a program and returns the program's outputs.
    async fn deploy_program(
        &mut self,
        mut evaluation: Evaluation,
        title: &str,
        progress: ProgressDisplay,
    ) -> Result<dmm_pulumi::Map, DeployError> {
        self.folder = evaluation.program().folder().to_path_buf();
        let caller = Caller::of(&self.clients, &self.region, &self.account).await?;
        let stack = evaluation.stack_name();
        // A stack that refers to itself gets the outputs of its last deployment, and none before its first one.
        let before = self.before.outputs_of(&stack).cloned().unwrap_or_default();
        self.stacks.entry(stack.clone()).or_insert(before);
        let order = evaluation.order()?;
        let step = progress.steps(&format!("Deploying {title}"), order.len());
        let count = order.len();
        for name in order {
            let resource = evaluation.resolve(&name, &|token, _arguments| caller.invoke(token))?;
            let created = self.create(&resource).await;
            let outputs = created
                .map_err(|source| DeployError::Resource { name: name.clone(), source: Box::new(source) })?;
            self.deployed.kept.add(&resource, &outputs);
            evaluation.set_outputs(&name, outputs)?;
            self.deployed.resources.push(resource);
            step.advance(&name);
        }
        let outputs = evaluation.output_values(&|token, _arguments| caller.invoke(token))?;
        self.deployed.kept.add_stack(&stack, &outputs);
        self.stacks.insert(stack, revealed(&outputs));
        step.done(&format!("{count} resources"));
        Ok(outputs)
    }

    async fn create(&mut self, resource: &Resource) -> Result<Outputs, DeployError> {
        let mut p = Properties::new(resource.name(), resource.properties_json())?;
        let outputs = match resource.token() {
            "aws:cloudwatch:Dashboard" => self.dashboard(&mut p),
            "aws:cloudwatch:EventApiDestination" => self.api_destination(&mut p),
            "aws:cloudwatch:EventArchive" => self.event_archive(&mut p).await,
            "aws:cloudwatch:EventBus" => self.event_bus(&mut p).await,
            "aws:cloudwatch:EventBusPolicy" => self.event_bus_policy(&mut p).await,
            "aws:cloudwatch:EventConnection" => self.event_connection(&mut p),
            "aws:cloudwatch:EventRule" => self.event_rule(&mut p).await,
            "aws:cloudwatch:EventTarget" => self.event_target(&mut p).await,
            "aws:cloudwatch:LogGroup" => self.log_group(&mut p, resource.urn()).await,
            "aws:cloudwatch:MetricAlarm" => self.metric_alarm(&mut p),
            "aws:iam:Role" => self.role(&mut p).await,
            "aws:iam:RolePolicy" => self.role_policy(&mut p).await,
            "aws:lambda:EventSourceMapping" => self.event_source_mapping(&mut p),
            "aws:lambda:Function" => self.function(&mut p, resource).await,
            "aws:lambda:FunctionEventInvokeConfig" => self.function_event_invoke_config(&mut p),
            "aws:lambda:Permission" => self.permission(&mut p),
            "aws:s3:Bucket" => self.bucket(&mut p).await,
            "aws:s3:BucketLifecycleConfiguration" => self.bucket_lifecycle(&mut p).await,
            "aws:s3:BucketObjectLockConfiguration" => self.bucket_object_lock(&mut p).await,
            "aws:s3:BucketPolicy" => self.bucket_policy(&mut p).await,
            "aws:s3:BucketPublicAccessBlock" => self.bucket_public_access_block(&mut p).await,
            "aws:s3:BucketServerSideEncryptionConfiguration" => self.bucket_encryption(&mut p).await,
            "aws:s3:BucketVersioning" => self.bucket_versioning(&mut p).await,
            "aws:schemas:Registry" => self.schema_registry(&mut p),
            "aws:schemas:Schema" => self.schema(&mut p),
            "aws:secretsmanager:Secret" => self.secret(&mut p).await,
            "aws:secretsmanager:SecretVersion" => self.secret_version(&mut p).await,
            "aws:sqs:Queue" => self.queue(&mut p).await,
            "aws:sqs:QueuePolicy" => self.queue_policy(&mut p).await,
            "aws:xray:Group" => self.trace_group(&mut p),
            "pulumi:index:Stash" => self.stash(&mut p, resource.urn()),
            "pulumi:pulumi:StackReference" => self.stack_reference(&mut p),
            other => Err(DeployError::UnknownType(other.to_owned())),
        }?;
        p.finish()?;
        Ok(outputs)
    }

    /// A value in the state of Pulumi, which stays as it was created. <https://www.pulumi.com/docs/iac/concepts/resources/stash/>
    fn stash(&self, p: &mut Properties, urn: &str) -> Result<Outputs, DeployError> {
        let input = p.value("input").ok_or_else(|| p.missing("input"))?;
        if let Some(output) =
            self.existing("pulumi:index:Stash", urn).and_then(|kept| kept.outputs.get("output").cloned())
        {
            return Ok(outputs(json!({ "id": p.at("input"), "input": input, "output": output })));
        }
        Ok(outputs(json!({ "id": p.at("input"), "input": input, "output": input })))
    }

    fn queue_arn(&self, name: &str) -> String {
        format!("arn:aws:sqs:{}:{}:{name}", self.region, self.account)
    }

    /// Returns the URL of the queue with this ARN.
    fn queue_url(&self, arn: &str, path: &str) -> Result<String, DeployError> {
        self.deployed.queues.get(arn).cloned().ok_or_else(|| DeployError::UnknownReference {
            path: path.to_owned(),
            name: format!("the queue {arn}"),
        })
    }

    /// Returns the URL of a queue for failed events. AWS supports only standard queues for this purpose.
    fn standard_queue_url(&self, arn: &str, path: &str) -> Result<String, DeployError> {
        if is_fifo(arn) {
            let known = "standard queues".to_owned();
            return Err(DeployError::UnsupportedValue {
                path: path.to_owned(),
                value: arn.to_owned(),
                known,
            });
        }
        self.queue_url(arn, path)
    }

    /// Returns the name of the function with this ARN or name.
    fn function_name(&self, arn: &str, path: &str) -> Result<String, DeployError> {
        let name = arn.rsplit(':').next().unwrap_or(arn);
        self.deployed.functions.values().find(|known| *known == name).cloned().ok_or_else(|| {
            DeployError::UnknownReference { path: path.to_owned(), name: format!("the function {arn}") }
        })
    }
}

/// Who deploys, and where.
struct Caller {
    region: String,
    account: String,
    arn: String,
    user_id: String,
}

impl Caller {
    async fn of(clients: &Clients, region: &str, account: &str) -> Result<Caller, DeployError> {
        let identity = clients.sts.get_caller_identity().send().await.map_err(aws("GetCallerIdentity"))?;
        Ok(Caller {
            region: region.to_owned(),
            account: account.to_owned(),
            arn: identity.arn().unwrap_or_default().to_owned(),
            user_id: identity.user_id().unwrap_or_default().to_owned(),
        })
    }

    /// Evaluates the provider functions that a program may call.
    fn invoke(&self, token: &str) -> Result<Value, String> {
        let Caller { region, account, arn, user_id } = self;
        match token {
            "aws:getCallerIdentity"
            | "aws:index:getCallerIdentity"
            | "aws:index/getCallerIdentity:getCallerIdentity" => {
                Ok(json!({ "accountId": account, "id": account, "arn": arn, "userId": user_id }))
            }
            "aws:getPartition" | "aws:index:getPartition" | "aws:index/getPartition:getPartition" => {
                Ok(json!({ "partition": "aws", "id": "aws", "dnsSuffix": "amazonaws.com" }))
            }
            "aws:getRegion" | "aws:index:getRegion" | "aws:index/getRegion:getRegion" => {
                Ok(json!({ "region": region, "name": region, "id": region }))
            }
            other => Err(format!("the function {other} is not supported on one machine")),
        }
    }
}

/// Returns whether an ARN is that of a FIFO queue. SQS requires the lower-case suffix `.fifo`.
#[expect(
    clippy::case_sensitive_file_extension_comparisons,
    reason = "the name of a queue is not a file name"
)]
fn is_fifo(arn: &str) -> bool {
    arn.ends_with(".fifo")
}

/// Converts a JSON object to a resource's outputs.
fn outputs(value: Value) -> Outputs {
    match value {
        Value::Object(map) => map,
        _ => Map::new(),
    }
}

/// Returns a program's outputs with secrets revealed.
fn revealed(outputs: &dmm_pulumi::Map) -> Map<String, Value> {
    outputs.iter().map(|(name, value)| (name.to_owned(), value.to_json(Secrets::Revealed))).collect()
}

/// Creates the error for a value that Lambda on this machine rejects.
fn refused<E: std::error::Error + Send + Sync + 'static>(
    p: &Properties,
    name: &str,
    source: E,
) -> DeployError {
    DeployError::Functions { path: p.at(name), source: Box::new(source) }
}
