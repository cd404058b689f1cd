//! What the running stack does before it takes access away, and the mode in which it changes nothing.

use bytes::Bytes;
use dmm_local::Stack;
use dmm_proxy::{Fault, FaultKind};
use dmm_simulator::AgreementKind::Access;
use serde_json::json;

use crate::common::faults::{cancel, grant, quiet};
use crate::common::operator::{let_an_hour_pass, reconcile};
use crate::common::{
    ROLE, agreement, dead_letters, forecast, log_when, mesh, mesh_with_access, stack, stack_with, standing,
    world,
};

/// A stack that takes two accesses away at once and no more, with these accesses granted.
async fn with_a_low_limit(ids: &[&str]) -> Stack {
    let landscape = ids
        .iter()
        .fold(mesh(), |mesh, id| mesh.with_agreement(Access, agreement(id, "orders-s3", &forecast())));
    let stack = stack_with(landscape, &[("revocationLimit", "2")]).await;
    for id in ids {
        world(&stack).approve(Access, id).unwrap();
    }
    quiet(&stack).await;
    assert_eq!(standing(&stack).await.len(), ids.len());
    stack
}

#[tokio::test(flavor = "multi_thread")]
async fn in_the_mode_observe_nothing_changes_and_everything_that_would_is_listed() {
    let stack = stack_with(mesh_with_access(), &[("mode", "observe")]).await;
    grant(&stack).await;
    log_when(&stack, "iam-grant", |log| {
        log.contains("this would be changed") && log.contains("DMM_Access_a-1")
    })
    .await;
    let report = reconcile(&stack, &json!({})).await.unwrap();
    assert_eq!((&report["dry_run"], &report["granted"]), (&json!(true), &json!(1)), "{report}");
    let [difference] = &report["differences"].as_array().unwrap()[..] else { panic!("{report}") };
    assert_eq!((&difference["role"], &difference["policy"]), (&json!(ROLE), &json!("DMM_Access_a-1")));
    assert_eq!(standing(&stack).await, []);
    assert_eq!(world(&stack).provisioning("a-1"), None, "nothing is reported to Data Mesh Manager");
    assert_eq!(stack.view().grant_records().await.unwrap(), [].into());
    assert_eq!(dead_letters(&stack).await, 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_comparison_that_would_revoke_too_much_stops_until_somebody_confirms_it() {
    let stack = with_a_low_limit(&["a-1", "a-2", "a-3"]).await;
    // Without its tag, the bucket does not belong to the provider any more.
    stack.view().clients().s3.delete_bucket_tagging().bucket("orders-data").send().await.unwrap();
    let report = reconcile(&stack, &json!({})).await.unwrap();
    assert_eq!((&report["revoked"], standing(&stack).await.len()), (&json!(0), 3), "{report}");
    let brake = &report["brake"];
    let revocations = brake["revocations"].as_array().unwrap();
    assert_eq!(revocations.len(), 3, "{report}");
    assert!(revocations.iter().all(|it| it["reason"] == "ResourceNotOwned"), "{report}");
    // The alarm hears of it.
    log_when(&stack, "iam-reconcile", |log| log.contains("BrakeEngaged")).await;

    let wrong = reconcile(&stack, &json!({ "confirm": "0".repeat(64) })).await.unwrap();
    assert_eq!((&wrong["brake"], standing(&stack).await.len()), (brake, 3), "{wrong}");
    let right = reconcile(&stack, &json!({ "confirm": brake["digest"] })).await.unwrap();
    assert_eq!((&right["brake"], standing(&stack).await), (&json!(null), vec![]), "{right}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_burst_of_ends_waits_for_the_comparison() {
    let ids = ["a-1", "a-2", "a-3"];
    let stack = with_a_low_limit(&ids).await;
    for id in ids {
        world(&stack).cancel(Access, id).unwrap();
    }
    quiet(&stack).await;
    assert_eq!(standing(&stack).await.len(), 1, "two are revoked by their events");
    assert_eq!(dead_letters(&stack).await, 0);
    let report = reconcile(&stack, &json!({})).await.unwrap();
    assert_eq!((&report["revoked"], standing(&stack).await), (&json!(1), vec![]), "{report}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_404_that_does_not_come_from_the_api_revokes_nothing() {
    let stack = stack(mesh_with_access()).await;
    grant(&stack).await;
    let page = FaultKind::Respond {
        status: 404,
        headers: vec![("content-type".to_owned(), "text/html".to_owned())],
        body: Bytes::from_static(b"<html><h1>404 Not Found</h1></html>"),
    };
    for answer in [page, FaultKind::status(404), FaultKind::status(410)] {
        stack.proxy().inject(Fault::new("dmm", "GET /api/access/{id}", answer).always());
        for _ in 0..2 {
            let report = reconcile(&stack, &json!({})).await.unwrap();
            assert_eq!(report["failed"].as_array().unwrap().len(), 1, "{report}");
            let_an_hour_pass(&stack).await;
        }
        stack.proxy().clear_faults();
    }
    assert_eq!(standing(&stack).await.len(), 1);
    cancel(&stack);
    quiet(&stack).await;
    assert_eq!(standing(&stack).await, []);
}
