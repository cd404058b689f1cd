//! The trace context in both of its formats: W3C Trace Context in events, and X-Ray's tracing header.

use std::collections::HashMap;

use opentelemetry::Context;
use opentelemetry::propagation::TextMapPropagator;
use opentelemetry::trace::{SpanContext, TraceContextExt, TraceId, TraceState};
use opentelemetry_aws::trace::xray_propagator::{span_context_from_str, span_context_to_string};
use opentelemetry_sdk::propagation::TraceContextPropagator;
use serde_json::{Map, Value};

/// The member of an event that names its trace and span.
const TRACEPARENT: &str = "traceparent";
/// The member of an event with data of tracing systems.
const TRACESTATE: &str = "tracestate";

/// The trace and span to which something belongs, to be passed on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TraceContext {
    /// `traceparent` of [W3C Trace Context](https://www.w3.org/TR/trace-context/#traceparent-header), which the
    /// [distributed tracing extension](https://github.com/cloudevents/spec/blob/main/cloudevents/extensions/distributed-tracing.md)
    /// of `CloudEvents` takes as it is.
    pub traceparent: String,
    /// `tracestate`, if there is one.
    pub tracestate: Option<String>,
    /// The same context as X-Ray's
    /// [tracing header](https://docs.aws.amazon.com/xray/latest/devguide/xray-concepts.html#xray-concepts-tracingheader),
    /// without the trace state: at most 100 characters. EventBridge accepts 500
    /// ([`TraceHeader`](https://docs.aws.amazon.com/eventbridge/latest/APIReference/API_PutEventsRequestEntry.html)), a trace
    /// state may be longer, and its `;` and `=` have another meaning in this header.
    pub xray: String,
}

impl TraceContext {
    /// The context to pass on from here; `None` if there is no valid span.
    pub(crate) fn of(context: &Context) -> Option<TraceContext> {
        let xray = span_context_to_string(&without_state(context.span().span_context()))?;
        let mut carrier = HashMap::new();
        TraceContextPropagator::new().inject_context(context, &mut carrier);
        let tracestate = carrier.remove(TRACESTATE).filter(|state| !state.is_empty());
        Some(TraceContext { traceparent: carrier.remove(TRACEPARENT)?, tracestate, xray })
    }

    /// The context in an event; `None` if the event has no valid one.
    #[must_use]
    pub fn of_event(members: &Map<String, Value>) -> Option<TraceContext> {
        TraceContext::of(&context_of_event(members))
    }

    /// Adds this context to an event. An event that already has a context keeps it. Returns whether the event changed.
    #[must_use]
    pub fn add_to(&self, event: &mut Value) -> bool {
        let Value::Object(members) = event else { return false };
        if context_of_event(members).has_active_span() {
            return false;
        }
        members.insert(TRACEPARENT.to_owned(), self.traceparent.clone().into());
        // A `tracestate` without a valid `traceparent` belongs to another trace.
        members.shift_remove(TRACESTATE);
        if let Some(state) = &self.tracestate {
            members.insert(TRACESTATE.to_owned(), state.clone().into());
        }
        true
    }
}

/// The id of the current trace in X-Ray's form; `None` if there is none, or if it is not exported.
pub(crate) fn current_xray_trace_id(context: &Context) -> Option<String> {
    let span = context.span();
    let span = span.span_context();
    (span.is_valid() && span.is_sampled()).then(|| xray_trace_id(span.trace_id()))
}

/// The context in an event; an empty context if the event has no valid one.
pub(crate) fn context_of_event(members: &Map<String, Value>) -> Context {
    let text = |name: &str| members.get(name).and_then(Value::as_str).map(str::to_owned);
    let carrier: HashMap<String, String> =
        [TRACEPARENT, TRACESTATE].iter().filter_map(|name| Some(((*name).to_owned(), text(name)?))).collect();
    TraceContextPropagator::new().extract_with_context(&Context::new(), &carrier)
}

/// The context in a tracing header of X-Ray; an empty context if the header is not valid.
pub(crate) fn context_of_xray(header: Option<&str>) -> Context {
    match header.and_then(span_context_from_str) {
        Some(span) if span.is_valid() => Context::new().with_remote_span_context(span),
        _ => Context::new(),
    }
}

fn without_state(span: &SpanContext) -> SpanContext {
    let (trace, id, flags) = (span.trace_id(), span.span_id(), span.trace_flags());
    SpanContext::new(trace, id, flags, span.is_remote(), TraceState::default())
}

pub(crate) fn span_context_of(context: &Context) -> SpanContext {
    context.span().span_context().clone()
}

/// A trace id in X-Ray's form: the version, the seconds since 1970, and the rest.
/// <https://docs.aws.amazon.com/xray/latest/devguide/xray-api-sendingdata.html#xray-api-traceids>
pub(crate) fn xray_trace_id(id: TraceId) -> String {
    let hexadecimal = id.to_string();
    let (seconds, rest) = hexadecimal.split_at(8);
    format!("1-{seconds}-{rest}")
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    const HEADER: &str = "Root=1-58406520-a006649127e371903a2de979;Parent=4c721bf33e3caf8f;Sampled=1";
    const W3C: &str = "00-58406520a006649127e371903a2de979-4c721bf33e3caf8f-01";

    fn event(members: &Value) -> Context {
        context_of_event(members.as_object().unwrap())
    }

    #[test]
    fn both_formats_have_the_same_content() {
        let from_header = TraceContext::of(&context_of_xray(Some(HEADER))).unwrap();
        assert_eq!((from_header.traceparent.as_str(), from_header.xray.as_str()), (W3C, HEADER));
        let from_event = TraceContext::of(&event(&json!({ "traceparent": W3C }))).unwrap();
        assert_eq!(from_event, from_header);
        let unsampled =
            TraceContext::of(&event(&json!({ "traceparent": W3C.replace("-01", "-00") }))).unwrap();
        assert_eq!(unsampled.xray, HEADER.replace("Sampled=1", "Sampled=0"));
    }

    #[test]
    fn a_context_is_added_only_to_an_event_without_one() {
        let ours = TraceContext::of(&context_of_xray(Some(HEADER))).unwrap();
        let mut bare = json!({ "id": "1", "tracestate": "left=over", "data": {} });
        assert!(ours.add_to(&mut bare));
        assert_eq!(bare.to_string(), format!(r#"{{"id":"1","data":{{}},"traceparent":"{W3C}"}}"#));
        let theirs = json!({ "id": "1", "traceparent": W3C.replace("4c72", "5c72"), "tracestate": "a=b" });
        let mut carrying = theirs.clone();
        assert!(!ours.add_to(&mut carrying));
        assert_eq!(carrying, theirs);
        assert!(!ours.add_to(&mut json!("not an object")));
    }

    #[test]
    fn the_trace_state_is_passed_on() {
        let context = event(&json!({ "traceparent": W3C, "tracestate": "vendor=1,other=2" }));
        assert_eq!(TraceContext::of(&context).unwrap().tracestate.as_deref(), Some("vendor=1,other=2"));
    }

    #[test]
    fn the_header_of_x_ray_has_no_trace_state_whatever_that_contains() {
        let long = format!("vendor={},other={}", "a".repeat(250), "b".repeat(240));
        for state in [long.as_str(), "dd=s:2;o:rum;p:00f067aa0ba902b7", "root=x,sampled=0,parent=y"] {
            let context = event(&json!({ "traceparent": W3C, "tracestate": state }));
            let context = TraceContext::of(&context).unwrap();
            assert_eq!(context.xray, HEADER, "{state}");
            assert_eq!(context.tracestate.as_deref(), Some(state));
        }
    }

    #[test]
    fn an_invalid_context_is_ignored() {
        for wrong in [json!({}), json!({ "traceparent": 7 }), json!({ "traceparent": "00-0-0-01" })] {
            assert_eq!(TraceContext::of(&event(&wrong)), None, "{wrong}");
        }
        let long = "ü".repeat(40);
        for wrong in ["", "Root=1-58406520-a006649127e371903a2de979", "Root=1-0-0;Parent=0;Sampled=1", &long]
        {
            assert_eq!(TraceContext::of(&context_of_xray(Some(wrong))), None, "{wrong}");
        }
        assert_eq!(TraceContext::of(&context_of_xray(None)), None);
    }

    #[test]
    fn a_trace_id_is_written_in_x_rays_form() {
        let id = TraceId::from_hex("58406520a006649127e371903a2de979").unwrap();
        assert_eq!(xray_trace_id(id), "1-58406520-a006649127e371903a2de979");
    }
}
