//! The kind `redshift`: a database of a Redshift cluster or of a workgroup of Redshift Serverless.
//!
//! The consumer gets temporary credentials for the database, and may run statements with the Data API. What it may read there
//! is up to the database's own `GRANT`s:
//!
//! | fields | database user | source |
//! | --- | --- | --- |
//! | neither of the next | `IAMR:` and the name of the role | [`GetClusterCredentialsWithIAM`](https://docs.aws.amazon.com/redshift/latest/APIReference/API_GetClusterCredentialsWithIAM.html), [`GetCredentials`](https://docs.aws.amazon.com/redshift-serverless/latest/APIReference/API_GetCredentials.html) |
//! | `aws-redshift-db-role` | the same, with this database role | [roles for federated users](https://docs.aws.amazon.com/redshift/latest/mgmt/redshift-iam-access-federated-db-roles.html) |
//! | `aws-redshift-db-user`, `aws-redshift-db-group` (clusters only) | this user, and this group | [`GetClusterCredentials`](https://docs.aws.amazon.com/redshift/latest/mgmt/generating-iam-credentials-role-permissions.html) |
//!
//! Redshift takes the database roles from the tag `RedshiftDbRoles` of the caller, which the consumer can change. So the tag is
//! a condition: it must have the value of the field, or must not exist.
//!
//! The results of a statement belong to whoever ran it. IAM knows no resource for them; the condition
//! `redshift-data:statement-owner-iam-userid` limits them to the caller's own, as in AWS's managed policy
//! [`AmazonRedshiftDataFullAccess`](https://docs.aws.amazon.com/redshift/latest/mgmt/data-api-iam.html).

use std::collections::BTreeSet;

use super::fields::Fields;
use super::names;
use super::rule::{Condition, Expected, Rule, is_literal};
use super::spec::{AccessRole, Grantee, Service, Spec};
use crate::arn::Arn;
use crate::policy::Statement;
use crate::refusal::Refusal;

const DESCRIBE_CLUSTER: &[&str] = &["redshift:DescribeClusters"];
const AS_ROLE: &[&str] = &["redshift:GetClusterCredentialsWithIAM"];
const AS_USER: &[&str] = &["redshift:GetClusterCredentials"];
const JOIN: &[&str] = &["redshift:JoinGroup"];
const SERVERLESS: &[&str] = &["redshift-serverless:GetCredentials", "redshift-serverless:GetWorkgroup"];
const RUN: &[&str] = &[
    "redshift-data:BatchExecuteStatement",
    "redshift-data:DescribeTable",
    "redshift-data:ExecuteStatement",
    "redshift-data:ListDatabases",
    "redshift-data:ListSchemas",
    "redshift-data:ListTables",
];
const RESULTS: &[&str] = &[
    "redshift-data:CancelStatement",
    "redshift-data:DescribeStatement",
    "redshift-data:GetStatementResult",
    "redshift-data:ListStatements",
];

const DATABASE_FIELD: &str = "aws-redshift-database";
const USER_FIELD: &str = "aws-redshift-db-user";
const GROUP_FIELD: &str = "aws-redshift-db-group";
const ROLE_FIELD: &str = "aws-redshift-db-role";

const DB_ROLES: &str = "aws:PrincipalTag/RedshiftDbRoles";
const OWNER: &str = "redshift-data:statement-owner-iam-userid";
const CALLER: &str = "${aws:userid}";

/// The credentials are for these database roles, or for none: one of the conditions is always there.
const WITH_ROLES: &[Condition] = &[Condition::required("StringEquals", DB_ROLES, Expected::Any(is_literal))];
const WITHOUT_ROLES: &[Condition] = &[Condition::required("Null", DB_ROLES, Expected::Text("true"))];

pub(super) const SPEC: Spec = Spec {
    rules: &[&[
        Rule::new(DESCRIBE_CLUSTER, |text| names::is(text, is_cluster)),
        Rule::new(AS_ROLE, is_database).under(WITH_ROLES),
        Rule::new(AS_ROLE, is_database).under(WITHOUT_ROLES),
        Rule::new(AS_USER, |text| is_database(text) || is_in_cluster(text, "dbuser:")),
        Rule::new(JOIN, |text| is_in_cluster(text, "dbgroup:")),
        Rule::new(SERVERLESS, is_workgroup_text).under(WITH_ROLES),
        Rule::new(SERVERLESS, is_workgroup_text).under(WITHOUT_ROLES),
        Rule::new(RUN, |text| names::is(text, |arn| is_cluster(arn) || is_workgroup(arn))),
        Rule::new(RESULTS, |text| text == "*").under(&[Condition::required(
            "StringEquals",
            OWNER,
            Expected::Text(CALLER),
        )]),
    ]],
    roles: &[AccessRole::Read],
    services: &[
        Service::tagged_itself("redshift", |_| "Redshift cluster"),
        Service::tagged_itself("redshift-serverless", |_| "Redshift Serverless workgroup"),
    ],
};

/// A port of this kind.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Port {
    clusters: BTreeSet<Arn>,
    workgroups: BTreeSet<Arn>,
    database: String,
    user: Option<String>,
    group: Option<String>,
    role: Option<String>,
}

fn is_cluster(arn: &Arn) -> bool {
    names::after(arn, "redshift", "cluster:").is_some()
}

fn is_workgroup(arn: &Arn) -> bool {
    names::after(arn, "redshift-serverless", "workgroup/").is_some()
}

fn is_workgroup_text(text: &str) -> bool {
    names::is(text, is_workgroup)
}

fn is_database(text: &str) -> bool {
    is_in_cluster(text, "dbname:")
}

/// Whether it is `KIND:cluster/name`.
fn is_in_cluster(text: &str, kind: &str) -> bool {
    let is_named = |arn: &Arn| {
        let (cluster, name) = arn.resource().strip_prefix(kind)?.split_once('/')?;
        Some(
            arn.service() == "redshift"
                && arn.is_regional()
                && names::is_plain(cluster)
                && names::is_plain(name),
        )
    };
    text.parse().ok().and_then(|arn| is_named(&arn)).unwrap_or_default()
}

impl Port {
    pub(super) fn read(fields: &Fields) -> Result<Port, Refusal> {
        let (mut clusters, mut workgroups) = (BTreeSet::new(), BTreeSet::new());
        for field in &fields.arns {
            if is_cluster(&field.arn) {
                clusters.insert(field.arn.clone());
            } else if is_workgroup(&field.arn) {
                workgroups.insert(field.arn.clone());
            } else {
                return Err(field.unsupported(
                    "the ARN of a Redshift cluster, which ends with :cluster:name, or of a workgroup of Redshift Serverless, \
                     which ends with :workgroup/id (a port of the type `redshift` accepts no others)",
                ));
            }
        }
        if clusters.is_empty() && workgroups.is_empty() {
            return Err(
                fields.missing("the ARN of a Redshift cluster, or of a workgroup of Redshift Serverless")
            );
        }
        let name = |field| match fields.text(field)? {
            Some(text) if !names::is_plain(text) => {
                Err(fields.text_malformed(field, "a name without `/` and `:`"))
            }
            text => Ok(text.map(str::to_owned)),
        };
        let database = name(DATABASE_FIELD)?
            .ok_or_else(|| fields.text_missing(DATABASE_FIELD, "the name of the database"))?;
        let (user, group, role) = (name(USER_FIELD)?, name(GROUP_FIELD)?, name(ROLE_FIELD)?);
        if user.is_some() && !workgroups.is_empty() {
            return Err(fields.text_malformed(
                USER_FIELD,
                "possible for Redshift Serverless: its database users are those of IAM roles",
            ));
        } else if user.is_none() && group.is_some() {
            return Err(
                fields.text_malformed(GROUP_FIELD, "possible without a user in `aws-redshift-db-user`")
            );
        } else if user.is_some() && role.is_some() {
            return Err(fields.text_malformed(ROLE_FIELD, "possible together with `aws-redshift-db-user`"));
        }
        Ok(Port { clusters, workgroups, database, user, group, role })
    }

    pub(super) fn statements(&self, grantee: &Grantee<'_>) -> Vec<Statement> {
        if !grantee.reads() {
            return Vec::new();
        }
        let all = self.clusters.iter().chain(&self.workgroups);
        let results = Statement::about_the_caller("Results", RESULTS).when(
            "StringEquals",
            OWNER,
            BTreeSet::from([CALLER.to_owned()]),
        );
        let serverless = Statement::allow_any("Workgroup", SERVERLESS, names::texts(&self.workgroups));
        [
            Statement::allow_any("Cluster", DESCRIBE_CLUSTER, names::texts(&self.clusters)),
            self.credentials(),
            serverless.into_iter().map(|statement| self.with_role(statement)).collect(),
            vec![Statement::allow("Run", RUN, names::texts(all)), results],
        ]
        .concat()
    }

    fn credentials(&self) -> Vec<Statement> {
        let in_clusters = |kind: &str, name: &str| -> Vec<String> {
            let arn = |cluster: &Arn| {
                let id = cluster.resource().strip_prefix("cluster:").unwrap_or_default();
                cluster.sibling(format!("{kind}:{id}/{name}")).to_string()
            };
            self.clusters.iter().map(arn).collect()
        };
        let databases = in_clusters("dbname", &self.database);
        let Some(user) = &self.user else {
            let statements = Statement::allow_any("Credentials", AS_ROLE, databases);
            return statements.into_iter().map(|statement| self.with_role(statement)).collect();
        };
        let mut statements =
            Statement::allow_any("Credentials", AS_USER, [databases, in_clusters("dbuser", user)].concat());
        if let Some(group) = &self.group {
            statements.extend(Statement::allow_any("JoinGroup", JOIN, in_clusters("dbgroup", group)));
        }
        statements
    }

    fn with_role(&self, statement: Statement) -> Statement {
        match &self.role {
            Some(role) => statement.when("StringEquals", DB_ROLES, BTreeSet::from([role.clone()])),
            None => statement.when("Null", DB_ROLES, BTreeSet::from(["true".to_owned()])),
        }
    }
}
