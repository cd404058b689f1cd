//! What `up` prints first: where everything is, and lines to paste into a shell.

use std::time::Duration;

use dmm_lambda_service::Speed;
use dmm_simulator::AgreementKind;
use secrecy::ExposeSecret;
use serde_json::Value;

use crate::deploy::Extension;
use crate::gateway::Gateway;
use crate::output::out;
use crate::stack::Stack;

/// The stack's outputs by the names that the commands in docs/operate.md use.
const NAMES: [(&str, &str); 10] = [
    ("EVENTS", "eventsQueueUrl"),
    ("DEAD_LETTERS", "deadLetterQueueUrl"),
    ("UNDELIVERED", "undeliveredQueueUrl"),
    ("FAILURES", "failureQueueUrl"),
    ("BUS", "busName"),
    ("STATE", "stateBucket"),
    ("FEED", "feedFunction"),
    ("GRANT", "iamGrantFunction"),
    ("REVOKE", "iamRevokeFunction"),
    ("RECONCILE", "iamReconcileFunction"),
];

/// Prints where to find the parts of the stack.
pub(crate) fn of_stack(stack: &Stack, gateway: &Gateway, speed: Speed, page: &str) {
    let operator = stack.operator();
    out!("\nThe stack is running. What happens is shown below. Press Ctrl-C to stop.\n");
    out!("page             {page}");
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
    out!(
        "\nVersions of the AWS CLI before 1.29 and 2.13 do not read AWS_ENDPOINT_URL. For them, also paste this:"
    );
    out!("  aws() {{ command aws --endpoint-url {} --region {} \"$@\"; }}", gateway.url(), operator.region);
    out!("\nThe stack's outputs, by the names that docs/operate.md uses:");
    for (name, output) in NAMES {
        if let Some(value) = stack.deployed().outputs.get(output).and_then(Value::as_str) {
            out!("  {name}={value}");
        }
    }
    of_simulator(stack);
}

/// Prints how to change agreements.
fn of_simulator(stack: &Stack) {
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

/// Prints where to find the output of extensions.
pub(crate) fn of_extensions(stack: &Stack) {
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
