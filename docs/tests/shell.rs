//! Commands, as a reader of the README runs them.

use std::io::{BufRead, BufReader};
use std::os::unix::process::CommandExt;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::{self, Receiver};
use std::time::Duration;

use dmm_docs_test::root;
use tempfile::TempDir;

/// How long a line is waited for, so that a test that fails says why instead of hanging.
const PATIENCE: Duration = Duration::from_mins(5);

/// A home folder that is empty at first, so that nothing of the user's is touched.
pub(crate) struct Home(TempDir);

impl Home {
    pub(crate) fn new() -> Home {
        Home(tempfile::tempdir().unwrap())
    }

    /// `command` in a shell at the root of the repository. cargo still finds its own files in the real home.
    fn command(&self, command: &str) -> Command {
        let real = PathBuf::from(std::env::var_os("HOME").unwrap());
        let mut shell = Command::new("sh");
        // So that a signal reaches the command and not a shell around it.
        let replaces = if command.starts_with("cargo ") { "exec " } else { "" };
        shell.args(["-c", &format!("{replaces}{command}")]).current_dir(root()).env("HOME", self.0.path());
        for (variable, folder) in [("CARGO_HOME", ".cargo"), ("RUSTUP_HOME", ".rustup")] {
            if std::env::var_os(variable).is_none() {
                shell.env(variable, real.join(folder));
            }
        }
        // What cargo says about this package would make it build the others anew.
        for (name, _) in std::env::vars_os() {
            let of_cargo = ["CARGO_BIN_", "CARGO_CRATE_", "CARGO_MANIFEST_", "CARGO_PKG_", "CARGO_PRIMARY_"];
            if name.to_str().is_some_and(|name| of_cargo.iter().any(|prefix| name.starts_with(prefix))) {
                shell.env_remove(name);
            }
        }
        shell
    }

    /// Runs it to its end; what it prints on standard output.
    pub(crate) fn run(&self, command: &str) -> String {
        let output = self.command(command).stdin(Stdio::null()).output().unwrap();
        let [printed, errors] = [output.stdout, output.stderr].map(|text| String::from_utf8(text).unwrap());
        assert!(output.status.success(), "`{command}` fails: {}\n{printed}\n{errors}", output.status);
        printed
    }
}

/// A command that runs until it is interrupted.
pub(crate) struct Running {
    child: Child,
    lines: Receiver<String>,
    seen: Vec<String>,
}

impl Running {
    pub(crate) fn start(home: &Home, command: &str) -> Running {
        let mut command = home.command(command);
        let mut child = command.process_group(0).stdin(Stdio::null()).stdout(Stdio::piped()).spawn().unwrap();
        let printed = BufReader::new(child.stdout.take().unwrap());
        let (send, lines) = mpsc::channel();
        std::thread::spawn(move || {
            for line in printed.lines().map_while(Result::ok) {
                if send.send(line).is_err() {
                    return;
                }
            }
        });
        Running { child, lines, seen: Vec::new() }
    }

    /// The first line of which this is true, among those that were printed already or will be.
    pub(crate) fn line(&mut self, is_it: impl Fn(&str) -> bool) -> String {
        if let Some(line) = self.seen.iter().find(|line| is_it(line)) {
            return line.clone();
        }
        loop {
            let Ok(line) = self.lines.recv_timeout(PATIENCE) else {
                panic!("the line does not come after:\n{}", self.seen.join("\n"));
            };
            self.seen.push(line.clone());
            if is_it(&line) {
                return line;
            }
        }
    }

    /// Does what Ctrl-C does; it ends well.
    pub(crate) fn interrupt(mut self) {
        self.signal("INT");
        let status = self.child.wait().unwrap();
        assert!(status.success(), "{status} after:\n{}", self.seen.join("\n"));
    }

    fn signal(&self, name: &str) {
        let group = format!("-{}", self.child.id());
        let sent = Command::new("kill").args(["-s", name, "--", &group]).status().unwrap();
        assert!(sent.success(), "the signal {name} is not sent: {sent}");
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        if self.child.try_wait().is_ok_and(|ended| ended.is_none()) {
            // A test failed. With this signal it stops what it started.
            self.signal("INT");
            drop(self.child.wait());
        }
    }
}
