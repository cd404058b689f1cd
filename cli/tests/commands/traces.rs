//! Traces, as X-Ray's API returns them.

use wiremock::matchers::{method, path};
use wiremock::{Mock, MockServer, ResponseTemplate};

use super::*;

impl Running {
    /// Repeats `dmm trace` until its JSON is as expected: spans may arrive after a function has answered.
    pub(crate) async fn traced(&self, subject: &str, holds: impl Fn(&Value) -> bool) -> Value {
        let mut last = Value::Null;
        let found = async || {
            let ran = self.dmm(&["trace", subject, "--json"]).await;
            last = if ran.code == 0 { ran.json() } else { json!(ran.errors) };
            Ok(ran.code == 0 && holds(&last))
        };
        let is_found = self.stack.wait(TIMEOUT, found).await.unwrap();
        assert!(is_found, "{last:#}");
        last
    }

    /// The binary for this stack, with X-Ray at another address.
    fn with_x_ray(&self, url: &str, folder: &std::path::Path) -> Command {
        let outputs = folder.join("outputs.json");
        std::fs::write(&outputs, serde_json::to_string(&self.stack.deployed().outputs).unwrap()).unwrap();
        let mut command = self.with_credentials();
        command.env("AWS_ENDPOINT_URL_XRAY", url).arg("--outputs").arg(outputs);
        command
    }
}

fn segments(trace: &Value) -> impl Iterator<Item = &Value> {
    trace["segments"].as_array().into_iter().flatten()
}

fn has(trace: &Value, function: &str, operation: &str) -> bool {
    segments(trace).any(|it| it["function"] == function && it["operation"] == operation)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_trace_is_a_waterfall_from_the_feed_to_iam() {
    let running = running().await;
    let throttled = FaultKind::aws_error(400, "Throttling", "Rate exceeded");
    // As often as a call is tried.
    running.stack.proxy().inject(Fault::new("iam", "GetRole", throttled).times(4));
    running.approve("a-1").await;
    let is_complete = |trace: &Value| {
        let is_granted = |it: &Value| it["annotations"]["dmm.outcome"] == "granted";
        has(trace, "iam-grant", "PutRolePolicy") && segments(trace).any(is_granted)
    };
    let trace = running.traced("a-1", is_complete).await;
    assert_eq!(trace["xray"], "whole");
    assert_eq!(trace["console"], Value::Null);
    let members = |value: &Value| value.as_object().unwrap().keys().cloned().collect::<Vec<_>>().join(" ");
    assert_eq!(members(&trace), "trace_id console began duration_ms xray segments lines");
    let of_segment =
        "id parent_id depth function name operation offset_ms duration_ms outcome error_type annotations";
    assert_eq!(members(&trace["segments"][0]), of_segment);
    let mut functions: Vec<&str> = segments(&trace).map(|it| it["function"].as_str().unwrap()).collect();
    functions.dedup();
    assert_eq!(functions, ["feed", "router", "iam-grant"], "{trace:#}");
    assert_eq!(
        (&trace["segments"][0]["depth"], &trace["segments"][0]["offset_ms"]),
        (&json!(0), &json!(0.0))
    );
    let slow = segments(&trace).find(|it| it["operation"] == "GetRole").unwrap();
    assert_eq!(
        (&slow["outcome"], &slow["error_type"]),
        (&json!("throttle"), &json!("Throttling")),
        "{slow:#}"
    );
    assert!(trace["lines"].to_string().contains("brought in line"), "{trace:#}");

    let shown = running.dmm(&["trace", "access/a-1"]).await;
    assert_eq!(shown.code, 0, "{shown:?}");
    for text in [
        "  AccessActivatedEvent ",
        "─ IAM PutRolePolicy",
        "─ Data Mesh Manager GET /api/access/{id}",
        "✗ throttle (Throttling)",
        &format!("granted on the role {ROLE}"),
        "█",
        "brought in line: granted",
    ] {
        assert!(shown.output.contains(text), "{text}: {}", shown.output);
    }
    // By the id of the trace, in the form in which a log line has it.
    let id = trace["trace_id"].as_str().unwrap().replacen("1-", "", 1).replace('-', "");
    let by_id = running.dmm(&["trace", &id, "--json"]).await;
    assert_eq!(by_id.json()["segments"], running.dmm(&["trace", "a-1", "--json"]).await.json()["segments"]);

    // The state bucket knows nothing about an event that concerns no agreement: X-Ray finds it.
    let world = running.stack.world().unwrap();
    world.announce("TagCreatedEvent", "tag-1");
    running.stack.poll(TIMEOUT).await.unwrap();
    let event = world.events().last().unwrap()["id"].as_str().unwrap().to_owned();
    let trace = running.traced(&event, |trace| has_function(trace, "router")).await;
    assert!(!has_function(&trace, "iam-grant"), "{trace:#}");
    assert_eq!(trace["segments"][0]["annotations"]["cloudevents.event_id"], json!(event));
}

fn has_function(trace: &Value, function: &str) -> bool {
    segments(trace).any(|it| it["function"] == function)
}

#[tokio::test(flavor = "multi_thread")]
async fn without_a_trace_the_logs_say_what_happened() {
    let running = running_with(&[("tracesSampleRate", "0")]).await;
    running.approve("a-1").await;
    running.logged("iam-grant", "brought in line").await;
    let trace = running.dmm(&["trace", "a-1"]).await;
    assert_eq!(trace.code, 0, "{trace:?}");
    assert!(
        trace.output.contains("tracesSampleRate") && trace.output.contains("brought in line: granted"),
        "{trace:?}"
    );
    let trace = running.dmm(&["trace", "a-1", "--json"]).await.json();
    assert_eq!((&trace["xray"], &trace["segments"]), (&json!("nothing"), &json!([])));

    let id = "1-58406520-a006649127e371903a2de979";
    let unknown = running.dmm(&["trace", id]).await;
    assert_eq!(unknown.code, 2, "{unknown:?}");
    // A line of a log that is older than what X-Ray keeps.
    let line = json!({
        "timestamp": "2016-12-01T18:00:01Z", "level": "INFO", "service": "iam-grant", "message": "brought in line",
        "trace_id": "58406520a006649127e371903a2de979", "outcome": "unchanged",
    });
    let log =
        running.stack.logs().join(format!("aws.lambda.{}.log", running.stack.function("iam-grant").unwrap()));
    let mut log = std::fs::File::options().append(true).open(log).unwrap();
    std::io::Write::write_all(&mut log, format!("{line}\n").as_bytes()).unwrap();
    let expired = running.dmm(&["trace", id]).await;
    assert_eq!(expired.code, 0, "{expired:?}");
    for text in ["it keeps traces for 30 days", "brought in line: unchanged"] {
        assert!(expired.output.contains(text), "{expired:?}");
    }
    let wrong = running.dmm(&["trace", "a-1", "--days", "31"]).await;
    assert!(wrong.code == 2 && wrong.errors.contains("1..=30"), "{wrong:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_permission_for_x_ray_that_is_missing_is_named() {
    let running = running().await;
    running.approve("a-1").await;
    let folder = tempfile::tempdir().unwrap();
    let server = MockServer::start().await;
    for (resource, action) in
        [("/Traces", "xray:BatchGetTraces"), ("/TraceSummaries", "xray:GetTraceSummaries")]
    {
        let denied = ResponseTemplate::new(403)
            .insert_header("x-amzn-errortype", "AccessDeniedException")
            .set_body_json(json!({ "Message": "not authorized" }));
        Mock::given(method("POST")).and(path(resource)).respond_with(denied).mount(&server).await;
        let subject = if resource == "/Traces" { "a-1" } else { "unknown-event" };
        let mut command = running.with_x_ray(&server.uri(), folder.path());
        command.args(["trace", subject]);
        let ran = run(command).await;
        assert_eq!(ran.code, 2, "{ran:?}");
        assert!(ran.errors.contains(&format!("do not permit {action}")), "{ran:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_x_ray_has_kept_of_a_large_trace_is_shown_as_a_part() {
    let running = running().await;
    let folder = tempfile::tempdir().unwrap();
    let id = "1-692a0000-000000000000000000000001";
    let call = json!({ "id": "b", "name": "IAM", "start_time": 2.0, "end_time": 3.0, "aws": { "operation": "GetRole" } });
    let document = json!({
        "id": "a", "name": "datamesh-manager-aws-local-iam-reconcile", "trace_id": id, "start_time": 1.0, "end_time": 5.0,
        "subsegments": [call],
    });
    let segment = json!({ "Id": "a", "Document": document.to_string() });
    let trace = json!({ "Id": id, "Duration": 4.0, "LimitExceeded": true, "Segments": [segment] });
    let server = MockServer::start().await;
    let answer =
        ResponseTemplate::new(200).set_body_json(json!({ "Traces": [trace], "UnprocessedTraceIds": [] }));
    Mock::given(path("/Traces")).respond_with(answer).mount(&server).await;
    let mut command = running.with_x_ray(&server.uri(), folder.path());
    command.args(["trace", id]);
    let ran = run(command).await;
    assert_eq!(ran.code, 0, "{ran:?}");
    assert!(ran.output.contains("└─ IAM GetRole  iam-reconcile"), "{ran:?}");
    assert!(ran.output.contains("kept only a part of this trace"), "{ran:?}");
}
