//! The whole stack on one machine: an emulated AWS, a simulated or real Data Mesh Manager, the Lambdas, and the proxy that
//! records the requests of the Lambdas. The resources are deployed from `pulumi/Pulumi.yaml`.

use std::path::PathBuf;
use std::sync::Arc;

use aws_credential_types::Credentials;
use bytes::Bytes;
use dmm_emulator::Emulator;
use dmm_lambda_service::FunctionService;
use dmm_proxy::Proxy;
use dmm_simulator::{Simulator, Snapshot, WorldHandle};
use dmm_trace_collector::Collector;
use jiff::Timestamp;
use reqwest::Url;
use secrecy::{ExposeSecret, SecretString};
use serde_json::Value;
use uuid::Uuid;

use crate::bus;
use crate::clients::{AwsAccount, Clients};
use crate::consumers;
use crate::deploy::{Deployed, Deployer};
use crate::error::StackError;
use crate::keep::State;
use crate::lambdas::Lambdas;
use crate::programs::Programs;
use crate::progress::ProgressDisplay;
use crate::subscribers;
use crate::traces;
use crate::view::View;

mod beforehand;
mod options;
mod waiting;

use beforehand::Beforehand;
pub use options::{Options, Source};

/// The result of [`Stack::replay`].
#[derive(Clone, Copy, Debug)]
pub struct Replay {
    /// The number of events that will be read again. `None` with a real Data Mesh Manager, where the number is unknown.
    pub events: Option<usize>,
}

/// Credentials with which a user can inspect the emulated AWS. They are valid only in the emulated AWS of this process.
#[derive(Clone, Debug)]
pub struct Operator {
    /// The AWS region.
    pub region: String,
    /// The access key ID.
    pub access_key_id: String,
    /// The secret access key.
    pub secret_access_key: String,
}

/// A running stack. Dropping it stops every process that it started.
pub struct Stack {
    emulator: Option<Emulator>,
    simulator: Option<Simulator>,
    proxy: Proxy,
    functions: FunctionService,
    collector: Collector,
    deployed: Deployed,
    view: View,
    logs: PathBuf,
    aws_url: String,
    operator: Operator,
    api_key: SecretString,
    // Contains the stack's temporary files. They are removed when the stack is dropped.
    _folder: tempfile::TempDir,
}

impl Stack {
    /// Builds the Lambdas, starts all parts of the stack and deploys the Pulumi programs.
    ///
    /// # Errors
    ///
    /// [`StackError`] when any part fails. The error says what to do.
    pub async fn start(options: Options) -> Result<Self, StackError> {
        // This future is large because it holds all parts of the stack. Boxing it keeps the futures of the callers small.
        Box::pin(Self::start_all(options)).await
    }

    async fn start_all(options: Options) -> Result<Self, StackError> {
        let progress = options.progress;
        let lambdas = Lambdas::build(&progress).await?;
        let aws_account = AwsAccount::default();
        let folder = tempfile::Builder::new().prefix("dmm-local-").tempdir().map_err(StackError::Folder)?;
        let logs = options.logs.unwrap_or_else(|| folder.path().join("logs"));

        let (emulator, aws_url) = if let Some(url) = &options.aws_endpoint {
            (None, url.as_str().trim_end_matches('/').to_owned())
        } else {
            let state = options.restored.as_ref().map(|restored| restored.aws.clone());
            let emulator = start_emulator(&lambdas, options.emulator_port, state, progress).await?;
            let url = emulator.url().to_owned();
            (Some(emulator), url)
        };
        let (mesh, before) = match options.restored {
            Some(restored) => (restored.mesh, Some(restored.deployment)),
            None => (None, None),
        };
        let (simulator, api_url, api_key) = start_source(options.source, mesh).await?;
        let proxy =
            Proxy::start(dmm_proxy::Options { aws_upstream: parse(&aws_url)?, api_upstream: api_url })
                .await?;

        let root = Clients::new(
            &aws_url,
            &aws_account,
            Credentials::new("root", "root", None, None, "before enforcement"),
        );
        let operator = match emulator {
            Some(_) => consumers::operator(&root, before.is_some()).await?,
            None => Credentials::new("test", "test", None, None, "another emulator"),
        };
        let clients = Clients::new(&aws_url, &aws_account, operator.clone());
        let mut kept = before.unwrap_or_default();
        let accounts = subscribers::accounts(options.config.get("subscriberAccounts"));
        let beforehand = Beforehand { roles: options.roles, resources: options.resources, accounts };
        beforehand.create(&clients, &aws_url, &aws_account, emulator.is_some(), &mut kept).await?;

        let traces = options.traces.unwrap_or_else(|| folder.path().join("traces.jsonl"));
        let (collector, tracing) = traces::start(traces, options.otlp_endpoint).await?;
        let functions = FunctionService::new(dmm_lambda_service::Settings {
            region: aws_account.region.clone(),
            account: aws_account.account.clone(),
            endpoint_url: proxy.aws_url(),
            speed: options.speed,
            tracing: Some(tracing),
        });
        let python = emulator
            .as_ref()
            .map_or_else(|| PathBuf::from("python3"), |emulator| emulator.python().to_owned());
        let mut programs = Programs::load(&options.extensions, options.config)?;
        programs.main_config("baseUrl", proxy.api_url());
        programs
            .main_config("operators", serde_json::json!([consumers::operator_arn(&aws_account)]).to_string());
        programs.main_config("apiKey", api_key.expose_secret().to_owned());
        if let Some(url) = &options.webhook {
            programs.default_of_extensions("webhookUrl", url);
        }
        let mut deployer = Deployer::new(
            clients.clone(),
            functions.clone(),
            lambdas,
            &aws_account,
            aws_url.clone(),
            logs.clone(),
            python,
        )
        .over(kept);
        let (main, extensions) = programs.evaluate()?;
        deployer.deploy(main, progress).await?;
        for extension in extensions {
            deployer.deploy_beside(extension, progress).await?;
        }
        deployer.delete_former().await?;
        let stands = deployer.finish();
        if let Some(emulator) = &emulator {
            emulator.enforce_iam().await?;
        }
        name_principals(&proxy, &functions, &stands);
        functions.start_triggers(options.scheduled);
        let view = View::new(clients, stands.clone());
        let operator = Operator {
            region: aws_account.region,
            access_key_id: operator.access_key_id().to_owned(),
            secret_access_key: operator.secret_access_key().to_owned(),
        };
        Ok(Self {
            emulator,
            simulator,
            proxy,
            functions,
            collector,
            deployed: stands,
            view,
            logs,
            aws_url,
            operator,
            api_key,
            _folder: folder,
        })
    }

    /// Returns the simulated Data Mesh Manager, or `None` if the stack polls a real one.
    #[must_use]
    pub fn simulator(&self) -> Option<&Simulator> {
        self.simulator.as_ref()
    }

    /// Returns a handle with which the data of the simulated Data Mesh Manager can be changed, or `None` if the stack polls a
    /// real one.
    #[must_use]
    pub fn world(&self) -> Option<WorldHandle> {
        self.simulator.as_ref().map(Simulator::world)
    }

    /// Returns the proxy through which the Lambdas send their requests.
    #[must_use]
    pub fn proxy(&self) -> &Proxy {
        &self.proxy
    }

    /// Returns every event that was published on the event bus, in the form in which rule targets receive it.
    #[must_use]
    pub fn published(&self) -> Vec<Value> {
        let aws_account = AwsAccount::default();
        self.proxy.requests().iter().flat_map(|request| bus::published(request, &aws_account)).collect()
    }

    /// Returns the local Lambda service, which runs the functions.
    #[must_use]
    pub fn functions(&self) -> &FunctionService {
        &self.functions
    }

    /// Returns the collector that receives the functions' spans.
    #[must_use]
    pub fn collector(&self) -> &Collector {
        &self.collector
    }

    /// Returns a view of the resources in the emulated AWS.
    #[must_use]
    pub fn view(&self) -> &View {
        &self.view
    }

    /// Returns the resources that the Pulumi programs created.
    #[must_use]
    pub fn deployed(&self) -> &Deployed {
        &self.deployed
    }

    /// Returns the folder of the functions' logs. It contains one file per log group.
    #[must_use]
    pub fn logs(&self) -> &std::path::Path {
        &self.logs
    }

    /// Returns the credentials with which a user can inspect the emulated AWS.
    #[must_use]
    pub fn operator(&self) -> &Operator {
        &self.operator
    }

    /// Returns the API key for Data Mesh Manager. For a simulated one, the key is generated when the stack starts.
    #[must_use]
    pub fn api_key(&self) -> &SecretString {
        &self.api_key
    }

    /// Returns the URL of the emulated AWS, without a trailing slash.
    #[must_use]
    pub fn aws_url(&self) -> &str {
        &self.aws_url
    }

    /// Invokes the feed function and returns its response, a summary of what it did.
    ///
    /// # Errors
    ///
    /// When the feed function fails, and [`StackError::Feed`] when its response is not JSON.
    pub async fn feed(&self) -> Result<Value, StackError> {
        let name = self.function("feed")?;
        let answer = self.functions.invoke(name, Bytes::from_static(b"{}")).await?;
        serde_json::from_slice(&answer)
            .map_err(|error| StackError::Feed(format!("the response is not JSON: {error}")))
    }

    /// Resets the cursor, so that the feed is read again: after the event with the ID `from`, or from the beginning if `from`
    /// is `None`. The queue discards events that it already received in the last five minutes.
    ///
    /// # Errors
    ///
    /// [`StackError::UnknownEvent`] when the simulated feed does not contain the event. A real Data Mesh Manager reports an
    /// unknown event only when the feed is read.
    pub async fn replay(&self, from: Option<&str>) -> Result<Replay, StackError> {
        let mut count = None;
        if let Some(world) = self.world() {
            let events = world.events();
            let known = |id: &str| events.iter().position(|event| event["id"] == id);
            let start = match from {
                None => 0,
                Some(id) => known(id).ok_or_else(|| StackError::UnknownEvent(id.to_owned()))? + 1,
            };
            count = Some(events.len() - start);
        }
        self.view.set_cursor(from).await?;
        Ok(Replay { events: count })
    }

    /// Returns the name of the function that runs the given binary.
    ///
    /// # Errors
    ///
    /// [`StackError::NoFunction`] when no deployed function runs this binary.
    pub fn function(&self, binary: &str) -> Result<&str, StackError> {
        self.deployed
            .functions
            .get(binary)
            .map(String::as_str)
            .ok_or_else(|| StackError::NoFunction(binary.to_owned()))
    }

    /// Deletes the resources of all programs from the emulated AWS, like `pulumi destroy`.
    ///
    /// # Errors
    ///
    /// [`StackError`] when AWS does not delete a resource.
    pub async fn destroy(&self) -> Result<(), StackError> {
        Ok(self.deployed.destroy(self.view.clients(), &self.functions).await?)
    }

    /// Returns the state of the stack at this moment. Functions that are running may go on: what they do later is not part of it.
    ///
    /// # Errors
    ///
    /// [`StackError::Emulator`] when the emulated AWS cannot write its state, and [`StackError::Foreign`] when it is another
    /// emulator.
    pub async fn state(&self) -> Result<State, StackError> {
        let emulator = self.emulator.as_ref().ok_or(StackError::Foreign)?;
        let look = || (Timestamp::now(), self.world().map(|world| world.snapshot()));
        let (aws, (at, mesh)) = emulator.state_with(look).await?;
        Ok(State { at, aws, mesh, deployment: self.deployed.kept.clone() })
    }

    /// Stops every process that the stack started.
    pub async fn stop(self) {
        self.functions.stop().await;
        self.proxy.stop().await;
        if let Some(simulator) = self.simulator {
            simulator.stop().await;
        }
        if let Some(emulator) = self.emulator {
            emulator.stop().await;
        }
    }
}

/// Tells the proxy which function sends requests with which access key.
fn name_principals(proxy: &Proxy, functions: &FunctionService, deployed: &Deployed) {
    for (binary, function) in &deployed.functions {
        if let Some(config) = functions.configuration(function) {
            proxy.name_principal(config.credentials.access_key_id(), binary);
        }
    }
}

/// Starts the emulated AWS and shows its progress.
pub(crate) async fn start_emulator(
    lambdas: &Lambdas,
    port: Option<u16>,
    state: Option<PathBuf>,
    progress: ProgressDisplay,
) -> Result<Emulator, StackError> {
    let step = Arc::new(progress.step("Starting the emulated AWS (moto)"));
    let told = Arc::clone(&step);
    let options = dmm_emulator::Options {
        workspace_target: lambdas.target().to_path_buf(),
        port,
        state,
        on_progress: Box::new(move |line| told.detail(line)),
    };
    let emulator = Emulator::start(options).await?;
    step.done(emulator.url());
    Ok(emulator)
}

/// Starts the simulator, with the state in `snapshot` if there is one, unless a real Data Mesh Manager is used. Returns the simulator, the API's URL and an API key.
async fn start_source(
    source: Source,
    snapshot: Option<Snapshot>,
) -> Result<(Option<Simulator>, Url, SecretString), StackError> {
    match source {
        Source::Real { url, api_key } => Ok((None, url, api_key)),
        Source::Simulated { landscape, listen, page_limit } => {
            let api_key = SecretString::from(format!("dmm_local_{}", Uuid::new_v4().simple()));
            let options = dmm_simulator::Options {
                listen,
                page_limit,
                snapshot,
                ..dmm_simulator::Options::new(api_key.clone(), *landscape)
            };
            let simulator = Simulator::start(options).await?;
            let url = parse(&simulator.url())?;
            Ok((Some(simulator), url, api_key))
        }
    }
}

pub(crate) fn parse(address: &str) -> Result<Url, StackError> {
    Url::parse(address)
        .map_err(|error| StackError::Address { address: address.to_owned(), message: error.to_string() })
}
