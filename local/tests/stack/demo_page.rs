//! `demo --open`: the page is served while the demonstration runs, and until Ctrl-C.

use std::io::{BufRead, BufReader};
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::{Child, Command, Stdio};

use reqwest::{Client, Response};
use serde_json::Value;

/// Ends the process if a test fails.
struct Demo(Child);

impl Drop for Demo {
    fn drop(&mut self) {
        let _ = self.0.kill();
    }
}

/// Puts a program in the place of the desktop's opener. It writes the URL to a pipe with a name.
fn browser(folder: &Path) -> String {
    let (opener, pipe) = (folder.join("xdg-open"), folder.join("opened"));
    assert!(Command::new("mkfifo").arg(&pipe).status().unwrap().success());
    std::fs::write(&opener, format!("#!/bin/sh\necho \"$1\" > '{}'\n", pipe.display())).unwrap();
    std::fs::set_permissions(&opener, PermissionsExt::from_mode(0o755)).unwrap();
    format!("{}:{}", folder.display(), std::env::var("PATH").unwrap())
}

/// Reads the states of a stream until one satisfies the condition.
async fn until(states: &mut Response, mut condition: impl FnMut(&Value) -> bool) {
    let mut pending = Vec::new();
    loop {
        pending.extend(states.chunk().await.unwrap().unwrap());
        while let Some(end) = pending.windows(2).position(|window| window == b"\n\n") {
            let event: Vec<u8> = pending.drain(..end + 2).collect();
            let event = String::from_utf8(event).unwrap();
            let data = event.lines().find_map(|line| line.strip_prefix("data: "));
            let state = data.map(|data| serde_json::from_str::<Value>(data).unwrap());
            if state.is_some_and(|state| condition(&state)) {
                return;
            }
        }
    }
}

async fn page(http: &Client, url: &str) -> String {
    http.get(url).send().await.unwrap().error_for_status().unwrap().text().await.unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn the_page_shows_the_demonstration_and_stays_until_ctrl_c() {
    let folder = tempfile::tempdir().unwrap();
    let path = browser(folder.path());
    let file = |name: &str| folder.path().join(name).display().to_string();
    let mut demo = Command::new(env!("CARGO_BIN_EXE_dmm-local"));
    demo.args(["demo", "--open", "--config", "reconcileSchedule=rate(1 day)"]);
    demo.args(["--traces", &file("traces.jsonl"), "--events", &file("events.jsonl")]);
    let mut demo = Demo(demo.env("PATH", path).stdout(Stdio::null()).stderr(Stdio::piped()).spawn().unwrap());
    let mut progress = BufReader::new(demo.0.stderr.take().unwrap()).lines();
    // Reading the pipe waits until the page is opened.
    let opened = folder.path().join("opened");
    let opened = tokio::task::spawn_blocking(move || std::fs::read_to_string(opened)).await;
    let url = opened.unwrap().unwrap().trim().to_owned();
    assert!(url.starts_with("http://127.0.0.1:"), "{url}");

    let http = dmm_proxy::client(&url.parse().unwrap()).unwrap();
    assert!(page(&http, &url).await.contains("<title>"));
    let mut states = http.get(format!("{url}states")).send().await.unwrap();
    let of_kind = |state: &Value, kind: &str| {
        state["happenings"].as_array().unwrap().iter().any(|it| it["kind"] == kind)
    };
    until(&mut states, |state| of_kind(state, "granted") && of_kind(state, "refused")).await;
    until(&mut states, |state| {
        let is_over =
            state["roles"].as_array().unwrap().iter().all(|role| role["policies"] == Value::Array([].into()));
        of_kind(state, "revoked") && is_over
    })
    .await;

    let stays =
        progress.find_map(|line| line.ok().filter(|line| line.contains("The page stays at"))).unwrap();
    assert!(stays.contains(&url) && stays.contains("until you press Ctrl-C"), "{stays}");
    assert!(page(&http, &url).await.contains("<title>"));
    let interrupt = format!("kill -INT {}", demo.0.id());
    assert!(Command::new("sh").args(["-c", &interrupt]).status().unwrap().success());
    assert!(demo.0.wait().unwrap().success());
    assert!(http.get(&url).send().await.is_err(), "the page is gone");
}
