//! A reverse proxy for all requests of the Lambdas, to AWS and to the Data Mesh Manager API.
//!
//! It runs inside the process, listens on two ports of 127.0.0.1 (one for AWS, one for the API), and
//!
//! - records and counts every request per service and operation ([`Proxy::requests`], [`Proxy::count`]);
//! - injects faults: it fails, delays, holds or cuts the requests that a [`Fault`] selects ([`Proxy::inject`]);
//! - enforces AWS limits that emulators do not check: it answers as AWS would, and records each [`Violation`].
//!
//! Requests are forwarded unchanged. On the AWS side this includes the `Host` header, so that signatures stay valid.

mod answer;
mod call;
mod checks;
mod fault;
mod forward;
mod listener;
mod record;
mod upstream;

use std::collections::BTreeMap;
use std::io;
use std::sync::Arc;

use tokio::net::TcpListener;
use tokio::sync::{broadcast, watch};
use tokio::task::JoinHandle;

pub use answer::{Answer, Protocol};
pub use fault::{Fault, FaultHandle, FaultKind, ResponseRewrite};
pub use record::{Request, Violation};
pub use reqwest::Url;
pub use upstream::{MAX_BODY, Upstream, client};

use forward::Shared;
use listener::CuttableListener;

/// Where requests are forwarded to.
#[derive(Debug, Clone)]
pub struct Options {
    /// AWS or an emulator. Requests are forwarded to its root path with their original `Host` header.
    pub aws_upstream: Url,
    /// The Data Mesh Manager API, real or simulated. If the URL has a path, it is prepended to each request's path.
    pub api_upstream: Url,
}

/// A running proxy. Dropping it stops it.
pub struct Proxy {
    shared: Arc<Shared>,
    aws_url: String,
    api_url: String,
    shutdown: watch::Sender<bool>,
    servers: Vec<JoinHandle<()>>,
}

/// Why the proxy could not start.
#[derive(Debug, thiserror::Error)]
pub enum ProxyError {
    /// No port could be opened on 127.0.0.1.
    #[error("the proxy cannot listen on 127.0.0.1")]
    Listen(#[source] io::Error),
    /// The TLS configuration for the upstreams is invalid.
    #[error("the proxy cannot set up TLS")]
    Tls(#[from] dmm_http::TlsError),
    /// The HTTP client for the upstreams could not be built.
    #[error("the proxy cannot set up its HTTP client")]
    Client(#[source] reqwest::Error),
}

impl Proxy {
    /// Starts both listeners on free ports.
    ///
    /// # Errors
    ///
    /// [`ProxyError`] if no port can be opened, or TLS or the HTTP client cannot be set up.
    pub async fn start(options: Options) -> Result<Proxy, ProxyError> {
        let shared = Arc::new(Shared::new(options)?);
        let (shutdown, _) = watch::channel(false);
        let (aws_url, aws) = serve(forward::aws(Arc::clone(&shared)), &shutdown).await?;
        let (api_url, api) = serve(forward::api(Arc::clone(&shared)), &shutdown).await?;
        Ok(Proxy { shared, aws_url, api_url, shutdown, servers: vec![aws, api] })
    }

    /// Returns the endpoint URL for AWS SDKs, without a trailing slash, e.g. `http://127.0.0.1:40001`.
    #[must_use]
    pub fn aws_url(&self) -> String {
        self.aws_url.clone()
    }

    /// Returns the base URL for clients of the Data Mesh Manager API, without a trailing slash.
    #[must_use]
    pub fn api_url(&self) -> String {
        self.api_url.clone()
    }

    /// Returns the latest requests, oldest first: at most 20,000, with at most 256 MiB of bodies. [`Proxy::count`] counts all
    /// requests.
    #[must_use]
    pub fn requests(&self) -> Vec<Request> {
        self.shared.recorder.requests()
    }

    /// Returns the number of requests for an operation, e.g. `("sqs", "SendMessageBatch")` or
    /// `("dmm", "GET /api/access/{id}")`. Services have their names from the credential scope: EventBridge is `events`.
    #[must_use]
    pub fn count(&self, service: &str, operation: &str) -> usize {
        self.shared.recorder.count(service, operation)
    }

    /// Returns the number of requests per service and operation.
    #[must_use]
    pub fn counts(&self) -> BTreeMap<(String, String), usize> {
        self.shared.recorder.counts()
    }

    /// Injects a fault; see [`Fault`].
    pub fn inject(&self, fault: Fault) -> FaultHandle {
        self.shared.faults.inject(fault)
    }

    /// Removes all faults and releases held requests.
    pub fn clear_faults(&self) {
        self.shared.faults.clear();
    }

    /// Returns the requests that AWS would have refused, oldest first; at most the latest 1,000. A test expects none.
    #[must_use]
    pub fn violations(&self) -> Vec<Violation> {
        self.shared.recorder.violations()
    }

    /// Subscribes to requests: each is delivered when it is finished. A slow receiver misses the oldest ones.
    #[must_use]
    pub fn subscribe(&self) -> broadcast::Receiver<Request> {
        self.shared.recorder.subscribe()
    }

    /// Sets the name of the principal that uses an access key, e.g. the name of a function. Records and faults refer to it.
    pub fn name_principal(&self, access_key_id: impl Into<String>, name: impl Into<String>) {
        self.shared.name_principal(access_key_id.into(), name.into());
    }

    /// Stops listening, releases held requests, and waits until the listeners have ended.
    pub async fn stop(mut self) {
        self.shared.faults.clear();
        self.shutdown.send_replace(true);
        for server in self.servers.drain(..) {
            server.abort();
            // The task returns a cancellation error, as intended.
            drop(server.await);
        }
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        self.shared.faults.clear();
        self.shutdown.send_replace(true);
        for server in &self.servers {
            server.abort();
        }
    }
}

/// Serves `router` on a free port and returns its URL.
async fn serve(
    router: axum::Router,
    shutdown: &watch::Sender<bool>,
) -> Result<(String, JoinHandle<()>), ProxyError> {
    let listener = TcpListener::bind(("127.0.0.1", 0)).await.map_err(ProxyError::Listen)?;
    let address = listener.local_addr().map_err(ProxyError::Listen)?;
    let mut stopped = shutdown.subscribe();
    let service = router.into_make_service_with_connect_info::<listener::Cut>();
    let server = axum::serve(CuttableListener::new(listener), service).with_graceful_shutdown(async move {
        // An error means that the proxy was dropped: stop, too.
        drop(stopped.wait_for(|stop| *stop).await);
    });
    let task = tokio::spawn(async move {
        if let Err(error) = server.await {
            tracing::error!(%error, "a listener of the proxy failed");
        }
    });
    Ok((format!("http://{address}"), task))
}
