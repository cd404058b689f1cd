use dmm_mesh::{AgreementKind, AgreementRef};
use wiremock::matchers::{body_string_contains, method};
use wiremock::{Mock, MockServer, ResponseTemplate};

use super::*;
use dmm_access::name::PolicyName;
use dmm_access::refusal::Refusal;

/// A client of a server that answers this one action.
async fn roles(action: &str, status: u16, body: &str) -> (MockServer, IamRoles) {
    iam(&[(action, status, body)]).await
}

/// A client of a server that answers these actions and no others.
pub(super) async fn iam(answers: &[(&str, u16, &str)]) -> (MockServer, IamRoles) {
    let server = MockServer::start().await;
    for (action, status, body) in answers {
        Mock::given(method("POST"))
            .and(body_string_contains(format!("Action={action}&")))
            .respond_with(ResponseTemplate::new(*status).set_body_string(*body))
            .mount(&server)
            .await;
    }
    let arns = "arn:aws:iam::123456789012:policy/dmm-test/".parse().unwrap();
    let roles = IamRoles::new(&Aws::without_retries(&server.uri()), arns, "/consumers/".parse().unwrap());
    (server, roles)
}

pub(super) fn failed(code: &str) -> String {
    format!(
        "<ErrorResponse xmlns=\"https://iam.amazonaws.com/doc/2010-05-08/\"><Error><Type>Sender</Type>\
         <Code>{code}</Code><Message>what {code} says</Message></Error><RequestId>r1</RequestId></ErrorResponse>"
    )
}

pub(super) fn place() -> RolePolicy {
    let agreement = AgreementRef { kind: AgreementKind::Access, id: "a:1".to_owned() };
    RolePolicy { role: "consumer".parse().unwrap(), policy: PolicyName::of(&agreement) }
}

fn document() -> Document {
    Document::read(r#"{"Version":"2012-10-17","Statement":[{"Resource":"arn:aws:s3:::a/5%25 & more/*"}]}"#)
}

#[tokio::test]
async fn a_role_is_read_with_its_path_and_opt_in_tag() {
    let body = "<GetRoleResponse xmlns=\"https://iam.amazonaws.com/doc/2010-05-08/\"><GetRoleResult><Role>\
        <Path>/data/</Path><RoleName>consumer</RoleName><RoleId>AROA1</RoleId>\
        <Arn>arn:aws:iam::123456789012:role/data/consumer</Arn><CreateDate>2023-06-01T00:00:00Z</CreateDate>\
        <Tags><member><Key>dmm-integration</Key><Value>enabled</Value></member></Tags>\
        </Role></GetRoleResult></GetRoleResponse>";
    let (_server, roles) = roles("GetRole", 200, body).await;
    let role = roles.role(&place().role).await.unwrap().unwrap();
    assert_eq!(
        (role.arn.as_str(), role.path.as_str()),
        ("arn:aws:iam::123456789012:role/data/consumer", "/data/")
    );
    assert!(role.has_opted_in);
}

#[tokio::test]
async fn a_role_without_tags_is_opted_in_only_below_the_path() {
    for (path, has_opted_in) in [("/consumers/", true), ("/consumers/eu/", true), ("/", false)] {
        let body = format!(
            "<GetRoleResponse xmlns=\"https://iam.amazonaws.com/doc/2010-05-08/\"><GetRoleResult><Role>\
             <Path>{path}</Path><RoleName>consumer</RoleName><RoleId>AROA1</RoleId>\
             <Arn>arn:aws:iam::123456789012:role{path}consumer</Arn><CreateDate>2023-06-01T00:00:00Z</CreateDate>\
             </Role></GetRoleResult></GetRoleResponse>"
        );
        let (_server, roles) = roles("GetRole", 200, &body).await;
        assert_eq!(roles.role(&place().role).await.unwrap().unwrap().has_opted_in, has_opted_in, "{path}");
    }
}

#[tokio::test]
async fn a_missing_entity_is_none_and_deleting_it_succeeds() {
    let missing = failed("NoSuchEntity");
    let (_server, client) = roles("GetRole", 404, &missing).await;
    assert_eq!(client.role(&place().role).await.unwrap(), None);
    let (_server, client) = roles("GetRolePolicy", 404, &missing).await;
    assert_eq!(client.inline(&place()).await.unwrap(), None);
    let (_server, client) = roles("DeleteRolePolicy", 404, &missing).await;
    client.delete_inline(&place()).await.unwrap();
}

#[tokio::test]
async fn a_policy_is_read_as_it_was_put_encoded_or_not() {
    let text = document().to_string();
    let encoded =
        percent_encoding::utf8_percent_encode(&text, percent_encoding::NON_ALPHANUMERIC).to_string();
    for stored in [encoded, text.replace('&', "&amp;")] {
        let body = format!(
            "<GetRolePolicyResponse xmlns=\"https://iam.amazonaws.com/doc/2010-05-08/\"><GetRolePolicyResult>\
             <RoleName>consumer</RoleName><PolicyName>p</PolicyName><PolicyDocument>{stored}</PolicyDocument>\
             </GetRolePolicyResult></GetRolePolicyResponse>"
        );
        let (_server, roles) = roles("GetRolePolicy", 200, &body).await;
        assert_eq!(roles.inline(&place()).await.unwrap(), Some(document()));
    }
}

#[tokio::test]
async fn a_policy_is_put_under_its_name_on_its_role() {
    let body = "<PutRolePolicyResponse xmlns=\"https://iam.amazonaws.com/doc/2010-05-08/\"/>";
    let (server, roles) = roles("PutRolePolicy", 200, body).await;
    assert_eq!(roles.put_inline(&place(), &document()).await.unwrap(), Put::Done);
    let requests = server.received_requests().await.unwrap();
    let sent = String::from_utf8(requests[0].body.clone()).unwrap();
    assert!(sent.contains("RoleName=consumer&"), "{sent}");
    assert!(sent.contains("PolicyName=DMM_Access_a%3D3A1&"), "{sent}");
}

#[tokio::test]
async fn what_iam_will_never_accept_is_a_refusal() {
    for (code, refusal) in [
        ("LimitExceeded", Refusal::RoleFull { role: place().role }),
        ("NoSuchEntity", Refusal::RoleMissing { role: place().role }),
        ("UnmodifiableEntity", Refusal::RoleUnmodifiable { role: place().role }),
        ("MalformedPolicyDocument", Refusal::DocumentRejected),
    ] {
        let (_server, roles) = roles("PutRolePolicy", 409, &failed(code)).await;
        assert_eq!(roles.put_inline(&place(), &document()).await.unwrap(), Put::Rejected(refusal), "{code}");
    }
}

#[tokio::test]
async fn a_denial_is_permanent_and_everything_else_is_retryable() {
    let (_server, client) = roles("PutRolePolicy", 403, &failed("AccessDenied")).await;
    let error = client.put_inline(&place(), &document()).await.unwrap_err();
    assert!(matches!(error, AwsError::Denied { action: "iam:PutRolePolicy", .. }), "{error:?}");
    let (_server, client) = roles("DeleteRolePolicy", 400, &failed("UnmodifiableEntity")).await;
    let error = client.delete_inline(&place()).await.unwrap_err();
    assert!(matches!(error, AwsError::Unmodifiable { .. }), "{error:?}");
    for (status, code) in
        [(400, "Throttling"), (500, "ServiceFailure"), (409, "ConcurrentModification"), (403, "ExpiredToken")]
    {
        let (_server, client) = roles("DeleteRolePolicy", status, &failed(code)).await;
        let error = client.delete_inline(&place()).await.unwrap_err();
        assert!(matches!(error, AwsError::Failed { .. }) && error.is_retryable(), "{code}: {error:?}");
    }
}

#[tokio::test]
async fn a_denied_deletion_depends_on_the_state_of_the_role_and_the_policy() {
    let role = |tags: &str| {
        format!(
            "<GetRoleResponse xmlns=\"https://iam.amazonaws.com/doc/2010-05-08/\"><GetRoleResult><Role><Path>/</Path>\
             <RoleName>consumer</RoleName><RoleId>AROA1</RoleId><Arn>arn:aws:iam::123456789012:role/consumer</Arn>\
             <CreateDate>2023-06-01T00:00:00Z</CreateDate>{tags}</Role></GetRoleResult></GetRoleResponse>"
        )
    };
    let tag = "<Tags><member><Key>dmm-integration</Key><Value>enabled</Value></member></Tags>";
    let policy = "<GetRolePolicyResponse xmlns=\"https://iam.amazonaws.com/doc/2010-05-08/\"><GetRolePolicyResult>\
        <RoleName>consumer</RoleName><PolicyName>p</PolicyName><PolicyDocument>{}</PolicyDocument>\
        </GetRolePolicyResult></GetRolePolicyResponse>";
    let missing = || (404, failed("NoSuchEntity"));
    let after_denial = async |role: (u16, String), policy: (u16, String)| {
        let (server, client) = roles("DeleteRolePolicy", 403, &failed("AccessDenied")).await;
        for (action, (status, body)) in [("GetRole", role), ("GetRolePolicy", policy)] {
            Mock::given(method("POST"))
                .and(body_string_contains(format!("Action={action}&")))
                .respond_with(ResponseTemplate::new(status).set_body_string(body))
                .mount(&server)
                .await;
        }
        client.delete_inline(&place()).await
    };
    let existing = || (200, policy.to_owned());
    after_denial(missing(), missing()).await.unwrap();
    after_denial((200, role("")), missing()).await.unwrap();
    let error = after_denial((200, role("")), existing()).await.unwrap_err();
    assert!(matches!(error, AwsError::OptedOut { .. }) && !error.is_retryable(), "{error:?}");
    assert!(error.to_string().contains("DMM_Access_a"), "{error}");
    let error = after_denial((200, role(tag)), existing()).await.unwrap_err();
    assert!(matches!(error, AwsError::Denied { action: "iam:DeleteRolePolicy", .. }), "{error:?}");
}

#[tokio::test]
async fn an_unreachable_server_is_retryable() {
    let (server, client) = roles("GetRole", 200, "").await;
    drop(server);
    assert!(client.role(&place().role).await.unwrap_err().is_retryable());
}
