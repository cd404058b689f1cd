//! The trace context in the two forms in which it travels.

use std::collections::HashMap;

use opentelemetry::Context;
use opentelemetry::propagation::TextMapPropagator;
use opentelemetry::trace::{SpanContext, TraceContextExt, TraceId};
use opentelemetry_aws::trace::xray_propagator::{span_context_from_str, span_context_to_string};
use opentelemetry_sdk::propagation::TraceContextPropagator;
use serde_json::{Map, Value};

/// The member of an event, and the header of HTTP, that names trace and span.
pub(crate) const TRACEPARENT: &str = "traceparent";
/// The one with what tracing systems add to that.
pub(crate) const TRACESTATE: &str = "tracestate";

/// Which trace and span something belongs to, to be handed on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TraceContext {
    /// `traceparent` of [W3C Trace Context](https://www.w3.org/TR/trace-context/#traceparent-header), which the
    /// [distributed tracing extension](https://github.com/cloudevents/spec/blob/main/cloudevents/extensions/distributed-tracing.md)
    /// of `CloudEvents` takes as it is.
    pub traceparent: String,
    /// `tracestate`, where there is any.
    pub tracestate: Option<String>,
    /// The same in X-Ray's form, the
    /// [tracing header](https://docs.aws.amazon.com/xray/latest/devguide/xray-concepts.html#xray-concepts-tracingheader):
    /// at most 100 characters and the trace state.
    pub xray: String,
}

impl TraceContext {
    /// `None` where nothing is traced.
    pub(crate) fn of(context: &Context) -> Option<TraceContext> {
        let xray = span_context_to_string(context.span().span_context())?;
        let mut carrier = HashMap::new();
        TraceContextPropagator::new().inject_context(context, &mut carrier);
        let tracestate = carrier.remove(TRACESTATE).filter(|state| !state.is_empty());
        Some(TraceContext { traceparent: carrier.remove(TRACEPARENT)?, tracestate, xray })
    }
}

impl TraceContext {
    /// What an event carries; `None` where it carries none that is valid.
    #[must_use]
    pub fn of_event(members: &Map<String, Value>) -> Option<TraceContext> {
        TraceContext::of(&of_event(members))
    }

    /// Lets an event carry this, unless it carries a context already, which is not to be changed on its way. Whether it
    /// was changed.
    #[must_use]
    pub fn add_to(&self, event: &mut Value) -> bool {
        let Value::Object(members) = event else { return false };
        if of_event(members).has_active_span() {
            return false;
        }
        members.insert(TRACEPARENT.to_owned(), self.traceparent.clone().into());
        // One without the other would belong to another trace.
        members.shift_remove(TRACESTATE);
        if let Some(state) = &self.tracestate {
            members.insert(TRACESTATE.to_owned(), state.clone().into());
        }
        true
    }
}

/// The context that an event carries; an empty one where it carries none, or one that is not valid.
pub(crate) fn of_event(members: &Map<String, Value>) -> Context {
    let text = |name: &str| members.get(name).and_then(Value::as_str).map(str::to_owned);
    let carrier: HashMap<String, String> =
        [TRACEPARENT, TRACESTATE].iter().filter_map(|name| Some(((*name).to_owned(), text(name)?))).collect();
    TraceContextPropagator::new().extract_with_context(&Context::new(), &carrier)
}

/// The context in X-Ray's form; an empty one where it is not valid.
pub(crate) fn of_xray(header: Option<&str>) -> Context {
    match header.and_then(span_context_from_str) {
        Some(span) if span.is_valid() => Context::new().with_remote_span_context(span),
        _ => Context::new(),
    }
}

pub(crate) fn span_of(context: &Context) -> SpanContext {
    context.span().span_context().clone()
}

/// A trace's id in X-Ray's form: version, seconds since 1970 and the rest.
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
        of_event(members.as_object().unwrap())
    }

    #[test]
    fn both_forms_say_the_same() {
        let from_header = TraceContext::of(&of_xray(Some(HEADER))).unwrap();
        assert_eq!((from_header.traceparent.as_str(), from_header.xray.as_str()), (W3C, HEADER));
        let from_event = TraceContext::of(&event(&json!({ "traceparent": W3C }))).unwrap();
        assert_eq!(from_event, from_header);
        let unsampled =
            TraceContext::of(&event(&json!({ "traceparent": W3C.replace("-01", "-00") }))).unwrap();
        assert_eq!(unsampled.xray, HEADER.replace("Sampled=1", "Sampled=0"));
    }

    #[test]
    fn an_event_is_given_a_context_only_if_it_has_none() {
        let ours = TraceContext::of(&of_xray(Some(HEADER))).unwrap();
        let mut bare = json!({ "id": "1", "tracestate": "left=over", "data": {} });
        assert!(ours.add_to(&mut bare));
        assert_eq!(bare.to_string(), format!(r#"{{"id":"1","data":{{}},"traceparent":"{W3C}"}}"#));
        let theirs = json!({ "id": "1", "traceparent": W3C.replace("4c72", "5c72"), "tracestate": "a=b" });
        let mut carrying = theirs.clone();
        assert!(!ours.add_to(&mut carrying));
        assert_eq!(carrying, theirs);
        assert!(!ours.add_to(&mut json!("no event")));
    }

    #[test]
    fn the_trace_state_goes_along() {
        let context = event(&json!({ "traceparent": W3C, "tracestate": "vendor=1,other=2" }));
        assert_eq!(TraceContext::of(&context).unwrap().tracestate.as_deref(), Some("vendor=1,other=2"));
    }

    #[test]
    fn what_is_not_valid_is_no_context() {
        for wrong in [json!({}), json!({ "traceparent": 7 }), json!({ "traceparent": "00-0-0-01" })] {
            assert_eq!(TraceContext::of(&event(&wrong)), None, "{wrong}");
        }
        let long = "ü".repeat(40);
        for wrong in ["", "Root=1-58406520-a006649127e371903a2de979", "Root=1-0-0;Parent=0;Sampled=1", &long]
        {
            assert_eq!(TraceContext::of(&of_xray(Some(wrong))), None, "{wrong}");
        }
        assert_eq!(TraceContext::of(&of_xray(None)), None);
    }

    #[test]
    fn a_trace_id_is_written_as_x_ray_does() {
        let id = TraceId::from_hex("58406520a006649127e371903a2de979").unwrap();
        assert_eq!(xray_trace_id(id), "1-58406520-a006649127e371903a2de979");
    }
}
