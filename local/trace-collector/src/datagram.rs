//! A datagram of the X-Ray daemon with OpenTelemetry's protobuf in it.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;
use prost::Message;

/// The largest datagram that the daemon reads, in bytes:
/// <https://docs.aws.amazon.com/xray/latest/devguide/xray-api-sendingdata.html#xray-api-daemon>
pub(crate) const LARGEST: usize = 64 * 1024;

/// A datagram that the daemon would drop.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub enum DatagramError {
    /// It does not begin with the daemon's header and a line break.
    #[error("it does not begin with the header {{\"format\":\"json\",\"version\":1}} and a line break")]
    Header,
    /// What follows is neither of a sampled nor of an unsampled trace.
    #[error("neither T1S nor T1U follows the header")]
    Kind,
    /// The rest is not base64.
    #[error("what follows T1S or T1U is not base64")]
    Base64,
    /// What that holds is no request of OTLP.
    #[error("the base64 does not hold an ExportTraceServiceRequest of OTLP")]
    Protobuf,
}

/// The spans in a datagram, and whether their traces are sampled.
///
/// # Errors
///
/// [`DatagramError`].
pub fn decode(datagram: &[u8]) -> Result<(bool, ExportTraceServiceRequest), DatagramError> {
    let end = datagram.iter().position(|byte| *byte == b'\n').ok_or(DatagramError::Header)?;
    let (header, body) = datagram.split_at(end);
    let header: serde_json::Value = serde_json::from_slice(header).map_err(|_| DatagramError::Header)?;
    if header["format"] != "json" || header["version"] != 1 {
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
    fn what_the_daemon_would_drop_is_told_apart() {
        let error = |text: &str| decode(text.as_bytes()).unwrap_err();
        let header = "{\"format\": \"json\", \"version\": 1}";
        assert_eq!(error("T1S"), DatagramError::Header);
        assert_eq!(error("{\"format\":\"json\",\"version\":2}\nT1S"), DatagramError::Header);
        assert_eq!(error(&format!("{header}\n{{}}")), DatagramError::Kind);
        assert_eq!(error(&format!("{header}\nT1S!")), DatagramError::Base64);
        assert_eq!(error(&format!("{header}\nT1S////")), DatagramError::Protobuf);
    }

    #[test]
    fn sampled_and_unsampled_are_told_apart() {
        let decoded =
            |kind: &str| decode(format!("{{\"format\":\"json\",\"version\":1}}\n{kind}").as_bytes());
        assert_eq!(decoded("T1S"), Ok((true, ExportTraceServiceRequest::default())));
        assert_eq!(decoded("T1U"), Ok((false, ExportTraceServiceRequest::default())));
    }
}
