//! Two stacks in one account, and stacks whose name or queue changes: what would share or lose something is refused before
//! anything is changed.

use serde_json::{Value, json};

use crate::engine::{Answer, Engine, STACK, Workspace};
use crate::programs::{API_KEY, Config, MAIN, copy_programs, with_region};
use crate::provider::Provider;

fn config(keys: &[(&str, Value)]) -> Config {
    with_region(&keys.iter().map(|(key, value)| ((*key).to_owned(), value.clone())).collect())
}

/// The names of the resources that were created since the last command began.
fn created(provider: &Provider) -> Vec<String> {
    let name = |urn: String| urn.rsplit("::").next().unwrap_or_default().to_owned();
    provider.record().created.into_iter().map(name).filter(|name| *name != "default").collect()
}

fn assert_refused(answer: &Answer, texts: &[&str]) {
    let findings = answer.findings();
    let is_said = |finding: &String| texts.iter().all(|text| finding.contains(text));
    assert!(!answer.ok && findings.iter().any(is_said), "{texts:?} not in {findings:#?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_second_stack_fails_at_its_first_resource_unless_it_has_its_own_names() {
    let Some(engine) = Engine::find("two stacks in one account") else { return };
    let provider = engine.provider().await;
    let (first, second) =
        (Workspace::new(&engine, &provider), Workspace::new(&engine, &provider).with_stack("two"));
    copy_programs(&first);
    copy_programs(&second);
    let first = first.stack("pulumi", &[API_KEY]).await.expect("a stack");
    first.configure(MAIN, &config(&[]));
    let answer = first.up().await;
    assert!(answer.ok, "{}", answer.text);

    let stack = second.stack("pulumi", &[API_KEY]).await.expect("a stack");
    let (bus, queue) = (("busName", json!("dmm-two")), ("queueName", json!("dmm_two.fifo")));
    for (keys, claimed, refused) in [
        (vec![], &[][..], "LogGroup /datamesh-manager/queue/dmm_events.fifo already exists"),
        (vec![bus.clone()], &[], "LogGroup /datamesh-manager/queue/dmm_events.fifo already exists"),
        // The claim of the queue's name is the first resource, and a bus the second.
        (vec![queue.clone()], &["queueClaim"], "EventBus dmm already exists"),
    ] {
        stack.configure(MAIN, &config(&keys));
        assert_refused(&stack.up().await, &[refused]);
        assert_eq!(created(&provider), claimed, "{keys:?}");
    }
    stack.configure(MAIN, &config(&[bus.clone(), queue.clone(), ("protectState", json!(false))]));
    let answer = stack.up().await;
    assert!(answer.ok, "{}", answer.text);

    // Destroying the second one takes nothing from the first.
    assert!(stack.destroy().await.ok);
    let left = provider.record().existing;
    assert!(left.iter().all(|urn| urn.contains("pulumi:test::")), "{left:?}");
    assert!(first.up().await.ok);
    assert_eq!(provider.record().changes, 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_second_stack_of_the_schemas_fails_at_its_registry() {
    let Some(engine) = Engine::find("two stacks of the schemas in one account") else { return };
    let provider = engine.provider().await;
    let (first, second) =
        (Workspace::new(&engine, &provider), Workspace::new(&engine, &provider).with_stack("two"));
    let name = "datamesh-manager-aws-schemas";
    for workspace in [&first, &second] {
        copy_programs(workspace);
    }
    let stack = first.stack("pulumi/schemas", &[]).await.expect("a stack");
    stack.configure(name, &config(&[]));
    assert!(stack.up().await.ok);
    let stack = second.stack("pulumi/schemas", &[]).await.expect("a stack");
    stack.configure(name, &config(&[]));
    assert_refused(&stack.up().await, &["Registry com.datamesh-manager already exists"]);
    assert_eq!(created(&provider), Vec::<String>::new());
    stack.configure(name, &config(&[("registryName", json!("com.datamesh-manager.two"))]));
    assert!(stack.up().await.ok);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_renamed_stack_and_another_queue_are_refused_with_the_command_that_helps() {
    let Some(engine) = Engine::find("a renamed stack") else { return };
    let provider = engine.provider().await;
    let workspace = Workspace::new(&engine, &provider);
    copy_programs(&workspace);
    let stack = workspace.stack("pulumi", &[API_KEY]).await.expect("a stack");
    stack.configure(MAIN, &config(&[]));
    assert!(stack.up().await.ok);

    let renamed = stack.run(&["stack", "rename", "renamed"]).await;
    assert!(renamed.ok, "{}", renamed.text);
    for arguments in [&["preview"][..], &["up", "--yes"], &["up", "--yes", "--skip-preview"]] {
        provider.begin();
        let answer = stack.run_as("renamed", arguments).await;
        assert_refused(&answer, &["The stack is called renamed now", "pulumi stack rename test"]);
        assert_eq!(provider.record().changes, 0, "{arguments:?}");
    }
    assert!(stack.run_as("renamed", &["stack", "rename", STACK]).await.ok);
    assert!(stack.up().await.ok);
    assert_eq!(provider.record().changes, 0);

    stack.configure(MAIN, &config(&[("queueName", json!("other.fifo"))]));
    assert_refused(
        &stack.up().await,
        &["queueName is other.fifo", "pulumi config set queueName dmm_events.fifo"],
    );
    assert_eq!(provider.record().changes, 0);
    // Whoever unprotects the state has decided.
    stack.configure(MAIN, &config(&[("queueName", json!("other.fifo")), ("protectState", json!(false))]));
    let answer = stack.up().await;
    assert!(answer.ok, "{}", answer.text);

    stack.configure(MAIN, &config(&[("queueName", json!("other.fifo"))]));
    assert!(stack.up().await.ok);
    let answer = stack.destroy().await;
    assert!(!answer.ok && answer.text.contains("protected"), "{}", answer.text);
    let state = provider.record().existing;
    assert!(state.iter().any(|urn| urn.ends_with("::state")), "{state:?}");
}
