use opentelemetry_proto::tonic::trace::v1::Status;

use super::*;
use crate::fixtures::{span, trace, with};

#[test]
fn a_trace_is_a_tree_with_bars_in_the_order_of_time() {
    let granted = [
        ("dmm.outcome", "granted"),
        ("aws.iam.policy.name", "DMM_Access_1"),
        ("aws.iam.role.name", "reader"),
    ];
    let mut failed = span(5, 4, "IAM.GetRolePolicy", 20, 25);
    failed.span.status = Some(Status { message: "NoSuchEntity".to_owned(), code: StatusCode::Error.into() });
    let id = ("cloudevents.event_id", "event-1");
    let trace = trace(vec![
        span(3, 2, "inner", 11, 15),
        with(span(4, 1, "iam-grant", 15, 30), &granted),
        with(
            span(1, 0, "create dmm_events", 0, 3),
            &[("cloudevents.event_type", "com.x.AccessActivatedEvent"), id],
        ),
        failed,
        span(2, 1, "process dmm_events", 10, 16),
    ]);
    let rendered = trace.waterfall(120);
    let expected = "\
Trace 1-58585858-585858585858585858585858  AccessActivatedEvent  event-1  30 ms
create dmm_events        feed  ▕███                           ▏   3.0 ms
├─ process dmm_events    feed  ▕          ██████              ▏   6.0 ms
│  └─ inner              feed  ▕           ████               ▏   4.0 ms
└─ iam-grant             feed  ▕               ███████████████▏    15 ms  granted DMM_Access_1 on reader
   └─ IAM.GetRolePolicy  feed  ▕                    █████     ▏   5.0 ms  ✗ NoSuchEntity
";
    assert_eq!(rendered, expected);
    let lines: Vec<_> =
        trace.lines().into_iter().map(|line| (line.depth, line.name, line.from, line.failed)).collect();
    let milliseconds = Duration::from_millis;
    assert_eq!(
        lines,
        [
            (0, "create dmm_events".to_owned(), milliseconds(0), false),
            (1, "process dmm_events".to_owned(), milliseconds(10), false),
            (2, "inner".to_owned(), milliseconds(11), false),
            (1, "iam-grant".to_owned(), milliseconds(15), false),
            (2, "IAM.GetRolePolicy".to_owned(), milliseconds(20), true),
        ]
    );
}

#[test]
fn a_span_without_a_length_has_a_bar_and_one_whose_parent_is_missing_is_a_root() {
    let trace = trace(vec![span(1, 0, "first", 0, 0), span(2, 9, "stray", 0, 0)]);
    assert_eq!(trace.orphans().len(), 1);
    let rendered = trace.waterfall(80);
    assert_eq!(rendered.matches('█').count(), 2, "{rendered}");
    assert!(rendered.lines().skip(1).all(|line| line.contains("0.0 ms")), "{rendered}");
}

#[test]
fn what_is_too_wide_is_cut() {
    let trace = trace(vec![span(1, 0, &"x".repeat(200), 0, 1)]);
    assert!(trace.waterfall(80).lines().skip(1).all(|line| line.chars().count() <= 80));
}
