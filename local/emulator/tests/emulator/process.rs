//! Tests of the server process: its port and how it exits. This module also runs the Python modules' own tests.

use std::io::{BufRead, BufReader, Write};
use std::net::{TcpListener, TcpStream};
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use aws_credential_types::Credentials;
use aws_sdk_s3::types::{BucketLocationConstraint, CreateBucketConfiguration};
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
async fn an_emulator_starts_with_the_state_of_another_one() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("state");
    let credentials = || Credentials::new("root", "root", None, None, "test");
    let first = Emulator::start(common::options(None)).await.unwrap();
    let s3 = common::s3(&common::sdk_config(first.url(), credentials()));
    let region = BucketLocationConstraint::from(common::REGION);
    let place = CreateBucketConfiguration::builder().location_constraint(region).build();
    s3.create_bucket().bucket("kept").create_bucket_configuration(place).send().await.unwrap();
    let put = s3.put_object().bucket("kept").key("key").body(b"value".to_vec().into()).send().await.unwrap();
    let (state, looked) = first.state_with(|| 7).await.unwrap();
    assert_eq!(looked, 7);
    std::fs::write(&file, &state).unwrap();
    // Requests continue after the state was read, and are not part of it.
    s3.put_object().bucket("kept").key("later").body(b"value".to_vec().into()).send().await.unwrap();

    let options = || dmm_emulator::Options { state: Some(file.clone()), ..common::options(None) };
    let second = Emulator::start(options()).await.unwrap();
    let s3 = common::s3(&common::sdk_config(second.url(), credentials()));
    let found = s3.list_objects_v2().bucket("kept").send().await.unwrap();
    let found: Vec<_> = found.contents().iter().map(|object| (object.key(), object.e_tag())).collect();
    assert_eq!(found, [(Some("key"), put.e_tag())]);
    let unchanged = second.state_with(|| ()).await.unwrap().0;
    assert_eq!(second.state_with(|| ()).await.unwrap().0, unchanged);

    std::fs::write(&file, state.get(..state.len() / 2).unwrap()).unwrap();
    let error = Emulator::start(options()).await.unwrap_err();
    assert!(matches!(error, EmulatorError::Restore { .. }), "{error}");
    assert!(error.to_string().contains("cannot be restored"), "{error}");
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
