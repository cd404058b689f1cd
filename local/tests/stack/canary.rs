//! Texts that people wrote reach nothing that the functions write: no span, log line, metric, object, report, policy or result.
//!
//! A canary (a name, an email address, a key and a webhook address in one text) is in every member of every document and in
//! every error answer. All five functions run, and all bytes that leave them are searched. The exceptions are on purpose:
//!
//! - ids and types (of events, agreements, data products, ports and teams), which people search for, and the names of roles,
//!   policies and resources, which IAM needs. They are not changed here;
//! - an event, which goes to the queue, to the bus, to the dead-letter queue and into the quarantine as it was received.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use bytes::Bytes;
use dmm_local::Stack;
use dmm_proxy::{Fault, FaultKind, Request};
use dmm_simulator::AgreementKind::Access;
use serde_json::{Value, json};

use crate::common::faults::{grant, quiet};
use crate::common::operator::{reconcile, try_to_look_again};
use crate::common::{TIMEOUT, agreement, mesh_with_access, stack, world};

/// A text about a person, with secrets.
const CANARY: &str =
    "Cleo Canary <cleo@canary.example> key canary-7f3a91c2 https://hooks.canary.example/T0/B1/canary";
/// What every part of it has, in lower case.
const TOKEN: &str = "canary";
/// The ids, names and resources that the functions need and may show.
const KEPT: [&str; 15] = [
    "id",
    "name",
    "dataProductId",
    "outputPortId",
    "teamId",
    "owner",
    "subject",
    "type",
    "source",
    "vanityUrl",
    "aws-role-name",
    "aws-s3-bucket-arn",
    "aws-glue-table-arn",
    "traceparent",
    "value",
];
/// How often a call to AWS is tried.
const ATTEMPTS: usize = 4;

/// Adds members that nobody knows, with the canary, to every object of a document.
fn add_unknown(document: &mut Value) {
    match document {
        Value::Object(members) => {
            members.values_mut().for_each(add_unknown);
            members.insert("note".to_owned(), json!(CANARY));
            members.insert(CANARY.to_owned(), json!({ "contact": [CANARY] }));
        }
        Value::Array(items) => items.iter_mut().for_each(add_unknown),
        _ => {}
    }
}

/// The pointers to all members of a document that may hold the canary, whatever their type.
fn members(document: &Value, pointer: &str, found: &mut Vec<String>) {
    match document {
        Value::Object(members_of) => {
            for (name, value) in members_of.iter().filter(|(name, _)| !KEPT.contains(&name.as_str())) {
                let pointer = format!("{pointer}/{}", name.replace('~', "~0").replace('/', "~1"));
                found.push(pointer.clone());
                members(value, &pointer, found);
            }
        }
        Value::Array(items) => {
            for (index, item) in items.iter().enumerate() {
                members(item, &format!("{pointer}/{index}"), found);
            }
        }
        _ => {}
    }
}

/// Puts the canary into an answer: into unknown members each time, and into another known member each time.
fn poisoned(answer: &[u8], turn: usize) -> Bytes {
    let Ok(mut document) = serde_json::from_slice::<Value>(answer) else {
        return Bytes::copy_from_slice(answer);
    };
    let mut known = Vec::new();
    members(&document, "", &mut known);
    if let Some(pointer) = known.get(turn % known.len().max(1))
        && let Some(member) = document.pointer_mut(pointer)
    {
        *member = json!(CANARY);
    }
    add_unknown(&mut document);
    Bytes::from(document.to_string())
}

/// Every answer to this operation has the canary, each in another member. An address that asks for one document counts its own.
fn poison(stack: &Stack, operation: &str) -> Arc<AtomicUsize> {
    let turns = Arc::new(AtomicUsize::new(0));
    let counter = Arc::clone(&turns);
    let rewrite = move |mut answer: dmm_proxy::Answer| {
        let turn = counter.fetch_add(1, Ordering::SeqCst);
        answer.body = poisoned(&answer.body, turn);
        answer
    };
    stack
        .proxy()
        .inject(Fault::new("dmm", operation, FaultKind::RewriteResponse(Arc::new(rewrite))).always());
    turns
}

/// An error answer of Data Mesh Manager with the canary in every member.
fn problem(status: u16) -> FaultKind {
    let mut body = json!({
        "type": CANARY, "title": CANARY, "detail": CANARY, "instance": CANARY, "status": status,
        "violations": [{ "field": CANARY, "message": CANARY }],
    });
    add_unknown(&mut body);
    respond(status, "application/problem+json", body.to_string())
}

fn respond(status: u16, content_type: &str, body: String) -> FaultKind {
    let headers = vec![
        ("content-type".to_owned(), content_type.to_owned()),
        ("x-request-id".to_owned(), CANARY.to_owned()),
        ("location".to_owned(), format!("https://hooks.{TOKEN}.example/")),
    ];
    FaultKind::Respond { status, headers, body: Bytes::from(body) }
}

/// Whether a request of a function is allowed to contain an event as it was received.
fn carries_events(request: &Request) -> bool {
    let is_quarantine = request.operation == "PutObject" && request.path.contains("/quarantine/");
    matches!(request.operation.as_str(), "SendMessage" | "SendMessageBatch" | "PutEvents") || is_quarantine
}

fn has_canary(bytes: &[u8]) -> bool {
    String::from_utf8_lossy(bytes).to_lowercase().contains(TOKEN)
}

/// The text around the canary.
fn around(bytes: &[u8]) -> String {
    let text = String::from_utf8_lossy(bytes).into_owned();
    let lower = text.to_lowercase();
    let at = lower.find(TOKEN).unwrap_or(0);
    text.chars().skip(at.saturating_sub(400)).take(600).collect()
}

/// Everything that left the functions and has the canary, with what it is.
async fn leaks(stack: &Stack, results: &[String]) -> Vec<String> {
    let mut leaks = Vec::new();
    let mut look = |what: String, bytes: &[u8]| {
        if has_canary(bytes) {
            leaks.push(format!("{what}: {}", around(bytes)));
        }
    };
    for request in stack.proxy().requests().iter().filter(|it| it.principal.is_some() || it.service == "dmm")
    {
        let what = format!("{} {} of {:?}", request.service, request.operation, request.principal);
        look(format!("the path of {what}"), request.path.as_bytes());
        look(format!("the headers of {what}"), format!("{:?}", request.headers).as_bytes());
        if !carries_events(request) {
            look(what, &request.request_body);
        }
    }
    for recorded in stack.collector().store().spans() {
        look(format!("the span {}", recorded.span.name), format!("{recorded:?}").as_bytes());
    }
    for entry in std::fs::read_dir(stack.logs()).unwrap() {
        let path = entry.unwrap().path();
        for line in std::fs::read_to_string(&path).unwrap().lines() {
            look(format!("the log {}", path.file_name().unwrap().to_string_lossy()), line.as_bytes());
        }
    }
    for result in results {
        look("a result".to_owned(), result.as_bytes());
    }
    for (key, record) in stack.view().grant_records().await.unwrap() {
        look(format!("the object {key}"), record.to_string().as_bytes());
    }
    for (key, entry) in stack.view().raw_objects("evidence/").await.unwrap() {
        look(format!("the object {key}"), &entry);
    }
    leaks
}

async fn assert_no_leaks(stack: &Stack, results: &[String]) {
    let received = stack.proxy().requests();
    let received = received.iter().filter(|it| has_canary(&it.response_body)).count();
    assert!(received >= 20, "the functions received the canary {received} times");
    let mut leaks = leaks(stack, results).await;
    leaks.sort();
    leaks.dedup_by(|one, other| one.split(':').next() == other.split(':').next());
    assert!(leaks.is_empty(), "{} leaks:\n\n{}", leaks.len(), leaks.join("\n\n"));
}

/// Runs iam-grant for the access and returns its error, if it has one.
async fn look(stack: &Stack, results: &mut Vec<String>) {
    if let Err(error) = try_to_look_again(stack, "AccessActivatedEvent", "a-1").await {
        results.push(error);
    }
}

async fn compare(stack: &Stack, results: &mut Vec<String>) {
    match reconcile(stack, &json!({})).await {
        Ok(report) => results.push(report.to_string()),
        Err(error) => results.push(error),
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_people_write_into_documents_reaches_nothing_that_the_functions_write() {
    let stack = stack(mesh_with_access()).await;
    let mut results = Vec::new();
    world(&stack).put_agreement(Access, with_user("a-user")).unwrap();
    for event in [
        json!({ "note": CANARY }),
        json!(CANARY),
        json!([CANARY]),
        json!({ "id": "01990000-0000-7000-8000-000000000001", "type": "com.x.AccessActivatedEvent", "time": CANARY,
                "specversion": CANARY, "datacontenttype": CANARY, "data": { "id": "a-1", "timestamp": CANARY, "note": CANARY },
                "traceparent": CANARY, "tracestate": CANARY, "dataschema": CANARY, "contact": CANARY }),
        json!({ "id": "01990000-0000-7000-8000-000000000002", "type": "com.x.AccessDeactivatedEvent", "data": CANARY }),
        json!({ "id": "01990000-0000-7000-8000-000000000003", "type": "com.x.AccessActivatedEvent",
                "data": { "id": { "note": CANARY } } }),
        json!({ "id": "01990000-0000-7000-8000-000000000004", "data": { "id": CANARY } }),
    ] {
        world(&stack).append_raw_event(event);
    }
    grant(&stack).await;
    let turns = [
        poison(&stack, "GET /api/access/{id}"),
        poison(&stack, "GET /api/dataproducts/{id}"),
        poison(&stack, "GET /api/teams/{id}"),
    ];
    poison(&stack, "GET /api/access");
    world(&stack).approve(Access, "a-user").unwrap();
    quiet(&stack).await;
    for _ in 0..30 {
        look(&stack, &mut results).await;
    }
    assert!(turns[..2].iter().all(|turns| turns.load(Ordering::SeqCst) > 30), "{turns:?}");
    compare(&stack, &mut results).await;
    world(&stack).cancel(Access, "a-1").unwrap();
    quiet(&stack).await;
    assert_no_leaks(&stack, &results).await;
}

/// An access whose consumer is a person.
fn with_user(id: &str) -> Value {
    let mut agreement = agreement(id, "orders-s3", &json!({ "userId": CANARY, "userEmail": CANARY }));
    agreement["info"]["purpose"] = json!(CANARY);
    agreement["tags"] = json!([CANARY]);
    agreement["custom"] = json!({ CANARY: CANARY });
    agreement
}

#[tokio::test(flavor = "multi_thread")]
async fn what_servers_write_into_errors_reaches_nothing_that_the_functions_write() {
    let stack = stack(mesh_with_access()).await;
    let mut results = Vec::new();
    grant(&stack).await;
    let html = || respond(502, "text/html", format!("<html><title>{CANARY}</title>{CANARY}</html>"));
    let wrong = || respond(200, "application/json", json!([CANARY]).to_string());
    for operation in [
        "GET /api/access/{id}",
        "GET /api/dataproducts/{id}",
        "GET /api/organization/settings",
        "POST /api/access/{id}/provisioning/provisioning-succeeded",
    ] {
        for kind in [problem(400), problem(403), problem(404), problem(409), problem(422), html(), wrong()] {
            stack.proxy().inject(Fault::new("dmm", operation, kind).times(ATTEMPTS));
            look(&stack, &mut results).await;
            stack.proxy().clear_faults();
        }
    }
    for kind in [problem(500), problem(403), html(), wrong()] {
        stack.proxy().inject(Fault::new("dmm", "GET /api/events", kind.clone()).times(ATTEMPTS));
        if let Err(error) = stack.feed().await {
            results.push(format!("{error:?}"));
        }
        stack.proxy().clear_faults();
        stack.proxy().inject(Fault::new("dmm", "GET /api/access", kind).times(ATTEMPTS));
        compare(&stack, &mut results).await;
        stack.proxy().clear_faults();
    }
    for (service, operation) in [
        ("iam", "GetRole"),
        ("iam", "GetRolePolicy"),
        ("iam", "ListAttachedRolePolicies"),
        ("s3", "GetObject"),
        ("s3", "PutObject"),
        ("s3", "GetBucketTagging"),
        ("secretsmanager", "GetSecretValue"),
    ] {
        for (status, code) in [(403, "AccessDenied"), (400, "SomethingElse")] {
            let kind = FaultKind::aws_error(status, code, CANARY);
            stack.proxy().inject(Fault::new(service, operation, kind).times(ATTEMPTS));
            look(&stack, &mut results).await;
            if status == 403 {
                compare(&stack, &mut results).await;
            }
            stack.proxy().clear_faults();
        }
    }
    for (service, operation) in [("sqs", "SendMessageBatch"), ("events", "PutEvents"), ("s3", "PutObject")] {
        for (status, code) in [(403, "AccessDenied"), (400, "InvalidMessageContents")] {
            let kind = FaultKind::aws_error(status, code, CANARY);
            stack.proxy().inject(Fault::new(service, operation, kind).times(ATTEMPTS));
            world(&stack).announce("TagCreatedEvent", "tag");
            if let Err(error) = stack.poll(TIMEOUT).await {
                results.push(format!("{error:?}"));
            }
            stack.proxy().clear_faults();
            quiet(&stack).await;
        }
    }
    let denied = FaultKind::aws_error(403, "AccessDenied", CANARY);
    stack.proxy().inject(Fault::new("iam", "DeleteRolePolicy", denied).times(ATTEMPTS));
    world(&stack).cancel(Access, "a-1").unwrap();
    quiet(&stack).await;
    assert_no_leaks(&stack, &results).await;
}
