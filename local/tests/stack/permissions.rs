//! Each function's role has exactly the permissions that it needs: with all of them, each function does all of its work
//! over an emulated AWS that enforces IAM; without any single one, AWS denies a call. Settings that narrow the permissions
//! take effect.

use crate::common::callers::as_function;
use crate::common::faults::{kill, owners_policy};
use crate::common::operator::{self, delete_object, look_again, output, put_object};
use crate::common::{
    ROLE, TIMEOUT, agreement, consumer, mesh, mesh_with_access, owner, stack, stack_with, standing, world,
};
use aws_credential_types::Credentials;
use aws_sdk_sqs::error::DisplayErrorContext;
use aws_sdk_sqs::types::QueueAttributeName;
use bytes::Bytes;
use dmm_local::Stack;
use dmm_local::clients::{AwsAccount, Clients};
use dmm_simulator::AgreementKind::Access;
use dmm_simulator::{ConsumerRole, Landscape};
use futures_util::future::join_all;
use serde_json::{Value, json};

/// What this machine does not use. Logs are files here, and there is no X-Ray; the emulator registers no table with Lake
/// Formation, so nothing has to be asked there.
const NOT_HERE: [&str; 7] = [
    "lakeformation:ListPermissions",
    "logs:CreateLogStream",
    "logs:PutLogEvents",
    "xray:PutSpans",
    "xray:PutSpansForIndexing",
    "xray:PutTelemetryRecords",
    "xray:PutTraceSegments",
];

/// The consumer that a round grants access to.
#[derive(Clone, Copy)]
struct Consumer {
    product: &'static str,
    role: &'static str,
}

/// Its role has opted in by the tag.
const TAGGED: Consumer = Consumer { product: "forecast", role: ROLE };
/// Its role has opted in by its path.
const BELOW_THE_PATH: Consumer = Consumer { product: "reports", role: "reports-reader" };

/// One action of one statement of one policy of a role.
struct Permission {
    policy: String,
    document: Value,
    statement: usize,
    action: String,
}

impl Permission {
    /// The policy document without this permission.
    fn taken_away(&self) -> Value {
        let mut document = self.document.clone();
        let statement = &mut document["Statement"][self.statement];
        let left: Vec<String> =
            actions(statement).into_iter().filter(|action| *action != self.action).collect();
        if left.is_empty() {
            document["Statement"].as_array_mut().unwrap().remove(self.statement);
        } else {
            statement["Action"] = json!(left);
        }
        document
    }
}

fn actions(statement: &Value) -> Vec<String> {
    match &statement["Action"] {
        Value::String(action) => vec![action.clone()],
        actions => serde_json::from_value(actions.clone()).unwrap(),
    }
}

/// All permissions of a role.
async fn permissions(stack: &Stack, role: &str) -> Vec<Permission> {
    let iam = &stack.view().clients().iam;
    let mut found = Vec::new();
    for policy in iam.list_role_policies().role_name(role).send().await.unwrap().policy_names {
        let answer = iam.get_role_policy().role_name(role).policy_name(&policy).send().await.unwrap();
        let text = percent_encoding::percent_decode_str(answer.policy_document()).decode_utf8().unwrap();
        let document: Value = serde_json::from_str(&text).unwrap();
        for (statement, content) in document["Statement"].as_array().unwrap().iter().enumerate() {
            if content["Effect"] == "Allow" {
                found.extend(actions(content).into_iter().map(|action| Permission {
                    policy: policy.clone(),
                    document: document.clone(),
                    statement,
                    action,
                }));
            }
        }
    }
    found
}

async fn put(stack: &Stack, role: &str, policy: &str, document: &Value) {
    let iam = &stack.view().clients().iam;
    let put = iam.put_role_policy().role_name(role).policy_name(policy);
    put.policy_document(document.to_string()).send().await.unwrap();
}

/// The calls of a function that AWS denied after the request `since`.
fn refused(stack: &Stack, binary: &str, since: u64) -> Vec<String> {
    let requests = stack.proxy().requests().into_iter();
    requests
        .filter(|request| request.seq > since && request.principal.as_deref() == Some(binary))
        .filter(|request| request.service != "dmm")
        .filter(|request| {
            request.status == Some(403)
                || String::from_utf8_lossy(&request.response_body).contains("AccessDenied")
        })
        .map(|request| format!("{} {}", request.service, request.operation))
        .collect()
}

fn last_request(stack: &Stack) -> u64 {
    stack.proxy().requests().last().map_or(0, |request| request.seq)
}

/// Makes a function do all of its work, from a cold start. Returns what went wrong.
async fn work(stack: &Stack, binary: &str, round: usize, consumer: Consumer) -> Vec<String> {
    let since = last_request(stack);
    kill(stack, binary);
    let mut problems = match binary {
        "feed" => feed(stack, round).await,
        "router" => router(stack, round).await,
        "iam-reconcile" => reconcile(stack, round, consumer).await,
        _ => on_event(stack, binary, round, consumer).await,
    };
    problems.extend(refused(stack, binary, since));
    problems
}

/// Reads the feed from its beginning, without a cursor, after a pause in which an event was put aside; one event can never be
/// sent.
async fn feed(stack: &Stack, round: usize) -> Vec<String> {
    delete_object(stack, "feed/last_event_id").await;
    put_object(stack, "controls/pause.json", pause("2026-01-01T01:00:00Z")).await;
    let aside =
        json!({ "id": format!("aside-{round}"), "type": "com.datamesh-manager.events.TagCreatedEvent" });
    put_object(
        stack,
        "controls/deferred.json",
        json!({ "events": { "tag": aside.to_string() } }).to_string(),
    )
    .await;
    world(stack).announce("TagCreatedEvent", &format!("tag-{round}"));
    stack.feed().await.err().map(|error| error.to_string()).into_iter().collect()
}

/// Makes the calls of Lambda's poller, then sends one message to publish and one that becomes a dead letter.
async fn router(stack: &Stack, round: usize) -> Vec<String> {
    let since = last_request(stack);
    let url = stack.view().events_queue_url();
    let lambda = as_function(stack, "router").sqs;
    let attribute = QueueAttributeName::ApproximateNumberOfMessages;
    let looked = lambda.get_queue_attributes().queue_url(url).attribute_names(attribute).send().await;
    let received = lambda.receive_message().queue_url(url).send().await;
    let deleted = lambda.delete_message().queue_url(url).receipt_handle("none").send().await;
    let mut problems: Vec<String> = [
        looked.err().map(|error| DisplayErrorContext(error).to_string()),
        received.err().map(|error| DisplayErrorContext(error).to_string()),
        deleted.err().map(|error| DisplayErrorContext(error).to_string()),
    ]
    .into_iter()
    .flatten()
    .collect();
    // An error about the receipt handle means that the role may delete.
    problems.retain(|problem| problem.contains("AccessDenied"));
    if !problems.is_empty() {
        return problems;
    }
    let event = json!({
        "specversion": "1.0", "id": format!("event-{round}"), "source": "https://api.example.com",
        "type": "com.datamesh-manager.events.TagCreatedEvent", "time": "2026-01-02T03:04:05Z", "data": { "id": "tag" },
    });
    for (id, body) in [("good", event.to_string()), ("bad", "this is not JSON".to_owned())] {
        let send = stack.view().clients().sqs.send_message().queue_url(url).message_body(body);
        let id = format!("{id}-{round}");
        send.message_group_id(&id).message_deduplication_id(&id).send().await.unwrap();
    }
    let ended = stack
        .wait(TIMEOUT, async || Ok(stack.is_quiet().await? || !refused(stack, "router", since).is_empty()));
    assert!(ended.await.unwrap(), "the router is neither done nor denied anything");
    problems
}

/// A pause that ends then.
fn pause(until: &str) -> String {
    json!({ "since": "2026-01-01T00:00:00Z", "until": until, "reason": "" }).to_string()
}

/// Puts an event aside, grants and revokes access, inline and packed, and sends a failure as Lambda does.
async fn on_event(stack: &Stack, binary: &str, round: usize, consumer: Consumer) -> Vec<String> {
    let ids = request(stack, round, consumer);
    put_object(stack, "controls/pause.json", pause("2999-01-01T00:00:00Z")).await;
    let deferred = hear(stack, binary, &ids[0], true).await;
    delete_object(stack, "controls/pause.json").await;
    if deferred.is_some() {
        return deferred.into_iter().collect();
    }
    for active in [true, false] {
        for id in &ids {
            set_active(stack, id, active);
            let problem = hear(stack, binary, id, active).await;
            if problem.is_some() {
                return problem.into_iter().collect();
            }
        }
    }
    let url = output(stack, "failureQueueUrl");
    let sent =
        as_function(stack, binary).sqs.send_message().queue_url(url).message_body("failed").send().await;
    sent.err().map(|error| DisplayErrorContext(error).to_string()).into_iter().collect()
}

/// Invokes a function with the event that an agreement became active or ended. Returns why it failed.
async fn hear(stack: &Stack, binary: &str, id: &str, active: bool) -> Option<String> {
    let name = if active { "AccessActivatedEvent" } else { "AccessDeactivatedEvent" };
    let payload = json!({
        "source": "operator", "detail-type": name,
        "detail": { "id": "by-hand", "type": name, "data": { "id": id } },
    });
    let function = stack.function(binary).unwrap();
    let answer = stack.functions().invoke(function, Bytes::from(payload.to_string())).await;
    answer.err().map(|error| error.to_string())
}

/// Revokes what a round granted, and leaves nothing that slows a later round down.
async fn clear(stack: &Stack, round: usize, consumer: Consumer) {
    for id in ids(round) {
        world(stack).delete(Access, &id).unwrap();
        assert_eq!(hear(stack, "iam-revoke", &id, false).await, None, "{id} is cleared");
    }
    let iam = &stack.view().clients().iam;
    let policies = iam.list_role_policies().role_name(consumer.role).send().await.unwrap().policy_names;
    for policy in policies.into_iter().filter(|policy| policy.starts_with("DMM_")) {
        iam.delete_role_policy().role_name(consumer.role).policy_name(policy).send().await.unwrap();
    }
    for key in stack.view().grant_records().await.unwrap().keys() {
        delete_object(stack, key).await;
    }
}

/// Finds agreements whose events were lost, agreements that ended meanwhile, and a policy without a record. The run stops
/// early and continues from there.
async fn reconcile(stack: &Stack, round: usize, consumer: Consumer) -> Vec<String> {
    for id in &request(stack, round, consumer) {
        set_active(stack, id, true);
    }
    let mut problems = compare(stack, &json!({ "limit": 1 })).await;
    problems.extend(compare(stack, &json!({})).await);
    if !problems.is_empty() {
        return problems;
    }
    for id in &ids(round) {
        set_active(stack, id, false);
    }
    let document = json!({
        "Version": "2012-10-17",
        "Statement": [{ "Effect": "Allow", "Action": "s3:GetObject", "Resource": "arn:aws:s3:::orders-data/*" }],
    });
    put(stack, consumer.role, &format!("DMM_Access_gone-{round}"), &document).await;
    compare(stack, &json!({})).await
}

/// Runs iam-reconcile in the mode `uninstall`. Returns the failures that it reports.
async fn uninstall(stack: &Stack) -> Vec<String> {
    operator::set_mode(stack, "uninstall");
    let problems = compare(stack, &json!({})).await;
    operator::set_mode(stack, "enforce");
    problems
}

/// Runs iam-reconcile. Returns the failures that it reports.
async fn compare(stack: &Stack, payload: &Value) -> Vec<String> {
    match operator::reconcile(stack, payload).await {
        Ok(report) if report["failed"] == json!([]) => Vec::new(),
        Ok(report) => vec![report.to_string()],
        Err(error) => vec![error],
    }
}

/// Requests agreements: one whose grant fits inline on the role, and two that have to be packed.
fn request(stack: &Stack, round: usize, consumer: Consumer) -> [String; 3] {
    let consumer = json!({ "dataProductId": consumer.product, "teamId": "planning" });
    for (id, port) in ids(round).iter().zip(["orders-s3", "orders-glue", "orders-queue"]) {
        world(stack).put_agreement(Access, agreement(id, port, &consumer)).unwrap();
    }
    ids(round)
}

fn ids(round: usize) -> [String; 3] {
    ["inline", "packed", "packed-too"].map(|kind| format!("{kind}-{round}"))
}

fn set_active(stack: &Stack, id: &str, active: bool) {
    if active {
        world(stack).approve(Access, id).unwrap();
    } else {
        world(stack).cancel(Access, id).unwrap();
    }
}

fn with_a_role_below_the_path() -> Landscape {
    let Consumer { product, role } = BELOW_THE_PATH;
    let role = ConsumerRole {
        name: role.to_owned(),
        path: "/dmm-consumers/".to_owned(),
        opted_in: false,
        tags: owner("dmm-team", "planning"),
    };
    mesh().with_data_product(consumer(product, "planning", Some(&role.name))).with_role(role)
}

/// Removes the permissions of a function's role one at a time. Returns those without which nothing fails. So many stacks share the
/// work: a function that is denied a call mostly waits.
async fn spare(binary: &str, parts: usize) -> Vec<String> {
    join_all((0..parts).map(|part| spare_in_part(binary, part, parts))).await.concat()
}

async fn spare_in_part(binary: &str, part: usize, parts: usize) -> Vec<String> {
    let config = [
        ("scanRoles", "true"),
        ("simulateAccess", "true"),
        ("evidenceLock", "governance"),
        ("evidenceRetentionDays", "1"),
    ];
    let stack = stack_with(with_a_role_below_the_path(), &config).await;
    // This leaves a few hundred characters for inline policies.
    for consumer in [TAGGED, BELOW_THE_PATH] {
        owners_policy(&stack, consumer.role, 9_500).await;
    }
    world(&stack).append_raw_event(json!({ "type": "com.datamesh-manager.events.TagCreatedEvent" }));
    let role = stack.function(binary).unwrap().to_owned();
    let mut permissions = permissions(&stack, &role).await;
    permissions.retain(|permission| !NOT_HERE.contains(&permission.action.as_str()));
    assert!(permissions.len() >= 5, "{binary} has {} permissions", permissions.len());
    assert_eq!(work(&stack, binary, 0, TAGGED).await, Vec::<String>::new(), "{binary} with all permissions");
    if binary == "iam-reconcile" && part == 0 {
        assert_eq!(uninstall(&stack).await, Vec::<String>::new(), "uninstalling with all permissions");
    }
    let mut spare = Vec::new();
    // Neighbours stay together: some calls are needed only after the call of the permission before could not be made.
    let own = permissions.chunks(permissions.len().div_ceil(parts)).nth(part).unwrap_or_default();
    for (round, permission) in (1..).zip(own) {
        put(&stack, &role, &permission.policy, &permission.taken_away()).await;
        let sid = permission.document["Statement"][permission.statement]["Sid"].as_str().unwrap();
        let consumer = if sid.ends_with("BelowTheOptInPath") { BELOW_THE_PATH } else { TAGGED };
        let is_for_uninstalling = permission.action == "iam:ListPolicies";
        let problems = if is_for_uninstalling {
            uninstall(&stack).await
        } else {
            work(&stack, binary, round, consumer).await
        };
        if problems.is_empty() {
            spare.push(format!("{} ({sid})", permission.action));
        }
        put(&stack, &role, &permission.policy, &permission.document).await;
        if binary.starts_with("iam-") && !is_for_uninstalling {
            clear(&stack, round, consumer).await;
        }
    }
    println!("{binary}: {} of {} permissions taken away, one at a time", own.len(), permissions.len());
    spare
}

#[tokio::test(flavor = "multi_thread")]
async fn feed_has_exactly_the_permissions_that_it_needs() {
    assert_eq!(spare("feed", 1).await, Vec::<String>::new());
}

#[tokio::test(flavor = "multi_thread")]
async fn router_has_exactly_the_permissions_that_it_needs() {
    assert_eq!(spare("router", 1).await, Vec::<String>::new());
}

#[tokio::test(flavor = "multi_thread")]
async fn iam_grant_has_exactly_the_permissions_that_it_needs() {
    assert_eq!(spare("iam-grant", 3).await, Vec::<String>::new());
}

#[tokio::test(flavor = "multi_thread")]
async fn iam_revoke_has_exactly_the_permissions_that_it_needs() {
    assert_eq!(spare("iam-revoke", 3).await, Vec::<String>::new());
}

#[tokio::test(flavor = "multi_thread")]
async fn iam_reconcile_has_exactly_the_permissions_that_it_needs() {
    assert_eq!(spare("iam-reconcile", 3).await, Vec::<String>::new());
}

// --- What the settings narrow ---

/// A stack with one setting, and `a-1` active.
async fn with_setting(key: &str, value: &str) -> Stack {
    let stack = stack_with(mesh_with_access(), &[(key, value)]).await;
    set_active(&stack, "a-1", true);
    stack.poll(TIMEOUT).await.unwrap();
    stack
}

#[tokio::test(flavor = "multi_thread")]
async fn a_role_without_the_required_boundary_gets_no_access_but_can_lose_it() {
    let stack = with_setting("requiredPermissionsBoundary", "consumer-boundary").await;
    assert_eq!(standing(&stack).await, [], "the role has no boundary");
    assert!(refused(&stack, "iam-grant", 0).iter().any(|call| call == "iam PutRolePolicy"));

    let everything = json!({
        "Version": "2012-10-17", "Statement": [{ "Effect": "Allow", "Action": "*", "Resource": "*" }],
    });
    let iam = &stack.view().clients().iam;
    let create = iam.create_policy().policy_name("consumer-boundary").policy_document(everything.to_string());
    let boundary = create.send().await.unwrap().policy.unwrap().arn.unwrap();
    iam.put_role_permissions_boundary().role_name(ROLE).permissions_boundary(boundary).send().await.unwrap();
    look_again(&stack, "AccessActivatedEvent", "a-1").await;
    assert_eq!(standing(&stack).await.len(), 1);

    iam.delete_role_permissions_boundary().role_name(ROLE).send().await.unwrap();
    set_active(&stack, "a-1", false);
    stack.poll(TIMEOUT).await.unwrap();
    assert_eq!(standing(&stack).await, [], "revoking does not need the boundary");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_role_below_the_opt_in_path_needs_no_tag_but_a_role_elsewhere_does() {
    let stack = stack(with_a_role_below_the_path()).await;
    let untagged = json!({ "dataProductId": "reserved", "teamId": "planning" });
    let reports = json!({ "dataProductId": BELOW_THE_PATH.product, "teamId": "planning" });
    for (id, consumer) in [("below", reports), ("elsewhere", untagged)] {
        world(&stack).put_agreement(Access, agreement(id, "orders-s3", &consumer)).unwrap();
        set_active(&stack, id, true);
    }
    stack.poll(TIMEOUT).await.unwrap();
    let given = [(BELOW_THE_PATH.role.to_owned(), "DMM_Access_below".to_owned())];
    assert_eq!(standing(&stack).await, given);
    set_active(&stack, "below", false);
    stack.poll(TIMEOUT).await.unwrap();
    assert_eq!(standing(&stack).await, []);
}

/// The clients of a user who may do everything that the stack's own policies do not deny.
async fn administrator(stack: &Stack) -> Clients {
    let iam = &stack.view().clients().iam;
    let everything = json!({
        "Version": "2012-10-17", "Statement": [{ "Effect": "Allow", "Action": "*", "Resource": "*" }],
    });
    iam.create_user().user_name("admin").send().await.unwrap();
    let put = iam.put_user_policy().user_name("admin").policy_name("everything");
    put.policy_document(everything.to_string()).send().await.unwrap();
    let key = iam.create_access_key().user_name("admin").send().await.unwrap().access_key.unwrap();
    let credentials = Credentials::new(key.access_key_id, key.secret_access_key, None, None, "admin");
    Clients::new(stack.aws_url(), &AwsAccount::default(), credentials)
}

#[tokio::test(flavor = "multi_thread")]
async fn an_administrator_who_is_not_an_operator_can_neither_pause_nor_block_nor_lift_a_block() {
    let stack = stack(mesh()).await;
    let admin = administrator(&stack).await.s3;
    let operator = &stack.view().clients().s3;
    let bucket = stack.view().state_bucket();
    for key in ["controls/pause.json", "controls/blocks.json", "controls/deferred.json"] {
        let put = async |s3: &aws_sdk_s3::Client| {
            s3.put_object().bucket(bucket).key(key).body(b"{}".to_vec().into()).send().await
        };
        let denied = DisplayErrorContext(put(&admin).await.unwrap_err()).to_string();
        assert!(denied.contains("AccessDenied"), "{key}: {denied}");
        put(operator).await.unwrap();
        let deleted = admin.delete_object().bucket(bucket).key(key).send().await;
        assert!(DisplayErrorContext(deleted.unwrap_err()).to_string().contains("AccessDenied"), "{key}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_administrator_who_is_not_an_operator_cannot_send_to_any_queue() {
    let stack = stack(mesh()).await;
    let admin = administrator(&stack).await.sqs;
    let operator = &stack.view().clients().sqs;
    for (output_name, is_fifo) in [
        ("eventsQueueUrl", true),
        ("deadLetterQueueUrl", true),
        ("undeliveredQueueUrl", false),
        ("failureQueueUrl", false),
    ] {
        let url = output(&stack, output_name);
        let send = async |sqs: &aws_sdk_sqs::Client| {
            let send = sqs.send_message().queue_url(url).message_body("by hand");
            let group = is_fifo.then(|| "by-hand".to_owned());
            send.set_message_group_id(group.clone()).set_message_deduplication_id(group).send().await
        };
        let denied = DisplayErrorContext(send(&admin).await.unwrap_err()).to_string();
        assert!(denied.contains("AccessDenied"), "{output_name}: {denied}");
        send(operator).await.unwrap();
    }
}
