use serde_json::json;

use super::*;

const PREFIX: &str = "datamesh-manager-aws-prod";

fn trace(documents: &[Value]) -> Option<Trace> {
    Trace::of("1-692a0000-000000000000000000000001", PREFIX, documents, false)
}

/// What X-Ray returns for a function that called IAM twice: its segment with one call inside, and another call on its own.
fn granted() -> [Value; 2] {
    let id = "1-692a0000-000000000000000000000001";
    [
        json!({
            "id": "0a", "name": format!("{PREFIX}-iam-grant"), "trace_id": id, "start_time": 100.0, "end_time": 100.5,
            "annotations": {
                "cloudevents.event_type": "com.datamesh-manager.events.AccessActivatedEvent",
                "dmm.outcome": "granted", "aws.iam.role.name": "reports",
            },
            "subsegments": [{
                "id": "0b", "name": "IAM", "namespace": "aws", "start_time": 100.1, "end_time": 100.15,
                "error": true, "throttle": true, "aws": { "operation": "GetRole" },
                "metadata": { "default": { "error.type": "Throttling" } },
            }],
        }),
        json!({
            "id": "0c", "name": "Data Mesh Manager", "type": "subsegment", "parent_id": "0a", "trace_id": id,
            "namespace": "remote", "start_time": 100.05, "end_time": 100.06,
            "http": { "request": { "method": "GET" } },
            "metadata": { "default": { "url.template": "/api/access/{id}" } },
        }),
    ]
}

#[test]
fn subsegments_are_found_inside_of_a_segment_and_on_their_own() {
    let trace = trace(&granted()).unwrap();
    let shown: Vec<(usize, &str, String)> =
        trace.segments.iter().map(|it| (it.depth, it.function.as_str(), it.label())).collect();
    let expected = [(0, "iam-grant"), (1, "Data Mesh Manager GET /api/access/{id}"), (1, "IAM GetRole")]
        .map(|(depth, label)| (depth, "iam-grant", label.to_owned()));
    assert_eq!(shown, expected);
    let shown = serde_json::to_value(&trace.segments[2]).unwrap();
    assert_eq!((&shown["offset_ms"], &shown["duration_ms"]), (&json!(100.0), &json!(50.0)));
    assert_eq!((json!(trace.duration_ms), trace.title()), (json!(500.0), "AccessActivatedEvent"));
    assert_eq!(trace.began.unwrap().as_second(), 100);
}

#[test]
fn the_remark_says_how_it_failed_or_ended() {
    let trace = trace(&granted()).unwrap();
    let remarks: Vec<Option<String>> = trace.segments.iter().map(Segment::remark).collect();
    let text = |text: &str| Some(text.to_owned());
    assert_eq!(remarks, [text("granted on the role reports"), None, text("✗ throttle (Throttling)")]);
    let remark = |members: Value| {
        let mut document = json!({ "id": "1", "name": "n", "start_time": 1.0 });
        document.as_object_mut().unwrap().extend(members.as_object().unwrap().clone());
        self::trace(&[document]).unwrap().segments[0].remark()
    };
    let refused = json!({ "annotations": { "dmm.outcome": "refused", "dmm.refusal.reason": "ArnMissing" } });
    assert_eq!(remark(refused), text("refused: ArnMissing"));
    assert_eq!(remark(json!({ "fault": true })), text("✗ fault"));
    assert_eq!(
        remark(json!({ "error": true, "annotations": { "dmm.outcome": "granted" } })),
        text("✗ error")
    );
    let missing = json!({ "metadata": { "default": { "error.type": "NoSuchKey" } } });
    assert_eq!(remark(missing), text("NoSuchKey"));
}

#[test]
fn a_segment_without_an_end_is_still_running() {
    let running = json!({ "id": "1", "name": "n", "start_time": 1.0, "in_progress": true });
    let trace = trace(&[running]).unwrap();
    assert_eq!((trace.segments[0].duration_ms, json!(trace.duration_ms)), (None, json!(0.0)));
}

#[test]
fn no_document_is_lost_and_none_makes_it_hang() {
    let document =
        |id: &str, parent: &str| json!({ "id": id, "parent_id": parent, "name": id, "start_time": 1.0 });
    // 1 and 2 name each other as the parent, 3 itself, and the parent of 4 is missing.
    let documents = [
        document("1", "2"),
        document("2", "1"),
        document("3", "3"),
        document("4", "9"),
        json!({ "id": "5" }),
    ];
    let trace = trace(&documents).unwrap();
    let mut ids: Vec<&str> = trace.segments.iter().map(|it| it.id.as_str()).collect();
    ids.sort_unstable();
    assert_eq!(ids, ["1", "2", "3", "4"]);
    assert_eq!(self::trace(&[json!({ "id": "5" }), json!(7)]), None);
}
