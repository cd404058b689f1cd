use std::collections::BTreeSet;

use AgreementKind::{Access, DataContract, DataUsageAgreement};
use dmm_state::{ObjectStore, Precondition};
use serde_json::{Value, json};

use dmm_access::entitlement::Entitlements;
use dmm_access::record::{GrantState, Phase};
use dmm_access::testing::{place, role};

use dmm_access::entitlement::Place;
use dmm_access::name::record_key;
use dmm_access::record::Record;
use dmm_access::role::Role;
use dmm_budget::reconcile::FAILURES_IN_A_ROW;
use dmm_mesh::{AgreementKind, AgreementRef};

use super::report::Difference;
use super::*;
use crate::changes::Change;

mod brake;
mod mesh;
mod rate_limit;
mod uninstall;

use mesh::{Mesh, Silent, cause, reference};

#[tokio::test]
async fn every_agreement_on_every_page_of_every_generation_is_handled() {
    let mesh = Mesh::new();
    for id in ["a1", "a2", "a3", "a4", "a5"] {
        mesh.agreement(Access, id, id != "a4");
    }
    mesh.agreement(DataUsageAgreement, "u1", true);
    mesh.agreement(DataContract, "c1", true);
    let report = mesh.run().await;
    let names = ["DMM_Access_a1", "DMM_Access_a2", "DMM_Access_a3", "DMM_Access_a5"];
    let names = names.into_iter().chain(["DMM_DataUsageAgreement_u1", "DMM_Datacontract_c1"]);
    assert_eq!(mesh.granted(), names.map(|name| format!("consumer/{name}")).collect::<Vec<_>>());
    assert_eq!((report.checked, report.granted, report.unchanged), (7, 6, 1));
    assert!(report.complete && report.next.is_none() && report.failed.is_empty());
}

#[tokio::test]
async fn if_everything_is_as_it_should_be_nothing_is_written_and_each_agreement_is_read_once() {
    let mesh = Mesh::new();
    mesh.agreement(Access, "a1", true);
    mesh.agreement(Access, "a2", false);
    mesh.run().await;
    // Reports are repeated until Data Mesh Manager shows them, which this one never does.
    assert!(mesh.writes().iter().any(|write| write == "put consumer/DMM_Access_a1"));
    mesh.reads();
    let objects = mesh.records.writes();
    let report = mesh.run().await;
    assert_eq!((report.checked, report.unchanged), (2, 2));
    assert_eq!(mesh.writes(), ["provisioning-succeeded a1"]);
    assert_eq!(mesh.records.writes(), objects);
    assert_eq!(mesh.reads(), ["access a1", "access a2"]);
}

#[tokio::test]
async fn a_policy_that_somebody_deleted_or_changed_is_put_again() {
    let mesh = Mesh::new();
    mesh.agreement(Access, "a1", true);
    mesh.agreement(Access, "a2", true);
    mesh.run().await;
    let whole = mesh.state().policies.clone();
    mesh.state().policies.remove(&("consumer".to_owned(), "DMM_Access_a1".to_owned()));
    mesh.policy("consumer", "DMM_Access_a2");
    assert_eq!(mesh.run().await.granted, 2);
    assert_eq!(mesh.state().policies, whole);
}

#[tokio::test]
async fn the_policy_in_the_record_of_a_deleted_agreement_is_deleted() {
    let mesh = Mesh::new();
    for id in ["a1", "a2", "a3", "a4", "a5"] {
        mesh.agreement(Access, id, true);
    }
    mesh.run().await;
    mesh.state().agreements.clear();
    mesh.agreement(Access, "a3", true);
    let report = mesh.run_twice().await;
    assert_eq!(mesh.granted(), ["consumer/DMM_Access_a3"]);
    assert_eq!((report.checked, report.revoked, report.unchanged), (5, 4, 1));
}

#[tokio::test]
async fn a_predecessors_policy_is_adopted_if_its_agreement_is_in_force_and_deleted_otherwise() {
    let mesh = Mesh::new();
    mesh.agreement(DataUsageAgreement, "active", true);
    mesh.agreement(DataUsageAgreement, "ended", false);
    mesh.agreement(DataContract, "old", false);
    for name in ["DMM_DataUsageAgreement_active", "DMM_DataUsageAgreement_ended", "DMM_Datacontract_old"] {
        mesh.policy("consumer", name);
    }
    let report = mesh.run().await;
    assert_eq!(mesh.granted(), ["consumer/DMM_DataUsageAgreement_active"]);
    assert_eq!((report.granted, report.revoked), (1, 2));
    assert!(mesh.records.keys().contains(&"grants/datausageagreement/active.json".to_owned()));
}

#[tokio::test]
async fn a_policy_that_no_agreement_and_no_record_knows_is_found_on_its_role() {
    let mesh = Mesh::new();
    mesh.agreement(DataUsageAgreement, "moved", true);
    for name in ["other", "closed", "stack-iam-grant"] {
        mesh.state().roles.insert(name.to_owned(), role(name));
    }
    mesh.state().roles.get_mut("closed").unwrap().has_opted_in = false;
    let shortened = format!("DMM_Access_{}", "z".repeat(117));
    for (on, name) in [
        ("consumer", "DMM_DataUsageAgreement_gone"),
        ("consumer", "DMM_Datacontract_gone"),
        ("consumer", "somebody-elses"),
        ("consumer", &shortened),
        ("other", "DMM_DataUsageAgreement_moved"),
        ("closed", "DMM_DataUsageAgreement_gone"),
        ("stack-iam-grant", "DMM_DataUsageAgreement_gone"),
    ] {
        mesh.policy(on, name);
    }
    let first = mesh.run().await;
    assert_eq!((first.granted, first.revoked, first.postponed), (2, 0, 2), "{first:?}");
    mesh::MINUTES.set(5);
    let report = mesh.run().await;
    let left = [
        "closed/DMM_DataUsageAgreement_gone",
        &format!("consumer/{shortened}"),
        "consumer/DMM_DataUsageAgreement_moved",
        "consumer/somebody-elses",
        "stack-iam-grant/DMM_DataUsageAgreement_gone",
    ];
    let mut granted = mesh.granted();
    granted.sort_unstable_by_key(|name| left.iter().position(|own| own == name));
    assert_eq!(granted, left);
    // The agreement in force counts as changed once more when its leftover is deleted from the other role.
    assert_eq!((report.granted, report.revoked, report.failed.len()), (0, 2, 0), "{report:?}");
    mesh.writes();
    mesh.run().await;
    assert!(mesh.writes().iter().all(|write| write.starts_with("mark ")));
}

#[tokio::test]
async fn roles_are_left_alone_unless_the_scan_is_configured() {
    let mesh = Mesh::new();
    mesh.policy("consumer", "DMM_DataUsageAgreement_gone");
    let reconciler = Reconciler { scan_roles: false, ..mesh.reconciler(None) };
    let (report, _, result) = reconciler.run(Progress::default(), None, &cause()).await;
    result.unwrap();
    assert!(report.complete);
    assert_eq!(mesh.granted(), ["consumer/DMM_DataUsageAgreement_gone"]);
}

#[tokio::test]
async fn a_dry_run_reports_what_a_real_one_does_and_changes_nothing() {
    let mesh = Mesh::new();
    for id in ["granted", "wiped", "changed", "ended", "deleted"] {
        mesh.agreement(Access, id, id != "granted");
    }
    mesh.run().await;
    mesh.agreement(Access, "granted", true);
    mesh.agreement(Access, "ended", false);
    mesh.state().agreements.remove(&(Access, "deleted".to_owned()));
    mesh.state().policies.remove(&("consumer".to_owned(), "DMM_Access_wiped".to_owned()));
    mesh.policy("consumer", "DMM_Access_changed");
    mesh.policy("consumer", "DMM_DataUsageAgreement_leftover");
    mesh.mark_missing(&reference(Access, "deleted")).await;
    mesh.mark_missing(&reference(DataUsageAgreement, "leftover")).await;
    mesh::MINUTES.set(5);
    mesh.writes();
    let (policies, objects) = (mesh.state().policies.clone(), mesh.records.writes());

    let dry_run = mesh.dry_run().await;
    assert_eq!((mesh.writes(), mesh.records.writes()), (Vec::new(), objects));
    assert_eq!(mesh.state().policies, policies);
    assert!(dry_run.dry_run && dry_run.complete);
    let difference = |change, kind, id: &str| {
        let agreement = reference(kind, id);
        let place = place("consumer", &agreement);
        Difference { agreement: agreement.to_string(), change, place }
    };
    assert_eq!(
        dry_run.differences,
        [
            difference(Change::Replace, Access, "changed"),
            difference(Change::Put, Access, "granted"),
            difference(Change::Put, Access, "wiped"),
            // What is taken away comes last.
            difference(Change::Delete, Access, "deleted"),
            difference(Change::Delete, Access, "ended"),
            difference(Change::Delete, DataUsageAgreement, "leftover"),
        ]
    );
    let policies: Vec<_> =
        dry_run.policies.iter().map(|policy| (policy.before.is_some(), policy.after.is_some())).collect();
    let (replaced, added, deleted) = ((true, true), (false, true), (true, false));
    assert_eq!(policies, [replaced, added, added, deleted, deleted, deleted]);
    let real = mesh.recorded_run().await;
    assert_eq!(real.changes, dry_run.differences, "it does what the dry run says");
    assert_eq!(
        Report {
            dry_run: false,
            changes: real.changes.clone(),
            differences: Vec::new(),
            policies: Vec::new(),
            ..dry_run
        },
        real,
        "the numbers are the same"
    );
    assert_eq!(mesh.dry_run().await.differences, []);
}

#[tokio::test]
async fn a_report_is_readable_json() {
    let mesh = Mesh::new();
    mesh.agreement(Access, "a1", true);
    let mut report = serde_json::to_value(mesh.dry_run().await).unwrap();
    let policies = report.as_object_mut().unwrap().remove("policies").unwrap();
    assert_eq!((&policies[0]["policy"], &policies[0]["before"]), (&json!("DMM_Access_a1"), &Value::Null));
    assert_eq!(policies[0]["after"]["Version"], "2012-10-17", "the document is not a text in the report");
    let difference = json!({
        "agreement": "access a1", "change": "put", "kind": "role_policy", "role": "consumer", "policy": "DMM_Access_a1",
    });
    assert_eq!(
        report,
        json!({
            "checked": 1, "granted": 1, "revoked": 0, "unchanged": 0, "refused": 0, "failed": [],
            "dry_run": true, "differences": [difference], "complete": true,
        })
    );
}

#[tokio::test]
async fn a_failure_does_not_hold_up_the_others() {
    let mesh = Mesh::new();
    for id in ["a1", "a2", "a3"] {
        mesh.agreement(Access, id, true);
    }
    mesh.state().broken.insert("a2".to_owned());
    mesh.records.put("grants/access/odd.json", b"{".to_vec(), &Precondition::Absent).await.unwrap();
    let report = mesh.run().await;
    assert_eq!(mesh.granted(), ["consumer/DMM_Access_a1", "consumer/DMM_Access_a3"]);
    assert_eq!((report.checked, report.granted, report.complete), (4, 2, true));
    let failed: Vec<_> = report.failed.iter().map(|failure| failure.agreement.as_str()).collect();
    assert_eq!(failed, ["access a2", "grants/access/odd.json"]);
    assert!(report.failed[0].reason.contains("500"), "{}", report.failed[0].reason);
}

#[tokio::test]
async fn when_everything_fails_the_run_ends_and_the_next_one_continues() {
    let mesh = Mesh::new();
    let ids: Vec<String> = (0..30).map(|number| format!("a{number:02}")).collect();
    for id in &ids {
        mesh.agreement(Access, id, true);
    }
    mesh.state().broken = ids.iter().cloned().collect();
    let (report, result) = mesh.run_from(None, None).await;
    result.unwrap();
    assert_eq!((report.checked, report.complete), (FAILURES_IN_A_ROW, false));
    let next = Position::Agreements { kind: Access, page: 5, after: None };
    assert_eq!(report.next, Some(next.clone()));
    mesh.state().broken.clear();
    let (report, result) = mesh.run_from(Some(next), None).await;
    result.unwrap();
    assert_eq!((report.granted, report.complete), (20, true));
}

#[tokio::test]
async fn runs_that_stop_early_are_continued_until_the_pass_is_complete() {
    let mesh = Mesh::new();
    for id in ["a1", "a2", "a3", "a4", "a5"] {
        mesh.agreement(Access, id, true);
    }
    mesh.run().await;
    for id in ["a2", "a3"] {
        mesh.state().agreements.remove(&(Access, id.to_owned()));
    }
    for id in ["x1", "x2"] {
        mesh.policy("consumer", &format!("DMM_DataUsageAgreement_{id}"));
    }
    // The second look at the agreements that do not exist.
    mesh.run().await;
    mesh::MINUTES.set(5);
    mesh.state().policies.remove(&("consumer".to_owned(), "DMM_Access_a5".to_owned()));
    mesh.reads();
    let (mut from, mut runs) = (None, 0);
    loop {
        let (report, result) = mesh.run_from(from, Some(1)).await;
        result.unwrap();
        runs += 1;
        assert!(runs < 20, "the pass is never complete: {report:?}");
        // Both leftovers are on one role, and a role is handled as a whole.
        assert!(report.checked <= 2, "{report:?}");
        if report.complete {
            break;
        }
        from = report.next;
    }
    let expected = ["a1", "a4", "a5"].map(|id| format!("consumer/DMM_Access_{id}"));
    assert_eq!(mesh.granted(), expected);
    let reads: BTreeSet<String> = mesh.reads().into_iter().collect();
    let all = ["a1", "a2", "a3", "a4", "a5"].map(|id| format!("access {id}"));
    assert!(all.iter().all(|agreement| reads.contains(agreement)), "{reads:?}");
}

#[tokio::test]
async fn the_records_of_agreements_that_an_earlier_run_handled_are_skipped() {
    let mesh = Mesh::new();
    for id in ["a1", "a2", "a3"] {
        mesh.agreement(Access, id, true);
    }
    mesh.run().await;
    mesh.state().agreements.remove(&(Access, "a2".to_owned()));
    mesh.run().await;
    mesh::MINUTES.set(5);
    mesh.reads();
    let (report, result) = mesh.run_from(Some(Position::Records { after: None }), None).await;
    result.unwrap();
    assert_eq!((report.checked, report.revoked, report.complete), (1, 1, true));
    assert!(mesh.reads().iter().all(|read| read.ends_with(" a2")));
}

#[tokio::test]
async fn a_page_is_handled_from_its_beginning_if_the_last_agreement_no_longer_exists() {
    let mesh = Mesh::new();
    for id in ["a1", "a2", "a3"] {
        mesh.agreement(Access, id, true);
    }
    let from = Position::Agreements { kind: Access, page: 0, after: Some("a0".to_owned()) };
    let (report, result) = mesh.run_from(Some(from), None).await;
    result.unwrap();
    assert_eq!(report.granted, 3);
}

#[tokio::test]
async fn after_the_deadline_no_agreement_is_started() {
    let mesh = Mesh::new();
    mesh.agreement(Access, "a1", true);
    let reconciler = Reconciler { deadline: Instant::now(), ..mesh.reconciler(None) };
    let (report, _, result) = reconciler.run(Progress::default(), None, &cause()).await;
    result.unwrap();
    assert_eq!((report.checked, report.complete), (0, false));
    assert_eq!(report.next, Some(Position::default()));
}

#[tokio::test]
async fn an_agreement_that_hangs_fails_and_the_run_continues() {
    let mesh = Mesh::new();
    mesh.agreement(Access, "a1", true);
    let reconciler = Reconciler { agreement_timeout: Duration::ZERO, ..mesh.reconciler(None) };
    let reconciler =
        Reconciler { converger: Converger { agreements: &Silent, ..reconciler.converger }, ..reconciler };
    let (report, _, result) = reconciler.run(Progress::default(), None, &cause()).await;
    result.unwrap();
    assert!(report.complete);
    assert!(report.failed[0].reason.contains("time"), "{:?}", report.failed);
}

#[tokio::test]
async fn a_missing_list_of_an_older_generation_is_not_an_error_but_a_missing_list_of_accesses_is() {
    let mesh = Mesh::new();
    mesh.agreement(Access, "a1", true);
    mesh.state().missing_lists = BTreeSet::from([DataUsageAgreement, DataContract]);
    assert!(mesh.run().await.complete);
    mesh.state().missing_lists.insert(Access);
    mesh.state().agreements.clear();
    for from in [None, Some(Position::Records { after: None }), Some(Position::Roles { after: None })] {
        let (report, result) = mesh.run_from(from, None).await;
        assert!(matches!(result, Err(ReconcileError::NoList)), "{result:?}");
        assert!(!report.complete);
    }
    assert_eq!(mesh.granted(), ["consumer/DMM_Access_a1"], "no agreement is treated as deleted");
}

#[tokio::test]
async fn a_revocation_succeeds_if_the_role_does_not_exist() {
    let mesh = Mesh::new();
    let deleted = reference(Access, "a1");
    let state = GrantState {
        phase: Phase::Changing,
        granted: Entitlements::default(),
        former: BTreeSet::from([place("long-gone", &deleted)]),
        missing_since: None,
        role_ids: [].into(),
    };
    mesh.record(&deleted, state).await;
    let report = mesh.run_twice().await;
    assert_eq!((report.revoked, report.failed.len()), (1, 0));
}

#[test]
fn a_schedule_or_an_empty_payload_asks_for_a_complete_pass_and_a_misspelt_one_is_an_error() {
    let scheduled = json!({"version": "0", "detail-type": "Scheduled Event", "detail": {}});
    for payload in [json!({}), Value::Null, scheduled] {
        assert_eq!(Request::read(payload).unwrap(), Request::default());
    }
    let asked = Request::read(json!({
        "dry_run": true, "limit": 10, "from": {"stage": "agreements", "kind": "datacontract", "page": 7},
    }));
    let from = Position::Agreements { kind: DataContract, page: 7, after: None };
    let limit = NonZeroUsize::new(10);
    assert_eq!(asked.unwrap(), Request { dry_run: true, limit, from: Some(from), confirm: None });
    let confirmed = Request { confirm: Some("4f2e".to_owned()), ..Request::default() };
    assert_eq!(Request::read(json!({"confirm": "4f2e"})).unwrap(), confirmed);
    for wrong in [json!({"dryRun": true}), json!({"dry_run": "yes"}), json!({"limit": 0}), json!("dry_run")] {
        assert_eq!(Request::read(wrong).unwrap_err().class(), "Permanent");
    }
}
