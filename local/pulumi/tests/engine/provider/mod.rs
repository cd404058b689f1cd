//! A stand-in for the provider `aws`, which the engine calls over gRPC in this process. It checks inputs with the schema of the
//! real one, returns plausible outputs, and records what the engine asks it to do.

pub(crate) mod account;
mod grpc;
mod messages;
mod schema;
pub(crate) mod wire;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use axum::body::Bytes;
use prost::Message;
use serde_json::{Map, Value};

use self::grpc::Failure;
use self::messages::{
    CheckFailure, CheckRequest, CheckResponse, ConfigureResponse, CreateRequest, CreateResponse,
    DeleteRequest, DiffRequest, DiffResponse, Empty, GetSchemaResponse, HandshakeResponse, InvokeRequest,
    InvokeResponse, PluginInfo, UpdateRequest, UpdateResponse,
};
use self::schema::Schema;

/// Properties that AWS cannot change: the resource is replaced. The real provider knows this for each type.
const REPLACED: [&str; 8] =
    ["bucket", "eventBusName", "eventSourceArn", "functionName", "name", "queueUrl", "registryName", "role"];

/// The stand-in, and what it recorded.
#[derive(Clone)]
pub(crate) struct Provider {
    pub(crate) port: u16,
    record: Arc<Mutex<Record>>,
}

/// What the engine asked for since the last [`Provider::begin`].
#[derive(Clone, Default)]
pub(crate) struct Record {
    /// The inputs of each resource by its name, as the program gives them, in the engine's own form.
    pub(crate) inputs: BTreeMap<String, Map<String, Value>>,
    /// How many resources were created, updated or deleted.
    pub(crate) changes: usize,
    /// Values that the schema does not accept, and deprecated types and properties.
    pub(crate) problems: BTreeSet<String>,
    /// The URNs of the resources that were created.
    pub(crate) created: Vec<String>,
    /// The URNs of the resources that exist. Not reset.
    pub(crate) existing: BTreeSet<String>,
    /// The URN of the resource that has a name, by its type and this name. Not reset.
    names: BTreeMap<String, String>,
}

impl Provider {
    /// Serves a provider with this schema (JSON) until the runtime stops.
    pub(crate) async fn start(schema: String) -> Provider {
        let schema = Schema::new(schema).expect("a schema");
        let record = Arc::new(Mutex::new(Record::default()));
        let service = Service { schema, record: Arc::clone(&record) };
        let port = grpc::serve(Arc::new(move |method, message| service.call(method, message)));
        Provider { port: port.await.expect("a port"), record }
    }

    /// Forgets what was recorded, except which resources exist.
    pub(crate) fn begin(&self) {
        let mut record = lock(&self.record);
        let Record { existing, names, .. } = std::mem::take(&mut *record);
        *record = Record { existing, names, ..Record::default() };
    }

    /// Returns what was recorded.
    pub(crate) fn record(&self) -> Record {
        lock(&self.record).clone()
    }
}

fn lock(record: &Mutex<Record>) -> MutexGuard<'_, Record> {
    record.lock().unwrap_or_else(PoisonError::into_inner)
}

struct Service {
    schema: Schema,
    record: Arc<Mutex<Record>>,
}

impl Service {
    fn call(&self, method: &str, message: Bytes) -> Result<Vec<u8>, Failure> {
        Ok(match method {
            "Handshake" => HandshakeResponse { accept_secrets: true, accept_resources: true }.encode_to_vec(),
            "GetPluginInfo" => PluginInfo { version: self.schema.version().to_owned() }.encode_to_vec(),
            "GetSchema" => GetSchemaResponse { schema: self.schema.text.clone() }.encode_to_vec(),
            "CheckConfig" => {
                let request: CheckRequest = decode(message)?;
                CheckResponse { inputs: request.news, failures: Vec::new() }.encode_to_vec()
            }
            "DiffConfig" => DiffResponse { changes: 1, ..DiffResponse::default() }.encode_to_vec(),
            "Configure" => ConfigureResponse { accept_secrets: true, supports_preview: true }.encode_to_vec(),
            "Attach" | "Cancel" | "GetMapping" | "GetMappings" => Empty {}.encode_to_vec(),
            "Check" => self.check(decode(message)?).encode_to_vec(),
            "Diff" => diff(decode(message)?).encode_to_vec(),
            "Create" => self.create(decode(message)?)?.encode_to_vec(),
            "Update" => self.update(decode(message)?).encode_to_vec(),
            "Delete" => self.delete(&decode(message)?).encode_to_vec(),
            "Invoke" => {
                let request: InvokeRequest = decode(message)?;
                let answer = account::invoke(&request.token).map_err(Failure::Rejected)?;
                InvokeResponse { answer: Some(object(answer).into()), failures: Vec::new() }.encode_to_vec()
            }
            _ => return Err(Failure::Unimplemented),
        })
    }

    fn check(&self, request: CheckRequest) -> CheckResponse {
        let (token, name) = parts(&request.urn);
        let given: Map<String, Value> = request.news.unwrap_or_default().into();
        let inputs: Map<String, Value> =
            given.iter().map(|(name, value)| (name.clone(), wire::reveal(value))).collect();
        let mut record = lock(&self.record);
        for problem in
            self.schema.problems(token, &inputs).into_iter().chain(self.schema.deprecations(token, &inputs))
        {
            record.problems.insert(format!("{name}: {problem}"));
        }
        record.inputs.insert(name.to_owned(), given.clone());
        let unknown = self.schema.resource(token).is_none();
        let failures =
            unknown.then(|| CheckFailure { reason: format!("{token} does not exist") }).into_iter().collect();
        CheckResponse { inputs: Some(given.into()), failures }
    }

    fn create(&self, request: CreateRequest) -> Result<CreateResponse, Failure> {
        let (token, name) = parts(&request.urn);
        let inputs: Map<String, Value> = request.properties.unwrap_or_default().into();
        let mut outputs = self.outputs(token, name, &inputs);
        if request.preview {
            outputs.values_mut().for_each(|value| *value = wire::UNKNOWN.into());
            outputs.extend(inputs);
            return Ok(CreateResponse { id: String::new(), properties: Some(outputs.into()) });
        }
        let mut record = lock(&self.record);
        if let Some(key) = account::unique_name(token, &wire::reveal_all(&inputs)) {
            if let Some(other) = record.names.get(&key).filter(|urn| **urn != request.urn) {
                return Err(Failure::Rejected(format!("{key} already exists: {other}")));
            }
            record.names.insert(key, request.urn.clone());
        }
        record.changes += 1;
        record.created.push(request.urn.clone());
        record.existing.insert(request.urn.clone());
        let id = match outputs.remove("id") {
            Some(Value::String(id)) => id,
            _ => name.to_owned(),
        };
        Ok(CreateResponse { id, properties: Some(outputs.into()) })
    }

    fn update(&self, request: UpdateRequest) -> UpdateResponse {
        let (token, name) = parts(&request.urn);
        if !request.preview {
            lock(&self.record).changes += 1;
        }
        let inputs: Map<String, Value> = request.news.unwrap_or_default().into();
        UpdateResponse { properties: Some(self.outputs(token, name, &inputs).into()) }
    }

    fn delete(&self, request: &DeleteRequest) -> Empty {
        let mut record = lock(&self.record);
        record.changes += 1;
        record.existing.remove(&request.urn);
        record.names.retain(|_, urn| *urn != request.urn);
        Empty {}
    }

    /// Returns the outputs that the schema knows, and the id.
    fn outputs(&self, token: &str, name: &str, inputs: &Map<String, Value>) -> Map<String, Value> {
        let kind = token.rsplit(':').next().unwrap_or_default();
        let mut outputs = account::create(kind, name, &wire::reveal_all(inputs));
        if let Some(resource) = self.schema.resource(token) {
            outputs.retain(|key, _| key == "id" || resource["properties"].get(key).is_some());
        }
        outputs.extend(inputs.clone());
        outputs
    }
}

fn diff(request: DiffRequest) -> DiffResponse {
    let old: Map<String, Value> = request.old_inputs.unwrap_or_default().into();
    let new: Map<String, Value> = request.news.unwrap_or_default().into();
    let names: BTreeSet<&String> = old.keys().chain(new.keys()).collect();
    let diffs: Vec<String> =
        names.into_iter().filter(|name| old.get(*name) != new.get(*name)).cloned().collect();
    let replaces = diffs.iter().filter(|name| REPLACED.contains(&name.as_str())).cloned().collect();
    DiffResponse { replaces, changes: if diffs.is_empty() { 1 } else { 2 }, diffs }
}

fn decode<M: Message + Default>(message: Bytes) -> Result<M, Failure> {
    M::decode(message).map_err(|error| Failure::Rejected(error.to_string()))
}

fn object(value: Value) -> Map<String, Value> {
    match value {
        Value::Object(members) => members,
        _ => Map::new(),
    }
}

/// Returns the type and the name of a URN, `urn:pulumi:stack::project::parent$type::name`.
fn parts(urn: &str) -> (&str, &str) {
    let mut parts = urn.splitn(4, "::").skip(2);
    let token = parts.next().unwrap_or_default();
    (token.rsplit('$').next().unwrap_or_default(), parts.next().unwrap_or_default())
}
