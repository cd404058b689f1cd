//! A reverse proxy for everything the Lambdas say: to AWS, and to the Data Mesh Manager API.
//!
//! It runs inside the process, listens twice on 127.0.0.1 (once for AWS, once for the API), and
//!
//! - records and counts every request per service and operation ([`Proxy::requests`], [`Proxy::count`]);
//! - fails, delays, holds or cuts the n-th one ([`Proxy::inject`], [`Fault`]);
//! - holds requests against limits of AWS that emulators do not check, answers as AWS would, and remembers each
//!   [`Violation`].
//!
//! Requests pass unchanged, `Host` included on the AWS side: their signatures stay valid.

mod answer;
mod call;
mod checks;
mod fault;
mod forward;
mod listener;
mod record;

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

use forward::Shared;
use listener::CuttableListener;

/// Where requests go.
#[derive(Debug, Clone)]
pub struct Options {
    /// AWS, or an emulator of it. Requests are passed to its root, their `Host` header untouched.
    pub aws_upstream: Url,
    /// The Data Mesh Manager API, real or simulated; a path in it is put before each request's path.
    pub api_upstream: Url,
}

/// A running proxy. It stops when dropped.
pub struct Proxy {
    shared: Arc<Shared>,
    aws_url: String,
    api_url: String,
    shutdown: watch::Sender<bool>,
    servers: Vec<JoinHandle<()>>,
}

/// Why the proxy does not run.
#[derive(Debug, thiserror::Error)]
pub enum ProxyError {
    /// No port on 127.0.0.1.
    #[error("the proxy could not listen on 127.0.0.1")]
    Listen(#[source] io::Error),
    /// The TLS configuration for the upstreams is not accepted.
    #[error("the proxy could not set TLS up")]
    Tls(#[source] rustls::Error),
    /// The HTTP client for the upstreams could not be built.
    #[error("the proxy could not set its HTTP client up")]
    Client(#[source] reqwest::Error),
}

impl ProxyError {
    /// Whether a retry can cure it.
    #[must_use]
    pub fn is_retryable(&self) -> bool {
        match self {
            ProxyError::Listen(_) => true,
            ProxyError::Tls(_) | ProxyError::Client(_) => false,
        }
    }
}

/// A client for servers of this machine, with the proxy's own TLS settings.
///
/// # Errors
/// When there is no TLS.
pub fn local_client() -> Result<reqwest::Client, ProxyError> {
    forward::client(true)
}

impl Proxy {
    /// Starts both listeners on free ports.
    ///
    /// # Errors
    /// When there is no port or no TLS.
    pub async fn start(options: Options) -> Result<Proxy, ProxyError> {
        let shared = Arc::new(Shared::new(options)?);
        let (shutdown, _) = watch::channel(false);
        let (aws_url, aws) = serve(forward::aws(Arc::clone(&shared)), &shutdown).await?;
        let (api_url, api) = serve(forward::api(Arc::clone(&shared)), &shutdown).await?;
        Ok(Proxy { shared, aws_url, api_url, shutdown, servers: vec![aws, api] })
    }

    /// The endpoint to give to AWS SDKs, e.g. `http://127.0.0.1:40001`, without a slash at the end.
    #[must_use]
    pub fn aws_url(&self) -> String {
        self.aws_url.clone()
    }

    /// The base address to give to clients of the Data Mesh Manager API, without a slash at the end.
    #[must_use]
    pub fn api_url(&self) -> String {
        self.api_url.clone()
    }

    /// The latest requests, oldest first: at most 20,000, and at most 256 MiB of bodies. [`Proxy::count`] knows all.
    #[must_use]
    pub fn requests(&self) -> Vec<Request> {
        self.shared.recorder.requests()
    }

    /// How many requests there were for an operation, e.g. `("sqs", "SendMessageBatch")` or
    /// `("dmm", "GET /api/access/{id}")`. Services are named as in the credential scope: EventBridge is `events`.
    #[must_use]
    pub fn count(&self, service: &str, operation: &str) -> usize {
        self.shared.recorder.count(service, operation)
    }

    /// How many requests there were, per service and operation.
    #[must_use]
    pub fn counts(&self) -> BTreeMap<(String, String), usize> {
        self.shared.recorder.counts()
    }

    /// Lets requests fail from now on; see [`Fault`].
    pub fn inject(&self, fault: Fault) -> FaultHandle {
        self.shared.faults.inject(fault)
    }

    /// Removes all faults and lets held requests go on.
    pub fn clear_faults(&self) {
        self.shared.faults.clear();
    }

    /// The requests that AWS would have refused, oldest first; none is what a test wants. At most 1,000 are kept.
    #[must_use]
    pub fn violations(&self) -> Vec<Violation> {
        self.shared.recorder.violations()
    }

    /// Every request from now on, when it is finished. Who reads too slowly misses the oldest.
    #[must_use]
    pub fn subscribe(&self) -> broadcast::Receiver<Request> {
        self.shared.recorder.subscribe()
    }

    /// Says whose access key this is, so that records and faults can name the caller, e.g. its function.
    pub fn name_principal(&self, access_key_id: impl Into<String>, name: impl Into<String>) {
        self.shared.name_principal(access_key_id.into(), name.into());
    }

    /// Stops listening, lets held requests go, and waits for the listeners' end.
    pub async fn stop(mut self) {
        self.shared.faults.clear();
        self.shutdown.send_replace(true);
        for server in self.servers.drain(..) {
            server.abort();
            // An aborted task answers with the abortion, which is what was asked for.
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

/// Serves `router` on a free port; answers with its address.
async fn serve(
    router: axum::Router,
    shutdown: &watch::Sender<bool>,
) -> Result<(String, JoinHandle<()>), ProxyError> {
    let listener = TcpListener::bind(("127.0.0.1", 0)).await.map_err(ProxyError::Listen)?;
    let address = listener.local_addr().map_err(ProxyError::Listen)?;
    let mut stopped = shutdown.subscribe();
    let service = router.into_make_service_with_connect_info::<listener::Cut>();
    let server = axum::serve(CuttableListener::new(listener), service).with_graceful_shutdown(async move {
        // An error means that the proxy is gone, which is a reason to stop as well.
        drop(stopped.wait_for(|stop| *stop).await);
    });
    let task = tokio::spawn(async move {
        if let Err(error) = server.await {
            tracing::error!(%error, "the proxy's listener ended");
        }
    });
    Ok((format!("http://{address}"), task))
}
