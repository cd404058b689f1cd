//! The README's commands do what the README says, and what they leave behind is documented.

#![expect(
    clippy::indexing_slicing,
    clippy::unwrap_used,
    clippy::panic,
    reason = "helpers of tests: a failure here is the test's"
)]

mod recorded;
mod shell;

use dmm_docs_test::markdown::Document;
use shell::{Home, Running};

/// What the test does with a command.
enum Use {
    /// Runs it to its end; its output has these texts.
    Run(&'static [&'static str]),
    /// Starts it, does what the README says, and interrupts it.
    Approve,
    /// Starts it, waits for a line with this text, and interrupts it.
    Start(&'static str),
    /// Does not run it, for this reason.
    Skip(&'static str),
}

const ENGINE: &str = "is run in the real engine by local/pulumi/tests/engine/documents.rs";

/// Every line of the README's `sh` blocks, in order.
const COMMANDS: [(&str, Use); 19] = [
    (
        "cargo run -p dmm-local -- demo",
        Use::Run(&["create dmm_events", "IAM.PutRolePolicy", "0 quarantined"]),
    ),
    (
        "cargo run -p dmm-local -- up --open --speed 10",
        Use::Skip(
            "would replace the traces that the next commands show; local/tests/page opens the page in a browser",
        ),
    ),
    ("cargo test --workspace", Use::Skip("this test is part of it")),
    ("cargo run -p dmm-local -- trace", Use::Run(&["create dmm_events", "process dmm_events", "iam-"])),
    ("cargo run -p dmm-local -- trace --svg target/trace.svg", Use::Run(&["create dmm_events"])),
    (
        "cargo run -p dmm-local -- package",
        Use::Skip(
            "compiles all functions for another machine, which takes minutes; it is run before a release",
        ),
    ),
    ("cd pulumi && pulumi stack init prod", Use::Skip(ENGINE)),
    ("pulumi config set aws:region eu-central-1", Use::Skip(ENGINE)),
    ("pulumi config set --path 'allowedRoles[0]' 'data-*'", Use::Skip(ENGINE)),
    ("pulumi config set --secret apiKey", Use::Skip(ENGINE)),
    ("pulumi up", Use::Skip(ENGINE)),
    (
        "cargo run -p dmm-local -- preview",
        Use::Run(&["aws:lambda:Function iamGrant", "secretString: [secret]"]),
    ),
    ("pulumi config set resourceOwnership report", Use::Skip(ENGINE)),
    ("pulumi config set roleOwnership report", Use::Skip(ENGINE)),
    ("pulumi up", Use::Skip(ENGINE)),
    ("cargo run -p dmm-local -- up --extension pulumi/extension --speed 10", Use::Approve),
    ("cp -r pulumi/extension ~/my-extension", Use::Run(&[])),
    ("cargo run -p dmm-local -- rules test ~/my-extension/changes.json", Use::Run(&["✓ ", " events match"])),
    ("cargo run -p dmm-local -- up --extension ~/my-extension --speed 10", Use::Start("-notify.log")),
];

#[test]
fn every_command_of_the_readme_works() {
    let lines = Document::read("README.md").lines("sh");
    let written: Vec<&str> =
        lines.iter().map(|line| line.split("  #").next().unwrap_or_default().trim()).collect();
    let listed: Vec<&str> = COMMANDS.iter().map(|(command, _)| *command).collect();
    assert_eq!(written, listed, "each command of the README is in COMMANDS");

    let home = Home::new();
    for (command, what) in &COMMANDS {
        match what {
            Use::Run(expected) => {
                let output = home.run(command);
                for text in *expected {
                    assert!(output.contains(text), "`{command}` does not print {text:?}:\n{output}");
                }
            }
            Use::Approve => {
                approve(&home, command);
                about_events(&home);
            }
            Use::Start(text) => {
                let mut running = Running::start(&home, command);
                running.line(|line| line.contains(text));
                running.interrupt();
            }
            Use::Skip(reason) => println!("not run: `{command}` {reason}"),
        }
        if command.ends_with(" demo") {
            recorded::assert_attributes_are_documented();
        }
        if command.ends_with(" target/trace.svg") {
            recorded::assert_picture_is_that_of_the_readme();
        }
    }
}

/// Every line of docs/events.md that begins with `cargo`, in order. The events of the last `up` are those that `--recorded` means.
const COMMANDS_ABOUT_EVENTS: [(&str, Use); 3] = [
    (
        "cargo run -p dmm-local -- rules test pulumi/extension/changes.json",
        Use::Run(&["✓ ", " events match"]),
    ),
    (
        "cargo run -p dmm-local -- rules test pulumi/extension/changes.json --recorded",
        Use::Run(&[" events match"]),
    ),
    (
        "cargo run -p dmm-local -- rules test pulumi/extension/changes.json --event event.json",
        Use::Run(&["✓ "]),
    ),
];

/// The commands of docs/events.md, after the `up` in which an access was approved. `event.json` is the reader's own file.
fn about_events(home: &Home) {
    let lines = Document::read("docs/events.md").lines("sh");
    let written: Vec<&String> = lines.iter().filter(|line| line.starts_with("cargo ")).collect();
    let listed: Vec<&str> = COMMANDS_ABOUT_EVENTS.iter().map(|(command, _)| *command).collect();
    assert_eq!(written, listed, "each command of docs/events.md is in COMMANDS_ABOUT_EVENTS");
    home.run("cp schemas/events/AccessRequestedEvent.example.json ~/event.json");
    for (command, what) in &COMMANDS_ABOUT_EVENTS {
        let Use::Run(expected) = what else { continue };
        let output = home.run(&command.replace(" event.json", " ~/event.json"));
        for text in *expected {
            assert!(output.contains(text), "`{command}` does not print {text:?}:\n{output}");
        }
    }
}

/// What the section "Extend" of the README says: an approval in another terminal reaches the webhook and the queue, and the
/// log of the function is shown.
fn approve(home: &Home, command: &str) {
    let mut up = Running::start(home, command);
    let logs = up.line(|line| line.contains("logs") && line.contains(" /"));
    let logs = logs.split_whitespace().last().unwrap().to_owned();
    let approve = up.line(|line| line.ends_with("/approve"));
    let access = approve.trim_end_matches("/approve").rsplit('/').next().unwrap().to_owned();
    let function = up.line(|line| line.ends_with("-notify.log"));
    let function = function.split_whitespace().last().unwrap().to_owned();
    home.run(&approve);
    up.line(|line| {
        line.contains("webhook") && line.contains("AccessApprovedEvent") && line.contains(&access)
    });
    up.line(|line| line.contains("-changes holds"));
    up.line(|line| line.contains(" + DMM_Access_") && line.contains(&access));
    recorded::assert_logs_are_documented(&logs);
    recorded::assert_line(&function, "DeactivatedEvent of ");
    up.interrupt();
}
