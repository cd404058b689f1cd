//! The X-Ray daemon's UDP protocol, with OpenTelemetry's protobuf in it.
//!
//! A datagram is a header, `T1S` (sampled), and the request of OTLP in base64. Lambda runs a daemon beside every
//! function, and says in `AWS_XRAY_DAEMON_ADDRESS` where.

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

use crate::exporter::ExportError;

/// What every datagram begins with:
/// <https://docs.aws.amazon.com/xray/latest/devguide/xray-api-sendingdata.html#xray-api-daemon>
pub(crate) const HEADER: &str = "{\"format\":\"json\",\"version\":1}\n";
/// What comes before the spans of a sampled trace.
pub(crate) const SAMPLED: &str = "T1S";
/// The largest datagram, in bytes: the daemon reads 64 KB, and UDP over IPv4 carries 65,507 bytes.
pub(crate) const LARGEST: usize = 65_000;
/// What is kept of a text in a span that is too large for a datagram of its own, in bytes.
const LONGEST_TEXT: usize = 1024;

/// Sends spans to the daemon.
#[derive(Debug)]
pub(crate) struct Daemon {
    address: String,
    resource: ResourceAttributesWithSchema,
    socket: Option<UdpSocket>,
}

impl Daemon {
    /// To the daemon at this address: `HOST:PORT`, or `tcp:HOST:PORT udp:HOST:PORT`. Nothing is sent yet.
    pub(crate) fn new(address: &str) -> Daemon {
        let udp = address.split_whitespace().find_map(|part| part.strip_prefix("udp:"));
        let address = udp.unwrap_or(address).trim().to_owned();
        Daemon { address, resource: ResourceAttributesWithSchema::default(), socket: None }
    }

    pub(crate) fn set_resource(&mut self, resource: &Resource) {
        self.resource = resource.into();
    }

    /// Sends the spans in as few datagrams as hold them. A span that is too large for one is shortened, and lost if that
    /// is not enough; the others are not.
    pub(crate) async fn send(&mut self, spans: Vec<SpanData>) -> Result<(), ExportError> {
        let spans = group_spans_by_resource_and_scope(spans, &self.resource);
        let mut waiting = vec![spans];
        let mut lost = 0;
        while let Some(part) = waiting.pop() {
            let datagram = datagram(&part);
            let sent = if datagram.len() > LARGEST {
                Err(ErrorKind::FileTooLarge.into())
            } else {
                self.send_datagram(datagram.as_bytes()).await
            };
            match sent {
                Ok(()) => {}
                Err(error) if is_too_large(&error) => match smaller(&part) {
                    Some(parts) => waiting.extend(parts),
                    None => lost += 1,
                },
                Err(source) => return Err(ExportError::Daemon { address: self.address.clone(), source }),
            }
        }
        if lost > 0 { Err(ExportError::TooLarge { count: lost }) } else { Ok(()) }
    }

    async fn send_datagram(&mut self, datagram: &[u8]) -> io::Result<()> {
        let socket = match self.socket.take() {
            Some(socket) => socket,
            None => connect(&self.address).await?,
        };
        // Kept only if it works: the next try begins anew.
        socket.send(datagram).await?;
        self.socket = Some(socket);
        Ok(())
    }
}

async fn connect(address: &str) -> io::Result<UdpSocket> {
    let address: SocketAddr = tokio::net::lookup_host(address)
        .await?
        .next()
        .ok_or_else(|| io::Error::new(ErrorKind::NotFound, "the name has no address"))?;
    let any: SocketAddr = match address {
        SocketAddr::V4(_) => (Ipv4Addr::UNSPECIFIED, 0).into(),
        SocketAddr::V6(_) => (Ipv6Addr::UNSPECIFIED, 0).into(),
    };
    let socket = UdpSocket::bind(any).await?;
    socket.connect(address).await?;
    Ok(socket)
}

/// Some systems take less than UDP carries (macOS: 9216 bytes), and say so only when it is sent.
fn is_too_large(error: &io::Error) -> bool {
    error.kind() == ErrorKind::FileTooLarge || error.raw_os_error() == Some(MESSAGE_TOO_LONG)
}

/// `EMSGSIZE`.
const MESSAGE_TOO_LONG: i32 = if cfg!(target_os = "linux") { 90 } else { 40 };

fn datagram(spans: &[ResourceSpans]) -> String {
    let request = ExportTraceServiceRequest { resource_spans: spans.to_vec() };
    format!("{HEADER}{SAMPLED}{}", STANDARD.encode(request.encode_to_vec()))
}

/// The same spans in two parts; of a single span, what is worth most. `None` where nothing is left to be cut.
fn smaller(spans: &[ResourceSpans]) -> Option<Vec<Vec<ResourceSpans>>> {
    let count: usize = spans.iter().flat_map(|of| &of.scope_spans).map(|of| of.spans.len()).sum();
    if count > 1 {
        let first = some(spans, |index| index < count / 2);
        let second = some(spans, |index| index >= count / 2);
        return Some(vec![second, first]);
    }
    let mut shortened = spans.to_vec();
    for span in shortened.iter_mut().flat_map(|of| &mut of.scope_spans).flat_map(|of| &mut of.spans) {
        shorten(span);
    }
    (shortened != spans).then(|| vec![shortened])
}

/// The spans at some places, counted through all of them.
fn some(spans: &[ResourceSpans], is_wanted: impl Fn(usize) -> bool) -> Vec<ResourceSpans> {
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

/// Cuts texts, and leaves events and links out where there are many.
fn shorten(span: &mut Span) {
    const MOST: usize = 16;
    span.dropped_events_count += over(&mut span.events, MOST);
    span.dropped_links_count += over(&mut span.links, MOST);
    span.dropped_attributes_count += over(&mut span.attributes, 2 * MOST);
    cut(&mut span.name);
    if let Some(status) = &mut span.status {
        cut(&mut status.message);
    }
    let of_events = span.events.iter_mut().flat_map(|event| &mut event.attributes);
    of_events.chain(&mut span.attributes).for_each(cut_value);
}

fn over<T>(items: &mut Vec<T>, most: usize) -> u32 {
    let dropped = items.len().saturating_sub(most);
    items.truncate(most);
    u32::try_from(dropped).unwrap_or(u32::MAX)
}

fn cut_value(attribute: &mut KeyValue) {
    let value = attribute.value.as_mut().and_then(|value| value.value.as_mut());
    if let Some(any_value::Value::StringValue(text)) = value {
        cut(text);
    }
}

fn cut(text: &mut String) {
    text.truncate(text.floor_char_boundary(LONGEST_TEXT));
}

#[cfg(test)]
mod tests;
