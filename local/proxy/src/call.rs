//! Identifies the service, operation, caller and protocol of a request.

use http::{HeaderMap, Method, Uri};
use percent_encoding::percent_decode_str;
use reqwest::Url;

use crate::answer::Protocol;

/// The service name of requests to the Data Mesh Manager API.
pub(crate) const API_SERVICE: &str = "dmm";

/// The service, operation, caller and protocol of a request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Call {
    pub(crate) service: String,
    pub(crate) operation: String,
    pub(crate) access_key_id: Option<String>,
    pub(crate) protocol: Protocol,
}

impl Call {
    /// Reads a request to AWS. The service is in the credential scope of the signature (S3 if there is none); the operation is
    /// in `X-Amz-Target` or in the form field `Action`, or follows from S3's method, path and query.
    pub(crate) fn to_aws(method: &Method, uri: &Uri, headers: &HeaderMap, body: &[u8]) -> Call {
        let scope = header(headers, "authorization").and_then(Scope::parse);
        let access_key_id = scope.as_ref().map(|scope| scope.access_key_id.to_owned());
        let service = scope.as_ref().map_or("s3", |scope| scope.service).to_owned();
        if let Some(target) = header(headers, "x-amz-target") {
            let operation = target.rsplit('.').next().unwrap_or(target).to_owned();
            return Call { service, operation, access_key_id, protocol: Protocol::AwsJson };
        }
        if service == "s3" {
            let operation = s3_operation(method, uri, headers);
            return Call { service, operation, access_key_id, protocol: Protocol::S3 };
        }
        if let Some(action) = form_field(body, "Action") {
            return Call { service, operation: action, access_key_id, protocol: Protocol::Query };
        }
        let operation = format!("{method} {}", uri.path());
        Call { service, operation, access_key_id, protocol: Protocol::Rest }
    }

    /// Reads a request to the Data Mesh Manager API. In the operation, `{id}` replaces an id: `GET /api/access/{id}`.
    pub(crate) fn to_api(method: &Method, uri: &Uri) -> Call {
        let mut operation = format!("{method} ");
        let mut after_collection = None;
        for segment in uri.path().split('/').skip(1) {
            operation.push('/');
            if after_collection == Some(1) && !segment.is_empty() {
                operation.push_str("{id}");
            } else {
                operation.push_str(segment);
            }
            after_collection = match after_collection {
                None if segment == "api" => Some(0),
                None => None,
                Some(n) => Some(n + 1),
            };
        }
        Call { service: API_SERVICE.to_owned(), operation, access_key_id: None, protocol: Protocol::Rest }
    }
}

/// Returns a decoded field of an `application/x-www-form-urlencoded` body.
pub(crate) fn form_field(body: &[u8], name: &str) -> Option<String> {
    let text = std::str::from_utf8(body).ok()?;
    let mut form = Url::parse("http://form/").ok()?;
    form.set_query(Some(text));
    form.query_pairs().find(|(key, _)| key == name).map(|(_, value)| value.into_owned())
}

/// The credential scope of an `Authorization` header: `Credential=AKIA.../20260101/eu-central-1/sqs/aws4_request`.
struct Scope<'a> {
    access_key_id: &'a str,
    service: &'a str,
}

impl<'a> Scope<'a> {
    fn parse(authorization: &'a str) -> Option<Scope<'a>> {
        let (_, rest) = authorization.split_once("Credential=")?;
        let credential = rest.split([',', ' ']).next()?;
        let mut parts = credential.split('/');
        let access_key_id = parts.next()?;
        let service = parts.nth(2)?;
        Some(Scope { access_key_id, service })
    }
}

pub(crate) fn header<'a>(headers: &'a HeaderMap, name: &str) -> Option<&'a str> {
    headers.get(name).and_then(|value| value.to_str().ok())
}

/// Returns the S3 operation of a path-style request. Operations that this project does not use are named
/// `METHOD ?subresource`.
fn s3_operation(method: &Method, uri: &Uri, headers: &HeaderMap) -> String {
    let path = percent_decode_str(uri.path()).decode_utf8_lossy();
    let (bucket, key) = path.trim_start_matches('/').split_once('/').unwrap_or((path.trim_matches('/'), ""));
    let query: Vec<(&str, &str)> = uri
        .query()
        .unwrap_or_default()
        .split('&')
        .filter(|pair| !pair.is_empty())
        .map(|pair| pair.split_once('=').unwrap_or((pair, "")))
        .collect();
    // SDKs add the operation's name where method and path are ambiguous.
    if let Some((_, name)) = query.iter().find(|(key, _)| *key == "x-id") {
        return (*name).to_owned();
    }
    let lists_v2 = query.contains(&("list-type", "2"));
    let subresource = query.iter().find(|(key, value)| {
        value.is_empty() && !matches!(*key, "prefix" | "delimiter" | "marker" | "list-type" | "start-after")
    });
    if let Some((name, _)) = subresource {
        return match (method.as_str(), *name) {
            ("POST", "delete") => "DeleteObjects".to_owned(),
            ("POST", "uploads") => "CreateMultipartUpload".to_owned(),
            _ => format!("{method} ?{name}"),
        };
    }
    let name = match (method.as_str(), bucket.is_empty(), key.is_empty()) {
        ("GET", true, _) => "ListBuckets",
        ("GET", false, true) if lists_v2 => "ListObjectsV2",
        ("GET", false, true) => "ListObjects",
        ("HEAD", false, true) => "HeadBucket",
        ("PUT", false, true) => "CreateBucket",
        ("DELETE", false, true) => "DeleteBucket",
        ("GET", false, false) => "GetObject",
        ("HEAD", false, false) => "HeadObject",
        ("PUT", false, false) if headers.contains_key("x-amz-copy-source") => "CopyObject",
        ("PUT", false, false) => "PutObject",
        ("DELETE", false, false) => "DeleteObject",
        _ => return format!("{method} {}", uri.path()),
    };
    name.to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;
    use http::HeaderValue;

    fn signed(service: &str) -> HeaderMap {
        let mut headers = HeaderMap::new();
        let value = format!(
            "AWS4-HMAC-SHA256 Credential=AKIDEXAMPLE/20260101/eu-central-1/{service}/aws4_request, \
             SignedHeaders=host, Signature=00"
        );
        headers.insert("authorization", HeaderValue::from_str(&value).unwrap());
        headers
    }

    fn aws(method: &Method, uri: &str, headers: &HeaderMap, body: &str) -> (String, String) {
        let call = Call::to_aws(method, &uri.parse().unwrap(), headers, body.as_bytes());
        (call.service, call.operation)
    }

    fn pair(service: &str, operation: &str) -> (String, String) {
        (service.to_owned(), operation.to_owned())
    }

    #[test]
    fn json_services_name_the_operation_in_a_header() {
        let mut headers = signed("events");
        headers.insert("x-amz-target", HeaderValue::from_static("AWSEvents.PutEvents"));
        assert_eq!(aws(&Method::POST, "/", &headers, "{}"), pair("events", "PutEvents"));
        let call = Call::to_aws(&Method::POST, &Uri::from_static("/"), &headers, b"{}");
        assert_eq!(call.access_key_id.as_deref(), Some("AKIDEXAMPLE"));
        assert_eq!(call.protocol, Protocol::AwsJson);
    }

    #[test]
    fn query_services_name_the_operation_in_the_form() {
        let body = "Action=PutRolePolicy&Version=2010-05-08&PolicyName=a%2Bb";
        assert_eq!(aws(&Method::POST, "/", &signed("iam"), body), pair("iam", "PutRolePolicy"));
        assert_eq!(form_field(body.as_bytes(), "PolicyName").as_deref(), Some("a+b"));
    }

    #[test]
    fn s3_operations_follow_from_method_path_and_query() {
        let headers = signed("s3");
        for (method, uri, operation) in [
            (Method::GET, "/", "ListBuckets"),
            (Method::GET, "/bucket?list-type=2&prefix=", "ListObjectsV2"),
            (Method::GET, "/bucket/grants/access/1.json?x-id=GetObject", "GetObject"),
            (Method::PUT, "/bucket/grants/access/1.json?x-id=PutObject", "PutObject"),
            (Method::HEAD, "/bucket/key", "HeadObject"),
            (Method::DELETE, "/bucket/key?x-id=DeleteObject", "DeleteObject"),
            (Method::POST, "/bucket/?delete", "DeleteObjects"),
            (Method::PUT, "/bucket", "CreateBucket"),
            (Method::PUT, "/bucket?versioning", "PUT ?versioning"),
        ] {
            assert_eq!(aws(&method, uri, &headers, ""), pair("s3", operation), "{method} {uri}");
        }
    }

    #[test]
    fn api_operations_are_templates() {
        for (method, uri, operation) in [
            (Method::GET, "/api/events?lastEventId=1", "GET /api/events"),
            (Method::GET, "/api/access/urn:x:1", "GET /api/access/{id}"),
            (Method::PUT, "/api/datacontracts/1", "PUT /api/datacontracts/{id}"),
            (
                Method::POST,
                "/api/access/1/provisioning/provisioning-succeeded",
                "POST /api/access/{id}/provisioning/provisioning-succeeded",
            ),
            (Method::GET, "/health", "GET /health"),
        ] {
            let call = Call::to_api(&method, &uri.parse().unwrap());
            assert_eq!((call.service.as_str(), call.operation.as_str()), ("dmm", operation));
        }
    }
}
