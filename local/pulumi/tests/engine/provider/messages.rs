//! The messages of Pulumi's provider protocol that the stand-in needs, with the members that it reads or writes.
//! <https://github.com/pulumi/pulumi/blob/master/proto/pulumi/provider.proto>

use std::collections::BTreeMap;

use serde_json::{Map, Value as Json};

/// `google.protobuf.Struct`: a JSON object.
#[derive(Clone, PartialEq, prost::Message)]
pub(super) struct Struct {
    #[prost(btree_map = "string, message", tag = "1")]
    fields: BTreeMap<String, Value>,
}

#[derive(Clone, PartialEq, prost::Message)]
pub(super) struct Value {
    #[prost(oneof = "Kind", tags = "1, 2, 3, 4, 5, 6")]
    kind: Option<Kind>,
}

#[derive(Clone, PartialEq, prost::Message)]
pub(super) struct List {
    #[prost(message, repeated, tag = "1")]
    values: Vec<Value>,
}

#[derive(Clone, PartialEq, prost::Oneof)]
enum Kind {
    #[prost(int32, tag = "1")]
    Null(i32),
    #[prost(double, tag = "2")]
    Number(f64),
    #[prost(string, tag = "3")]
    String(String),
    #[prost(bool, tag = "4")]
    Bool(bool),
    #[prost(message, tag = "5")]
    Struct(Struct),
    #[prost(message, tag = "6")]
    List(List),
}

#[derive(Clone, Copy, PartialEq, prost::Message)]
pub(super) struct Empty {}

#[derive(Clone, Copy, PartialEq, prost::Message)]
pub(super) struct HandshakeResponse {
    #[prost(bool, tag = "1")]
    pub(super) accept_secrets: bool,
    #[prost(bool, tag = "2")]
    pub(super) accept_resources: bool,
}

#[derive(Clone, PartialEq, prost::Message)]
pub(super) struct GetSchemaResponse {
    #[prost(string, tag = "1")]
    pub(super) schema: String,
}

#[derive(Clone, Copy, PartialEq, prost::Message)]
pub(super) struct ConfigureResponse {
    #[prost(bool, tag = "1")]
    pub(super) accept_secrets: bool,
    #[prost(bool, tag = "2")]
    pub(super) supports_preview: bool,
}

#[derive(Clone, PartialEq, prost::Message)]
pub(super) struct PluginInfo {
    #[prost(string, tag = "1")]
    pub(super) version: String,
}

#[derive(Clone, PartialEq, prost::Message)]
pub(super) struct CheckRequest {
    #[prost(string, tag = "1")]
    pub(super) urn: String,
    #[prost(message, optional, tag = "3")]
    pub(super) news: Option<Struct>,
}

#[derive(Clone, PartialEq, prost::Message)]
pub(super) struct CheckResponse {
    #[prost(message, optional, tag = "1")]
    pub(super) inputs: Option<Struct>,
    #[prost(message, repeated, tag = "2")]
    pub(super) failures: Vec<CheckFailure>,
}

#[derive(Clone, PartialEq, prost::Message)]
pub(super) struct CheckFailure {
    #[prost(string, tag = "2")]
    pub(super) reason: String,
}

#[derive(Clone, PartialEq, prost::Message)]
pub(super) struct DiffRequest {
    #[prost(message, optional, tag = "4")]
    pub(super) news: Option<Struct>,
    #[prost(message, optional, tag = "6")]
    pub(super) old_inputs: Option<Struct>,
}

#[derive(Clone, PartialEq, prost::Message)]
pub(super) struct DiffResponse {
    #[prost(string, repeated, tag = "1")]
    pub(super) replaces: Vec<String>,
    /// 1 if nothing changes, 2 if something does.
    #[prost(int32, tag = "4")]
    pub(super) changes: i32,
    #[prost(string, repeated, tag = "5")]
    pub(super) diffs: Vec<String>,
}

#[derive(Clone, PartialEq, prost::Message)]
pub(super) struct CreateRequest {
    #[prost(string, tag = "1")]
    pub(super) urn: String,
    #[prost(message, optional, tag = "2")]
    pub(super) properties: Option<Struct>,
    #[prost(bool, tag = "4")]
    pub(super) preview: bool,
}

#[derive(Clone, PartialEq, prost::Message)]
pub(super) struct CreateResponse {
    #[prost(string, tag = "1")]
    pub(super) id: String,
    #[prost(message, optional, tag = "2")]
    pub(super) properties: Option<Struct>,
}

#[derive(Clone, PartialEq, prost::Message)]
pub(super) struct UpdateRequest {
    #[prost(string, tag = "2")]
    pub(super) urn: String,
    #[prost(message, optional, tag = "4")]
    pub(super) news: Option<Struct>,
    #[prost(bool, tag = "7")]
    pub(super) preview: bool,
}

#[derive(Clone, PartialEq, prost::Message)]
pub(super) struct UpdateResponse {
    #[prost(message, optional, tag = "1")]
    pub(super) properties: Option<Struct>,
}

#[derive(Clone, PartialEq, prost::Message)]
pub(super) struct DeleteRequest {
    #[prost(string, tag = "2")]
    pub(super) urn: String,
}

#[derive(Clone, PartialEq, prost::Message)]
pub(super) struct InvokeRequest {
    #[prost(string, tag = "1")]
    pub(super) token: String,
}

#[derive(Clone, PartialEq, prost::Message)]
pub(super) struct InvokeResponse {
    #[prost(message, optional, tag = "1")]
    pub(super) answer: Option<Struct>,
    #[prost(message, repeated, tag = "2")]
    pub(super) failures: Vec<CheckFailure>,
}

impl From<Map<String, Json>> for Struct {
    fn from(object: Map<String, Json>) -> Struct {
        Struct { fields: object.into_iter().map(|(name, value)| (name, value.into())).collect() }
    }
}

impl From<Struct> for Map<String, Json> {
    fn from(object: Struct) -> Map<String, Json> {
        object.fields.into_iter().map(|(name, value)| (name, value.into())).collect()
    }
}

impl From<Json> for Value {
    fn from(json: Json) -> Value {
        let kind = match json {
            Json::Null => Kind::Null(0),
            Json::Bool(flag) => Kind::Bool(flag),
            Json::Number(number) => Kind::Number(number.as_f64().unwrap_or(f64::NAN)),
            Json::String(text) => Kind::String(text),
            Json::Array(items) => Kind::List(List { values: items.into_iter().map(Value::from).collect() }),
            Json::Object(members) => Kind::Struct(members.into()),
        };
        Value { kind: Some(kind) }
    }
}

impl From<Value> for Json {
    fn from(value: Value) -> Json {
        match value.kind {
            None | Some(Kind::Null(_)) => Json::Null,
            Some(Kind::Bool(flag)) => Json::Bool(flag),
            Some(Kind::Number(number)) => number_to_json(number),
            Some(Kind::String(text)) => Json::String(text),
            Some(Kind::Struct(members)) => Json::Object(members.into()),
            Some(Kind::List(list)) => list.values.into_iter().map(Json::from).collect(),
        }
    }
}

/// Whole numbers are shown without a fraction, because Pulumi does not distinguish 30 and 30.0.
fn number_to_json(number: f64) -> Json {
    let text = number.to_string();
    text.parse::<i64>().map_or_else(|_| Json::from(number), Json::from)
}
