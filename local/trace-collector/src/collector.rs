//! Receives spans by UDP and by HTTP, stores them, and forwards them.

use std::net::{Ipv4Addr, SocketAddr, UdpSocket};
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;

use axum::Router;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode, header::CONTENT_TYPE};
use axum::response::{IntoResponse, Response};
use axum::routing::post;
use bytes::Bytes;
use opentelemetry_proto::tonic::collector::trace::v1::{
    ExportTraceServiceRequest, ExportTraceServiceResponse,
};
use prost::Message;
use reqwest::Url;
use tokio::net::TcpListener;
use tokio::sync::mpsc;
use tokio::task::JoinHandle;

use crate::datagram;
use crate::store::{Store, StoreError};

/// The media type of OTLP over HTTP in its binary encoding.
const PROTOBUF: &str = "application/x-protobuf";
/// The path of an OTLP endpoint that receives spans.
const PATH: &str = "/v1/traces";

/// How to start a collector.
#[derive(Clone, Debug)]
pub struct Options {
    /// The file that stores the spans.
    pub file: PathBuf,
    /// An OTLP endpoint to which all spans are forwarded, too.
    pub forward: Option<Forward>,
}

/// An OTLP endpoint that spans are forwarded to.
#[derive(Clone, Debug)]
pub struct Forward {
    /// Its base URL, e.g. `http://127.0.0.1:4318`.
    pub endpoint: Url,
    /// The client that calls it.
    pub client: reqwest::Client,
}

/// Why the collector could not start.
#[derive(Debug, thiserror::Error)]
pub enum CollectorError {
    /// No port could be opened.
    #[error("cannot listen for spans on 127.0.0.1: {0}")]
    Listen(#[from] std::io::Error),
    /// The file of spans could not be created.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// Receives spans until it is dropped, on free ports of 127.0.0.1: by UDP like the X-Ray daemon, and by OTLP over HTTP.
#[derive(Debug)]
pub struct Collector {
    daemon: SocketAddr,
    url: String,
    inlet: Inlet,
    stopped: Arc<AtomicBool>,
    tasks: Vec<JoinHandle<()>>,
}

/// Passes received spans to the store and to the forwarding task.
#[derive(Clone, Debug)]
struct Inlet {
    store: Store,
    forward: Option<mpsc::UnboundedSender<ExportTraceServiceRequest>>,
}

impl Collector {
    /// Starts to listen.
    ///
    /// # Errors
    ///
    /// [`CollectorError`].
    pub async fn start(options: Options) -> Result<Collector, CollectorError> {
        let store = Store::create(&options.file)?;
        let mut tasks = Vec::new();
        let forward = options.forward.map(|forward| {
            let (sender, receiver) = mpsc::unbounded_channel();
            tasks.push(tokio::spawn(forward_all(forward, receiver)));
            sender
        });
        let inlet = Inlet { store, forward };

        let socket = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0))?;
        let daemon = socket.local_addr()?;
        let stopped = Arc::new(AtomicBool::new(false));
        // A separate thread: the system drops datagrams that are not read before the socket's buffer is full.
        let (daemon_stopped, to) = (Arc::clone(&stopped), inlet.clone());
        thread::Builder::new()
            .name("xray-daemon".to_owned())
            .spawn(move || receive(&socket, &daemon_stopped, &to))?;

        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await?;
        let url = format!("http://{}", listener.local_addr()?);
        let router = Router::new()
            .route(PATH, post(take))
            .layer(axum::extract::DefaultBodyLimit::disable())
            .with_state(inlet.clone());
        tasks.push(tokio::spawn(async move {
            if let Err(error) = axum::serve(listener, router).await {
                tracing::error!(%error, "the OTLP receiver failed");
            }
        }));
        Ok(Collector { daemon, url, inlet, stopped, tasks })
    }

    /// Returns the address of the daemon, for `AWS_XRAY_DAEMON_ADDRESS`.
    #[must_use]
    pub fn daemon(&self) -> SocketAddr {
        self.daemon
    }

    /// Returns the base URL of the OTLP receiver, for `OTEL_EXPORTER_OTLP_ENDPOINT`.
    #[must_use]
    pub fn url(&self) -> &str {
        &self.url
    }

    /// Returns the received spans.
    #[must_use]
    pub fn store(&self) -> &Store {
        &self.inlet.store
    }

    /// Returns a function that receives spans which were created in this process.
    pub fn inlet(&self) -> impl Fn(ExportTraceServiceRequest) + Send + 'static {
        let inlet = self.inlet.clone();
        move |request| inlet.take(request)
    }
}

impl Drop for Collector {
    fn drop(&mut self) {
        self.stopped.store(true, Ordering::SeqCst);
        // Wakes up the daemon's thread. If that fails, the thread ends with the process.
        if let Ok(socket) = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)) {
            drop(socket.send_to(&[], self.daemon));
        }
        self.tasks.iter().for_each(JoinHandle::abort);
    }
}

impl Inlet {
    fn take(&self, request: ExportTraceServiceRequest) {
        if let Some(forward) = &self.forward {
            // Fails only while the collector is stopping.
            drop(forward.send(request.clone()));
        }
        self.store.add(request);
    }
}

fn receive(socket: &UdpSocket, stopped: &AtomicBool, inlet: &Inlet) {
    let mut buffer = vec![0; datagram::LARGEST];
    while !stopped.load(Ordering::SeqCst) {
        let length = match socket.recv(&mut buffer) {
            Ok(length) => length,
            Err(error) => {
                tracing::warn!(%error, "the X-Ray daemon cannot receive a datagram");
                continue;
            }
        };
        match datagram::decode(buffer.get(..length).unwrap_or_default()) {
            Ok((_, request)) => inlet.take(request),
            Err(_) if length == 0 => {}
            Err(error) => tracing::warn!(%error, length, "an invalid datagram is dropped"),
        }
    }
}

/// OTLP over HTTP: <https://opentelemetry.io/docs/specs/otlp/#otlphttp>
async fn take(State(inlet): State<Inlet>, headers: HeaderMap, body: Bytes) -> Response {
    let media_type = headers.get(CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or_default();
    let is = |name: &str| media_type.split(';').next().is_some_and(|given| given.trim() == name);
    let answer = ExportTraceServiceResponse::default();
    if is(PROTOBUF) {
        let Ok(request) = ExportTraceServiceRequest::decode(body) else {
            return (StatusCode::BAD_REQUEST, "the body is not an OTLP ExportTraceServiceRequest")
                .into_response();
        };
        inlet.take(request);
        return ([(CONTENT_TYPE, PROTOBUF)], answer.encode_to_vec()).into_response();
    }
    if is("application/json") {
        let Ok(request) = serde_json::from_slice(&body) else {
            return (StatusCode::BAD_REQUEST, "the body is not an OTLP ExportTraceServiceRequest in JSON")
                .into_response();
        };
        inlet.take(request);
        return axum::Json(answer).into_response();
    }
    (StatusCode::UNSUPPORTED_MEDIA_TYPE, "send application/x-protobuf or application/json").into_response()
}

/// Forwards every request to another endpoint. Consecutive failures are logged once.
async fn forward_all(forward: Forward, mut requests: mpsc::UnboundedReceiver<ExportTraceServiceRequest>) {
    let Forward { endpoint, client } = forward;
    let address = format!("{}{PATH}", endpoint.as_str().trim_end_matches('/'));
    let mut is_failing = false;
    while let Some(request) = requests.recv().await {
        let sent =
            client.post(&address).header("content-type", PROTOBUF).body(request.encode_to_vec()).send();
        match sent.await.and_then(reqwest::Response::error_for_status) {
            Ok(_) => is_failing = false,
            Err(error) => {
                if !std::mem::replace(&mut is_failing, true) {
                    tracing::warn!(%error, "spans cannot be forwarded");
                }
            }
        }
    }
}
