//! What AWS would return, both to the engine and to the evaluator under test.

use serde_json::{Map, Value, json};

const ACCOUNT: &str = "111122223333";
const REGION: &str = "eu-central-1";

/// Answers a provider function, e.g. `aws:index/getRegion:getRegion` or `aws:getRegion`.
pub(crate) fn invoke(token: &str) -> Result<Value, String> {
    match token.rsplit(':').next().unwrap_or_default() {
        "getCallerIdentity" => Ok(json!({
            "accountId": ACCOUNT, "arn": format!("arn:aws:iam::{ACCOUNT}:user/deployer"), "id": ACCOUNT, "userId": "AIDA1",
        })),
        "getPartition" => Ok(json!({
            "dnsSuffix": "amazonaws.com", "id": "aws", "partition": "aws", "reverseDnsPrefix": "com.amazonaws",
        })),
        "getRegion" => Ok(
            json!({"description": "Frankfurt", "endpoint": "", "id": REGION, "name": REGION, "region": REGION}),
        ),
        other => Err(format!("the stand-in has no function {other}")),
    }
}

/// Returns the outputs of a resource, which include its inputs. `kind` is the last part of its type.
pub(crate) fn create(kind: &str, resource: &str, inputs: &Map<String, Value>) -> Map<String, Value> {
    let named = ["name", "bucket", "functionName"].iter().find_map(|key| inputs.get(*key)?.as_str());
    let name = named.unwrap_or(resource);
    let regional = |service: &str, path: &str| format!("arn:aws:{service}:{REGION}:{ACCOUNT}:{path}{name}");
    let arn = match kind {
        "Bucket" => format!("arn:aws:s3:::{name}"),
        "Role" => format!("arn:aws:iam::{ACCOUNT}:role/{name}"),
        "EventBus" => regional("events", "event-bus/"),
        "EventRule" => regional("events", "rule/"),
        "Function" => regional("lambda", "function:"),
        "LogGroup" => regional("logs", "log-group:"),
        "Queue" => regional("sqs", ""),
        "Secret" => regional("secretsmanager", "secret:") + "-AbCdEf",
        _ => regional("test", &format!("{kind}/")),
    };
    let url = format!("https://sqs.{REGION}.amazonaws.com/{ACCOUNT}/{name}");
    let id = match kind {
        "Queue" => &url,
        "Secret" => &arn,
        _ => name,
    };
    let mut outputs = Map::new();
    for (key, value) in [("id", id), ("arn", &arn), ("name", name), ("url", &url)] {
        outputs.insert(key.to_owned(), value.into());
    }
    outputs.extend(inputs.clone());
    outputs
}

/// The types of which AWS, or its provider, does not create a second resource of the same name.
const UNIQUE: [&str; 11] = [
    "Bucket",
    "EventApiDestination",
    "EventArchive",
    "EventBus",
    "EventConnection",
    "Function",
    "Group",
    "LogGroup",
    "Registry",
    "Role",
    "Secret",
];

/// The type and name of a resource if there can be only one. SQS returns the queue that exists instead, which two stacks must never
/// share; so does the stand-in, and a test looks at who created it.
pub(crate) fn unique_name(token: &str, inputs: &Map<String, Value>) -> Option<String> {
    let kind = token.rsplit(':').next()?;
    let name = ["name", "bucket", "groupName"].iter().find_map(|key| inputs.get(*key)?.as_str())?;
    UNIQUE.contains(&kind).then(|| format!("{kind} {name}"))
}
