//! Keeps the stack running for interactive use.

use std::collections::BTreeMap;
use std::time::Duration;

use dmm_lambda_service::Speed;
use dmm_simulator::{AgreementKind, ConsumerRole, Landscape};
use secrecy::{ExposeSecret, SecretString};
use tokio::signal::unix::{SignalKind, signal};

use crate::cli::Up;
use crate::control::{self, Control, StackInfo};
use crate::deploy::Extension;
use crate::error::StackError;
use crate::gateway::Gateway;
use crate::journal::Journal;
use crate::output::out;
use crate::progress::ProgressDisplay;
use crate::stack::{Source, Stack};
use crate::view::PolicyOnRole;

/// Real time by default, so that users see the timing of AWS.
const SPEED: u32 = 1;
/// The environment variable with the API key of a real Data Mesh Manager.
pub(crate) const API_KEY: &str = "DMM_API_KEY";

/// Starts the stack and keeps it running until Ctrl-C.
///
/// # Errors
///
/// [`StackError`] if it does not start or its state cannot be read.
pub async fn run(args: &Up) -> Result<(), StackError> {
    let progress = ProgressDisplay::detect();
    let mut options = args.common.options(&Landscape::sample(), SPEED, progress);
    if let Some(url) = &args.dmm_url {
        let api_key = std::env::var(API_KEY)
            .map_err(|_| StackError::Variable(API_KEY, "to an API key of that Data Mesh Manager"))?;
        options.source = Source::Real { url: url.clone(), api_key: SecretString::from(api_key) };
        options.roles = args.role.iter().map(|name| opted_in(name)).collect();
        // A stack on one machine shows among the connectors of a real organization only if somebody asks for it.
        options.config = args.common.config.iter().cloned().collect();
    }
    options.logs.clone_from(&args.logs);
    let (traces, events) = args.common.artifact_files()?;
    options.traces = Some(traces);
    options.extensions.clone_from(&args.extension);
    let (control, mut requests) = Control::start().await?;
    options.webhook = Some(control.webhook_url());
    let speed = options.speed;
    // People reach the emulator through the gateway.
    let port = options.emulator_port.take();
    let stack = Stack::start(options).await?;
    let gateway = Gateway::start(&stack, port).await?;
    control.announce(StackInfo::of(&stack, &gateway));
    let mut journal = Journal::start(events, &stack)?;
    // Registered before anything is printed: a signal that follows a printed line must not be lost.
    let mut interrupts = signal(SignalKind::interrupt()).map_err(StackError::Signal)?;
    introduce(&stack, &gateway, speed);
    out!("The control URL for `dmm-local replay` and `explain` is {}.", control.url());
    introduce_extensions(&stack);
    let mut depths = BTreeMap::new();
    tokio::select! {
        _ = interrupts.recv() => {}
        failed = follow(&stack, &mut depths, &mut journal) => failed?,
        () = control::answer(&mut requests, &stack) => {}
    }
    progress.line("\nStopping");
    control.stop();
    stack.stop().await;
    Ok(())
}

/// Prints where to find the output of extensions.
fn introduce_extensions(stack: &Stack) {
    for Extension { project, outputs, functions, .. } in &stack.deployed().extensions {
        out!(
            "\nThe extension {project} is deployed, too. Events that reach its queues and its webhook are shown below."
        );
        for (name, value) in outputs {
            out!("  {name} = {}", value.as_str().map_or_else(|| value.to_string(), str::to_owned));
        }
        for function in functions {
            let log = stack.logs().join(format!("aws.lambda.{function}.log"));
            out!("  the log of {function} is {}", log.display());
        }
    }
    out!("");
}

/// Prints changes in the number of messages in the queues of extensions.
async fn follow_queues(stack: &Stack, depths: &mut BTreeMap<String, usize>) -> Result<(), StackError> {
    for extension in &stack.deployed().extensions {
        for (arn, url) in &extension.queues {
            let now = stack.view().depth(url).await?.total();
            let before = depths.insert(arn.clone(), now).unwrap_or(0);
            if now != before {
                let name = arn.rsplit(':').next().unwrap_or(arn);
                let (mark, messages) =
                    (if now > before { '+' } else { '-' }, if now == 1 { "message" } else { "messages" });
                out!("{mark} {name} holds {now} {messages}");
            }
        }
    }
    Ok(())
}

/// Prints policies that appear in or disappear from IAM, until an error occurs.
async fn follow(
    stack: &Stack,
    depths: &mut BTreeMap<String, usize>,
    journal: &mut Journal,
) -> Result<(), StackError> {
    let mut before: Vec<PolicyOnRole> = Vec::new();
    let mut ticks = tokio::time::interval(Duration::from_secs(1));
    loop {
        ticks.tick().await;
        let now = stack.view().policies().await?;
        for (mark, policies, others) in [('-', &before, &now), ('+', &now, &before)] {
            for PolicyOnRole { role, policy_name, .. } in
                policies.iter().filter(|policy| !others.contains(policy))
            {
                out!("{mark} {policy_name} on the role {role}");
            }
        }
        before = now;
        follow_queues(stack, depths).await?;
        journal.catch_up()?;
    }
}

fn opted_in(name: &str) -> ConsumerRole {
    ConsumerRole { name: name.to_owned(), path: "/".to_owned(), opted_in: true, tags: BTreeMap::new() }
}

fn introduce(stack: &Stack, gateway: &Gateway, speed: Speed) {
    let operator = stack.operator();
    out!("\nThe stack is running. Changes of policies in IAM are shown below. Press Ctrl-C to stop.\n");
    out!("AWS (moto)       {}", gateway.url());
    out!("function logs    {}", stack.logs().display());
    out!("feed             polled every {} s", speed.scale(Duration::from_mins(1)).as_secs_f64());
    out!("traces           show with `cargo run -p dmm-local -- trace`");
    out!("event patterns   test with `cargo run -p dmm-local -- rules test PATTERN.json --recorded`");
    out!("\nUse the AWS CLI:");
    out!("  export AWS_ENDPOINT_URL={} AWS_REGION={}", gateway.url(), operator.region);
    out!(
        "  export AWS_ACCESS_KEY_ID={} AWS_SECRET_ACCESS_KEY={}",
        operator.access_key_id,
        operator.secret_access_key
    );
    out!("  aws iam list-roles --query 'Roles[].RoleName'");
    let (Some(simulator), Some(world)) = (stack.simulator(), stack.world()) else { return };
    let (url, key) = (simulator.url(), stack.api_key().expose_secret());
    let access = world.agreements(AgreementKind::Access).into_iter().next();
    let id = access.as_ref().and_then(|access| access.get("id")?.as_str()).unwrap_or("ID");
    out!("\nThe simulated Data Mesh Manager is at {url}:");
    out!("  curl -H 'x-api-key: {key}' {url}/api/access");
    out!("  curl -H 'x-api-key: {key}' {url}/api/connectors");
    out!("  curl -H 'x-api-key: {key}' -X POST {url}/api/access/{id}/approve");
    out!("  curl -H 'x-api-key: {key}' -X POST {url}/api/access/{id}/cancel\n");
}
