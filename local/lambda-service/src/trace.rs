//! X-Ray: the trace header of an invocation, and the segment that Lambda itself records.

use std::net::SocketAddr;

use jiff::Timestamp;
use tokio::sync::mpsc::UnboundedSender;

use crate::error::InvokeError;

/// Where spans and segments go.
#[derive(Clone, Debug)]
pub struct Tracing {
    /// The address of the X-Ray daemon.
    pub daemon: SocketAddr,
    /// Receives the segments that Lambda records.
    pub segments: UnboundedSender<Segment>,
}

/// The segment that Lambda records for an invocation that starts a trace. With active tracing, it is the parent of the
/// function's spans.
/// <https://docs.aws.amazon.com/lambda/latest/dg/services-xray.html>
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Segment {
    /// The trace's id. The first four bytes are the seconds since 1970.
    pub trace_id: [u8; 16],
    /// The segment's id.
    pub id: [u8; 8],
    /// The function's name.
    pub function: String,
    /// When the invocation started.
    pub start: Timestamp,
    /// When the invocation ended.
    pub end: Timestamp,
    /// The error type, if the invocation failed.
    pub error: Option<String>,
}

impl Segment {
    /// Starts a trace.
    pub(crate) fn begin(function: &str, now: Timestamp) -> Segment {
        let (mut trace_id, id): ([u8; 16], [u8; 8]) = (rand::random(), rand::random());
        let seconds = u32::try_from(now.as_second()).unwrap_or(0);
        trace_id[..4].copy_from_slice(&seconds.to_be_bytes());
        Segment { trace_id, id, function: function.to_owned(), start: now, end: now, error: None }
    }

    /// Returns the trace header for the function.
    /// <https://docs.aws.amazon.com/xray/latest/devguide/xray-concepts.html#xray-concepts-tracingheader>
    pub(crate) fn header(&self, is_sampled: bool) -> String {
        let (seconds, rest) = self.trace_id.split_at(4);
        let [seconds, rest, parent] = [seconds, rest, &self.id].map(hexadecimal);
        format!("Root=1-{seconds}-{rest};Parent={parent};Sampled={}", u8::from(is_sampled))
    }

    /// Records the end of the invocation.
    pub(crate) fn end<T>(mut self, result: &Result<T, InvokeError>, tracing: &Tracing) {
        self.end = Timestamp::now();
        self.error = result.as_ref().err().map(|error| error.as_function_error().error_type);
        // Fails while the stack is stopping.
        drop(tracing.segments.send(self));
    }
}

fn hexadecimal(bytes: &[u8]) -> String {
    bytes.iter().fold(String::new(), |text, byte| format!("{text}{byte:02x}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_new_header_has_x_rays_format() {
        let segment = Segment::begin("feed", "2026-01-02T03:04:05Z".parse().unwrap());
        for (is_sampled, expected) in [(true, "Sampled=1"), (false, "Sampled=0")] {
            let header = segment.header(is_sampled);
            let [root, parent, sampled] = header.split(';').collect::<Vec<_>>()[..] else {
                panic!("{header}")
            };
            assert!(root.starts_with("Root=1-695735a5-") && root.len() == 5 + 35, "{header}");
            assert!(parent.starts_with("Parent=") && parent.len() == 7 + 16, "{header}");
            assert_eq!(sampled, expected);
        }
    }
}
