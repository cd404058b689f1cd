//! Tests of the server process: its port and how it exits. This module also runs the Python modules' own tests.

use std::io::{BufRead, BufReader, Write};
use std::net::{TcpListener, TcpStream};
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use dmm_emulator::{Emulator, EmulatorError};

use crate::common;

/// Waits until no process listens at `url`. Returns false on timeout.
fn is_gone(url: &str) -> bool {
    let address = url.trim_start_matches("http://");
    let deadline = Instant::now() + Duration::from_mins(10);
    while Instant::now() < deadline {
        if TcpStream::connect(address).is_err() {
            return true;
        }
        std::thread::sleep(Duration::from_millis(20));
    }
    false
}

#[tokio::test]
async fn a_port_in_use_is_an_error_that_says_what_to_do() {
    let taken = TcpListener::bind(("127.0.0.1", 0)).unwrap();
    let port = taken.local_addr().unwrap().port();
    let error = Emulator::start(common::options(Some(port))).await.unwrap_err();
    assert!(matches!(error, EmulatorError::PortTaken { port: named } if named == port), "{error}");
    assert!(error.to_string().contains("choose another port"));
}

#[tokio::test]
async fn stopped_and_dropped_emulators_no_longer_listen() {
    let emulator = Emulator::start(common::options(None)).await.unwrap();
    let url = emulator.url().to_owned();
    emulator.enforce_iam().await.unwrap();
    emulator.stop().await;
    assert!(is_gone(&url));

    let emulator = Emulator::start(common::options(None)).await.unwrap();
    let url = emulator.url().to_owned();
    drop(emulator);
    assert!(is_gone(&url));
}

#[test]
#[ignore = "the next test runs and kills it"]
fn holds_an_emulator_until_killed() {
    let runtime = tokio::runtime::Runtime::new().unwrap();
    runtime.block_on(async {
        let emulator = Emulator::start(common::options(None)).await.unwrap();
        println!("\nurl={}", emulator.url());
        std::io::stdout().flush().unwrap();
        std::future::pending::<()>().await;
    });
}

#[test]
fn an_emulator_exits_when_its_parent_process_is_killed() {
    let mut holder = Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "process::holds_an_emulator_until_killed", "--ignored", "--nocapture"])
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let lines = BufReader::new(holder.stdout.take().unwrap()).lines();
    let url = lines.map_while(Result::ok).find_map(|line| line.strip_prefix("url=").map(ToOwned::to_owned));
    let url = url.unwrap();
    assert!(TcpStream::connect(url.trim_start_matches("http://")).is_ok());
    holder.kill().unwrap();
    holder.wait().unwrap();
    assert!(is_gone(&url));
}

#[tokio::test]
async fn the_python_modules_pass_their_own_tests() {
    // Starting an emulator creates its virtual environment.
    drop(Emulator::start(common::options(None)).await.unwrap());
    let python =
        common::workspace_target().join(format!("moto-{}", dmm_emulator::MOTO_VERSION)).join("bin/python");
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("python");
    let output =
        Command::new(python).args(["-B", "-m", "unittest", "discover"]).current_dir(folder).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
}
