use std::net::UdpSocket as Blocking;
use std::time::{Duration, SystemTime};

use opentelemetry::trace::{SpanContext, SpanId, SpanKind, Status, TraceFlags, TraceId, TraceState};
use opentelemetry::{InstrumentationScope, KeyValue as Attribute};
use opentelemetry_sdk::trace::{SpanEvents, SpanLinks};

use super::*;

fn span(number: u64, attributes: Vec<Attribute>) -> SpanData {
    let trace = TraceId::from_hex("58406520a006649127e371903a2de979").unwrap();
    let id = SpanId::from_bytes((number + 1).to_be_bytes());
    SpanData {
        span_context: SpanContext::new(trace, id, TraceFlags::SAMPLED, false, TraceState::NONE),
        parent_span_id: SpanId::INVALID,
        parent_span_is_remote: false,
        span_kind: SpanKind::Client,
        name: format!("span {number}").into(),
        start_time: SystemTime::UNIX_EPOCH + Duration::from_secs(number),
        end_time: SystemTime::UNIX_EPOCH + Duration::from_secs(number + 1),
        attributes,
        dropped_attributes_count: 0,
        events: SpanEvents::default(),
        links: SpanLinks::default(),
        status: Status::Unset,
        instrumentation_scope: InstrumentationScope::builder("test").build(),
    }
}

fn text(length: usize) -> Vec<Attribute> {
    vec![Attribute::new("text", "ü".repeat(length / 2))]
}

/// Sends spans, and returns the size of each datagram that arrived, the sorted names of the spans in them, and the result.
async fn sent(spans: Vec<SpanData>) -> (Vec<usize>, Vec<String>, Result<(), ExportError>) {
    let receiver = Blocking::bind("127.0.0.1:0").unwrap();
    receiver.set_read_timeout(Some(Duration::from_secs(30))).unwrap();
    let mut daemon = Daemon::new(&receiver.local_addr().unwrap().to_string());
    daemon.set_resource(&Resource::builder_empty().with_service_name("feed").build());
    // Reads while datagrams are sent. The tests send few enough for the socket's buffer.
    let reader = tokio::task::spawn_blocking(move || {
        let (mut sizes, mut names, mut buffer) = (Vec::new(), Vec::new(), vec![0; 70_000]);
        loop {
            let length = receiver.recv(&mut buffer).unwrap();
            if length == 0 {
                return (sizes, names);
            }
            sizes.push(length);
            names.extend(decoded(&buffer[..length]));
        }
    });
    let address = daemon.address.clone();
    let result = daemon.send(spans).await;
    Blocking::bind("127.0.0.1:0").unwrap().send_to(&[], address).unwrap();
    let (sizes, mut names) = reader.await.unwrap();
    names.sort();
    (sizes, names, result)
}

/// The names of the spans in a datagram, decoded with OpenTelemetry's own definitions.
fn decoded(datagram: &[u8]) -> Vec<String> {
    let text = std::str::from_utf8(datagram).unwrap();
    let encoded = text.strip_prefix("{\"format\":\"json\",\"version\":1}\nT1S").unwrap();
    let request = ExportTraceServiceRequest::decode(&*STANDARD.decode(encoded).unwrap()).unwrap();
    let mut names = Vec::new();
    for of_resource in request.resource_spans {
        let attributes = of_resource.resource.unwrap().attributes;
        assert!(attributes.iter().any(|it| it.key == "service.name"), "{attributes:?}");
        let spans = of_resource.scope_spans.into_iter().flat_map(|scope| scope.spans);
        names.extend(spans.map(|span| span.name));
    }
    names
}

#[tokio::test(flavor = "multi_thread")]
async fn a_few_spans_are_one_datagram_that_opentelemetry_can_decode() {
    let (sizes, names, result) = sent((0..3).map(|number| span(number, text(100))).collect()).await;
    result.unwrap();
    assert_eq!(names, ["span 0", "span 1", "span 2"]);
    assert_eq!(sizes.len(), 1);
}

/// Keeps datagrams: their sizes, and the names of the spans in them.
#[derive(Default)]
struct Kept {
    sizes: Vec<usize>,
    names: Vec<String>,
}

impl Outlet for Kept {
    async fn send_datagram(&mut self, datagram: &[u8]) -> io::Result<()> {
        self.sizes.push(datagram.len());
        self.names.extend(decoded(datagram));
        Ok(())
    }
}

/// Without a socket: its buffer does not hold that many datagrams, and the system drops those that nobody has read.
#[tokio::test]
async fn five_hundred_spans_of_one_batch_leave_in_datagrams_below_the_limit() {
    let resource = (&Resource::builder_empty().with_service_name("feed").build()).into();
    let spans = (0..500).map(|number| span(number, text(700))).collect();
    let mut kept = Kept::default();
    let lost = in_datagrams(group_spans_by_resource_and_scope(spans, &resource), &mut kept).await;
    assert_eq!(lost.unwrap(), 0);
    let Kept { sizes, names } = kept;
    assert_eq!(names.len(), 500);
    assert!(sizes.len() > 5 && sizes.iter().all(|size| *size < 64 * 1024), "{sizes:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_span_that_is_too_large_is_shortened_and_no_other_span_is_lost() {
    let spans = vec![span(0, text(10)), span(1, text(200_000)), span(2, text(10))];
    let (_, names, result) = sent(spans).await;
    result.unwrap();
    assert_eq!(names, ["span 0", "span 1", "span 2"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_span_that_cannot_be_shortened_enough_is_counted_as_lost_and_the_others_are_sent() {
    let huge = (0..30).map(|_| Attribute::new("k".repeat(3_000), 1)).collect();
    let (_, names, result) = sent(vec![span(0, text(10)), span(1, huge), span(2, text(10))]).await;
    assert!(matches!(result, Err(ExportError::TooLarge { count: 1 })), "{result:?}");
    assert_eq!(names, ["span 0", "span 2"]);
}

#[test]
fn a_text_is_truncated_between_characters() {
    let mut text = format!("x{}", "ü".repeat(MAX_TEXT_BYTES));
    truncate_text(&mut text);
    assert_eq!(text.len(), MAX_TEXT_BYTES - 1);
}

#[test]
fn both_forms_of_the_address_are_understood() {
    let address = |text: &str| Daemon::new(text).address;
    assert_eq!(address("169.254.100.1:2000"), "169.254.100.1:2000");
    assert_eq!(address("tcp:127.0.0.1:2000 udp:127.0.0.2:2001"), "127.0.0.2:2001");
}

#[tokio::test]
async fn the_error_for_an_unusable_address_names_it() {
    let error = Daemon::new("no address").send(vec![span(0, text(10))]).await.unwrap_err();
    assert!(error.to_string().contains("no address"), "{error}");
}
