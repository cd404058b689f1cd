//! The mode `uninstall`: everything that was given is taken away, whatever Data Mesh Manager says.

use dmm_access::evidence::Leftover;
use dmm_access::managed_policy::ManagedPolicy;
use dmm_access::testing::stack;

use super::*;

/// Many agreements with access: more than the brake allows to revoke at once.
async fn granted(count: usize) -> Mesh {
    let mesh = Mesh::new();
    for number in 0..count {
        mesh.agreement(Access, &format!("a{number:02}"), true);
    }
    mesh.run().await;
    assert_eq!(mesh.granted().len(), count);
    mesh.writes();
    mesh.reads();
    mesh
}

#[tokio::test]
async fn all_access_is_taken_away_without_the_brake_and_everybody_is_told_why() {
    let mesh = granted(30).await;
    mesh.agreement(Access, "new", true);
    let report = mesh.uninstall(None).await;
    assert_eq!((report.revoked, report.granted, report.remaining), (30, 0, Some(0)), "{report:?}");
    assert!(report.complete && report.brake.is_none() && report.failed.is_empty());
    assert!(mesh.granted().is_empty());
    let writes = mesh.writes();
    assert!(writes.contains(&"provisioning-failed a07".to_owned()), "{writes:?}");
    assert!(writes.iter().all(|write| !write.ends_with("new")), "{writes:?}");
    assert_eq!(mesh.uninstall(None).await.revoked, 0);
}

#[tokio::test]
async fn access_is_taken_away_if_the_agreement_is_gone_or_the_api_is_down_and_without_a_second_look() {
    let mesh = granted(4).await;
    mesh.state().agreements.remove(&(Access, "a00".to_owned()));
    mesh.state().broken.insert("a01".to_owned());
    let report = mesh.uninstall(None).await;
    assert_eq!((report.revoked, report.remaining), (4, Some(0)), "{report:?}");
    // Data Mesh Manager is asked once after it has failed, and not again in this run.
    let asked = mesh.reads();
    let failed = asked.iter().position(|read| read == "access a01").unwrap();
    assert_eq!(asked.len(), failed + 1, "{asked:?}");
}

#[tokio::test]
async fn runs_that_stop_early_continue_until_nothing_remains() {
    let mesh = granted(5).await;
    let mut reports = Vec::new();
    while reports.last().is_none_or(|report: &Report| !report.complete) {
        reports.push(mesh.uninstall(Some(2)).await);
        assert!(reports.len() < 10, "{reports:?}");
    }
    assert_eq!(reports.iter().map(|report| report.revoked).sum::<usize>(), 5);
    let remaining: Vec<_> = reports.iter().map(|report| report.remaining).collect();
    assert_eq!(remaining, [None, None, Some(4), Some(2), None, Some(0)]);
    assert!(mesh.granted().is_empty());
}

#[tokio::test]
async fn what_no_record_knows_is_deleted_too() {
    let mesh = granted(1).await;
    let shortened = format!("DMM_Access_{}-{}", "z".repeat(52), "0".repeat(64));
    mesh.state().roles.insert("closed".to_owned(), Role { has_opted_in: false, ..role("closed") });
    for (on, name) in
        [("closed", "DMM_Access_lost"), ("consumer", &shortened), ("consumer", "somebody-elses")]
    {
        mesh.policy(on, name);
    }
    mesh.state().managed.insert(ManagedPolicy { role: "deleted".parse().unwrap(), number: 1 });
    let report = mesh.uninstall(None).await;
    assert_eq!((report.revoked, report.remaining), (4, Some(0)), "{report:?}");
    assert_eq!(mesh.granted(), ["consumer/somebody-elses"]);
    assert!(mesh.state().managed.is_empty());
    // Each deletion is in the evidence, with the run.
    let mut evident = Vec::new();
    for key in mesh.records.keys().into_iter().filter(|key| key.starts_with("evidence/uninstall/")) {
        let body = mesh.records.get(&key).await.unwrap().unwrap().body;
        let leftover = Leftover::read(&key, &body, &stack()).unwrap();
        assert_eq!(leftover.cause, cause());
        evident.extend(leftover.policies.iter().map(|policy| format!("{}/{policy}", leftover.role)));
    }
    evident.sort();
    assert_eq!(
        evident,
        [
            "closed/DMM_Access_lost".to_owned(),
            format!("consumer/{shortened}"),
            "deleted/managed policy 1".to_owned()
        ]
    );
}

#[tokio::test]
async fn what_cannot_be_deleted_remains_until_it_can_and_does_not_hold_up_the_rest() {
    let mesh = granted(3).await;
    mesh.state().roles.insert("locked".to_owned(), role("locked"));
    mesh.state().locked.insert("locked".to_owned());
    mesh.policy("locked", "DMM_Access_lost");
    mesh.records.put("grants/access/bad.json", b"{".to_vec(), &Precondition::Absent).await.unwrap();
    let first = mesh.uninstall(Some(3)).await;
    assert_eq!(first.remaining, None);
    // The failure of the first run still counts.
    let report = mesh.uninstall(None).await;
    assert_eq!((first.revoked + report.revoked, report.remaining), (3, Some(2)), "{first:?} {report:?}");
    assert_eq!(mesh.granted(), ["locked/DMM_Access_lost"]);
    let failed: Vec<&str> =
        first.failed.iter().chain(&report.failed).map(|failure| failure.agreement.as_str()).collect();
    assert_eq!(failed, ["grants/access/bad.json", "role locked"]);
    mesh.state().locked.clear();
    assert_eq!(mesh.uninstall(None).await.remaining, Some(1), "the record is still there");
    assert!(mesh.granted().is_empty());
}
