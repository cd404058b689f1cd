//! A function for the tests. Each event tells it what to do. It calls the Runtime API with the standard library only, so that the
//! tests see the bytes on the wire.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;

fn main() -> std::io::Result<()> {
    let api = std::env::var("AWS_LAMBDA_RUNTIME_API").map_err(std::io::Error::other)?;
    if std::env::var("PROBE_INIT").as_deref() == Ok("fail") {
        let error = r#"{"errorType":"Probe.Init","errorMessage":"told to fail at its start"}"#;
        call(&api, "POST", "/2018-06-01/runtime/init/error", error)?;
        std::process::exit(1);
    }
    if std::env::var("PROBE_INIT").as_deref() == Ok("slow") {
        std::thread::sleep(std::time::Duration::from_secs(6));
    }
    loop {
        let (head, event) = call(&api, "GET", "/2018-06-01/runtime/invocation/next", "")?;
        let header = |name: &str| {
            head.iter()
                .find_map(|line| line.split_once(": ").filter(|(key, _)| key.eq_ignore_ascii_case(name)))
                .map(|(_, value)| value.trim().to_owned())
                .unwrap_or_default()
        };
        let base = format!("/2018-06-01/runtime/invocation/{}", header("lambda-runtime-aws-request-id"));
        println!("request: {base}");
        println!("trace: {}", header("lambda-runtime-trace-id"));
        println!("event: {event}");
        match event.trim_matches('"') {
            "fail" => {
                let error = r#"{"errorType":"Probe.Told","errorMessage":"told to fail"}"#;
                call(&api, "POST", &format!("{base}/error"), error)?;
            }
            "answer and end" => {
                call(&api, "POST", &format!("{base}/response"), "null")?;
                std::process::exit(0);
            }
            "bytes" => {
                std::io::stdout().write_all(b"\xff\xfe\n")?;
                call(&api, "POST", &format!("{base}/response"), "null")?;
            }
            "nap" => {
                std::thread::sleep(std::time::Duration::from_millis(500));
                call(&api, "POST", &format!("{base}/response"), "null")?;
            }
            "crash" => std::process::exit(3),
            "hang" => loop {
                std::thread::park();
            },
            "headers" => {
                let answer = format!(
                    r#"{{"deadline":"{}","arn":"{}","trace":"{}","pid":{}}}"#,
                    header("lambda-runtime-deadline-ms"),
                    header("lambda-runtime-invoked-function-arn"),
                    header("lambda-runtime-trace-id"),
                    std::process::id()
                );
                call(&api, "POST", &format!("{base}/response"), &answer)?;
            }
            "environment" => {
                let names: Vec<String> = std::env::vars().map(|(name, _)| format!("{name:?}")).collect();
                call(&api, "POST", &format!("{base}/response"), &format!("[{}]", names.join(",")))?;
            }
            // A batch of messages: those with the body "fail" fail.
            _ if event.contains("\"Records\"") => {
                let failures: Vec<String> = event
                    .split("\"messageId\":\"")
                    .skip(1)
                    .filter(|record| record.contains("\"body\":\"fail\""))
                    .filter_map(|record| record.split('"').next())
                    .map(|id| format!(r#"{{"itemIdentifier":"{id}"}}"#))
                    .collect();
                let answer = format!(r#"{{"batchItemFailures":[{}]}}"#, failures.join(","));
                call(&api, "POST", &format!("{base}/response"), &answer)?;
            }
            // An event of a rule: it fails if its detail says so.
            _ if event.contains("\"detail\":{\"fail\":true}") => {
                let error = r#"{"errorType":"Probe.Told","errorMessage":"told to fail"}"#;
                call(&api, "POST", &format!("{base}/error"), error)?;
            }
            _ => drop(call(&api, "POST", &format!("{base}/response"), &event)?),
        }
    }
}

/// Sends a request on a new connection. Returns the header lines and the body of the answer.
fn call(api: &str, method: &str, path: &str, body: &str) -> std::io::Result<(Vec<String>, String)> {
    let mut stream = TcpStream::connect(api)?;
    write!(
        stream,
        "{method} {path} HTTP/1.1\r\nhost: {api}\r\nconnection: close\r\ncontent-length: {}\r\n\r\n{body}",
        body.len()
    )?;
    let mut reader = BufReader::new(stream);
    let mut head = Vec::new();
    loop {
        let mut line = String::new();
        reader.read_line(&mut line)?;
        if line.trim().is_empty() {
            break;
        }
        head.push(line);
    }
    let mut body = String::new();
    reader.read_to_string(&mut body)?;
    Ok((head, body))
}
