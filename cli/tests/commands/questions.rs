//! Questions about access: why, who, when.

use super::*;

#[tokio::test(flavor = "multi_thread")]
async fn an_unknown_agreement_is_an_error_that_suggests_the_nearest_one() {
    let running = running().await;
    running.approve("a-1").await;
    for command in ["look", "explain"] {
        let unknown = running.dmm(&[command, "a-11"]).await;
        assert_eq!(unknown.code, 2, "{unknown:?}");
        assert!(
            unknown.errors.contains("no agreement a-11") && unknown.errors.contains("did you mean a-1?"),
            "{unknown:?}"
        );
    }
    // An agreement that was deleted is known to the records.
    running.stack.world().unwrap().delete(AgreementKind::Access, "a-1").unwrap();
    running.stack.poll(TIMEOUT).await.unwrap();
    let deleted = running.dmm(&["look", "a-1"]).await;
    assert_eq!(deleted.code, 0, "{deleted:?}");
    assert!(deleted.output.contains("no such agreement (any more)"), "{deleted:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn why_there_is_no_access_is_explained_with_the_remedy_even_without_data_mesh_manager() {
    let running = running().await;
    running.approve("a-2").await;
    let refused = running.dmm(&["explain", "a-2"]).await;
    assert_eq!(refused.code, 1, "{refused:?}");
    for text in [
        "nobody has access",
        "ArnMissing",
        "data product promotions reads orders",
        "Add it as a custom field",
    ] {
        assert!(refused.output.contains(text), "{text}: {refused:?}");
    }
    running.approve("a-1").await;
    let granted = running.dmm(&["explain", "a-1", "--json"]).await;
    assert_eq!(granted.code, 0, "{granted:?}");
    let granted = granted.json();
    let one = &granted["agreements"][0];
    assert_eq!(
        (&one["granted"][0]["role"], &one["explanation"]["decision"]),
        (&json!(ROLE), &json!("granted"))
    );

    let both = running.dmm(&["explain", "marketing", "orders"]).await;
    assert!(both.output.contains("access a-1:") && both.output.contains("access a-2:"), "{both:?}");
    let mistyped = running.dmm(&["explain", "marketing", "ordres"]).await;
    assert_eq!(mistyped.code, 2);
    assert!(mistyped.errors.contains("did you mean orders?"), "{mistyped:?}");
    let unheard = running.dmm(&["explain", "finance", "orders"]).await;
    assert_eq!(unheard.code, 1, "{unheard:?}");
    assert!(
        unheard.output.contains("no agreement between them has ever reached this stack")
            && unheard.output.contains("`dmm status`"),
        "{unheard:?}"
    );
    let json = running.dmm(&["explain", "finance", "orders", "--json"]).await.json();
    assert_eq!(json["unheard"], json!({ "consumer": "finance", "product": "orders" }));

    let away = Fault::new("dmm", "GET /api/access/{id}", FaultKind::status(503)).always();
    running.stack.proxy().inject(away);
    let alone = running.dmm(&["explain", "a-2"]).await;
    assert_eq!(alone.code, 1, "{alone:?}");
    assert!(alone.output.contains("ArnMissing") && alone.output.contains("is not known"), "{alone:?}");
    // What documents say is for the caller only.
    for function in ["iam-grant", "iam-revoke"] {
        let path = running
            .stack
            .logs()
            .join(format!("aws.lambda.{}.log", running.stack.function(function).unwrap()));
        let log = std::fs::read_to_string(path).unwrap_or_default();
        assert!(!log.contains("Add it as a custom field"), "{log}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_readers_of_a_data_product_are_named_with_those_who_are_refused() {
    let running = running().await;
    running.approve("a-1").await;
    running.approve("a-2").await;
    let readers = running.dmm(&["who-reads", "orders"]).await;
    assert_eq!(readers.code, 0, "{readers:?}");
    for text in [
        ROLE,
        "access a-1 (DMM_Access_a-1)",
        "data product promotions",
        "port orders-s3",
        "access a-2  ArnMissing",
    ] {
        assert!(readers.output.contains(text), "{text}: {readers:?}");
    }
    let json = running.dmm(&["who-reads", "orders", "--json"]).await.json();
    assert_eq!(json["grants"][0]["consumer"], json!({ "data_product": "promotions", "team": "marketing" }));
    assert_eq!(json["refused"][0]["code"], "ArnMissing");
    let unknown = running.dmm(&["who-reads", "order"]).await;
    assert_eq!(unknown.code, 2);
    assert!(unknown.errors.contains("did you mean orders?"), "{unknown:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_evidence_says_who_could_read_what_and_finds_every_change() {
    let running = running().await;
    let before = jiff::Timestamp::now().to_string();
    running.approve("a-1").await;
    let while_granted = jiff::Timestamp::now().to_string();
    running.stack.world().unwrap().cancel(AgreementKind::Access, "a-1").unwrap();
    running.stack.poll(TIMEOUT).await.unwrap();

    let then = running.dmm(&["evidence", "--at", &while_granted, "--product", "orders", "--json"]).await;
    assert_eq!(then.code, 0, "{then:?}");
    let then = then.json();
    let access = &then["access"][0];
    assert_eq!(
        (&access["role"], &access["port"], &access["agreement"], &access["cause"]),
        (&json!(ROLE), &json!("orders-s3"), &json!("access a-1"), &json!("AccessActivatedEvent"))
    );
    for member in ["trace_id", "role_id", "policy_sha256", "agreement_sha256"] {
        assert!(access[member].is_string(), "{member}: {access}");
    }
    assert!(!access["request_ids"].as_array().unwrap().is_empty(), "{access}");
    for (arguments, text) in [
        (vec!["evidence", "--at", &before], "nobody had access"),
        (vec!["evidence"], "nobody had access"),
        (vec!["evidence", "--at", &while_granted, "--role", "other"], "nobody had access"),
        (vec!["evidence", "--at", &while_granted, "--role", ROLE], "reads orders/orders-s3"),
        (vec!["evidence", "--at", &while_granted, "--csv"], "promotions-pipeline,"),
        (vec!["evidence", "--verify"], "2 entries of 1 agreements, 0 faults."),
    ] {
        let shown = running.dmm(&arguments).await;
        assert_eq!(shown.code, 0, "{shown:?}");
        assert!(shown.output.contains(text), "{text}: {shown:?}");
    }

    let trace = running.dmm(&["trace", "a-1"]).await;
    assert_eq!(trace.code, 0, "{trace:?}");
    assert!(trace.output.contains("brought in line: revoked"), "{trace:?}");
    let event = running.dmm(&["trace", access["cause_id"].as_str().unwrap()]).await;
    assert!(event.output.contains("brought in line: granted"), "{event:?}");
    let untraced = running.dmm(&["trace", "no-such-thing"]).await;
    assert_eq!(untraced.code, 2, "{untraced:?}");

    let s3 = &running.stack.view().clients().s3;
    let bucket = running.stack.view().state_bucket();
    let key = "evidence/access/a-1/0000000001.json";
    let object = s3.get_object().bucket(bucket).key(key).send().await.unwrap();
    let body = object.body.collect().await.unwrap().into_bytes();
    let altered = String::from_utf8(body.to_vec()).unwrap().replace("orders-s3", "orders-s4");
    s3.put_object().bucket(bucket).key(key).body(altered.into_bytes().into()).send().await.unwrap();
    let found = running.dmm(&["evidence", "--verify"]).await;
    assert_eq!(found.code, 1, "{found:?}");
    assert!(found.output.contains(&format!("! {key} was altered after it was written")), "{found:?}");
    s3.delete_object().bucket(bucket).key(key).send().await.unwrap();
    let found = running.dmm(&["evidence", "--verify", "--json"]).await;
    assert_eq!(found.code, 1, "{found:?}");
    assert_eq!(found.json()["faults"], json!([{ "key": key, "problem": "is missing" }]));
}

#[tokio::test(flavor = "multi_thread")]
async fn how_long_entries_are_kept_is_read_from_the_stack_and_a_lock_is_named_before_it_is_destroyed() {
    let running = running_with(&[
        ("evidenceRetentionDays", "400"),
        ("evidenceLock", "governance"),
        ("mode", "uninstall"),
    ])
    .await;
    let verified = running.dmm(&["evidence", "--verify", "--json"]).await;
    assert_eq!(verified.code, 0, "{verified:?}");
    let kept_since: jiff::Timestamp = verified.json()["kept_since"].as_str().unwrap().parse().unwrap();
    assert_eq!(jiff::Timestamp::now().duration_since(kept_since).as_hours() / 24, 400);
    let done = running.dmm(&["uninstall", "--yes", "--discard-evidence"]).await;
    assert_eq!(done.code, 0, "{done:?}");
    assert!(done.output.contains("s3:BypassGovernanceRetention"), "{done:?}");
}
