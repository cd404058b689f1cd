//! Uninstalling: everything that was given is taken away by the functions, and the stack is destroyed. Nothing is left in the
//! account. `docs/operate.md` describes the procedure.

use std::collections::BTreeSet;

use dmm_local::Stack;
use dmm_proxy::{Fault, FaultKind};
use dmm_simulator::AgreementKind::{Access, DataContract};
use serde_json::{Value, json};

use crate::common::faults::{before, hits, kill, quiet};
use crate::common::operator::{delete_object, output, reconcile, set_mode};
use crate::common::{
    agreement, assert_no_violations, dead_letters, forecast, mesh, stack_with, standing, world,
};

/// Three accesses fit into inline policies of the role, and two are packed; a data contract is of an older generation, and one
/// consumer is a team.
const ACCESSES: [&str; 5] = ["a-1", "a-2", "a-3", "a-4", "a-5"];

async fn granted() -> Stack {
    let mesh = ACCESSES
        .iter()
        .fold(mesh(), |mesh, id| mesh.with_agreement(Access, agreement(id, "orders-glue", &forecast())));
    let mesh = mesh
        .with_agreement(DataContract, agreement("c-1", "orders-s3", &json!({ "teamId": "planning" })))
        .with_agreement(Access, agreement("late", "orders-s3", &forecast()));
    let stack = stack_with(mesh, &[("protectState", "false"), ("emptyStateBucket", "true")]).await;
    for id in ACCESSES {
        world(&stack).approve(Access, id).unwrap();
    }
    world(&stack).approve(DataContract, "c-1").unwrap();
    quiet(&stack).await;
    assert_eq!(standing(&stack).await.len(), 6);
    assert!(!stack.view().managed_policies().await.unwrap().is_empty(), "some are packed");
    stack
}

/// Runs iam-reconcile until nothing remains, at most `runs` times. Returns how much was revoked.
async fn uninstall(stack: &Stack, request: &Value, runs: usize) -> u64 {
    let mut revoked = 0;
    let mut remaining = json!(null);
    for _ in 0..runs {
        let report = reconcile(stack, request).await.unwrap();
        assert_eq!(report["failed"], json!([]), "{report}");
        revoked += report["revoked"].as_u64().unwrap();
        remaining = report["remaining"].clone();
        if remaining == 0 {
            break;
        }
    }
    assert_eq!(remaining, 0, "after {runs} runs");
    revoked
}

/// The names of everything in the account that the emulator knows.
async fn account(stack: &Stack) -> BTreeSet<String> {
    let clients = stack.view().clients();
    let mut found = BTreeSet::new();
    let roles = clients.iam.list_roles().send().await.unwrap();
    for role in roles.roles() {
        let name = role.role_name();
        found.insert(format!("role {name}"));
        let inline = clients.iam.list_role_policies().role_name(name).send().await.unwrap();
        found.extend(inline.policy_names().iter().map(|policy| format!("policy {policy} of {name}")));
    }
    let managed = stack.view().managed_policies().await.unwrap();
    found.extend(managed.keys().map(|name| format!("managed policy {name}")));
    let buckets = clients.s3.list_buckets().send().await.unwrap();
    found.extend(buckets.buckets().iter().map(|bucket| format!("bucket {}", bucket.name().unwrap())));
    let queues = clients.sqs.list_queues().send().await.unwrap();
    let name = |url: &String| format!("queue {}", url.rsplit('/').next().unwrap());
    found.extend(queues.queue_urls().iter().map(name));
    let secrets = clients.secrets.list_secrets().send().await.unwrap();
    found.extend(secrets.secret_list().iter().map(|secret| format!("secret {}", secret.name().unwrap())));
    let buses = clients.events.list_event_buses().send().await.unwrap();
    for bus in buses.event_buses() {
        let name = bus.name().unwrap();
        found.insert(format!("bus {name}"));
        let on_the_bus = clients.events.list_rules().event_bus_name(name).send().await.unwrap();
        found
            .extend(on_the_bus.rules().iter().map(|rule| format!("rule {} of {name}", rule.name().unwrap())));
    }
    let archives = clients.events.list_archives().send().await.unwrap();
    found.extend(
        archives.archives().iter().map(|archive| format!("archive {}", archive.archive_name().unwrap())),
    );
    found
}

/// The rules on the bus that are not the stack's own, as the command in `docs/operate.md` lists them.
async fn rules_of_others(stack: &Stack) -> Vec<String> {
    let list = stack.view().clients().events.list_rules().event_bus_name(output(stack, "busName"));
    let rules = list.send().await.unwrap();
    // The archive of the bus has a rule that AWS manages.
    let rules = rules.rules().iter().filter(|rule| rule.managed_by().is_none());
    let names = rules.map(|rule| rule.name().unwrap().to_owned());
    names.filter(|name| !name.starts_with("datamesh-manager-aws-")).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn everything_is_revoked_in_several_runs_and_after_the_destroy_nothing_is_left() {
    let stack = granted().await;
    // A deleted agreement, a lost record, and an API that is down.
    world(&stack).delete(Access, "a-2").unwrap();
    delete_object(&stack, "grants/access/a-3.json").await;
    stack.proxy().inject(Fault::new("dmm", "GET /api/access/{id}", FaultKind::status(503)).always());
    set_mode(&stack, "uninstall");

    // A run that stops early, and one that is killed while it deletes.
    let first = reconcile(&stack, &json!({ "limit": 4 })).await.unwrap();
    assert_eq!((&first["complete"], &first["remaining"]), (&json!(false), &json!(null)), "{first}");
    let held = stack.proxy().inject(before("iam-reconcile", "iam", "DeleteRolePolicy").skip(1));
    let whole = json!({});
    let killing = async {
        hits(&held, 1).await;
        kill(&stack, "iam-reconcile");
    };
    let (killed, ()) = tokio::join!(reconcile(&stack, &whole), killing);
    killed.unwrap_err();
    let left = standing(&stack).await.len();
    assert!((1..6).contains(&left), "{left} are left after the interruption");

    assert!(uninstall(&stack, &json!({ "limit": 4 }), 20).await > 0);
    assert_eq!(standing(&stack).await, []);
    assert_eq!(stack.view().managed_policies().await.unwrap(), [].into());
    assert_eq!(uninstall(&stack, &json!({}), 1).await, 0);

    // While the rest of the stack exists, nothing new is given, and the API, which is back, is told why.
    stack.proxy().clear_faults();
    world(&stack).approve(Access, "late").unwrap();
    quiet(&stack).await;
    uninstall(&stack, &json!({}), 1).await;
    assert_eq!(standing(&stack).await, []);
    for id in ["late", "a-1"] {
        let told = world(&stack).provisioning(id).unwrap();
        assert_eq!(told["status"], "provisioning-failed", "{id}: {told}");
        assert!(told["diagnostics"].as_str().unwrap().contains("is being uninstalled"), "{id}: {told}");
    }
    assert_eq!(dead_letters(&stack).await, 0);
    assert_no_violations(&stack);

    // Another team's rule on the bus would stop the destroy half-way.
    let events = &stack.view().clients().events;
    let bus = output(&stack, "busName");
    let pattern = json!({ "source": ["com.datamesh-manager"] }).to_string();
    events.put_rule().name("notify-chat").event_bus_name(bus).event_pattern(pattern).send().await.unwrap();
    assert_eq!(rules_of_others(&stack).await, ["notify-chat"]);
    events.delete_rule().name("notify-chat").event_bus_name(bus).send().await.unwrap();

    stack.destroy().await.unwrap();
    let left: Vec<String> = account(&stack).await.into_iter().filter(|name| is_ours(name)).collect();
    assert_eq!(left, Vec::<String>::new());
}

/// Whether a thing is neither a role, a bucket nor a queue of the mesh, nor AWS's own bus.
fn is_ours(name: &str) -> bool {
    let theirs = [
        "bus default",
        "bucket orders-data",
        "bucket orders-moved",
        "bucket forecasting-results",
        "queue orders-changes",
        "role finance-reader",
        "role forecasting-reader",
        "role planning-analysts",
    ];
    !theirs.contains(&name)
}
