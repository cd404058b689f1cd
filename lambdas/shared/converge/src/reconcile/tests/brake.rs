//! A pass that would take away too much stops before it takes anything away.

use super::mesh::MINUTES;
use super::*;

/// So many agreements in force, which have access.
async fn mesh_with(agreements: usize) -> Mesh {
    let mesh = Mesh::new();
    for at in 0..agreements {
        mesh.agreement(Access, &format!("a{at:03}"), true);
    }
    mesh.run().await;
    assert_eq!(mesh.granted().len(), agreements);
    mesh.writes();
    mesh
}

fn end(mesh: &Mesh, ids: std::ops::Range<usize>) {
    for at in ids {
        mesh.agreement(Access, &format!("a{at:03}"), false);
    }
}

fn deletes(mesh: &Mesh) -> usize {
    mesh.writes().iter().filter(|write| write.starts_with("delete ")).count()
}

#[tokio::test]
async fn a_key_of_another_organization_takes_nothing_away() {
    let mesh = mesh_with(200).await;
    // The other organization's API: 200 with an empty list, 404 for each of our ids.
    mesh.state().agreements.clear();
    for _ in 0..3 {
        let report = mesh.run().await;
        let stop = report.brake.expect("the brake");
        assert_eq!((stop.revocations.len(), stop.grants, stop.limit), (200, 200, 10));
        assert_eq!((report.revoked, report.complete, report.next), (0, false, None));
        MINUTES.set(MINUTES.get() + 60);
    }
    assert_eq!((deletes(&mesh), mesh.granted().len()), (0, 200));
}

#[tokio::test]
async fn as_many_as_are_allowed_are_taken_away_and_one_more_is_not() {
    for (agreements, allowed) in [(20, 10), (260, 13)] {
        let mesh = mesh_with(agreements).await;
        end(&mesh, 0..allowed + 1);
        let report = mesh.run().await;
        assert_eq!((report.revoked, deletes(&mesh)), (0, 0));
        let stop = report.brake.expect("the brake");
        assert_eq!((stop.limit, stop.revocations.len()), (allowed, allowed + 1));
        assert_eq!(stop.revocations[0].agreement, "access a000");
        assert_eq!(stop.revocations[0].reason, "ended");
        mesh.agreement(Access, "a000", true);
        let report = mesh.run().await;
        assert_eq!((report.revoked, report.brake, report.complete), (allowed, None, true));
    }
}

#[tokio::test]
async fn what_is_not_a_revocation_is_repaired_although_the_brake_stops_the_rest() {
    let mesh = mesh_with(30).await;
    end(&mesh, 0..15);
    mesh.agreement(Access, "new", true);
    mesh.state().policies.remove(&("consumer".to_owned(), "DMM_Access_a029".to_owned()));
    let report = mesh.run().await;
    assert!(report.brake.is_some());
    assert_eq!((report.granted, mesh.granted().len()), (2, 31));
}

#[tokio::test]
async fn a_confirmed_plan_is_carried_out_and_another_one_is_not() {
    let mesh = mesh_with(40).await;
    end(&mesh, 0..20);
    let digest = mesh.run().await.brake.expect("the brake").digest;
    let report = mesh.run_confirmed("0000").await;
    assert_eq!((report.revoked, report.brake.map(|stop| stop.digest)), (0, Some(digest.clone())));
    // The plan is not the same any more.
    end(&mesh, 20..21);
    let report = mesh.run_confirmed(&digest).await;
    let changed = report.brake.expect("the brake").digest;
    assert!(report.revoked == 0 && changed != digest);
    let report = mesh.run_confirmed(&changed).await;
    assert_eq!((report.revoked, report.brake, report.complete), (21, None, true));
    assert_eq!(mesh.granted().len(), 19);
    // A confirmation counts once.
    end(&mesh, 21..40);
    assert!(mesh.run().await.brake.is_some());
}

#[tokio::test]
async fn a_confirmation_is_the_second_look() {
    let mesh = mesh_with(20).await;
    mesh.state().agreements.clear();
    let digest = mesh.run().await.brake.expect("the brake").digest;
    let report = mesh.run_confirmed(&digest).await;
    assert_eq!((report.revoked, report.postponed, mesh.granted().len()), (20, 0, 0));
}

#[tokio::test]
async fn a_plan_is_confirmed_in_a_pass_of_several_runs() {
    let mesh = mesh_with(30).await;
    end(&mesh, 0..15);
    let digest = mesh.run().await.brake.expect("the brake").digest;
    mesh.state().next.census.confirmed = Some(digest);
    let (mut from, mut revoked) = (Some(Position::default()), 0);
    for _ in 0..30 {
        let (report, result) = mesh.run_from(from, Some(4)).await;
        result.unwrap();
        revoked += report.revoked;
        assert!(report.brake.is_none(), "{report:?}");
        from = report.next;
        if report.complete {
            break;
        }
    }
    assert_eq!((revoked, from, mesh.granted().len()), (15, None, 15));
}

#[tokio::test]
async fn a_single_answer_that_an_agreement_does_not_exist_is_not_believed() {
    let mesh = mesh_with(5).await;
    let hidden = mesh.state().agreements.remove(&(Access, "a000".to_owned())).unwrap();
    let report = mesh.run().await;
    assert_eq!((report.revoked, report.postponed, report.complete), (0, 1, true));
    assert_eq!(mesh.granted().len(), 5);
    mesh.state().agreements.insert((Access, "a000".to_owned()), hidden);
    MINUTES.set(60);
    let report = mesh.run().await;
    assert_eq!((report.postponed, mesh.granted().len()), (0, 5));
    mesh.state().agreements.remove(&(Access, "a000".to_owned()));
    assert_eq!(mesh.run().await.postponed, 1, "the first look is forgotten");
    MINUTES.set(120);
    let report = mesh.run().await;
    assert_eq!((report.revoked, mesh.granted().len()), (1, 4));
}

#[tokio::test]
async fn if_too_many_data_products_are_missing_nothing_is_taken_away() {
    let mesh = Mesh::new();
    // Many agreements are about one data product, so that the missing ones are few of the agreements.
    for at in 0..300 {
        let product = if at < 12 { format!("p{at}") } else { "large".to_owned() };
        mesh.agreement_about(&format!("a{at:03}"), &product);
    }
    mesh.run().await;
    mesh.state().gone = (0..11).map(|at| format!("p{at}")).collect();
    let report = mesh.run().await;
    let stop = report.brake.expect("the brake");
    assert_eq!((stop.missing_products, stop.revocations.len(), stop.limit), (11, 11, 15));
    assert_eq!(stop.revocations[0].reason, "ProductGone");
    assert_eq!(mesh.granted().len(), 300);
    mesh.state().gone.remove("p0");
    let report = mesh.run().await;
    assert_eq!((report.brake, report.refused, mesh.granted().len()), (None, 10, 290));
}

#[tokio::test]
async fn a_dry_run_shows_what_the_brake_would_hold_up() {
    let mesh = mesh_with(30).await;
    end(&mesh, 0..15);
    let report = mesh.dry_run().await;
    assert_eq!((report.differences.len(), report.revoked, report.complete), (15, 15, true));
    let stop = report.brake.expect("the brake");
    assert_eq!(stop.digest, mesh.run().await.brake.expect("the brake").digest);
    assert_eq!((deletes(&mesh), mesh.granted().len()), (0, 30));
}

#[tokio::test]
async fn the_report_of_the_brake_is_readable_json() {
    let mesh = mesh_with(11).await;
    end(&mesh, 0..11);
    let report = serde_json::to_value(mesh.run().await).unwrap();
    let stop = &report["brake"];
    assert_eq!(stop["revocations"][0], json!({ "agreement": "access a000", "reason": "ended" }));
    assert_eq!((&stop["limit"], &stop["grants"]), (&json!(10), &json!(11)));
    assert_eq!(stop["digest"].as_str().unwrap().len(), 64);
}

#[tokio::test]
async fn what_changed_after_the_approval_is_listed() {
    let mesh = mesh_with(2).await;
    mesh.state().bucket = "orders-v2".to_owned();
    let report = mesh.run().await;
    let listed = serde_json::to_value(&report.altered).unwrap();
    assert_eq!(
        listed,
        json!([
            { "agreement": "access a000", "altered": "port" },
            { "agreement": "access a001", "altered": "port" },
        ])
    );
}
