//! The commands as a user runs them.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::path::Path;
use std::process::{Command, Output, Stdio};

use serde_json::Value;

use crate::xray::translated::assert_demonstration;

fn dmm_local(arguments: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_dmm-local")).args(arguments).output().unwrap()
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

#[tokio::test(flavor = "multi_thread")]
async fn the_demonstration_grants_and_revokes_everything_and_leaves_nothing_behind() {
    let folder = tempfile::tempdir().unwrap();
    let (kept, events) = (folder.path().join("traces.jsonl"), folder.path().join("events.jsonl"));
    let (kept, events) = (kept.to_str().unwrap(), events.to_str().unwrap());
    // An hour takes six seconds at this speed, so that iam-reconcile would do the work of iam-grant and iam-revoke.
    let rarely = "reconcileSchedule=rate(1 day)";
    let quickly = ["demo", "--json", "--speed", "600", "--config", rarely];
    let output = dmm_local(&[&quickly[..], &["--traces", kept, "--events", events]].concat());
    let progress = text(&output.stderr);
    assert!(output.status.success(), "{progress}");
    let report: Value = serde_json::from_slice(&output.stdout).unwrap();

    let counts = &report["events"];
    let number = |name: &str| counts[name].as_u64().unwrap();
    assert!(number("polled") >= 69, "the sample landscape has a history: {counts}");
    assert!(number("queued") >= number("published") && number("published") >= 69, "{counts}");

    let granted = report["granted"].as_array().unwrap();
    assert_eq!(granted.len(), 7, "{granted:#?}");
    // Their ports name no resource: the data contracts do.
    for resource in [
        "arn:aws:s3:::acme-orders-events/*",
        "arn:aws:glue:eu-central-1:123456789012:table/payments/settled_payments",
        "arn:aws:kafka:eu-central-1:123456789012:topic/orders/6f0d2c9a-41b7-4e0e-8a55-3d7c1b9e2f64-2/orders.v1",
    ] {
        assert!(
            granted.iter().any(|grant| grant["document"].to_string().contains(&format!("\"{resource}\""))),
            "{resource} is missing: {granted:#?}"
        );
    }
    for kind in ["datacontract", "datausageagreement", "access"] {
        assert!(granted.iter().any(|grant| grant["kind"] == kind), "{kind} is missing: {granted:#?}");
    }
    for grant in granted {
        assert!(grant["policy_name"].as_str().unwrap().starts_with("DMM_"), "{grant}");
        assert!(grant["document"]["Statement"].as_array().is_some_and(|all| !all.is_empty()), "{grant}");
        assert!(
            !grant["agreement"].as_str().unwrap().is_empty() && !grant["role"].as_str().unwrap().is_empty()
        );
    }
    let refused = report["refused"].as_array().unwrap();
    assert_eq!(refused.len(), 6, "{refused:#?}");
    for (agreement, resource, remedy) in [
        (
            "audiences-for-demand-forecast",
            "acme-customers",
            "`dmm-data-product` with the value `campaign-audiences`",
        ),
        (
            "orders-for-price-experiments",
            "dp-revenue-report",
            "`dmm-data-product` with the value `price-experiments`",
        ),
        (
            "page-views-for-recommendations",
            "database/web_analytics",
            "`dmm-data-product` with the value `web-analytics`",
        ),
    ] {
        let refusal = refused.iter().find(|refusal| refusal["agreement"] == agreement).unwrap();
        let reason = refusal["reason"].as_str().unwrap();
        assert!(reason.contains(resource) && reason.contains(remedy), "{agreement}: {reason}");
    }
    let revoked = report["revoked"].as_array().unwrap();
    let names = |list: &[Value]| {
        let mut names: Vec<String> = list
            .iter()
            .map(|entry| format!("{} {} {}", entry["agreement"], entry["role"], entry["policy_name"]))
            .collect();
        names.sort();
        names
    };
    assert_eq!(names(revoked), names(granted), "everything that was granted is revoked");
    assert_eq!(report["left_over"], serde_json::json!([]));
    assert_eq!((&report["dead_letters"], &report["quarantined"]), (&Value::from(0), &Value::from(0)));
    let [connector] = &report["connectors"].as_array().unwrap()[..] else { panic!("one connector expected") };
    assert_eq!(connector["id"], "dmm-local");
    assert!(connector["state"]["lastEventId"].is_string(), "{connector}");
    assert!(report["seconds"].as_f64().unwrap() > 0.0);
    let (id, waterfall) =
        (report["trace"]["id"].as_str().unwrap(), report["trace"]["waterfall"].as_str().unwrap());
    for part in [id, "create dmm_events", "process dmm_events", "iam-grant", "IAM.PutRolePolicy", "granted"] {
        assert!(waterfall.contains(part), "{part:?} is missing in:\n{waterfall}");
    }
    let shown = dmm_local(&["trace", id, "--traces", kept]);
    assert_eq!(text(&shown.stdout).trim_end(), waterfall.trim_end());
    let json = dmm_local(&["trace", id, "--json", "--traces", kept]);
    let spans: Value = serde_json::from_slice(&json.stdout).unwrap();
    assert!(!spans["resourceSpans"].as_array().unwrap().is_empty());
    assert_demonstration(Path::new(kept)).await;
    let last = text(&dmm_local(&["trace", "--traces", kept]).stdout);
    assert!(last.contains("iam-revoke"), "the last change is a revocation:\n{last}");
    let pattern = folder.path().join("pattern.json");
    std::fs::write(&pattern, r#"{"detail-type": ["DataContractActivatedEvent"]}"#).unwrap();
    let tried = dmm_local(&["rules", "test", pattern.to_str().unwrap(), "--event", events]);
    let tried = text(&tried.stdout);
    assert!(
        tried.contains("✓ ") && tried.contains(&format!("of {} events match", number("published"))),
        "{tried}"
    );
    let none = dmm_local(&["trace", "no-such-event", "--traces", kept]);
    assert!(!none.status.success() && text(&none.stderr).contains("no-such-event"));
    for part in
        ["Building the Lambdas", "Deploying pulumi/Pulumi.yaml", "become active", "The agreements end"]
    {
        assert!(progress.contains(part), "{part:?} is missing in:\n{progress}");
    }
}

#[test]
fn the_error_for_a_port_in_use_names_it_and_says_what_to_do() {
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = taken.local_addr().unwrap().port().to_string();
    for option in ["--aws-port", "--dmm-port"] {
        let output = dmm_local(&["demo", "--json", option, &port]);
        assert!(!output.status.success());
        let error = text(&output.stderr);
        let sentence = error.lines().find(|line| line.starts_with("error: ")).unwrap_or_default();
        assert!(sentence.contains(&port) && sentence.contains("port"), "{error}");
        assert!(output.stdout.is_empty());
    }
}

#[test]
fn help_names_the_commands_and_their_options() {
    let help = text(&dmm_local(&["--help"]).stdout);
    for command in ["demo", "up", "preview", "package"] {
        assert!(help.contains(&format!("  {command} ")), "{command} is missing in:\n{help}");
    }
    let help = text(&dmm_local(&["up", "--help"]).stdout);
    for option in ["--dmm-url", "--aws-endpoint", "--speed", "--role"] {
        assert!(help.contains(option), "{option} is missing in:\n{help}");
    }
}

#[test]
fn the_running_stack_shows_changes_and_ends_on_an_interrupt() {
    let mut up = Command::new(env!("CARGO_BIN_EXE_dmm-local"))
        .args(["up", "--speed", "60"])
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut lines = BufReader::new(up.stdout.take().unwrap()).lines();
    let mut printed = Vec::new();
    let mut next = |mark: &str| loop {
        let line = lines.next().expect("a line").unwrap();
        printed.push(line.clone());
        if line.contains(mark) {
            return line;
        }
    };
    let page = next("page  ").split_whitespace().last().unwrap().to_owned();
    assert!(page.starts_with("http://127.0.0.1:") && page.ends_with('/'), "{page}");
    let (approve, cancel) = (next("/approve"), next("/cancel"));
    assert!(post(&approve).starts_with("HTTP/1.1 200"), "{approve}");
    let granted = next("+ DMM_Access_");
    assert!(granted.contains(" on the role "), "{granted}");
    let (time, _) = granted.split_once(' ').unwrap();
    assert!(time.len() == 9 && time.ends_with('Z') && time.matches(':').count() == 2, "{granted}");
    assert!(post(&cancel).starts_with("HTTP/1.1 200"), "{cancel}");
    next("- DMM_Access_");
    assert_can_be_pasted(&printed);
    let interrupted = Command::new("sh").args(["-c", &format!("kill -INT {}", up.id())]).status().unwrap();
    assert!(interrupted.success() && up.wait().unwrap().success());
}

/// Pastes what was printed for a shell into one, with a program in the place of the AWS CLI that prints its arguments.
fn assert_can_be_pasted(printed: &[String]) {
    let folder = tempfile::tempdir().unwrap();
    let aws = folder.path().join("aws");
    std::fs::write(&aws, "#!/bin/sh\necho \"$AWS_ENDPOINT_URL $*\"\n").unwrap();
    std::fs::set_permissions(&aws, std::os::unix::fs::PermissionsExt::from_mode(0o755)).unwrap();
    let is_for_a_shell = |line: &&str| {
        line.starts_with("export ")
            || line.starts_with("aws() ")
            || line.split_once('=').is_some_and(|(name, _)| {
                name.chars().all(|letter| letter.is_ascii_uppercase() || letter == '_')
            })
    };
    let mut script: String = printed
        .iter()
        .map(|line| line.trim_start())
        .filter(is_for_a_shell)
        .flat_map(|line| [line, "\n"])
        .collect();
    script.push_str("aws sqs receive-message --queue-url \"$FAILURES\"\necho \"$EVENTS $STATE $GRANT\"\n");
    let path = format!("{}:{}", folder.path().display(), std::env::var("PATH").unwrap());
    let ran = Command::new("sh").args(["-c", &script]).env("PATH", path).output().unwrap();
    let output = text(&ran.stdout);
    let (called, outputs) = output.split_once('\n').unwrap();
    let (endpoint, arguments) = called.split_once(' ').unwrap();
    assert!(endpoint.starts_with("http://127.0.0.1:"), "{output}{}", text(&ran.stderr));
    assert!(
        arguments.starts_with(&format!("--endpoint-url {endpoint} --region ")),
        "for old versions: {output}"
    );
    assert!(arguments.ends_with("datamesh-manager-aws-local-failures"), "{output}");
    assert!(outputs.contains("/dmm_events.fifo datamesh-manager-aws-local-state-"), "{output}");
    assert!(outputs.trim_end().ends_with(" datamesh-manager-aws-local-iam-grant"), "{output}");
}

/// Sends the request of `curl -H 'x-api-key: KEY' -X POST http://HOST/PATH`. Returns the response.
fn post(command: &str) -> String {
    let key = command.split('\'').nth(1).unwrap();
    let (host, path) = command.rsplit("http://").next().unwrap().split_once('/').unwrap();
    let mut stream = TcpStream::connect(host).unwrap();
    write!(
        stream,
        "POST /{path} HTTP/1.1\r\nhost: {host}\r\n{key}\r\nconnection: close\r\ncontent-length: 0\r\n\r\n"
    )
    .unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    answer
}
