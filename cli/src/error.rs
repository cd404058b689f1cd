//! What can go wrong.

use std::io;
use std::path::PathBuf;

/// An error of a command. Its message says what to do.
#[derive(Debug, thiserror::Error)]
pub enum CliError {
    /// No stack was named.
    #[error("name a stack: --stack NAME, --outputs FILE, or --local for the one of `dmm-local up`")]
    NoStack,
    /// The file with the outputs cannot be read.
    #[error("cannot read {}: {source}", path.display())]
    File {
        /// The file.
        path: PathBuf,
        /// The cause.
        source: io::Error,
    },
    /// A file cannot be written.
    #[error("cannot write {}: {source}", path.display())]
    Write {
        /// The file.
        path: PathBuf,
        /// The cause.
        source: io::Error,
    },
    /// A folder does not contain a copy of the evidence.
    #[error("{} is not a folder that `dmm evidence --export` has written", folder.display())]
    Copy {
        /// The folder.
        folder: PathBuf,
    },
    /// An object has a key that cannot be the path of a file.
    #[error(
        "the object {key} in the state bucket was not written by this software, and cannot be copied: delete it"
    )]
    Key {
        /// The key.
        key: String,
    },
    /// The outputs are not what `pulumi stack output --json` prints.
    #[error("{} does not contain the output of `pulumi stack output --json`: {problem}", path.display())]
    Outputs {
        /// The file.
        path: PathBuf,
        /// What is wrong.
        problem: String,
    },
    /// No stack has this name.
    #[error(
        "the stack {stack} does not exist in this account and region{}{}. Check AWS_PROFILE and AWS_REGION; a stack of an earlier \
         version gets its tags with `pulumi up`, until then use --outputs FILE",
        suggestion(nearest.as_deref()),
        stacks(known)
    )]
    UnknownStack {
        /// The stack's name.
        stack: String,
        /// The most similar name.
        nearest: Option<String>,
        /// The names of the stacks that exist.
        known: Vec<String>,
    },
    /// Two resources claim to be the same part of a stack.
    #[error(
        "the stack {stack} has two resources with the tag dmm-part = {part}: {} and {}. Use --outputs FILE, or remove the tags \
         from the one that does not belong to it",
        arns[0], arns[1]
    )]
    Ambiguous {
        /// The stack's name.
        stack: String,
        /// The part.
        part: String,
        /// The resources.
        arns: [String; 2],
    },
    /// A part of the stack is missing.
    #[error("the stack is incomplete: {what}. Run `pulumi up`")]
    Incomplete {
        /// What is missing.
        what: String,
    },
    /// No local stack is running.
    #[error(
        "no local stack is running ({0}): start one in another terminal with `cargo run -p dmm-local -- up`"
    )]
    NotRunning(String),
    /// The TLS configuration cannot be set up.
    #[error("cannot set up TLS: {0}")]
    Tls(#[from] dmm_http::TlsError),
    /// The credentials do not permit a call.
    #[error("your credentials do not permit {action}: use others (AWS_PROFILE), or ask for this permission")]
    Denied {
        /// The IAM action.
        action: &'static str,
    },
    /// There are no credentials, or they have expired.
    #[error("there are no valid AWS credentials: set AWS_PROFILE, or sign in again (`aws sso login`)")]
    Credentials,
    /// A call failed.
    #[error("{action} failed: {problem}")]
    Call {
        /// The IAM action.
        action: &'static str,
        /// AWS's error code, or why there was no answer.
        problem: String,
    },
    /// A function failed.
    #[error("{function} failed ({class}): {message}")]
    Function {
        /// The function.
        function: String,
        /// The class of the error, for example `Retryable`.
        class: String,
        /// The function's error.
        message: String,
    },
    /// A function answered something else than expected.
    #[error(
        "{function} gave an unexpected answer: this command needs a stack of the same version ({problem})"
    )]
    Answer {
        /// The function.
        function: String,
        /// What is wrong.
        problem: String,
    },
    /// The functions of the stack still give access.
    #[error(
        "the mode of {function} is {mode}: run `pulumi config set --cwd pulumi mode uninstall` and `pulumi up --cwd pulumi` first"
    )]
    Mode {
        /// The function.
        function: String,
        /// Its mode.
        mode: String,
    },
    /// The functions change nothing now.
    #[error("the functions are paused until {until}: end the pause with `dmm resume` first")]
    Paused {
        /// The end of the pause.
        until: String,
    },
    /// The subject is not blocked.
    #[error("{subject} is not blocked: `dmm status` shows what is")]
    NotBlocked {
        /// What is not blocked.
        subject: String,
    },
    /// A role has another name.
    #[error("{name} is not the name of an IAM role: use its name without its path, not its ARN")]
    NotARole {
        /// The text.
        name: String,
    },
    /// An object of the state bucket does not have its format.
    #[error(
        "{key} in the state bucket is not as `dmm` writes it: restore an earlier version of the object, or delete it"
    )]
    Object {
        /// Its key.
        key: String,
    },
    /// Somebody else wrote an object at the same time.
    #[error("somebody else has changed {key} in the state bucket at the same time: repeat the command")]
    Changed {
        /// Its key.
        key: String,
    },
    /// No event has this id.
    #[error("no event has the id {id}{}", suggestion(nearest.as_deref()))]
    UnknownEvent {
        /// The id.
        id: String,
        /// The most similar id.
        nearest: Option<String>,
    },
    /// Nothing is known about an agreement, a data product or a consumer.
    #[error("no {what} {id} is known to this stack{}{}", suggestion(nearest.as_deref()), remedy)]
    Unknown {
        /// `agreement`, `data product` or `consumer`.
        what: &'static str,
        /// The id.
        id: String,
        /// The most similar id that is known.
        nearest: Option<String>,
        /// What to do, as the rest of the sentence.
        remedy: &'static str,
    },
    /// Several events have ids that begin like this.
    #[error("{count} events have ids that begin with {id}: use more characters")]
    AmbiguousEvent {
        /// The beginning.
        id: String,
        /// How many match.
        count: usize,
    },
    /// A file does not contain a snapshot of this stack.
    #[error("{} does not contain the output of `dmm snapshot`: {problem}", path.display())]
    Snapshot {
        /// The file.
        path: PathBuf,
        /// What is wrong.
        problem: String,
    },
    /// An event in a file cannot be sent.
    #[error("{} does not contain an event that can be sent: {problem}", path.display())]
    Event {
        /// The file.
        path: PathBuf,
        /// What is wrong.
        problem: String,
    },
    /// The page cannot be served or opened.
    #[error(transparent)]
    Console(#[from] dmm_console::ConsoleError),
    /// Ctrl-C cannot be handled.
    #[error("cannot handle Ctrl-C: {0}")]
    Signal(#[source] io::Error),
    /// A question cannot be asked.
    #[error("this needs a confirmation, and standard input is not a terminal: add --yes")]
    NoTerminal,
    /// The answer to a question was no.
    #[error("nothing was changed")]
    Declined,
    /// The output cannot be written.
    #[error("cannot write the output: {0}")]
    Output(#[from] io::Error),
    /// A result cannot be written as JSON.
    #[error("cannot write the result as JSON: {0}")]
    Json(#[from] serde_json::Error),
}

fn suggestion(nearest: Option<&str>) -> String {
    nearest.map_or_else(String::new, |id| format!("; did you mean {id}?"))
}

fn stacks(known: &[String]) -> String {
    if known.is_empty() {
        "; no resource has the tag dmm-stack".to_owned()
    } else {
        format!(" (there are: {})", known.join(", "))
    }
}
