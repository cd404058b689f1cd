//! Databases and tables of the Glue Data Catalog.
//!
//! Lake Formation governs a table, instead of IAM, if its location is registered there and the group
//! `IAM_ALLOWED_PRINCIPALS` has no permission on the table any more ([changing the default
//! settings](https://docs.aws.amazon.com/lake-formation/latest/dg/change-settings.html)). The group stands for everybody
//! whom IAM allows the access, this function included, so that a table without it is usually not even shown to this function.

use dmm_access::arn::Arn;
use dmm_access::ownership::{ResourceFacts, Tags};
use dmm_converge::error::AwsError;
use serde_json::{Value, json};

use super::AwsResources;
use crate::call_error::{CallError, CallErrorKind};
use crate::json::JsonService;

const GLUE: JsonService = JsonService { name: "Glue", endpoint: "glue", target: Some("AWSGlue") };
const LAKE_FORMATION: JsonService =
    JsonService { name: "LakeFormation", endpoint: "lakeformation", target: None };

const TABLE: &str = "glue:GetTable";
const DATABASE: &str = "glue:GetDatabase";
const TAGS: &str = "glue:GetTags";
const PERMISSIONS: &str = "lakeformation:ListPermissions";

/// Glue's code for a table or database that does not exist.
const MISSING: &[&str] = &["EntityNotFoundException"];
/// The group of Lake Formation that stands for every principal whom IAM allows the access.
const EVERYBODY: &str = "IAM_ALLOWED_PRINCIPALS";

impl AwsResources {
    pub(super) async fn database(&self, arn: &Arn) -> Result<Option<ResourceFacts>, AwsError> {
        let Some(name) = arn.resource().strip_prefix("database/") else {
            return Err(AwsError::ResourceUnknown { resource: arn.clone() });
        };
        let input = json!({ "CatalogId": arn.account(), "Name": name });
        match GLUE.call(self.aws.sdk_config(), arn, "GetDatabase", &input).await {
            Ok(_) => self.tags(arn).await,
            Err(error) => self.ask(DATABASE, arn, MISSING).failed(error),
        }
    }

    pub(super) async fn table(&self, arn: &Arn) -> Result<Option<ResourceFacts>, AwsError> {
        let path = arn.resource().strip_prefix("table/").and_then(|path| path.split_once('/'));
        let Some((database, name)) = path else {
            return Err(AwsError::ResourceUnknown { resource: arn.clone() });
        };
        let call = self.ask(TABLE, arn, MISSING);
        let input = json!({ "CatalogId": arn.account(), "DatabaseName": database, "Name": name });
        let answer = match GLUE.call(self.aws.sdk_config(), arn, "GetTable", &input).await {
            Ok(answer) => answer,
            Err(error) if is_denied_by_lake_formation(&error) => return Ok(Some(governed())),
            Err(error) => return call.failed(error),
        };
        let is_registered = match answer.get("Table").map(|table| table.get("IsRegisteredWithLakeFormation"))
        {
            Some(None | Some(Value::Null)) => false,
            Some(Some(Value::Bool(is_registered))) => *is_registered,
            _ => return Err(call.malformed()),
        };
        if is_registered {
            return self.registered_table(arn, database, name).await;
        }
        call.tagged(Some(Tags::new()))
    }

    /// The facts about a table whose location is registered.
    async fn registered_table(
        &self,
        arn: &Arn,
        database: &str,
        name: &str,
    ) -> Result<Option<ResourceFacts>, AwsError> {
        let call = self.ask(PERMISSIONS, arn, MISSING);
        let table = json!({ "CatalogId": arn.account(), "DatabaseName": database, "Name": name });
        let resource = json!({ "Table": table });
        let mut input = json!({ "CatalogId": arn.account(), "Resource": resource });
        loop {
            let sent = LAKE_FORMATION.call(self.aws.sdk_config(), arn, "ListPermissions", &input).await;
            let page = match sent {
                Ok(page) => page,
                Err(error) => return call.failed(error),
            };
            let permissions = page.get("PrincipalResourcePermissions").and_then(Value::as_array);
            let permissions = permissions.ok_or_else(|| call.malformed())?;
            let is_everybody = |permission: &Value| {
                permission.pointer("/Principal/DataLakePrincipalIdentifier").is_some_and(|it| it == EVERYBODY)
            };
            if permissions.iter().any(is_everybody) {
                return call.tagged(Some(Tags::new()));
            }
            match page.get("NextToken").and_then(Value::as_str).filter(|token| !token.is_empty()) {
                Some(token) => {
                    input = json!({ "CatalogId": arn.account(), "Resource": resource, "NextToken": token });
                }
                None => return Ok(Some(governed())),
            }
        }
    }

    /// The tags of a database.
    async fn tags(&self, database: &Arn) -> Result<Option<ResourceFacts>, AwsError> {
        let call = self.ask(TAGS, database, MISSING);
        let input = json!({ "ResourceArn": database.to_string() });
        match GLUE.call(self.aws.sdk_config(), database, "GetTags", &input).await {
            Ok(answer) => call.tagged(members(&answer)),
            Err(error) => call.failed(error),
        }
    }
}

/// The tags as the members of an object; `None` if they are something else.
fn members(answer: &Value) -> Option<Tags> {
    match answer.get("Tags") {
        None | Some(Value::Null) => Some(Tags::new()),
        Some(tags) => {
            let pair = |(key, value): (&String, &Value)| Some((key.clone(), value.as_str()?.to_owned()));
            tags.as_object()?.iter().map(pair).collect()
        }
    }
}

/// A table whose permissions are in Lake Formation.
fn governed() -> ResourceFacts {
    ResourceFacts { exists: true, is_governed: true, ..ResourceFacts::default() }
}

/// Whether Lake Formation, and not IAM, denies a call of Glue: `Insufficient Lake Formation permission(s) on orders`. The code
/// is the same in both cases.
fn is_denied_by_lake_formation(error: &CallError) -> bool {
    error.kind == CallErrorKind::Denied
        && error.message.as_deref().is_some_and(|message| message.contains("Lake Formation"))
}
