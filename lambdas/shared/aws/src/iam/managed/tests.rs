use wiremock::matchers::{body_partial_json, header, method};
use wiremock::{Mock, MockServer, ResponseTemplate};

use dmm_converge::ports::InlinePolicies;

use super::super::tests::{failed, iam, place};
use super::*;

/// IAM's answer to an action, with this content in its result.
fn answer(action: &str, content: &str) -> String {
    format!(
        "<{action}Response xmlns=\"https://iam.amazonaws.com/doc/2010-05-08/\"><{action}Result>{content}\
         </{action}Result></{action}Response>"
    )
}

fn policy() -> ManagedPolicy {
    ManagedPolicy { role: place().role, number: 2 }
}

fn arn() -> String {
    "arn:aws:iam::123456789012:policy/dmm-test/dmm-test_consumer_2".to_owned()
}

fn document() -> Document {
    Document::read(r#"{"Version":"2012-10-17","Statement":[{"Effect":"Allow"}]}"#)
}

/// The actions that were called, in order, each with the version that it names, if any.
async fn calls(server: &MockServer) -> Vec<String> {
    let requests = server.received_requests().await.unwrap();
    let named = |body: &[u8], name: &str| {
        let form = String::from_utf8_lossy(body).into_owned();
        form.split('&').find_map(|pair| pair.strip_prefix(&format!("{name}=")).map(str::to_owned))
    };
    requests
        .iter()
        .map(|request| {
            let version = named(&request.body, "VersionId").map_or(String::new(), |id| format!(" {id}"));
            format!("{}{version}", named(&request.body, "Action").unwrap_or_default())
        })
        .collect()
}

/// IAM's answers when a policy was written.
const VERSION_WRITTEN: (&str, u16, &str) = (
    "CreatePolicyVersion",
    200,
    "<CreatePolicyVersionResponse><CreatePolicyVersionResult/></CreatePolicyVersionResponse>",
);
const POLICY_WRITTEN: (&str, u16, &str) =
    ("CreatePolicy", 200, "<CreatePolicyResponse><CreatePolicyResult/></CreatePolicyResponse>");

#[tokio::test]
async fn all_roles_are_listed() {
    let body = answer(
        "ListRoles",
        "<IsTruncated>false</IsTruncated><Roles><member><Path>/data/</Path><RoleName>consumer</RoleName>\
         <RoleId>AROA1</RoleId><Arn>arn:aws:iam::123456789012:role/data/consumer</Arn>\
         <CreateDate>2023-06-01T00:00:00Z</CreateDate></member></Roles>",
    );
    let (_server, client) = iam(&[("ListRoles", 200, &body)]).await;
    let listed = client.roles().await.unwrap();
    assert_eq!((listed.len(), listed[0].path.as_str()), (1, "/data/"));
    assert_eq!(listed[0].name, place().role);
    for (code, is_retryable) in [("AccessDenied", false), ("Throttling", true)] {
        let (_server, client) = iam(&[("ListRoles", 400, &failed(code))]).await;
        assert_eq!(client.roles().await.unwrap_err().is_retryable(), is_retryable, "{code}");
    }
}

#[tokio::test]
async fn inline_policies_are_listed_and_measured_without_white_space() {
    let names = answer(
        "ListRolePolicies",
        "<PolicyNames><member>DMM_Access_a</member><member>other</member></PolicyNames><IsTruncated>false</IsTruncated>",
    );
    let body = answer(
        "GetRolePolicy",
        "<RoleName>consumer</RoleName><PolicyName>other</PolicyName><PolicyDocument>%7B%0A%20%20%22Version%22\
         %3A%20%222012-10-17%22%0A%7D</PolicyDocument>",
    );
    let (_server, client) = iam(&[("ListRolePolicies", 200, &names), ("GetRolePolicy", 200, &body)]).await;
    assert_eq!(client.inline_names(&place().role).await.unwrap(), ["DMM_Access_a", "other"]);
    assert_eq!(
        client.inline_size(&place().role, "other").await.unwrap(),
        r#"{"Version":"2012-10-17"}"#.len()
    );
    let missing = failed("NoSuchEntity");
    let (_server, client) =
        iam(&[("ListRolePolicies", 404, &missing), ("GetRolePolicy", 404, &missing)]).await;
    assert_eq!(client.inline_names(&place().role).await.unwrap(), Vec::<String>::new());
    assert_eq!(client.inline_size(&place().role, "other").await.unwrap(), 0);
}

#[tokio::test]
async fn attached_policies_of_ours_are_numbered_and_others_are_counted() {
    let member =
        |arn: &str| format!("<member><PolicyName>p</PolicyName><PolicyArn>{arn}</PolicyArn></member>");
    let others = [
        "arn:aws:iam::aws:policy/ReadOnlyAccess",
        "arn:aws:iam::123456789012:policy/dmm-test/dmm-test_other_1",
    ];
    let members: String =
        others.into_iter().map(str::to_owned).chain([arn()]).map(|arn| member(&arn)).collect();
    let body = answer(
        "ListAttachedRolePolicies",
        &format!("<AttachedPolicies>{members}</AttachedPolicies><IsTruncated>false</IsTruncated>"),
    );
    let (_server, client) = iam(&[("ListAttachedRolePolicies", 200, &body)]).await;
    let attached = client.attached(&place().role).await.unwrap();
    assert_eq!(attached, Attached { ours: [2].into(), others: 2 });
    let (_server, client) = iam(&[("ListAttachedRolePolicies", 404, &failed("NoSuchEntity"))]).await;
    assert_eq!(client.attached(&place().role).await.unwrap(), Attached::default());
}

#[tokio::test]
async fn the_quota_is_read_from_service_quotas() {
    let (server, client) = iam(&[]).await;
    Mock::given(method("POST"))
        .and(header("x-amz-target", "ServiceQuotasV20190624.GetServiceQuota"))
        .and(body_partial_json(serde_json::json!({ "ServiceCode": "iam", "QuotaCode": "L-0DA4ABF3" })))
        .respond_with(
            ResponseTemplate::new(200).set_body_json(serde_json::json!({ "Quota": { "Value": 15.0 } })),
        )
        .mount(&server)
        .await;
    assert_eq!(client.quota().await.unwrap(), 15);
    for (body, is_retryable) in [
        (serde_json::json!({ "__type": "AccessDeniedException", "Message": "no" }), false),
        (serde_json::json!({ "__type": "TooManyRequestsException", "Message": "later" }), true),
    ] {
        let (server, client) = iam(&[]).await;
        let answer = ResponseTemplate::new(400).set_body_json(body);
        Mock::given(method("POST")).respond_with(answer).mount(&server).await;
        let error = client.quota().await.unwrap_err();
        assert_eq!(error.is_retryable(), is_retryable, "{error:?}");
        assert!(error.to_string().contains("servicequotas:GetServiceQuota"), "{error}");
    }
    let (server, client) = iam(&[]).await;
    let empty = ResponseTemplate::new(200).set_body_json(serde_json::json!({ "Quota": {} }));
    Mock::given(method("POST")).respond_with(empty).mount(&server).await;
    assert!(!client.quota().await.unwrap_err().is_retryable());
}

#[tokio::test]
async fn a_managed_policy_is_read_by_its_default_version() {
    let found = answer(
        "GetPolicy",
        &format!("<Policy><Arn>{}</Arn><DefaultVersionId>v3</DefaultVersionId></Policy>", arn()),
    );
    let version = answer(
        "GetPolicyVersion",
        "<PolicyVersion><Document>%7B%22Version%22%3A%222012-10-17%22%2C%22Statement%22%3A%5B%7B%22Effect%22%3A\
         %22Allow%22%7D%5D%7D</Document><VersionId>v3</VersionId></PolicyVersion>",
    );
    let (server, client) = iam(&[("GetPolicy", 200, &found), ("GetPolicyVersion", 200, &version)]).await;
    assert_eq!(client.managed(&policy()).await.unwrap(), Some(document()));
    assert_eq!(calls(&server).await, ["GetPolicy", "GetPolicyVersion v3"]);
    let (_server, client) = iam(&[("GetPolicy", 404, &failed("NoSuchEntity"))]).await;
    assert_eq!(client.managed(&policy()).await.unwrap(), None);
}

#[tokio::test]
async fn an_existing_policy_gets_a_new_version_and_is_attached() {
    let (server, client) = iam(&[VERSION_WRITTEN, ("AttachRolePolicy", 200, "")]).await;
    assert_eq!(client.put_managed(&policy(), &document()).await.unwrap(), Put::Done);
    assert_eq!(calls(&server).await, ["CreatePolicyVersion", "AttachRolePolicy"]);
    let body = String::from_utf8(server.received_requests().await.unwrap()[0].body.clone()).unwrap();
    assert!(body.contains("SetAsDefault=true") && body.contains("dmm-test_consumer_2"), "{body}");
}

#[tokio::test]
async fn a_document_is_replaced_without_attaching_the_policy() {
    let (server, client) = iam(&[VERSION_WRITTEN]).await;
    client.replace_managed(&policy(), &document()).await.unwrap();
    assert_eq!(calls(&server).await, ["CreatePolicyVersion"]);
    let (server, client) = iam(&[("CreatePolicyVersion", 404, &failed("NoSuchEntity"))]).await;
    client.replace_managed(&policy(), &document()).await.unwrap();
    assert_eq!(calls(&server).await, ["CreatePolicyVersion"], "a missing policy is not created");
    for (code, is_retryable) in [("AccessDenied", false), ("Throttling", true)] {
        let (_server, client) = iam(&[("CreatePolicyVersion", 400, &failed(code))]).await;
        let error = client.replace_managed(&policy(), &document()).await.unwrap_err();
        assert_eq!(error.is_retryable(), is_retryable, "{error:?}");
        assert!(error.to_string().contains("iam:CreatePolicyVersion"), "{error}");
    }
}

#[tokio::test]
async fn a_missing_policy_is_created_below_the_stacks_path() {
    let missing = failed("NoSuchEntity");
    let answers =
        [("CreatePolicyVersion", 404, missing.as_str()), POLICY_WRITTEN, ("AttachRolePolicy", 200, "")];
    let (server, client) = iam(&answers).await;
    assert_eq!(client.put_managed(&policy(), &document()).await.unwrap(), Put::Done);
    assert_eq!(calls(&server).await, ["CreatePolicyVersion", "CreatePolicy", "AttachRolePolicy"]);
    let body = String::from_utf8(server.received_requests().await.unwrap()[1].body.clone()).unwrap();
    assert!(
        body.contains("Path=%2Fdmm-test%2F") && body.contains("PolicyName=dmm-test_consumer_2"),
        "{body}"
    );
}

#[tokio::test]
async fn old_versions_are_deleted_to_make_room_for_a_new_one() {
    let versions = answer(
        "ListPolicyVersions",
        "<Versions><member><VersionId>v7</VersionId><IsDefaultVersion>true</IsDefaultVersion></member>\
         <member><VersionId>v6</VersionId><IsDefaultVersion>false</IsDefaultVersion></member>\
         <member><VersionId>v5</VersionId><IsDefaultVersion>false</IsDefaultVersion></member></Versions>\
         <IsTruncated>false</IsTruncated>",
    );
    let full = failed("LimitExceeded");
    let answers = [
        ("CreatePolicyVersion", 409, full.as_str()),
        ("ListPolicyVersions", 200, &versions),
        ("DeletePolicyVersion", 200, ""),
    ];
    let (server, client) = iam(&answers).await;
    let put = client.put_managed(&policy(), &document()).await.unwrap();
    assert_eq!(put, Put::Rejected(Refusal::RoleFull { role: place().role }), "the document is too large");
    let made = "CreatePolicyVersion";
    let pruned = ["ListPolicyVersions", "DeletePolicyVersion v6", "DeletePolicyVersion v5"];
    assert_eq!(calls(&server).await, [&[made], &pruned[..], &[made]].concat());
}

#[tokio::test]
async fn what_iam_will_never_accept_is_a_refusal() {
    let role = place().role;
    let refused = async |answers: &[(&str, u16, &str)]| {
        let (_server, client) = iam(answers).await;
        match client.put_managed(&policy(), &document()).await.unwrap() {
            Put::Rejected(refusal) => refusal,
            Put::Done => panic!("done"),
        }
    };
    let (missing, full, malformed) =
        (failed("NoSuchEntity"), failed("LimitExceeded"), failed("MalformedPolicyDocument"));
    let written = VERSION_WRITTEN;
    assert_eq!(
        refused(&[("CreatePolicyVersion", 404, &missing), ("CreatePolicy", 409, &full)]).await,
        Refusal::AccountFull
    );
    assert_eq!(
        refused(&[written, ("AttachRolePolicy", 409, &full)]).await,
        Refusal::RoleFull { role: role.clone() }
    );
    assert_eq!(
        refused(&[written, ("AttachRolePolicy", 404, &missing)]).await,
        Refusal::RoleMissing { role: role.clone() }
    );
    assert!(matches!(refused(&[("CreatePolicyVersion", 400, &malformed)]).await, Refusal::DocumentRejected));
    // Without the tag, IAM denies the attachment.
    let denied = failed("AccessDenied");
    let untagged = answer(
        "GetRole",
        "<Role><Path>/</Path><RoleName>consumer</RoleName><RoleId>A</RoleId><Arn>arn:aws:iam::1:role/consumer</Arn>\
         <CreateDate>2023-06-01T00:00:00Z</CreateDate></Role>",
    );
    assert_eq!(
        refused(&[written, ("AttachRolePolicy", 403, &denied), ("GetRole", 200, &untagged)]).await,
        Refusal::RoleNotOptedIn { role: role.clone() }
    );
    assert_eq!(
        refused(&[written, ("AttachRolePolicy", 403, &denied), ("GetRole", 404, &missing)]).await,
        Refusal::RoleMissing { role }
    );
}

#[tokio::test]
async fn a_policy_is_detached_and_deleted_with_its_versions_and_may_be_missing() {
    let versions = answer(
        "ListPolicyVersions",
        "<Versions><member><VersionId>v2</VersionId><IsDefaultVersion>true</IsDefaultVersion></member>\
         <member><VersionId>v1</VersionId><IsDefaultVersion>false</IsDefaultVersion></member></Versions>\
         <IsTruncated>false</IsTruncated>",
    );
    let answers = [
        ("DetachRolePolicy", 200, ""),
        ("ListPolicyVersions", 200, versions.as_str()),
        ("DeletePolicyVersion", 200, ""),
        ("DeletePolicy", 200, ""),
    ];
    let (server, client) = iam(&answers).await;
    client.delete_managed(&policy()).await.unwrap();
    let calls = calls(&server).await;
    assert_eq!(calls, ["DetachRolePolicy", "ListPolicyVersions", "DeletePolicyVersion v1", "DeletePolicy"]);
    let (missing, denied) = (failed("NoSuchEntity"), failed("AccessDenied"));
    let gone = [("ListPolicyVersions", 404, missing.as_str()), ("DeletePolicy", 404, &missing)];
    let (_server, client) = iam(&[&[("DetachRolePolicy", 404, missing.as_str())], &gone[..]].concat()).await;
    client.delete_managed(&policy()).await.unwrap();
    // A deleted role has no tag, which is why IAM denies the call.
    let no_role = [("DetachRolePolicy", 403, denied.as_str()), ("GetRole", 404, &missing)];
    let (_server, client) = iam(&[&no_role[..], &gone[..]].concat()).await;
    client.delete_managed(&policy()).await.unwrap();
}

#[tokio::test]
async fn a_failure_names_the_action_and_is_retryable_unless_it_is_a_denial() {
    for (code, is_retryable) in [("AccessDenied", false), ("Throttling", true), ("EntityAlreadyExists", true)]
    {
        let (missing, failure) = (failed("NoSuchEntity"), failed(code));
        let answers = [("CreatePolicyVersion", 404, missing.as_str()), ("CreatePolicy", 400, &failure)];
        let (_server, client) = iam(&answers).await;
        let error = client.put_managed(&policy(), &document()).await.unwrap_err();
        assert_eq!(error.is_retryable(), is_retryable, "{error:?}");
        assert!(error.to_string().contains("iam:CreatePolicy"), "{error}");
    }
}
