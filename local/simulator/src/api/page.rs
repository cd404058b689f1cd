//! Lists: returns one page of items with a link to the next page.

use axum::Json;
use axum::http::{HeaderValue, header};
use axum::response::{IntoResponse, Response};
use serde_json::Value;

use super::App;
use super::extract::Parameters;
use super::problem::Problem;

/// A list: its path and the size of its pages.
pub(super) struct List<'a> {
    /// The path of the list.
    pub(super) path: &'a str,
    /// The number of items per page.
    pub(super) size: usize,
}

impl List<'_> {
    /// Returns the page that the parameter `p` selects, with a `Link` header if there is a next page.
    pub(super) fn page(
        &self,
        app: &App,
        items: Vec<Value>,
        parameters: &Parameters,
    ) -> Result<Response, Problem> {
        let number = parameters.number("p", 0, usize::MAX)?.unwrap_or(0);
        let start = number.saturating_mul(self.size);
        let more = items.len() > start.saturating_add(self.size);
        let page: Vec<Value> = items.into_iter().skip(start).take(self.size).collect();
        let mut response = Json(page).into_response();
        if more {
            let link = format!("<http://{}{}>; rel=\"next\"", app.address, self.next(number + 1, parameters));
            let link = HeaderValue::from_str(&link)
                .map_err(|error| Problem::bad_request(format!("The query cannot be linked to: {error}.")))?;
            response.headers_mut().insert(header::LINK, link);
        }
        Ok(response)
    }

    fn next(&self, number: usize, parameters: &Parameters) -> String {
        let mut next = format!("{}?p={number}", self.path);
        for (name, value) in parameters.0.iter().filter(|(name, _)| name != "p") {
            for part in ["&", &encoded(name), "=", &encoded(value)] {
                next.push_str(part);
            }
        }
        next
    }
}

/// Percent-encodes all characters except the unreserved ones of RFC 3986.
fn encoded(text: &str) -> String {
    use std::fmt::Write as _;
    text.bytes().fold(String::new(), |mut encoded, byte| {
        if byte.is_ascii_alphanumeric() || b"-._~".contains(&byte) {
            encoded.push(char::from(byte));
        } else {
            // Writing to a String cannot fail.
            let _ = write!(encoded, "%{byte:02X}");
        }
        encoded
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_next_page_keeps_the_other_parameters() {
        let list = List { path: "/api/access", size: 2 };
        let pairs = [("p", "4"), ("pageSize", "2"), ("providerDataProductId", "urn:a&b")];
        let parameters = Parameters(pairs.map(|(name, value)| (name.into(), value.into())).to_vec());
        let next = list.next(5, &parameters);
        assert_eq!(next, "/api/access?p=5&pageSize=2&providerDataProductId=urn%3Aa%26b");
    }
}
