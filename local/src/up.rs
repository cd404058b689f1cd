//! Keeps the stack running for interactive use.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use dmm_console::{Console, Happening};
use dmm_simulator::{ConsumerRole, Landscape};
use secrecy::SecretString;
use tokio::signal::unix::{SignalKind, signal};

use crate::cli::Up;
use crate::control::{self, Control, StackInfo};
use crate::error::StackError;
use crate::gateway::Gateway;
use crate::introduction;
use crate::journal::Journal;
use crate::keep::{Restored, StateFolder};
use crate::output::out;
use crate::page::{LocalSource, Observer};
use crate::progress::ProgressDisplay;
use crate::stack::{Source, Stack};

/// Real time by default, so that users see the timing of AWS.
const SPEED: u32 = 1;
/// The environment variable with the API key of a real Data Mesh Manager.
pub(crate) const API_KEY: &str = "DMM_API_KEY";

/// How often `--keep` saves the state, if it has changed.
const SAVE_EVERY: Duration = Duration::from_secs(5);

/// Starts the stack and keeps it running until Ctrl-C or SIGTERM.
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
    let is_simulated = args.dmm_url.is_none();
    let mut folder = args.keep.as_deref().map(|path| StateFolder::open(path, is_simulated)).transpose()?;
    if let Some(folder) = &folder {
        options.restored = folder.restored()?;
        if let Some(restored) = &options.restored {
            out!("The stack continues with {}.", described(folder, restored));
        }
    }
    let is_restored = options.restored.is_some();
    options.logs = args.logs.clone().or_else(|| folder.as_ref().map(StateFolder::logs));
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
    if let Some(folder) = &mut folder {
        save(folder, &stack).await?;
    }
    let mut observer = Observer::start(&stack, control.url()).await?;
    if is_restored {
        observer.know_what_exists().await?;
    }
    let console =
        Console::start(Arc::new(LocalSource::new(&stack, &observer)?), args.common.page_port).await?;
    let mut journal = Journal::start(events, &stack)?;
    // Registered before anything is printed: a signal that follows a printed line must not be lost.
    let mut interrupts = signal(SignalKind::interrupt()).map_err(StackError::Signal)?;
    let mut terminations = signal(SignalKind::terminate()).map_err(StackError::Signal)?;
    introduction::of_stack(&stack, &gateway, speed, console.url());
    out!("The control URL for `dmm-local replay` and `explain` is {}.", control.url());
    if let Some(folder) = &folder {
        out!("The state is kept in {}.", folder.path().display());
    }
    introduction::of_extensions(&stack);
    if args.common.open
        && let Err(error) = console.open()
    {
        progress.line(&format!("warning: {error}"));
    }
    let followed = tokio::select! {
        _ = interrupts.recv() => Ok(()),
        _ = terminations.recv() => Ok(()),
        failed = follow(&mut observer, &mut journal) => failed,
        () = keep_saving(folder.as_mut(), &stack) => Ok(()),
        () = control::answer(&mut requests, &stack) => Ok(()),
    };
    progress.line("\nStopping");
    control.stop();
    let saved = match &mut folder {
        Some(folder) => save(folder, &stack).await,
        None => Ok(()),
    };
    stack.stop().await;
    followed.and(saved)
}

/// What a folder contains, in words.
fn described(folder: &StateFolder, Restored { product, saved_at, .. }: &Restored) -> String {
    let time = saved_at.strftime("%Y-%m-%d %H:%M:%SZ");
    format!("the state in {}, which was written by {product} at {time}", folder.path().display())
}

/// Saves the state again and again. If that fails, the next attempt may succeed.
async fn keep_saving(folder: Option<&mut StateFolder>, stack: &Stack) {
    let Some(folder) = folder else { return std::future::pending().await };
    let mut ticks = tokio::time::interval(SAVE_EVERY);
    ticks.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    loop {
        ticks.tick().await;
        if let Err(error) = save(folder, stack).await {
            tracing::warn!(%error, "the state is not saved");
        }
    }
}

async fn save(folder: &mut StateFolder, stack: &Stack) -> Result<(), StackError> {
    let state = stack.state().await?;
    // Waits for the disk.
    tokio::task::block_in_place(|| folder.save(&state))?;
    Ok(())
}

/// Prints what happens, until an error occurs.
async fn follow(observer: &mut Observer, journal: &mut Journal) -> Result<(), StackError> {
    let mut ticks = tokio::time::interval(Duration::from_secs(1));
    loop {
        ticks.tick().await;
        for happening in observer.look().await? {
            out!("{}", shown(&happening));
        }
        journal.catch_up()?;
    }
}

/// What has happened, with the time in UTC.
fn shown(Happening { time, kind, text }: &Happening) -> String {
    format!("{} {} {text}", time.strftime("%H:%M:%SZ"), kind.sign())
}

fn opted_in(name: &str) -> ConsumerRole {
    ConsumerRole { name: name.to_owned(), path: "/".to_owned(), opted_in: true, tags: BTreeMap::new() }
}
