//! Datagrams of the X-Ray daemon that contain spans as OpenTelemetry's protobuf.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;
use prost::Message;

/// The maximum size of a datagram, in bytes:
/// <https://docs.aws.amazon.com/xray/latest/devguide/xray-api-sendingdata.html#xray-api-daemon>
pub(crate) const LARGEST: usize = 64 * 1024;

/// Why the daemon would drop a datagram.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub enum DatagramError {
    /// It does not start with the daemon's header and a line break.
    #[error("it does not start with the header {{\"format\":\"json\",\"version\":1}} and a line break")]
    Header,
    /// The header is followed by neither of the two markers for sampled and unsampled traces.
    #[error("the header is not followed by T1S or T1U")]
    Kind,
    /// The payload is not valid Base64.
    #[error("the payload after T1S or T1U is not valid Base64")]
    Base64,
    /// The payload is not an OTLP request.
    #[error("the payload is not an OTLP ExportTraceServiceRequest")]
    Protobuf,
}

/// Decodes a datagram: returns whether the traces are sampled, and the spans.
///
/// # Errors
///
/// [`DatagramError`].
pub fn decode(datagram: &[u8]) -> Result<(bool, ExportTraceServiceRequest), DatagramError> {
    let end = datagram.iter().position(|byte| *byte == b'\n').ok_or(DatagramError::Header)?;
    let (header, body) = datagram.split_at(end);
    let header: serde_json::Value = serde_json::from_slice(header).map_err(|_| DatagramError::Header)?;
    let member = |name: &str| header.get(name).cloned().unwrap_or_default();
    if member("format") != "json" || member("version") != 1 {
        return Err(DatagramError::Header);
    }
    let (sampled, encoded) = match (body.strip_prefix(b"\nT1S"), body.strip_prefix(b"\nT1U")) {
        (Some(rest), _) => (true, rest),
        (None, Some(rest)) => (false, rest),
        (None, None) => return Err(DatagramError::Kind),
    };
    let bytes = STANDARD.decode(encoded).map_err(|_| DatagramError::Base64)?;
    let request = ExportTraceServiceRequest::decode(&*bytes).map_err(|_| DatagramError::Protobuf)?;
    Ok((sampled, request))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_reason_to_drop_a_datagram_has_its_error() {
        let error = |text: &str| decode(text.as_bytes()).unwrap_err();
        let header = "{\"format\": \"json\", \"version\": 1}";
        assert_eq!(error("T1S"), DatagramError::Header);
        assert_eq!(error("{\"format\":\"json\",\"version\":2}\nT1S"), DatagramError::Header);
        assert_eq!(error(&format!("{header}\n{{}}")), DatagramError::Kind);
        assert_eq!(error(&format!("{header}\nT1S!")), DatagramError::Base64);
        assert_eq!(error(&format!("{header}\nT1S////")), DatagramError::Protobuf);
    }

    #[test]
    fn sampled_and_unsampled_traces_are_distinguished() {
        let decoded =
            |kind: &str| decode(format!("{{\"format\":\"json\",\"version\":1}}\n{kind}").as_bytes());
        assert_eq!(decoded("T1S"), Ok((true, ExportTraceServiceRequest::default())));
        assert_eq!(decoded("T1U"), Ok((false, ExportTraceServiceRequest::default())));
    }
}
