//! Entries of the evidence that are locked: nobody can delete or replace what was written, and uninstalling says so.

use aws_sdk_s3::error::{DisplayErrorContext, ProvideErrorMetadata};
use aws_sdk_s3::types::ObjectLockMode;
use dmm_local::Stack;
use dmm_simulator::AgreementKind::Access;
use jiff::Timestamp;
use serde_json::json;

use crate::common::evidence::assert_evident;
use crate::common::operator::{reconcile, set_mode};
use crate::common::{TIMEOUT, mesh_with_access, stack_with, standing, world};

const ENTRY: &str = "evidence/access/a-1/0000000001.json";

/// A stack that has given access, with these settings.
async fn granted(settings: &[(&str, &str)]) -> Stack {
    let stack = stack_with(mesh_with_access(), settings).await;
    world(&stack).approve(Access, "a-1").unwrap();
    stack.poll(TIMEOUT).await.unwrap();
    assert_eq!(standing(&stack).await.len(), 1);
    stack
}

/// The only version of the first entry.
async fn version(stack: &Stack) -> String {
    let s3 = &stack.view().clients().s3;
    let versions = s3.list_object_versions().bucket(stack.view().state_bucket()).prefix(ENTRY);
    let versions = versions.send().await.unwrap();
    assert_eq!(versions.versions().len(), 1, "{versions:?}");
    versions.versions()[0].version_id().unwrap().to_owned()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_locked_entry_cannot_be_deleted_before_its_time_and_an_overwritten_one_is_kept() {
    for (lock, mode) in
        [("governance", ObjectLockMode::Governance), ("compliance", ObjectLockMode::Compliance)]
    {
        let stack = granted(&[("evidenceLock", lock), ("evidenceRetentionDays", "400")]).await;
        let s3 = &stack.view().clients().s3;
        let bucket = stack.view().state_bucket();
        let version = version(&stack).await;
        let read = async || {
            let get = s3.get_object().bucket(bucket).key(ENTRY).version_id(&version);
            get.send().await.unwrap()
        };
        let entry = read().await;
        assert_eq!(entry.object_lock_mode(), Some(&mode));
        let until: Timestamp = entry.object_lock_retain_until_date().unwrap().to_string().parse().unwrap();
        let days = until.duration_since(Timestamp::now()).as_hours() / 24;
        assert!((399..=400).contains(&days), "{until}");
        let body = entry.body.collect().await.unwrap().into_bytes();

        // This operator may do everything except bypass a lock in compliance mode.
        let delete = || s3.delete_object().bucket(bucket).key(ENTRY).version_id(&version);
        let refused = delete().send().await.unwrap_err();
        assert_eq!(refused.code(), Some("AccessDenied"), "{}", DisplayErrorContext(&refused));
        if mode == ObjectLockMode::Compliance {
            let refused = delete().bypass_governance_retention(true).send().await.unwrap_err();
            assert_eq!(refused.code(), Some("AccessDenied"), "{}", DisplayErrorContext(&refused));
        }
        s3.put_object().bucket(bucket).key(ENTRY).body(b"{}".to_vec().into()).send().await.unwrap();
        s3.delete_object().bucket(bucket).key(ENTRY).send().await.unwrap();
        assert_eq!(
            read().await.body.collect().await.unwrap().into_bytes(),
            body,
            "the version is still there"
        );

        // Nothing else is locked.
        let record = s3.get_object().bucket(bucket).key("grants/access/a-1.json").send().await.unwrap();
        assert_eq!(record.object_lock_mode(), None);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn without_a_lock_entries_can_be_deleted() {
    let stack = granted(&[]).await;
    assert_evident(&stack).await;
    let s3 = &stack.view().clients().s3;
    let bucket = stack.view().state_bucket();
    let version = version(&stack).await;
    let entry = s3.get_object().bucket(bucket).key(ENTRY).send().await.unwrap();
    assert_eq!(entry.object_lock_mode(), None);
    s3.delete_object().bucket(bucket).key(ENTRY).version_id(version).send().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stack_with_locked_evidence_can_be_destroyed_in_governance_mode_only() {
    for (lock, destroyed) in [("governance", true), ("compliance", false)] {
        let settings = [
            ("evidenceLock", lock),
            ("evidenceRetentionDays", "1"),
            ("protectState", "false"),
            ("emptyStateBucket", "true"),
        ];
        let stack = granted(&settings).await;
        set_mode(&stack, "uninstall");
        reconcile(&stack, &json!({})).await.unwrap();
        assert_eq!(standing(&stack).await, []);
        let result = stack.destroy().await;
        if destroyed {
            result.unwrap();
            continue;
        }
        let error = result.unwrap_err().to_string();
        assert!(error.contains("state") || error.contains("lock"), "{error}");
        version(&stack).await;
    }
}
