use AgreementKind::{Access, DataContract, DataUsageAgreement};
use dmm_access::refusal::Refusal;
use serde_json::json;

use super::*;
use crate::error::{AwsError, MeshError};

mod careful;
mod contract;
mod evidence;
mod orders;
mod planted;
mod proof;
mod renewal;
mod world;
use world::{World, document};

const OURS: &str = "consumer/DMM_Access_a1";

fn reports(world: &World) -> Vec<String> {
    world.state().reports.iter().map(|(status, _)| status.clone()).collect()
}

fn denied(action: &'static str) -> AwsError {
    AwsError::Denied { action, role: "consumer".parse().unwrap(), source: "not authorized".into() }
}

fn is_write(call: &str) -> bool {
    ["put_object", "put_policy", "delete_policy", "report", "put_agreement"].contains(&call)
}

#[test]
fn an_active_access_gets_its_policy_and_a_repetition_changes_nothing() {
    let world = World::new(Access);
    assert_eq!(world.run(Access).unwrap(), Outcome::Granted);
    assert_eq!(world.state().granted(), [OURS]);
    assert_eq!(world.state().policies.values().next(), Some(&document("orders-data")));
    assert_eq!(reports(&world), ["provisioned"]);
    world.state().take_calls();
    assert_eq!(world.run(Access).unwrap(), Outcome::Unchanged);
    let writes: Vec<_> = world.state().take_calls().into_iter().filter(|call| is_write(call)).collect();
    assert_eq!(writes, Vec::<String>::new());
}

#[test]
fn an_access_that_ended_loses_its_policy_and_a_repetition_changes_nothing() {
    let world = World::new(Access);
    world.run(Access).unwrap();
    world.state().set_active(false);
    assert_eq!(world.run(Access).unwrap(), Outcome::Revoked);
    assert_eq!(world.state().granted(), Vec::<String>::new());
    assert_eq!(reports(&world), ["provisioned", "deprovisioned"]);
    world.state().take_calls();
    assert_eq!(world.run(Access).unwrap(), Outcome::Unchanged);
    assert!(!world.state().take_calls().iter().any(|call| is_write(call)));
}

#[test]
fn nothing_is_written_for_an_access_that_never_gave_anything() {
    let world = World::new(Access);
    world.state().set_active(false);
    assert_eq!(world.run(Access).unwrap(), Outcome::Unchanged);
    assert!(!world.state().take_calls().iter().any(|call| is_write(call)));
}

#[test]
fn a_late_event_leads_to_what_the_agreement_says_now() {
    let world = World::new(Access);
    world.run(Access).unwrap();
    // The event says that the agreement ended, but by now it is active again.
    assert_eq!(world.run(Access).unwrap(), Outcome::Unchanged);
    assert_eq!(world.state().granted(), [OURS]);
}

#[test]
fn a_deleted_agreement_loses_the_policy_in_its_record() {
    for kind in [Access, DataUsageAgreement, DataContract] {
        let world = World::new(kind);
        world.run(kind).unwrap();
        assert_eq!(world.state().granted().len(), 1);
        let reported = world.state().reports.len();
        world.state().agreements.clear();
        world.state().products.clear();
        assert_eq!(world.run_after_deletion(kind).unwrap(), Outcome::Revoked);
        assert_eq!(world.state().granted(), Vec::<String>::new());
        assert_eq!(world.state().reports.len(), reported, "there is nothing to report about");
        assert_eq!(world.run(kind).unwrap(), Outcome::Unchanged);
    }
}

#[test]
fn a_deleted_agreement_loses_its_policies_after_an_event_of_any_generation() {
    let world = World::new(DataUsageAgreement);
    world.run(DataUsageAgreement).unwrap();
    world.state().agreements.clear();
    assert_eq!(world.run_after_deletion(Access).unwrap(), Outcome::Revoked);
    assert_eq!(world.state().granted(), Vec::<String>::new());
}

#[test]
fn when_the_consumer_names_another_role_the_access_moves() {
    let world = World::new(Access);
    world.run(Access).unwrap();
    world.state().set_role("other");
    assert_eq!(world.run(Access).unwrap(), Outcome::Granted);
    assert_eq!(world.state().granted(), ["other/DMM_Access_a1"]);
    assert_eq!(reports(&world), ["provisioned", "provisioned"]);
}

#[test]
fn when_the_port_changes_the_policy_changes() {
    let world = World::new(Access);
    world.run(Access).unwrap();
    world.state().set_port("aws-bucket-arn", "arn:aws:s3:::orders-v2");
    assert_eq!(world.run(Access).unwrap(), Outcome::Granted);
    assert_eq!(world.state().policies.values().collect::<Vec<_>>(), [&document("orders-v2")]);
}

#[test]
fn access_that_becomes_impossible_is_taken_away_and_reported_once() {
    let world = World::new(Access);
    world.run(Access).unwrap();
    world.state().set_port("output-port-type", "kafka_topic");
    for _ in 0..2 {
        assert!(matches!(world.run(Access).unwrap(), Outcome::Refused(Refusal::PortTypeUnsupported { .. })));
        assert_eq!(world.state().granted(), Vec::<String>::new());
    }
    assert_eq!(reports(&world), ["provisioned", "provisioning-failed"]);
    assert!(world.state().reports[1].1.contains("`kafka_topic`"));
}

#[test]
fn a_role_that_loses_its_tag_loses_its_access() {
    let world = World::new(Access);
    world.run(Access).unwrap();
    world.state().roles.get_mut("consumer").unwrap().has_opted_in = false;
    assert!(matches!(world.run(Access).unwrap(), Outcome::Refused(Refusal::RoleNotOptedIn { .. })));
    assert_eq!(world.state().granted(), Vec::<String>::new());
}

#[test]
fn a_team_that_consumes_or_owns_the_consumer_can_name_the_role() {
    for consumer in [json!({ "teamId": "marketing" }), json!({ "dataProductId": "promotions" })] {
        let world = World::new(Access);
        {
            let mut state = world.state();
            state.agreements.get_mut(&(Access, "a1".to_owned())).unwrap()["consumer"] = consumer;
            state.set_role("");
            let team = json!({ "id": "marketing", "name": "M", "custom": { "aws-role-name": "other" } });
            state.teams.insert("marketing".to_owned(), team);
        }
        assert_eq!(world.run(Access).unwrap(), Outcome::Granted);
        assert_eq!(world.state().granted(), ["other/DMM_Access_a1"]);
    }
}

#[test]
fn a_port_on_another_platform_is_left_alone() {
    let world = World::new(Access);
    world.state().products.insert(
        "orders".to_owned(),
        json!({ "id": "orders", "outputPorts": [{ "id": "daily", "custom": { "snowflake-table": "ORDERS" } }] }),
    );
    assert!(matches!(world.run(Access).unwrap(), Outcome::Refused(Refusal::NotOnAws { .. })));
    assert!(!world.state().take_calls().iter().any(|call| is_write(call)));
}

#[test]
fn an_event_of_an_older_generation_gives_the_access_and_deletes_older_policies() {
    let world = World::new(Access);
    // The predecessor left these, without records.
    for policy in ["DMM_DataUsageAgreement_a1", "DMM_Datacontract_a1", "DMM_DataUsageAgreement_a2", "own"] {
        world.state().policies.insert(("consumer".to_owned(), policy.to_owned()), document("orders-data"));
    }
    assert_eq!(world.run(DataUsageAgreement).unwrap(), Outcome::Granted);
    assert_eq!(world.state().granted(), [OURS, "consumer/DMM_DataUsageAgreement_a2", "consumer/own"]);
    let calls = world.state().take_calls();
    let put = calls.iter().position(|call| call == "put_policy").unwrap();
    let delete = calls.iter().position(|call| call == "delete_policy").unwrap();
    assert!(put < delete, "the new policy comes before the old one is deleted: {calls:?}");
}

#[test]
fn an_agreement_of_an_older_generation_keeps_no_policy_of_another_generation() {
    let world = World::new(DataContract);
    for policy in ["DMM_DataUsageAgreement_a1", "DMM_Access_a1"] {
        let place = ("consumer".to_owned(), policy.to_owned());
        world.state().policies.insert(place, document("orders-data"));
    }
    world.run(DataContract).unwrap();
    assert_eq!(world.state().granted(), ["consumer/DMM_Datacontract_a1"]);
}

#[test]
fn a_grant_of_an_older_generation_moves_with_its_agreement() {
    let world = World::new(DataContract);
    world.run(DataContract).unwrap();
    assert_eq!(world.state().granted(), ["consumer/DMM_Datacontract_a1"]);
    {
        let mut state = world.state();
        let moved = state.agreements.remove(&(DataContract, "a1".to_owned())).unwrap();
        state.agreements.insert((Access, "a1".to_owned()), moved);
    }
    assert_eq!(world.run(DataContract).unwrap(), Outcome::Granted);
    assert_eq!(world.state().granted(), [OURS]);
    assert_eq!(world.run(Access).unwrap(), Outcome::Unchanged);
}

#[test]
fn two_agreements_of_different_generations_with_one_id_keep_their_own_access() {
    let world = World::new(DataContract);
    world.run(DataContract).unwrap();
    {
        let mut state = world.state();
        let agreement = state.agreements[&(DataContract, "a1".to_owned())].clone();
        state.agreements.insert((Access, "a1".to_owned()), agreement);
    }
    world.run(Access).unwrap();
    assert_eq!(world.state().granted(), [OURS, "consumer/DMM_Datacontract_a1"]);
}

#[test]
fn the_predecessors_policy_is_deleted_when_the_agreement_ends_even_without_a_record() {
    for (kind, policy) in [(DataContract, "DMM_Datacontract_a1"), (Access, "DMM_DataUsageAgreement_a1")] {
        let world = World::new(kind);
        world.state().set_active(false);
        world.state().policies.insert(("consumer".to_owned(), policy.to_owned()), document("orders-data"));
        world.state().roles.get_mut("consumer").unwrap().has_opted_in = false;
        assert_eq!(world.run(kind).unwrap(), Outcome::Revoked);
        assert_eq!(world.state().granted(), Vec::<String>::new());
    }
}

#[test]
fn an_older_agreement_is_marked_and_keeps_what_its_user_wrote() {
    let world = World::new(DataUsageAgreement);
    world.run(DataUsageAgreement).unwrap();
    let key = (DataUsageAgreement, "a1".to_owned());
    let granted = world.state().agreements[&key].clone();
    assert_eq!(granted["tags"], json!(["gold", "aws-integration", "aws-integration-active"]));
    assert_eq!(
        granted["custom"],
        json!({ "cost-center": "4711", "aws-policy-name": "DMM_DataUsageAgreement_a1" })
    );
    world.state().set_active(false);
    world.run(DataUsageAgreement).unwrap();
    let ended = world.state().agreements[&key].clone();
    assert_eq!(ended["tags"], json!(["gold", "aws-integration", "aws-integration-inactive"]));
    world.state().take_calls();
    world.run(DataUsageAgreement).unwrap();
    assert!(!world.state().take_calls().iter().any(|call| is_write(call)));
}

#[test]
fn a_revocation_succeeds_if_the_role_does_not_exist() {
    let world = World::new(Access);
    world.run(Access).unwrap();
    world.state().set_active(false);
    world.state().roles.clear();
    world.state().policies.clear();
    assert_eq!(world.run(Access).unwrap(), Outcome::Revoked);
    assert_eq!(reports(&world), ["provisioned", "deprovisioned"]);
}

#[test]
fn a_policy_that_somebody_deleted_is_put_again() {
    let world = World::new(Access);
    world.run(Access).unwrap();
    world.state().policies.clear();
    assert_eq!(world.run(Access).unwrap(), Outcome::Granted);
    assert_eq!(world.state().granted(), [OURS]);
    assert_eq!(reports(&world), ["provisioned"]);
}

#[test]
fn what_iam_rejects_permanently_is_reported_and_is_not_an_error() {
    let world = World::new(Access);
    world.state().rejection = Some(Refusal::RoleFull { role: "consumer".parse().unwrap() });
    assert!(matches!(world.run(Access).unwrap(), Outcome::Refused(Refusal::RoleFull { .. })));
    assert_eq!(reports(&world), ["provisioning-failed"]);
    world.state().rejection = None;
    assert_eq!(world.run(Access).unwrap(), Outcome::Granted);
    assert_eq!(reports(&world), ["provisioning-failed", "provisioned"]);
}

#[test]
fn a_missing_right_of_this_software_is_reported_and_is_a_permanent_error() {
    let world = World::new(Access);
    world.state().aws_failure = Some(("put_policy", denied("iam:PutRolePolicy")));
    let error = world.run(Access).unwrap_err();
    assert!(!error.is_retryable());
    assert!(
        world.state().reports[0].1.contains("not allowed to call iam:PutRolePolicy on the IAM role consumer")
    );
    assert_eq!(world.run(Access).unwrap(), Outcome::Granted);
    world.state().set_active(false);
    world.state().aws_failure = Some(("delete_policy", denied("iam:DeleteRolePolicy")));
    assert!(!world.run(Access).unwrap_err().is_retryable());
    assert_eq!(world.run(Access).unwrap(), Outcome::Revoked);
    assert_eq!(
        reports(&world),
        ["provisioning-failed", "provisioned", "deprovisioning-failed", "deprovisioned"]
    );
}

#[test]
fn a_temporary_failure_is_not_reported() {
    let world = World::new(Access);
    let failed = AwsError::Failed {
        action: "iam:PutRolePolicy",
        role: "consumer".parse().unwrap(),
        source: "Throttling".into(),
    };
    world.state().aws_failure = Some(("put_policy", failed));
    assert!(world.run(Access).unwrap_err().is_retryable());
    assert_eq!(reports(&world), Vec::<String>::new());
    assert_eq!(world.run(Access).unwrap(), Outcome::Granted);
}

#[test]
fn if_only_the_report_fails_the_retry_only_reports() {
    let world = World::new(Access);
    let failure = MeshError::Unavailable("HTTP status 503".into());
    world.state().api_failure = Some(("report", failure));
    assert!(world.run(Access).unwrap_err().is_retryable());
    assert_eq!(world.state().granted(), [OURS]);
    world.state().take_calls();
    world.run(Access).unwrap();
    let writes: Vec<_> = world.state().take_calls().into_iter().filter(|call| is_write(call)).collect();
    assert_eq!(writes, ["report"]);
}

#[test]
fn a_revocation_whose_report_failed_is_reported_by_the_retry() {
    let world = World::new(Access);
    // The predecessor gave this access, and Data Mesh Manager has no provisioning state.
    world
        .state()
        .policies
        .insert(("consumer".to_owned(), "DMM_Access_a1".to_owned()), document("orders-data"));
    world.state().set_active(false);
    let failure = MeshError::Unavailable("HTTP status 503".into());
    world.state().api_failure = Some(("report", failure));
    assert!(world.run(Access).is_err());
    assert_eq!(world.run(Access).unwrap(), Outcome::Unchanged);
    assert_eq!(reports(&world), ["deprovisioned"]);
}

#[test]
fn while_data_mesh_manager_does_not_answer_nothing_is_changed() {
    for call in ["agreement", "data_product"] {
        let world = World::new(Access);
        world.run(Access).unwrap();
        world.state().take_calls();
        let failure = MeshError::Unavailable("HTTP status 503".into());
        world.state().api_failure = Some((call, failure));
        assert!(world.run(Access).unwrap_err().is_retryable());
        assert!(!world.state().take_calls().iter().any(|call| is_write(call)));
        assert_eq!(world.state().granted(), [OURS]);
    }
}

#[test]
fn an_unreadable_record_stops_the_run_with_an_error_that_names_it() {
    let world = World::new(Access);
    world.run(Access).unwrap();
    world.state().objects.values_mut().for_each(|object| object.body = b"{".to_vec());
    let error = world.run(Access).unwrap_err();
    assert!(!error.is_retryable());
    assert!(error.to_string().contains("grants/access/a1.json"));
    assert_eq!(world.state().granted(), [OURS]);
}

#[test]
fn an_agreement_that_changes_all_the_time_is_a_retryable_error() {
    let world = World::new(Access);
    for at in 0..1_000 {
        world.state().changes.insert(
            at,
            Box::new(move |state| {
                state.set_port("aws-bucket-arn", &format!("arn:aws:s3:::orders-{at}"));
            }),
        );
    }
    let error = world.run(Access).unwrap_err();
    assert!(matches!(error, Error::TooManyConflicts { .. }) && error.is_retryable());
    world.state().changes.clear();
    assert_eq!(world.run(Access).unwrap(), Outcome::Granted);
}

#[test]
fn a_grant_takes_few_calls() {
    let world = World::new(Access);
    world.run(Access).unwrap();
    let calls = world.state().take_calls();
    let count = |name: &str| calls.iter().filter(|call| *call == name).count();
    // The intent, an entry of the evidence, and the settled record.
    assert_eq!((count("put_policy"), count("delete_policy"), count("put_object")), (1, 0, 3));
    assert_eq!((count("agreement"), count("data_product"), count("get_role")), (2, 4, 2));
    world.run(Access).unwrap();
    let calls = world.state().take_calls();
    let count = |name: &str| calls.iter().filter(|call| *call == name).count();
    assert_eq!((count("agreement"), count("data_product"), count("get_role")), (1, 2, 1));
}
