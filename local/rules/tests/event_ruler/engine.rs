//! Event Ruler, in a Java process that answers one question after the other.

use std::io::{BufRead, BufReader, Write};
use std::path::Path;
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};

use serde::Deserialize;
use serde_json::json;

/// Where `.ci/event-ruler` builds the program.
const HOME: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../target/tools/event-ruler");

/// The environment variable that makes the program's absence a failure.
const REQUIRED: &str = "REQUIRE_JAVA";

/// What Event Ruler says about a pattern.
#[derive(Debug, Deserialize)]
#[serde(untagged)]
pub(crate) enum Answer {
    /// The pattern is not valid.
    Refused {
        /// Why.
        #[expect(dead_code, reason = "shown if the comparison fails")]
        refused: String,
    },
    /// How complex the pattern is, and whether it matches each event.
    Verdicts { complexity: usize, matches: Vec<bool> },
}

/// The running process. It ends when it is dropped.
pub(crate) struct Engine {
    process: Child,
    questions: Option<ChildStdin>,
    answers: BufReader<ChildStdout>,
}

impl Engine {
    /// Starts the process. Without it, there is nothing to compare: prints so, or fails if `REQUIRE_JAVA` is set.
    pub(crate) fn start() -> Option<Engine> {
        let found = if Path::new(HOME).join("built").exists() {
            Engine::spawn().map_err(|error| format!("java does not start: {error}"))
        } else {
            Err("the program that asks Event Ruler is not built".to_owned())
        };
        match found {
            Ok(engine) => Some(engine),
            Err(reason) => {
                let message = format!(
                    "dmm-rules is NOT compared with Event Ruler, the engine of EventBridge: {reason}. Run .ci/event-ruler, which needs a JDK and Maven."
                );
                assert!(std::env::var_os(REQUIRED).is_none(), "{message}");
                // Unlike eprintln, this is shown even if the test passes.
                writeln!(std::io::stderr(), "\nWARNING: {message}\n").expect("standard error");
                None
            }
        }
    }

    fn spawn() -> std::io::Result<Engine> {
        let mut process = Command::new("java")
            .args([
                "-XX:+UseSerialGC",
                "-XX:TieredStopAtLevel=1",
                "-cp",
                &format!("{HOME}:{HOME}/lib/*"),
                "Ruler",
            ])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()?;
        let questions = process.stdin.take();
        let answers = BufReader::new(process.stdout.take().expect("its standard output"));
        Ok(Engine { process, questions, answers })
    }

    /// Asks about a pattern and events.
    pub(crate) fn ask(&mut self, pattern: &str, events: &[String]) -> Answer {
        let question = json!({ "pattern": pattern, "events": events });
        writeln!(self.questions.as_mut().expect("its standard input"), "{question}")
            .expect("it reads the question");
        let mut answer = String::new();
        self.answers.read_line(&mut answer).expect("it answers");
        serde_json::from_str(&answer).unwrap_or_else(|error| panic!("{question}: {answer:?}: {error}"))
    }
}

impl Drop for Engine {
    fn drop(&mut self) {
        // It ends at the end of its input.
        self.questions = None;
        drop(self.process.wait());
    }
}
