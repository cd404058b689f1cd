//! A client for tests, its keys, and a server that misbehaves.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use async_trait::async_trait;
use dmm_api::{ApiKeySource, BaseUrl, Client, KeyError, RetryPolicy};
use dmm_budget::Backoff;
use dmm_mesh::{Agreement, AgreementKind, AgreementRef};
use secrecy::SecretString;
use serde_json::Value;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use wiremock::{MockServer, ResponseTemplate};

/// Waits that are too short to notice, and a time limit that only a hanging server reaches.
pub(crate) const QUICK: RetryPolicy = RetryPolicy {
    backoff: Backoff { attempts: 3, base: Duration::from_millis(1), cap: Duration::from_millis(5) },
    attempt_timeout: Duration::from_mins(5),
};

/// A source that provides one key after the other: each refresh moves on to the next.
pub(crate) struct Keys {
    keys: Vec<&'static str>,
    refreshed: AtomicUsize,
}

impl Keys {
    pub(crate) fn new(keys: &[&'static str]) -> Arc<Keys> {
        Arc::new(Keys { keys: keys.to_vec(), refreshed: AtomicUsize::new(0) })
    }

    pub(crate) fn refreshed(&self) -> usize {
        self.refreshed.load(Ordering::SeqCst)
    }

    fn at(&self, index: usize) -> Result<SecretString, KeyError> {
        let key = self.keys.get(index).ok_or_else(|| KeyError::Unusable {
            message: "the secret `dmm` is empty".to_owned(),
            source: None,
        })?;
        Ok(SecretString::from(*key))
    }
}

#[async_trait]
impl ApiKeySource for Keys {
    async fn current(&self) -> Result<SecretString, KeyError> {
        self.at(self.refreshed())
    }

    async fn refresh(&self) -> Result<SecretString, KeyError> {
        self.at(self.refreshed.fetch_add(1, Ordering::SeqCst) + 1)
    }

    fn origin(&self) -> String {
        "the secret `dmm`".to_owned()
    }
}

pub(crate) fn client_with(uri: &str, keys: Arc<Keys>, retry: RetryPolicy) -> Client {
    let http = dmm_http::client_builder(None).expect("TLS").no_proxy().build().expect("an HTTP client");
    Client::new(http, BaseUrl::parse(uri).expect("an address"), keys, retry)
}

pub(crate) fn client(server: &MockServer) -> Client {
    client_with(&server.uri(), Keys::new(&["k3y"]), QUICK)
}

/// A JSON file of the fixtures of `dmm-mesh`.
pub(crate) fn fixture(name: &str) -> Value {
    let path = format!("{}/../mesh/tests/fixtures/{name}", env!("CARGO_MANIFEST_DIR"));
    let text = std::fs::read_to_string(path).expect("a fixture");
    serde_json::from_str(&text).expect("JSON")
}

/// An agreement of the first generation.
pub(crate) fn agreement() -> Agreement {
    let raw = fixture("data_contract.json");
    let id = raw["id"].as_str().expect("an id").to_owned();
    Agreement::from_value(AgreementRef { kind: AgreementKind::DataContract, id }, raw).expect("an agreement")
}

/// An error answer in the API's form.
pub(crate) fn problem(status: u16, detail: &str) -> ResponseTemplate {
    let body =
        serde_json::json!({"type": "about:blank", "title": "Problem", "status": status, "detail": detail});
    ResponseTemplate::new(status).set_body_raw(body.to_string(), "application/problem+json")
}

/// A server that answers each connection with the next of these byte strings and closes it, whatever the request is.
pub(crate) async fn raw_server(answers: Vec<Vec<u8>>) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let address = listener.local_addr().expect("an address");
    tokio::spawn(async move {
        for answer in answers {
            let Ok((mut stream, _)) = listener.accept().await else { return };
            read_head(&mut stream).await;
            // The client closes the connection first if it stops reading.
            drop(stream.write_all(&answer).await);
            drop(stream.shutdown().await);
        }
    });
    address
}

async fn read_head(stream: &mut TcpStream) {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        match stream.read_u8().await {
            Ok(byte) => head.push(byte),
            Err(_) => return,
        }
    }
}
