//! The policies of the state bucket and of the bus: who is denied what, and who is let in.

use serde_json::{Value, json};

use super::{deploy, document, list, named};

const ROUTER: &str = "arn:aws:iam::123456789012:role/datamesh-manager-aws-production-router";

fn role(name: &str) -> String {
    format!("arn:aws:iam::123456789012:role/datamesh-manager-aws-production-{name}")
}

/// The statement with this `Sid` of a policy.
fn statement(policy: &str, config: &[(&str, &str)], sid: &str) -> Value {
    let (resources, _) = deploy(config);
    let policy = document(named(&resources, policy), "policy");
    let statements = policy.get("Statement").and_then(Value::as_array).expect("statements");
    statements.iter().find(|statement| statement["Sid"] == sid).expect("the statement").clone()
}

#[test]
fn subscribers_are_account_roots_and_there_is_always_a_principal() {
    let root = |account: &str| format!("arn:aws:iam::{account}:root");
    let [one, two] = ["111122223333", "012345678901"];
    for (given, expected) in [
        // If the list is empty, the policy names the role of router instead, and the condition excludes its account.
        ("[]", vec![ROUTER.to_owned()]),
        (r#"["111122223333"]"#, vec![root(one)]),
        (r#"["111122223333", "012345678901"]"#, vec![root(one), root(two)]),
        // The own account never gets anything, because of the condition.
        (r#"["123456789012"]"#, vec![root("123456789012")]),
    ] {
        let allow =
            statement("busPolicy", &[("subscriberAccounts", given)], "SubscribersHaveRulesOfTheirOwn");
        assert_eq!(allow["Effect"], "Allow");
        assert_eq!(allow["Principal"], json!({ "AWS": expected }), "{given:?}");
        assert_eq!(allow["Resource"], "arn:aws:events:eu-central-1:123456789012:rule/dmm/*");
        let condition = json!({
            "StringNotEquals": { "aws:PrincipalAccount": "123456789012" },
            "StringEqualsIfExists": { "events:creatorAccount": "${aws:PrincipalAccount}" },
        });
        assert_eq!(allow["Condition"], condition, "{given:?}");
        let actions = list(&allow["Action"]).into_iter().map(str::to_owned).collect::<Vec<_>>();
        assert!(actions.iter().all(|action| !action.contains("PutEvents") && !action.contains('*')));
    }
}

#[test]
fn the_bus_denies_everyone_else_to_publish_and_to_change_the_two_rules() {
    let not_a_service = json!({ "aws:PrincipalIsAWSService": "false" });
    let publish = statement("busPolicy", &[], "OnlyRouterPublishes");
    let deny = (json!("Deny"), json!("*"), json!("events:PutEvents"));
    assert_eq!((&publish["Effect"], &publish["Principal"], &publish["Action"]), (&deny.0, &deny.1, &deny.2));
    let condition = json!({ "StringNotLike": { "aws:PrincipalArn": ROUTER }, "Bool": not_a_service });
    assert_eq!(publish["Condition"], condition);

    let config = [
        ("operators", r#"["arn:aws:iam::123456789012:role/on-call"]"#),
        ("deployers", r#"["arn:aws:iam::123456789012:role/ci"]"#),
    ];
    let change = statement("busPolicy", &config, "OnlyDeployersAndOperatorsChangeTheRulesOfThisStack");
    assert_eq!((&change["Effect"], &change["Principal"]), (&deny.0, &deny.1));
    assert_eq!(list(&change["Resource"]).len(), 2);
    let changes = ["DeleteRule", "DisableRule", "EnableRule", "PutRule", "PutTargets", "RemoveTargets"];
    for action in changes.map(|action| format!("events:{action}")) {
        assert!(list(&change["Action"]).contains(&action.as_str()), "{action}");
    }
    // Whoever runs `pulumi up`, in any session.
    let condition = json!({
        "StringNotLike": {
            "aws:PrincipalArn": [
                "nobody", "arn:aws:iam::123456789012:role/ci", "arn:aws:iam::123456789012:role/on-call",
            ],
            "aws:userid": ["AROAEXAMPLE", "AROAEXAMPLE:*"],
        },
        "Bool": not_a_service,
    });
    assert_eq!(change["Condition"], condition);
}

#[test]
fn the_state_bucket_gives_each_prefix_only_to_the_functions_that_use_it_and_to_operators() {
    let on_call = "arn:aws:iam::123456789012:role/on-call";
    let operators = json!([on_call]).to_string();
    let config = [("operators", operators.as_str())];
    let iam = ["iam-grant", "iam-revoke", "iam-reconcile"];
    let bucket = "arn:aws:s3:::datamesh-manager-aws-production-state-123456789012";
    for (sid, roles, keys) in [
        ("OnlyTheFunctionsAndOperators", vec!["feed", "iam-grant", "iam-revoke", "iam-reconcile"], vec!["*"]),
        ("OnlyFeedKeepsItsPlace", vec!["feed"], vec!["feed/*", "quarantine/*"]),
        (
            "OnlyTheIamFunctionsKeepRecords",
            iam.to_vec(),
            vec!["grants/*", "evidence/*", "packs/*", "missing/*", "brake/*", "organization.json"],
        ),
        ("OnlyIamReconcileKeepsItsPlace", vec!["iam-reconcile"], vec!["reconcile/*"]),
    ] {
        let deny = statement("statePolicy", &config, sid);
        assert_eq!(
            (&deny["Effect"], &deny["Principal"], &deny["Action"]),
            (&json!("Deny"), &json!("*"), &json!("s3:*"))
        );
        let resources: Vec<String> = keys.iter().map(|key| format!("{bucket}/{key}")).collect();
        assert_eq!(list(&deny["Resource"]), resources, "{sid}");
        let mut but: Vec<String> = roles.iter().map(|name| role(name)).collect();
        but.push(on_call.to_owned());
        assert_eq!(deny["Condition"], json!({ "StringNotLike": { "aws:PrincipalArn": but } }), "{sid}");
    }
    let settings = statement("statePolicy", &config, "OnlyDeployersAndOperatorsChangeTheBucket");
    assert_eq!((&settings["Effect"], &settings["Resource"]), (&json!("Deny"), &json!(bucket)));
    assert!(list(&settings["Action"]).contains(&"s3:PutBucket*"));
    assert!(settings["Condition"]["StringNotLike"]["aws:userid"].is_array());
}
