//! Lambda's API: `Invoke`, `ListFunctions`, `GetFunction` and `GetFunctionConfiguration`.
//! <https://docs.aws.amazon.com/lambda/latest/api/API_Operations.html>

use bytes::Bytes;
use dmm_lambda_service::{FunctionConfig, FunctionService, InvokeError};
use dmm_proxy::Answer;
use http::request::Parts;
use http::{HeaderName, HeaderValue, Method};
use percent_encoding::percent_decode_str;
use serde_json::{Value, json};

use super::{error, json_answer};

const FUNCTIONS: &str = "/2015-03-31/functions";

/// Returns whether a path belongs to Lambda's API: every path begins with the date of an API version.
pub(super) fn is_call(path: &str) -> bool {
    let version = path.split('/').nth(1).unwrap_or_default();
    let is_date = version.len() == 10
        && version.bytes().enumerate().all(|(index, byte)| match index {
            4 | 7 => byte == b'-',
            _ => byte.is_ascii_digit(),
        });
    is_date && path.split('/').nth(2).is_some_and(|kind| kind == "functions")
}

pub(super) async fn answer(functions: &FunctionService, parts: &Parts, payload: Bytes) -> Answer {
    let path = parts.uri.path().trim_end_matches('/');
    let Some(rest) = path.strip_prefix(FUNCTIONS) else { return unsupported(parts) };
    let mut segments = rest.split('/').skip(1);
    let (name, operation) = (segments.next(), segments.next());
    let Some(name) = name else {
        let list: Vec<Value> = functions.configurations().iter().map(configuration).collect();
        return json_answer(200, &json!({ "Functions": list }));
    };
    let name = percent_decode_str(name).decode_utf8_lossy();
    // A name, an ARN or a partial ARN.
    let name = name.rsplit(':').next().unwrap_or_default();
    let Some(config) = functions.configuration(name) else {
        return error(404, "ResourceNotFoundException", &format!("Function not found: {name}"));
    };
    match (&parts.method, operation) {
        (&Method::GET, None) => json_answer(200, &function(&config)),
        (&Method::GET, Some("configuration")) => json_answer(200, &configuration(&config)),
        (&Method::POST, Some("invocations")) => invoke(functions, &config, parts, payload).await,
        _ => unsupported(parts),
    }
}

fn unsupported(parts: &Parts) -> Answer {
    let message = format!("dmm-local does not support {} {} of Lambda's API", parts.method, parts.uri.path());
    error(400, "InvalidRequestContentException", &message)
}

async fn invoke(
    functions: &FunctionService,
    config: &FunctionConfig,
    parts: &Parts,
    payload: Bytes,
) -> Answer {
    let header = |name: &str| parts.headers.get(name).and_then(|value| value.to_str().ok());
    if serde_json::from_slice::<serde::de::IgnoredAny>(&payload).is_err() && !payload.is_empty() {
        let message = "Could not parse request body into json";
        return error(400, "InvalidRequestContentException", message);
    }
    let payload = if payload.is_empty() { Bytes::from_static(b"{}") } else { payload };
    if header("x-amz-log-type").is_some_and(|log_type| log_type != "None") {
        let message = "dmm-local does not support LogType=Tail: read the function's log instead";
        return error(400, "InvalidParameterValueException", message);
    }
    match header("x-amz-invocation-type") {
        None | Some("RequestResponse") => {}
        Some("Event") => {
            functions.invoke_async(&config.name, payload);
            return Answer::new(202, Bytes::new());
        }
        Some("DryRun") => return Answer::new(204, Bytes::new()),
        Some(other) => {
            let message = format!("{other} is not a valid invocation type");
            return error(400, "InvalidParameterValueException", &message);
        }
    }
    match functions.invoke(&config.name, payload).await {
        Ok(answer) => with_version(Answer::new(200, answer)),
        Err(InvokeError::Function { error, .. }) => {
            let body = json!({ "errorType": error.error_type, "errorMessage": error.error_message });
            let mut answer = with_version(json_answer(200, &body));
            let name = HeaderName::from_static("x-amz-function-error");
            answer.headers.insert(name, HeaderValue::from_static("Unhandled"));
            answer
        }
        Err(InvokeError::Throttled(_)) => error(429, "TooManyRequestsException", "Rate Exceeded."),
        Err(InvokeError::Unknown(name)) => {
            error(404, "ResourceNotFoundException", &format!("Function not found: {name}"))
        }
        Err(problem @ InvokeError::Start { .. }) => error(502, "ServiceException", &problem.to_string()),
    }
}

fn with_version(mut answer: Answer) -> Answer {
    let name = HeaderName::from_static("x-amz-executed-version");
    answer.headers.insert(name, HeaderValue::from_static("$LATEST"));
    answer
}

fn function(config: &FunctionConfig) -> Value {
    let mut answer = json!({ "Configuration": configuration(config), "Code": { "RepositoryType": "S3" } });
    if let (Some(reserved), Some(members)) = (config.reserved_concurrency, answer.as_object_mut()) {
        members.insert("Concurrency".to_owned(), json!({ "ReservedConcurrentExecutions": reserved }));
    }
    answer
}

/// The configuration of a function. Code, role and version are left out, because they do not exist on this machine.
fn configuration(config: &FunctionConfig) -> Value {
    json!({
        "FunctionName": config.name,
        "FunctionArn": config.arn,
        "Runtime": "provided.al2023",
        "Handler": "bootstrap",
        "Timeout": config.timeout.as_secs(),
        "MemorySize": config.memory_mb,
        "PackageType": "Zip",
        "Version": "$LATEST",
        "State": "Active",
        "LastUpdateStatus": "Successful",
        "Environment": { "Variables": config.environment },
        "TracingConfig": { "Mode": if config.active_tracing { "Active" } else { "PassThrough" } },
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_of_lambda_are_told_from_those_of_buckets() {
        assert!(is_call("/2015-03-31/functions"));
        assert!(is_call("/2015-03-31/functions/f/invocations"));
        assert!(is_call("/2019-09-25/functions/f/event-invoke-config"));
        for path in ["/", "/bucket/functions", "/2015-03-31", "/2015-03-31/objects", "/2015-03-3x/functions"]
        {
            assert!(!is_call(path), "{path}");
        }
    }
}
