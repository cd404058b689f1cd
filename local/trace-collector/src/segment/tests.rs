use super::*;
use crate::fixtures::{grant, of_kind, span, trace, with_value};

#[test]
fn a_function_and_the_queue_or_bus_that_it_uses_are_segments_by_name() {
    let segments = grant().segments();
    let shown: Vec<(&str, bool, Option<&str>)> =
        segments.iter().map(|it| (it.short_name(), it.is_subsegment, it.namespace.as_deref())).collect();
    let expected = [
        ("feed", false, None),
        ("dmm_events", true, Some("remote")),
        ("router", false, None),
        ("dmm_events", true, Some("remote")),
        ("EventBridge", true, Some("remote")),
        ("iam-grant", false, None),
        ("iam-grant", false, None),
        ("EventBridge", true, Some("remote")),
        ("Data Mesh Manager", true, Some("remote")),
        ("IAM", true, Some("aws")),
        ("IAM", true, Some("aws")),
    ];
    assert_eq!(shown, expected);
    let is_here = |id: &Option<String>| id.as_ref().is_none_or(|id| segments.iter().any(|it| it.id == *id));
    assert!(segments.iter().all(|it| is_here(&it.parent)), "no orphans: {segments:#?}");
    assert_eq!(segments[1].parent.as_ref(), Some(&segments[0].id));
    assert_eq!(segments[0].annotations["cloudevents.event_id"], "event-1");
    assert_eq!(segments[9].operation.as_deref(), Some("PutRolePolicy"));
    assert_eq!(segments[8].operation.as_deref(), Some("GET /api/access/{id}"));
}

#[test]
fn the_http_status_decides_how_a_call_is_shown() {
    let shown = |status: i64| {
        let call = of_kind(span(1, 0, "call", 0, 1), SpanKind::Client);
        let call = with_value(call, "http.response.status_code", Attribute::IntValue(status));
        trace(vec![call]).segments()[0].outcome
    };
    assert_eq!(
        [200, 404, 403, 429, 503].map(shown),
        [Outcome::Ok, Outcome::Error, Outcome::Error, Outcome::Throttle, Outcome::Fault]
    );
    let mut failed = span(1, 0, "work", 0, 1);
    failed.span.status = Some(opentelemetry_proto::tonic::trace::v1::Status {
        message: String::new(),
        code: StatusCode::Error.into(),
    });
    assert_eq!(trace(vec![failed.clone()]).segments()[0].outcome, Outcome::Fault);
    // X-Ray does not understand numbers that are texts.
    let text = with_value(
        span(1, 0, "call", 0, 1),
        "http.response.status_code",
        Attribute::StringValue("429".to_owned()),
    );
    assert_eq!(trace(vec![text]).segments()[0].outcome, Outcome::Ok);
}

#[test]
fn a_document_is_read_as_the_segment_that_it_describes() {
    let document = serde_json::json!({
        "name": "IAM", "id": "0000000000000001", "trace_id": "1-58406520-a006649127e371903a2de979",
        "parent_id": "0000000000000002", "type": "subsegment", "namespace": "aws",
        "start_time": 1.0, "end_time": 2.5, "fault": false, "error": true, "throttle": true,
        "aws": { "operation": "GetRole" }, "annotations": { "dmm.outcome": "granted" },
    });
    let segment = Segment::of_document(&document).unwrap();
    assert_eq!((&*segment.name, segment.is_subsegment, segment.outcome), ("IAM", true, Outcome::Throttle));
    assert_eq!((segment.start, segment.end), (1.0, 2.5));
    assert_eq!(segment.operation.as_deref(), Some("GetRole"));
    assert_eq!(segment.annotations["dmm.outcome"], "granted");
    assert_eq!(Segment::of_document(&serde_json::json!({ "name": "IAM" })), None);
}

#[test]
fn a_segment_and_its_document_say_the_same() {
    let mut denied = of_kind(span(1, 2, "call", 0, 1), SpanKind::Client);
    for (name, value) in [("rpc.system", "aws-api"), ("rpc.method", "GetRole"), ("error.type", "denied")] {
        denied = with_value(denied, name, Attribute::StringValue(value.to_owned()));
    }
    let denied = with_value(denied, "http.response.status_code", Attribute::IntValue(403));
    let id = "1-58585858-585858585858585858585858";
    for segment in grant().segments().into_iter().chain(trace(vec![denied]).segments()) {
        let document = segment.document(id);
        assert_eq!(Segment::of_document(&document).as_ref(), Some(&segment), "{document}");
        assert_eq!(document["trace_id"], id);
    }
}
