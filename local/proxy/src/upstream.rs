//! Forwards requests to a server.

use std::time::Duration;

use bytes::Bytes;
use dmm_http::{client_builder, is_loopback};
use http::header::{CONNECTION, CONTENT_LENGTH, TE, TRANSFER_ENCODING, UPGRADE};
use http::{HeaderMap, HeaderName, Method, Uri};
use reqwest::Url;

use crate::ProxyError;
use crate::answer::Answer;

/// The maximum size of a request's or an answer's body, in bytes.
pub const MAX_BODY: usize = 64 * 1024 * 1024;
/// The time limit for connecting to an upstream. Answers have no time limit, because of long polls.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);
/// Headers that apply to a single connection (RFC 9110, section 7.6.1).
const HOP_BY_HOP: [HeaderName; 5] =
    [CONNECTION, TE, TRANSFER_ENCODING, UPGRADE, HeaderName::from_static("keep-alive")];

/// A server that requests are forwarded to, and the client that calls it.
#[derive(Debug)]
pub struct Upstream {
    base: Url,
    client: reqwest::Client,
}

impl Upstream {
    /// An upstream at `base`. If the URL has a path, it is prepended to each request's path.
    ///
    /// # Errors
    ///
    /// [`ProxyError::Tls`] and [`ProxyError::Client`].
    pub fn new(base: Url) -> Result<Upstream, ProxyError> {
        let client = client(&base)?;
        Ok(Upstream { base, client })
    }

    /// Forwards a request, except for the headers that apply to a single connection, and returns the answer. A `Host` header is
    /// forwarded as well. An answer of more than 64 MiB is truncated; its reader notices that it is incomplete.
    ///
    /// # Errors
    ///
    /// When the upstream does not answer.
    pub async fn forward(
        &self,
        method: Method,
        uri: &Uri,
        mut headers: HeaderMap,
        body: Bytes,
    ) -> Result<Answer, reqwest::Error> {
        strip_hop_by_hop(&mut headers);
        let is_head = method == Method::HEAD;
        let request = self.client.request(method, target(&self.base, uri));
        let response = request.headers(headers).body(body).send().await?;

        let status = response.status().as_u16();
        let mut headers = response.headers().clone();
        strip_hop_by_hop(&mut headers);
        if !is_head {
            // Recomputed from the body, which a fault may change.
            headers.remove(CONTENT_LENGTH);
        }
        Ok(Answer { status, headers, body: limited(response).await? })
    }
}

/// Creates an HTTP client for an upstream. It does not follow redirects, so that callers see the upstream's own answers. It
/// uses the proxy from the environment (`HTTPS_PROXY`) only for upstreams on other machines.
///
/// # Errors
///
/// [`ProxyError::Tls`] and [`ProxyError::Client`].
pub fn client(base: &Url) -> Result<reqwest::Client, ProxyError> {
    let builder = client_builder(None)?.connect_timeout(CONNECT_TIMEOUT).tcp_nodelay(true);
    let builder = if is_loopback(base) { builder.no_proxy() } else { builder };
    builder.build().map_err(ProxyError::Client)
}

async fn limited(mut response: reqwest::Response) -> Result<Bytes, reqwest::Error> {
    let mut body = Vec::new();
    while let Some(chunk) = response.chunk().await? {
        body.extend_from_slice(&chunk);
        if body.len() > MAX_BODY {
            tracing::warn!("an answer over 64 MiB was truncated");
            body.truncate(MAX_BODY);
            break;
        }
    }
    Ok(body.into())
}

fn strip_hop_by_hop(headers: &mut HeaderMap) {
    for name in HOP_BY_HOP {
        headers.remove(name);
    }
}

/// Appends the request's path and query to `base`, without changing their encoding.
fn target(base: &Url, uri: &Uri) -> Url {
    let mut target = base.clone();
    let path = format!("{}{}", base.path().trim_end_matches('/'), uri.path());
    target.set_path(&path);
    target.set_query(uri.query());
    target
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_keeps_its_encoding_and_is_appended_to_that_of_the_base() {
        let base = Url::parse("https://host/prefix/").unwrap();
        let uri = "/bucket/grants/access/urn%3Ax%2F1.json?x-id=GetObject".parse().unwrap();
        assert_eq!(
            target(&base, &uri).as_str(),
            "https://host/prefix/bucket/grants/access/urn%3Ax%2F1.json?x-id=GetObject"
        );
        let root = Url::parse("http://127.0.0.1:1").unwrap();
        assert_eq!(target(&root, &"/".parse().unwrap()).as_str(), "http://127.0.0.1:1/");
    }
}
