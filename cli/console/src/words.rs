//! A policy in words. The policies of a stack only allow, so a statement is what it allows, on what, and under which conditions.

use serde_json::Value;

use crate::document::{statements, texts};

/// What people call a service, by the prefix of its actions.
const SERVICES: [(&str, &str); 19] = [
    ("aoss", "OpenSearch Serverless"),
    ("athena", "Athena"),
    ("dynamodb", "DynamoDB"),
    ("es", "OpenSearch"),
    ("execute-api", "API Gateway"),
    ("firehose", "Firehose"),
    ("glue", "Glue"),
    ("kafka-cluster", "Kafka (MSK)"),
    ("kinesis", "Kinesis"),
    ("kms", "KMS"),
    ("lambda", "Lambda"),
    ("redshift", "Redshift"),
    ("redshift-data", "Redshift"),
    ("redshift-serverless", "Redshift Serverless"),
    ("s3", "S3"),
    ("s3tables", "S3 Tables"),
    ("secretsmanager", "Secrets Manager"),
    ("sns", "SNS"),
    ("sqs", "SQS"),
];

/// What actions do whose names do not say it.
const ACTIONS: [(&str, &str); 14] = [
    ("aoss:APIAccessAll", "use the collection"),
    ("athena:StartQueryExecution", "run queries"),
    ("athena:StopQueryExecution", "stop queries"),
    ("dynamodb:GetItem", "read items"),
    ("dynamodb:Query", "query items"),
    ("dynamodb:Scan", "read all items"),
    ("execute-api:Invoke", "call the API"),
    ("kafka-cluster:ReadData", "read records"),
    ("kafka-cluster:WriteData", "write records"),
    ("kms:Decrypt", "decrypt"),
    ("lambda:InvokeFunction", "call the function"),
    ("s3:GetObject", "read objects"),
    ("s3:ListBucket", "list objects"),
    ("s3:PutObject", "write objects"),
];

/// Returns a sentence for each service in each statement of a policy document.
#[must_use]
pub fn of_document(document: &Value) -> Vec<String> {
    statements(document).into_iter().flat_map(of_statement).collect()
}

fn of_statement(statement: &Value) -> Vec<String> {
    let actions = texts(statement.get("Action"));
    let resources = texts(statement.get("Resource")).join(", ");
    let conditions = conditions(statement.get("Condition"));
    let mut services: Vec<&str> = Vec::new();
    for action in &actions {
        let service = action.split_once(':').map_or(action.as_str(), |(service, _)| service);
        if !services.contains(&service) {
            services.push(service);
        }
    }
    let sentence = |service: &str| {
        let of_service = actions.iter().filter(|action| action.split(':').next() == Some(service));
        let verbs: Vec<String> = of_service.map(|action| verb(action)).collect();
        let name = SERVICES.iter().find(|(prefix, _)| *prefix == service).map_or(service, |(_, name)| name);
        let what = format!("{name}: {} on {resources}", verbs.join(", "));
        std::iter::once(&what).chain(&conditions).map(String::as_str).collect::<Vec<_>>().join(", ")
    };
    services.into_iter().map(sentence).collect()
}

/// What an action does: from the table, or else its name in words.
fn verb(action: &str) -> String {
    if let Some((_, words)) = ACTIONS.iter().find(|(known, _)| *known == action) {
        return (*words).to_owned();
    }
    let name = action.split_once(':').map_or(action, |(_, name)| name);
    let mut words = String::new();
    let mut previous_is_lower = false;
    for letter in name.chars() {
        if letter.is_uppercase() && previous_is_lower {
            words.push(' ');
        }
        previous_is_lower = letter.is_lowercase();
        words.extend(letter.to_lowercase());
    }
    words
}

fn conditions(condition: Option<&Value>) -> Vec<String> {
    let operators = condition.and_then(Value::as_object).into_iter().flatten();
    let keys = operators.flat_map(|(operator, keys)| {
        keys.as_object()
            .into_iter()
            .flatten()
            .map(move |(key, values)| (operator, key, texts(Some(values)).join(" or ")))
    });
    keys.map(|(operator, key, values)| match (operator.as_str(), key.as_str()) {
        ("DateLessThan" | "DateLessThanEquals", "aws:CurrentTime") => format!("until {values}"),
        ("DateGreaterThan" | "DateGreaterThanEquals", "aws:CurrentTime") => format!("from {values}"),
        ("StringEquals", "aws:ResourceAccount") => format!("in the account {values}"),
        ("StringEquals" | "StringLike", "kms:ViaService") => format!("through {values}"),
        ("StringEquals" | "StringLike", "s3:prefix") => format!("below {values}"),
        ("StringEquals", key) if key.starts_with("aws:PrincipalTag/") => {
            let tag = key.trim_start_matches("aws:PrincipalTag/");
            format!("while the role has the tag {tag} with the value {values}")
        }
        (operator, key) => format!("if {key} matches {values} ({operator})"),
    })
    .collect()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_statement_says_what_it_allows_on_what_and_when() {
        let document = json!({ "Statement": [
            {
                "Effect": "Allow",
                "Action": ["s3:GetObject", "s3:GetBucketLocation"],
                "Resource": ["arn:aws:s3:::b", "arn:aws:s3:::b/*"],
                "Condition": {
                    "StringEquals": { "aws:ResourceAccount": "1", "aws:PrincipalTag/dmm-integration": "enabled" },
                    "DateLessThan": { "aws:CurrentTime": "2027-01-01T00:00:00Z" },
                },
            },
            { "Effect": "Allow", "Action": "kms:Decrypt", "Resource": "*", "Condition": { "Bool": { "x": true } } },
        ] });
        assert_eq!(
            of_document(&document),
            [
                "S3: read objects, get bucket location on arn:aws:s3:::b, arn:aws:s3:::b/*, in the account 1, while the \
                 role has the tag dmm-integration with the value enabled, until 2027-01-01T00:00:00Z",
                "KMS: decrypt on *, if x matches true (Bool)",
            ]
        );
    }

    #[test]
    fn each_service_of_a_statement_has_its_own_sentence() {
        let document = json!({ "Statement": { "Action": ["glue:GetTable", "lakeformation:GetDataAccess"], "Resource": "*" } });
        assert_eq!(of_document(&document), ["Glue: get table on *", "lakeformation: get data access on *"]);
    }

    #[test]
    fn a_document_of_any_form_is_read() {
        for document in
            [json!(null), json!({}), json!({ "Statement": 7 }), json!({ "Statement": [{ "Action": {} }] })]
        {
            let _ = of_document(&document);
        }
    }
}
