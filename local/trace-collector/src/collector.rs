//! Both ways in, and the way on.

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

/// The media type of OTLP over HTTP.
const PROTOBUF: &str = "application/x-protobuf";
/// The path under an OTLP endpoint that takes spans.
const PATH: &str = "/v1/traces";

/// What to start.
#[derive(Clone, Debug)]
pub struct Options {
    /// The file that keeps the spans.
    pub file: PathBuf,
    /// An OTLP endpoint that gets every span, too.
    pub forward: Option<Forward>,
}

/// An OTLP endpoint that spans are passed on to.
#[derive(Clone, Debug)]
pub struct Forward {
    /// Its address without the path, e.g. `http://127.0.0.1:4318`.
    pub endpoint: Url,
    /// What calls it.
    pub client: reqwest::Client,
}

/// The collector does not start.
#[derive(Debug, thiserror::Error)]
pub enum CollectorError {
    /// It cannot listen.
    #[error("cannot listen for spans on 127.0.0.1: {0}")]
    Listen(#[from] std::io::Error),
    /// The file of spans cannot be made.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// Takes spans until it is dropped: as the X-Ray daemon by UDP, and by OTLP over HTTP, on free ports of this machine.
#[derive(Debug)]
pub struct Collector {
    daemon: SocketAddr,
    url: String,
    inlet: Inlet,
    is_over: Arc<AtomicBool>,
    tasks: Vec<JoinHandle<()>>,
}

/// Where spans go that have come in.
#[derive(Clone, Debug)]
struct Inlet {
    store: Store,
    forward: Option<mpsc::UnboundedSender<ExportTraceServiceRequest>>,
}

impl Collector {
    /// Listens.
    ///
    /// # Errors
    ///
    /// [`CollectorError`].
    pub async fn start(options: Options) -> Result<Collector, CollectorError> {
        let store = Store::create(&options.file)?;
        let mut tasks = Vec::new();
        let forward = options.forward.map(|forward| {
            let (sender, receiver) = mpsc::unbounded_channel();
            tasks.push(tokio::spawn(pass_on(forward, receiver)));
            sender
        });
        let inlet = Inlet { store, forward };

        let socket = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0))?;
        let daemon = socket.local_addr()?;
        let is_over = Arc::new(AtomicBool::new(false));
        // A thread of its own: what is not read at once is dropped when the socket's buffer is full.
        let (over, to) = (Arc::clone(&is_over), inlet.clone());
        thread::Builder::new().name("xray-daemon".to_owned()).spawn(move || receive(&socket, &over, &to))?;

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
        Ok(Collector { daemon, url, inlet, is_over, tasks })
    }

    /// The address of the daemon, for `AWS_XRAY_DAEMON_ADDRESS`.
    #[must_use]
    pub fn daemon(&self) -> SocketAddr {
        self.daemon
    }

    /// The address of the receiver, for `OTEL_EXPORTER_OTLP_ENDPOINT`.
    #[must_use]
    pub fn url(&self) -> &str {
        &self.url
    }

    /// What arrived.
    #[must_use]
    pub fn store(&self) -> &Store {
        &self.inlet.store
    }

    /// What takes spans in that are made in this process.
    pub fn inlet(&self) -> impl Fn(ExportTraceServiceRequest) + Send + 'static {
        let inlet = self.inlet.clone();
        move |request| inlet.take(request)
    }
}

impl Drop for Collector {
    fn drop(&mut self) {
        self.is_over.store(true, Ordering::SeqCst);
        // Wakes the daemon up. Where that fails, it ends with the process.
        if let Ok(socket) = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)) {
            drop(socket.send_to(&[], self.daemon));
        }
        self.tasks.iter().for_each(JoinHandle::abort);
    }
}

impl Inlet {
    fn take(&self, request: ExportTraceServiceRequest) {
        if let Some(forward) = &self.forward {
            // It is closed only while the collector ends.
            drop(forward.send(request.clone()));
        }
        self.store.add(request);
    }
}

fn receive(socket: &UdpSocket, is_over: &AtomicBool, inlet: &Inlet) {
    let mut buffer = vec![0; datagram::LARGEST];
    while !is_over.load(Ordering::SeqCst) {
        let length = match socket.recv(&mut buffer) {
            Ok(length) => length,
            Err(error) => {
                tracing::warn!(%error, "the X-Ray daemon cannot read");
                continue;
            }
        };
        match datagram::decode(&buffer[..length]) {
            Ok((_, request)) => inlet.take(request),
            Err(_) if length == 0 => {}
            Err(error) => tracing::warn!(%error, length, "a datagram is dropped"),
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
            return (StatusCode::BAD_REQUEST, "no ExportTraceServiceRequest of OTLP").into_response();
        };
        inlet.take(request);
        return ([(CONTENT_TYPE, PROTOBUF)], answer.encode_to_vec()).into_response();
    }
    if is("application/json") {
        let Ok(request) = serde_json::from_slice(&body) else {
            return (StatusCode::BAD_REQUEST, "no ExportTraceServiceRequest of OTLP in JSON").into_response();
        };
        inlet.take(request);
        return axum::Json(answer).into_response();
    }
    (StatusCode::UNSUPPORTED_MEDIA_TYPE, "send application/x-protobuf or application/json").into_response()
}

/// Sends every request on to another endpoint. A failure is said once, until it has passed.
async fn pass_on(forward: Forward, mut requests: mpsc::UnboundedReceiver<ExportTraceServiceRequest>) {
    let Forward { endpoint, client } = forward;
    let address = format!("{}{PATH}", endpoint.as_str().trim_end_matches('/'));
    let mut is_silent = false;
    while let Some(request) = requests.recv().await {
        let sent =
            client.post(&address).header("content-type", PROTOBUF).body(request.encode_to_vec()).send();
        match sent.await.and_then(reqwest::Response::error_for_status) {
            Ok(_) => is_silent = false,
            Err(error) => {
                if !std::mem::replace(&mut is_silent, true) {
                    tracing::warn!(%error, "spans cannot be passed on");
                }
            }
        }
    }
}
