//! The stack, kept running for people to play with.

use functions::Speed;
use secrecy::{ExposeSecret, SecretString};
use simulator::{ConsumerRole, Landscape};

use crate::cli::Up;
use crate::error::StackError;
use crate::progress::Progress;
use crate::stack::{Source, Stack};

/// In real time unless told otherwise: what a user sees is what AWS would do.
const SPEED: u32 = 1;
/// The variable with the API key of a real Data Mesh Manager.
const API_KEY: &str = "DMM_API_KEY";

/// Starts the stack and keeps it running until Ctrl-C.
///
/// # Errors
///
/// [`StackError`] when it does not start.
pub async fn run(args: &Up) -> Result<(), StackError> {
    let progress = Progress::detect();
    let mut options = args.common.options(&Landscape::sample(), SPEED, progress);
    if let Some(url) = &args.dmm_url {
        let api_key = std::env::var(API_KEY)
            .map_err(|_| StackError::Variable(API_KEY, "to an API key of that Data Mesh Manager"))?;
        options.source = Source::Real { url: url.clone(), api_key: SecretString::from(api_key) };
        options.roles = args.role.iter().map(|name| opted_in(name)).collect();
    }
    let speed = options.speed;
    let stack = Stack::start(options).await?;
    print(&stack, speed);
    tokio::signal::ctrl_c().await.map_err(StackError::Signal)?;
    progress.line("\nStopping");
    stack.stop().await;
    Ok(())
}

fn opted_in(name: &str) -> ConsumerRole {
    ConsumerRole { name: name.to_owned(), path: "/".to_owned(), opted_in: true }
}

fn print(stack: &Stack, speed: Speed) {
    let operator = stack.operator();
    println!("\nThe stack runs; Ctrl-C ends it.\n");
    println!("AWS (moto)         {}", stack.aws_url());
    println!("functions' logs    {}", stack.logs().display());
    println!(
        "the feed is polled {}",
        if speed == Speed::REAL { "every minute" } else { "faster than every minute" }
    );
    println!("\nLook around with the AWS CLI:");
    println!("  export AWS_ENDPOINT_URL={} AWS_REGION={}", stack.aws_url(), operator.region);
    println!(
        "  export AWS_ACCESS_KEY_ID={} AWS_SECRET_ACCESS_KEY={}",
        operator.access_key_id, operator.secret_access_key
    );
    println!("  aws sqs list-queues");
    if let Some(simulator) = stack.simulator() {
        let key = stack.api_key().expose_secret();
        println!("\nThe simulated Data Mesh Manager is at {}", simulator.url());
        println!("  curl -H 'x-api-key: {key}' {}/api/access", simulator.url());
        println!("  curl -H 'x-api-key: {key}' -X POST {}/api/access/ID/approve", simulator.url());
        println!("  curl -H 'x-api-key: {key}' -X POST {}/api/access/ID/cancel", simulator.url());
    }
}
