//! Which requests are answered: those of the person who knows the token, from the page itself.

use axum::http::{HeaderMap, HeaderName, Method, StatusCode, Uri, header};
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;

/// Says where a browser's request comes from: <https://www.w3.org/TR/fetch-metadata/#sec-fetch-site-header>.
const FETCH_SITE: HeaderName = HeaderName::from_static("sec-fetch-site");

/// Decides which requests are answered.
#[derive(Clone)]
pub(crate) struct Guard {
    token: String,
    port: u16,
}

impl Guard {
    /// A guard with a new token of 256 random bits.
    pub(crate) fn new(port: u16) -> Guard {
        Guard { token: URL_SAFE_NO_PAD.encode(rand::random::<[u8; 32]>()), port }
    }

    /// The URL of the page, with the token.
    pub(crate) fn url(&self) -> String {
        format!("http://127.0.0.1:{}/{}/", self.port, self.token)
    }

    /// The path of a request without the token.
    ///
    /// # Errors
    ///
    /// The status of the answer if the request is not one that the page sends, or its token is wrong.
    pub(crate) fn admit<'a>(
        &self,
        method: &Method,
        uri: &'a Uri,
        headers: &HeaderMap,
    ) -> Result<&'a str, StatusCode> {
        let text = |name: &HeaderName| headers.get(name).map(|value| value.to_str().unwrap_or_default());
        let hosts = [format!("127.0.0.1:{}", self.port), format!("localhost:{}", self.port)];
        let Some(host) = text(&header::HOST).filter(|host| hosts.iter().any(|known| known == host)) else {
            return Err(StatusCode::MISDIRECTED_REQUEST);
        };
        let own = format!("http://{host}");
        let origin = text(&header::ORIGIN);
        // A person who opens the URL has no site. Programs send neither of the two headers.
        let from_elsewhere = origin.is_some_and(|origin| origin != own)
            || text(&FETCH_SITE).is_some_and(|site| !matches!(site, "same-origin" | "none"));
        let without_origin = *method != Method::GET && origin.is_none();
        if from_elsewhere || without_origin {
            return Err(StatusCode::FORBIDDEN);
        }
        let path = uri.path().strip_prefix('/').unwrap_or_default();
        let (token, rest) = path.split_once('/').ok_or(StatusCode::NOT_FOUND)?;
        if same(token.as_bytes(), self.token.as_bytes()) { Ok(rest) } else { Err(StatusCode::NOT_FOUND) }
    }
}

/// Compares in a time that does not depend on where the first difference is.
fn same(one: &[u8], other: &[u8]) -> bool {
    one.len() == other.len() && one.iter().zip(other).fold(0, |sum, (a, b)| sum | (a ^ b)) == 0
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ask(
        method: &Method,
        path: &str,
        headers: &[(&'static str, &'static str)],
    ) -> Result<String, StatusCode> {
        let guard = Guard { token: "secret".to_owned(), port: 4000 };
        let headers = headers.iter().map(|(name, value)| {
            (HeaderName::from_static(name), axum::http::HeaderValue::from_static(value))
        });
        let uri: Uri = path.parse().unwrap();
        guard.admit(method, &uri, &headers.collect()).map(str::to_owned)
    }

    #[test]
    fn the_page_is_admitted_under_both_names_of_this_machine() {
        for host in ["127.0.0.1:4000", "localhost:4000"] {
            assert_eq!(ask(&Method::GET, "/secret/app.js", &[("host", host)]), Ok("app.js".to_owned()));
        }
        let own = [
            ("host", "127.0.0.1:4000"),
            ("origin", "http://127.0.0.1:4000"),
            ("sec-fetch-site", "same-origin"),
        ];
        assert_eq!(ask(&Method::POST, "/secret/letters", &own), Ok("letters".to_owned()));
        let opened = [("host", "127.0.0.1:4000"), ("sec-fetch-site", "none")];
        assert_eq!(ask(&Method::GET, "/secret/", &opened), Ok(String::new()));
    }

    #[test]
    fn a_wrong_token_is_not_found() {
        for path in ["/", "/secret", "/wrong1/", "/secre/", "/secret1/", "//secret/", "/SECRET/app.js"] {
            assert_eq!(
                ask(&Method::GET, path, &[("host", "127.0.0.1:4000")]),
                Err(StatusCode::NOT_FOUND),
                "{path}"
            );
        }
    }

    #[test]
    fn another_host_is_rejected_even_with_the_token() {
        for host in [
            "evil.example",
            "evil.example:4000",
            "127.0.0.1",
            "127.0.0.1:4001",
            "localhost.evil.example:4000",
        ] {
            let refused = ask(&Method::GET, "/secret/", &[("host", host)]);
            assert_eq!(refused, Err(StatusCode::MISDIRECTED_REQUEST), "{host}");
        }
        assert_eq!(ask(&Method::GET, "/secret/", &[]), Err(StatusCode::MISDIRECTED_REQUEST));
    }

    #[test]
    fn requests_of_other_sites_are_rejected_even_with_the_token() {
        let host = ("host", "127.0.0.1:4000");
        for wrong in [
            ("origin", "http://evil.example"),
            ("origin", "http://127.0.0.1:4001"),
            ("origin", "http://localhost:4000"),
            ("origin", "null"),
            ("sec-fetch-site", "cross-site"),
            ("sec-fetch-site", "same-site"),
        ] {
            for method in [Method::GET, Method::POST] {
                assert_eq!(ask(&method, "/secret/", &[host, wrong]), Err(StatusCode::FORBIDDEN), "{wrong:?}");
            }
        }
        assert_eq!(ask(&Method::POST, "/secret/letters", &[host]), Err(StatusCode::FORBIDDEN));
    }

    #[test]
    fn every_guard_has_its_own_token() {
        assert_ne!(Guard::new(1).token, Guard::new(1).token);
        assert_eq!(Guard::new(1).token.len(), 43);
    }
}
