//! How the engine writes secrets, archives and unknown values.
//! <https://github.com/pulumi/pulumi/blob/master/sdk/go/common/resource/sig/sig.go>

use serde_json::{Map, Value, json};

/// A value that is not known before an update.
pub(crate) const UNKNOWN: &str = "04da6b54-80e4-46f7-96ec-b56ff0331ba9";

const SIGNATURE: &str = "4dabf18193072939515e22adb298388d";
const SECRET: &str = "1b47061264138c4ac30d75fd1eb44270";
const ASSET: &str = "c44067f5952c0a294b673a41bacd8c17";
const ARCHIVE: &str = "0def7320c3a5731c473e5ecbe6d01bc7";

/// Converts what the engine writes to the form of `dmm_pulumi::Value::to_json`: secrets are revealed, and assets and archives
/// written as in a program.
pub(crate) fn reveal(value: &Value) -> Value {
    let Value::Object(members) = value else {
        return match value {
            Value::Array(items) => items.iter().map(reveal).collect(),
            other => other.clone(),
        };
    };
    let call = |function: &str, argument: &Value| json!({ format!("fn::{function}"): argument });
    match members.get(SIGNATURE).and_then(Value::as_str) {
        // A request contains the value, the exported state JSON.
        Some(SECRET) => match value["plaintext"].as_str().map(serde_json::from_str) {
            Some(plain) => reveal(&plain.unwrap_or_default()),
            None => reveal(&value["value"]),
        },
        Some(ASSET) => match members.get("path").filter(|path| *path != "") {
            Some(path) => call("fileAsset", path),
            None => call("stringAsset", &value["text"]),
        },
        Some(ARCHIVE) => match members.get("path").filter(|path| *path != "") {
            Some(path) => call("fileArchive", path),
            None => call("assetArchive", &reveal(&value["assets"])),
        },
        _ => Value::Object(reveal_all(members)),
    }
}

/// Applies [`reveal`] to each member.
pub(crate) fn reveal_all(members: &Map<String, Value>) -> Map<String, Value> {
    members.iter().map(|(name, value)| (name.clone(), reveal(value))).collect()
}

/// Returns whether a value is or contains a secret.
pub(crate) fn is_secret(value: &Value) -> bool {
    match value {
        Value::Object(members) => {
            members.get(SIGNATURE).is_some_and(|signature| signature == SECRET)
                || members.values().any(is_secret)
        }
        Value::Array(items) => items.iter().any(is_secret),
        _ => false,
    }
}
