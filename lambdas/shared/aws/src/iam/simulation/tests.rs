use dmm_access::document::Document;
use serde_json::json;

use super::super::tests::iam;
use super::*;

const ROLE: &str = "<GetRoleResponse xmlns=\"https://iam.amazonaws.com/doc/2010-05-08/\"><GetRoleResult><Role>\
    <Path>/data/</Path><RoleName>consumer</RoleName><RoleId>AROA1</RoleId>\
    <Arn>arn:aws:iam::123456789012:role/data/consumer</Arn><CreateDate>2023-06-01T00:00:00Z</CreateDate>\
    </Role></GetRoleResult></GetRoleResponse>";

fn document() -> Document {
    Document::from(json!({ "Version": "2012-10-17", "Statement": [{
        "Effect": "Allow", "Action": "s3:GetObject", "Resource": ["arn:aws:s3:::orders/a", "arn:aws:s3:::orders/b"],
        "Condition": { "StringEquals": { "aws:ResourceAccount": "123456789012" } },
    }] }))
}

/// An answer of the simulator with this result for the action.
fn answer(result: &str) -> String {
    format!(
        "<SimulatePrincipalPolicyResponse xmlns=\"https://iam.amazonaws.com/doc/2010-05-08/\">\
         <SimulatePrincipalPolicyResult><IsTruncated>false</IsTruncated><EvaluationResults><member>\
         <EvalActionName>s3:GetObject</EvalActionName>{result}</member></EvaluationResults>\
         </SimulatePrincipalPolicyResult></SimulatePrincipalPolicyResponse>"
    )
}

/// The result for both resources: the second one has this.
fn with_second(result: &str, second: &str) -> String {
    answer(&format!(
        "{result}<ResourceSpecificResults><member><EvalResourceName>arn:aws:s3:::orders/a</EvalResourceName>\
         <EvalResourceDecision>allowed</EvalResourceDecision></member>\
         <member><EvalResourceName>arn:aws:s3:::orders/b</EvalResourceName>{second}</member></ResourceSpecificResults>"
    ))
}

async fn decided(body: &str) -> Decision {
    let (_server, roles) = iam(&[("GetRole", 200, ROLE), ("SimulatePrincipalPolicy", 200, body)]).await;
    roles.decide(&"consumer".parse().unwrap(), &document()).await.unwrap()
}

fn denied(resource: &str, by: DeniedBy) -> Decision {
    let (role, action) = ("consumer".parse().unwrap(), "s3:GetObject".to_owned());
    Decision::Denied(Refusal::AccessDenied { role, action, resource: resource.to_owned(), by })
}

#[tokio::test]
async fn each_answer_of_the_simulator_has_its_meaning() {
    let implicit = "<EvalDecision>implicitDeny</EvalDecision>";
    let part = "<EvalResourceDecision>implicitDeny</EvalResourceDecision>";
    let organization = "<OrganizationsDecisionDetail><AllowedByOrganizations>false</AllowedByOrganizations>\
                        </OrganizationsDecisionDetail>";
    let boundary = "<PermissionsBoundaryDecisionDetail><AllowedByPermissionsBoundary>false\
                    </AllowedByPermissionsBoundary></PermissionsBoundaryDecisionDetail>";
    let missing = "<MissingContextValues><member>aws:ResourceTag/a</member></MissingContextValues>";
    let explicit = "<EvalResourceDecision>explicitDeny</EvalResourceDecision>";
    let second = "arn:aws:s3:::orders/b";
    for (body, expected) in [
        (answer("<EvalDecision>allowed</EvalDecision>"), Decision::Allowed),
        (answer(implicit), Decision::NotYet),
        (answer(&format!("{implicit}{missing}")), Decision::Allowed),
        (with_second(implicit, part), Decision::NotYet),
        (with_second(implicit, &format!("{part}{missing}")), Decision::Allowed),
        (with_second(implicit, &format!("{part}{boundary}")), denied(second, DeniedBy::Boundary)),
        (with_second(&format!("{implicit}{organization}"), part), denied(second, DeniedBy::Organization)),
        (
            with_second("<EvalDecision>explicitDeny</EvalDecision>", explicit),
            denied(second, DeniedBy::Policy),
        ),
    ] {
        assert_eq!(decided(&body).await, expected, "{body}");
    }
}

#[tokio::test]
async fn the_simulator_is_told_the_role_the_resources_and_a_context_in_which_the_policy_applies() {
    let allowed = answer("<EvalDecision>allowed</EvalDecision>");
    let (server, roles) = iam(&[("GetRole", 200, ROLE), ("SimulatePrincipalPolicy", 200, &allowed)]).await;
    roles.decide(&"consumer".parse().unwrap(), &document()).await.unwrap();
    let sent = server.received_requests().await.unwrap();
    let body = String::from_utf8(sent.last().unwrap().body.clone()).unwrap();
    for part in [
        "PolicySourceArn=arn%3Aaws%3Aiam%3A%3A123456789012%3Arole%2Fdata%2Fconsumer",
        "ActionNames.member.1=s3%3AGetObject",
        "ResourceArns.member.2=arn%3Aaws%3As3%3A%3A%3Aorders%2Fb",
        "ContextKeyName=aws%3AResourceAccount&",
        "ContextKeyName=aws%3ARequestedRegion&",
        "ContextKeyValues.member.1=123456789012",
    ] {
        assert!(body.contains(part), "{part} is not in {body}");
    }
}

#[tokio::test]
async fn a_role_that_does_not_exist_has_no_access_yet() {
    let body = super::super::tests::failed("NoSuchEntity");
    let (_server, roles) = iam(&[("GetRole", 404, &body)]).await;
    let decision = roles.decide(&"consumer".parse().unwrap(), &document()).await.unwrap();
    assert_eq!(decision, Decision::NotYet);
}
