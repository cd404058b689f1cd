//! The address of Data Mesh Manager.

use std::fmt;
use std::str::FromStr;
use std::sync::Arc;

use dmm_http::is_loopback;
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use reqwest::Url;
use thiserror::Error;

/// The characters of an id that are encoded when it becomes one segment of a path: all except those that RFC 3986 calls
/// unreserved, and the colon, which is part of URNs and allowed in segments.
const SEGMENT: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~').remove(b':');

/// The address that all paths of the API are appended to, for example `https://api.datamesh-manager.com`. It may have a path of
/// its own (a gateway's prefix). The API key is sent there, so it must be `https`, except on this machine itself.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BaseUrl {
    /// Without a trailing slash.
    url: Arc<str>,
}

/// The text is not a valid address of the API.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
pub enum BaseUrlError {
    /// The text is not an absolute URL with a host. The message does not repeat the text: it may be a key that was pasted into
    /// the wrong place.
    #[error("it is not a URL like https://api.datamesh-manager.com ({reason})")]
    NotAUrl {
        /// The parser's message.
        reason: String,
    },
    /// The address is not `https`, and not on this machine.
    #[error(
        "the address of {host} must start with https://, because the API key is sent there \
         (http:// is allowed for 127.0.0.1, localhost and ::1 only)"
    )]
    NotSecure {
        /// The host.
        host: String,
    },
    /// The address has a user, a password, a query or a fragment, which the API does not use.
    #[error("the address of {host} must not have a user, a password, a query or a fragment")]
    TooMuch {
        /// The host.
        host: String,
    },
}

impl BaseUrl {
    /// Parses the address. A trailing slash makes no difference.
    ///
    /// # Errors
    ///
    /// [`BaseUrlError`], if the text is not a URL, is not secure, or has parts that do not belong there.
    pub fn parse(text: &str) -> Result<BaseUrl, BaseUrlError> {
        let not_a_url = |reason: String| BaseUrlError::NotAUrl { reason };
        let url = Url::parse(text.trim()).map_err(|error| not_a_url(error.to_string()))?;
        let host = url.host_str().ok_or_else(|| not_a_url("it has no host".to_owned()))?.to_owned();
        match url.scheme() {
            "https" => {}
            "http" if is_loopback(&url) => {}
            _ => return Err(BaseUrlError::NotSecure { host }),
        }
        let has_user = !url.username().is_empty() || url.password().is_some();
        if has_user || url.query().is_some() || url.fragment().is_some() {
            return Err(BaseUrlError::TooMuch { host });
        }
        Ok(BaseUrl { url: url.as_str().trim_end_matches('/').into() })
    }

    /// The address, without a trailing slash.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.url
    }

    /// The address of one resource. Each segment is encoded as one segment of the path. `None` if one of them cannot be a
    /// segment: URLs have no empty segments, and `.` and `..` have a meaning of their own.
    pub(crate) fn resource(&self, segments: &[&str]) -> Option<Url> {
        let mut address = self.url.to_string();
        for segment in segments {
            if matches!(*segment, "" | "." | "..") {
                return None;
            }
            address.push('/');
            address.extend(utf8_percent_encode(segment, SEGMENT));
        }
        Url::parse(&address).ok()
    }
}

impl FromStr for BaseUrl {
    type Err = BaseUrlError;

    fn from_str(text: &str) -> Result<BaseUrl, BaseUrlError> {
        BaseUrl::parse(text)
    }
}

impl fmt::Display for BaseUrl {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.url)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn path(base: &str, segments: &[&str]) -> Option<String> {
        BaseUrl::parse(base).expect("an address").resource(segments).map(|url| url.to_string())
    }

    #[test]
    fn a_trailing_slash_makes_no_difference() {
        for base in ["https://api.example.com", "https://api.example.com/", " https://api.example.com// \n"] {
            assert_eq!(path(base, &["api", "events"]).as_deref(), Some("https://api.example.com/api/events"));
        }
    }

    #[test]
    fn the_path_of_the_base_url_comes_first() {
        let url = path("https://gateway.example.com/dmm/v1/", &["api", "events"]);
        assert_eq!(url.as_deref(), Some("https://gateway.example.com/dmm/v1/api/events"));
    }

    #[test]
    fn an_id_is_one_segment_of_the_path() {
        let id = |id| path("https://a.example", &["api", "access", id]);
        assert_eq!(
            id("urn:acme:a-1_2.3~4").as_deref(),
            Some("https://a.example/api/access/urn:acme:a-1_2.3~4")
        );
        assert_eq!(id("a/b?c#d%e;f").as_deref(), Some("https://a.example/api/access/a%2Fb%3Fc%23d%25e%3Bf"));
        assert_eq!(id("größe +").as_deref(), Some("https://a.example/api/access/gr%C3%B6%C3%9Fe%20%2B"));
        assert_eq!(id("...").as_deref(), Some("https://a.example/api/access/..."));
        for unusable in ["", ".", ".."] {
            assert_eq!(id(unusable), None);
        }
    }

    #[test]
    fn the_key_crosses_the_network_by_https_only() {
        for base in
            ["https://api.example.com", "http://127.0.0.1:8080", "http://localhost:1", "http://[::1]:80/x"]
        {
            assert!(BaseUrl::parse(base).is_ok(), "{base}");
        }
        for base in [
            "http://api.example.com",
            "http://localhost.example.com",
            "http://127.0.0.1.example.com",
            "http://10.0.0.1",
            "ftp://localhost",
        ] {
            assert!(matches!(BaseUrl::parse(base), Err(BaseUrlError::NotSecure { .. })), "{base}");
        }
    }

    #[test]
    fn a_text_that_is_not_a_plain_address_is_rejected() {
        for base in ["", "api.example.com", "/api", "https://", "mailto:a@example.com"] {
            assert!(matches!(BaseUrl::parse(base), Err(BaseUrlError::NotAUrl { .. })), "{base}");
        }
        for base in [
            "https://user@a.example",
            "https://:pw@a.example",
            "https://a.example?q=1",
            "https://a.example#f",
        ] {
            assert!(matches!(BaseUrl::parse(base), Err(BaseUrlError::TooMuch { .. })), "{base}");
        }
    }

    #[test]
    fn an_error_does_not_repeat_what_might_be_a_key() {
        let error = BaseUrl::parse("k3y-that-was-pasted-here").expect_err("not an address");
        assert!(!error.to_string().contains("k3y"), "{error}");
    }
}
