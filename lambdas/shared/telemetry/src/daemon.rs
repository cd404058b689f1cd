//! The X-Ray daemon's UDP protocol, with OpenTelemetry's protobuf in it.
//!
//! A datagram is a header, `T1S` (sampled), and an OTLP request in base64. Lambda runs a daemon beside every function, and
//! sets `AWS_XRAY_DAEMON_ADDRESS` to its address.

use std::io::{self, ErrorKind};
use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr};

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;
use opentelemetry_proto::tonic::common::v1::{KeyValue, any_value};
use opentelemetry_proto::tonic::trace::v1::{ResourceSpans, Span};
use opentelemetry_proto::transform::common::tonic::ResourceAttributesWithSchema;
use opentelemetry_proto::transform::trace::tonic::group_spans_by_resource_and_scope;
use opentelemetry_sdk::Resource;
use opentelemetry_sdk::trace::SpanData;
use prost::Message;
use tokio::net::UdpSocket;

use crate::error::ExportError;

/// The beginning of every datagram:
/// <https://docs.aws.amazon.com/xray/latest/devguide/xray-api-sendingdata.html#xray-api-daemon>
const HEADER: &str = "{\"format\":\"json\",\"version\":1}\n";
/// The prefix of the spans of a sampled trace.
const SAMPLED: &str = "T1S";
/// The maximum size of a datagram in bytes: the daemon reads 64 KB, and UDP over IPv4 carries 65,507 bytes.
const MAX_DATAGRAM_BYTES: usize = 65_000;
/// The maximum size of a text, in bytes, in a span that had to be shortened.
const MAX_TEXT_BYTES: usize = 1024;
/// The maximum number of events and of links in a span that had to be shortened.
const MAX_EVENTS: usize = 16;
/// The maximum number of attributes in a span that had to be shortened.
const MAX_ATTRIBUTES: usize = 32;

/// Sends spans to the daemon.
#[derive(Debug)]
pub(crate) struct Daemon {
    address: String,
    resource: ResourceAttributesWithSchema,
    socket: Option<UdpSocket>,
}

impl Daemon {
    /// The daemon at this address: `HOST:PORT`, or `tcp:HOST:PORT udp:HOST:PORT`. Does not connect yet.
    pub(crate) fn new(address: &str) -> Daemon {
        let udp = address.split_whitespace().find_map(|part| part.strip_prefix("udp:"));
        let address = udp.unwrap_or(address).trim().to_owned();
        Daemon { address, resource: ResourceAttributesWithSchema::default(), socket: None }
    }

    pub(crate) fn set_resource(&mut self, resource: &Resource) {
        self.resource = resource.into();
    }

    /// Sends the spans, several in one datagram. A span that is too large for a datagram is shortened; if that is not
    /// enough, this span is lost, and the others are still sent.
    pub(crate) async fn send(&mut self, spans: Vec<SpanData>) -> Result<(), ExportError> {
        let spans = group_spans_by_resource_and_scope(spans, &self.resource);
        match in_datagrams(spans, self).await {
            Ok(0) => Ok(()),
            Ok(count) => Err(ExportError::TooLarge { count }),
            Err(source) => Err(ExportError::Daemon { address: self.address.clone(), source }),
        }
    }
}

/// Takes datagrams.
trait Outlet {
    fn send_datagram(&mut self, datagram: &[u8]) -> impl Future<Output = io::Result<()>> + Send;
}

impl Outlet for Daemon {
    async fn send_datagram(&mut self, datagram: &[u8]) -> io::Result<()> {
        let socket = match self.socket.take() {
            Some(socket) => socket,
            None => connect(&self.address).await?,
        };
        // After a failure, the next call connects again.
        socket.send(datagram).await?;
        self.socket = Some(socket);
        Ok(())
    }
}

/// Sends the spans to `outlet`, in datagrams of at most [`MAX_DATAGRAM_BYTES`]. Returns how many spans are too large even
/// when they are shortened.
async fn in_datagrams(spans: Vec<ResourceSpans>, outlet: &mut impl Outlet) -> io::Result<usize> {
    let mut pending = vec![spans];
    let mut lost = 0;
    while let Some(part) = pending.pop() {
        let datagram = datagram(&part);
        let sent = if datagram.len() > MAX_DATAGRAM_BYTES {
            Err(ErrorKind::FileTooLarge.into())
        } else {
            outlet.send_datagram(datagram.as_bytes()).await
        };
        match sent {
            Ok(()) => {}
            Err(error) if is_too_large(&error) => match split_or_shorten(&part) {
                Some(parts) => pending.extend(parts),
                None => lost += 1,
            },
            Err(error) => return Err(error),
        }
    }
    Ok(lost)
}

async fn connect(address: &str) -> io::Result<UdpSocket> {
    let address: SocketAddr = tokio::net::lookup_host(address)
        .await?
        .next()
        .ok_or_else(|| io::Error::new(ErrorKind::NotFound, "the host name has no address"))?;
    let any: SocketAddr = match address {
        SocketAddr::V4(_) => (Ipv4Addr::UNSPECIFIED, 0).into(),
        SocketAddr::V6(_) => (Ipv6Addr::UNSPECIFIED, 0).into(),
    };
    let socket = UdpSocket::bind(any).await?;
    socket.connect(address).await?;
    Ok(socket)
}

/// Some systems limit datagrams further (macOS: 9216 bytes), and report that only when one is sent.
fn is_too_large(error: &io::Error) -> bool {
    error.kind() == ErrorKind::FileTooLarge || error.raw_os_error() == Some(MESSAGE_TOO_LONG)
}

/// `EMSGSIZE`.
const MESSAGE_TOO_LONG: i32 = if cfg!(target_os = "linux") { 90 } else { 40 };

fn datagram(spans: &[ResourceSpans]) -> String {
    let request = ExportTraceServiceRequest { resource_spans: spans.to_vec() };
    format!("{HEADER}{SAMPLED}{}", STANDARD.encode(request.encode_to_vec()))
}

/// Several spans are split into two halves; a single span is shortened. `None` if it cannot be shortened further.
fn split_or_shorten(spans: &[ResourceSpans]) -> Option<Vec<Vec<ResourceSpans>>> {
    let count: usize = spans.iter().flat_map(|of| &of.scope_spans).map(|of| of.spans.len()).sum();
    if count > 1 {
        let first = select(spans, |index| index < count / 2);
        let second = select(spans, |index| index >= count / 2);
        return Some(vec![second, first]);
    }
    let mut shortened = spans.to_vec();
    for span in shortened.iter_mut().flat_map(|of| &mut of.scope_spans).flat_map(|of| &mut of.spans) {
        shorten(span);
    }
    (shortened != spans).then(|| vec![shortened])
}

/// The spans whose indices are wanted, counted over all resources and scopes.
fn select(spans: &[ResourceSpans], is_wanted: impl Fn(usize) -> bool) -> Vec<ResourceSpans> {
    let mut parts = spans.to_vec();
    let mut index = 0;
    for scope in parts.iter_mut().flat_map(|of| &mut of.scope_spans) {
        scope.spans.retain(|_| {
            index += 1;
            is_wanted(index - 1)
        });
    }
    for of in &mut parts {
        of.scope_spans.retain(|scope| !scope.spans.is_empty());
    }
    parts.retain(|of| !of.scope_spans.is_empty());
    parts
}

/// Truncates texts and lists.
fn shorten(span: &mut Span) {
    span.dropped_events_count += truncate(&mut span.events, MAX_EVENTS);
    span.dropped_links_count += truncate(&mut span.links, MAX_EVENTS);
    span.dropped_attributes_count += truncate(&mut span.attributes, MAX_ATTRIBUTES);
    truncate_text(&mut span.name);
    if let Some(status) = &mut span.status {
        truncate_text(&mut status.message);
    }
    let of_events = span.events.iter_mut().flat_map(|event| &mut event.attributes);
    of_events.chain(&mut span.attributes).for_each(truncate_value);
}

/// Truncates a list, and returns how many items were dropped.
fn truncate<T>(items: &mut Vec<T>, max: usize) -> u32 {
    let dropped = items.len().saturating_sub(max);
    items.truncate(max);
    u32::try_from(dropped).unwrap_or(u32::MAX)
}

fn truncate_value(attribute: &mut KeyValue) {
    let value = attribute.value.as_mut().and_then(|value| value.value.as_mut());
    if let Some(any_value::Value::StringValue(text)) = value {
        truncate_text(text);
    }
}

fn truncate_text(text: &mut String) {
    text.truncate(text.floor_char_boundary(MAX_TEXT_BYTES));
}

#[cfg(test)]
mod tests;
