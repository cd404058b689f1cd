//! gRPC over HTTP/2, as far as unary calls need it. <https://github.com/grpc/grpc/blob/master/doc/PROTOCOL-HTTP2.md>

use std::sync::Arc;

use axum::Router;
use axum::body::{Body, Bytes};
use axum::extract::{DefaultBodyLimit, Path, State};
use axum::http::{HeaderMap, HeaderValue, Response};
use axum::routing::post;
use axum::serve::ListenerExt;
use http_body_util::{BodyExt, Full};
use tokio::net::TcpListener;

/// Why a call failed.
pub(super) enum Failure {
    /// The method does not exist.
    Unimplemented,
    /// The call is rejected with this message.
    Rejected(String),
}

/// Answers a call of a method; receives and returns encoded messages.
pub(super) type Service = dyn Fn(&str, Bytes) -> Result<Vec<u8>, Failure> + Send + Sync;

/// Serves the service at a free port and returns the port. Serves until the runtime stops.
pub(super) async fn serve(service: Arc<Service>) -> std::io::Result<u16> {
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    let port = listener.local_addr()?.port();
    // A message and its trailer are two writes. With Nagle's algorithm, the second one would wait for the acknowledgement of the
    // first one, about 40 ms.
    let listener = listener.tap_io(|stream| drop(stream.set_nodelay(true)));
    let router = Router::new()
        .route("/{service}/{method}", post(call))
        .layer(DefaultBodyLimit::disable())
        .with_state(service);
    tokio::spawn(async move { axum::serve(listener, router).await });
    Ok(port)
}

async fn call(
    State(service): State<Arc<Service>>,
    Path((_, method)): Path<(String, String)>,
    request: Bytes,
) -> Response<Body> {
    /// A flag for compression and the length of the message.
    const PREFIX: usize = 5;
    let message = request.slice(PREFIX.min(request.len())..);
    let (status, reason, body) = match service(&method, message) {
        Ok(message) => {
            let length = u32::try_from(message.len()).unwrap_or(u32::MAX);
            ("0", String::new(), [[0].as_slice(), &length.to_be_bytes(), &message].concat())
        }
        Err(Failure::Unimplemented) => ("12", method, Vec::new()),
        Err(Failure::Rejected(reason)) => ("2", reason, Vec::new()),
    };
    let mut trailers = HeaderMap::new();
    trailers.insert("grpc-status", HeaderValue::from_static(status));
    if let Ok(reason) = HeaderValue::from_str(&reason) {
        trailers.insert("grpc-message", reason);
    }
    let body = Full::new(Bytes::from(body)).with_trailers(async { Some(Ok(trailers)) });
    let mut response = Response::new(Body::new(body));
    response.headers_mut().insert("content-type", HeaderValue::from_static("application/grpc"));
    response
}
