//! What tests outside this crate call directly.

use reqwest::Url;
use reqwest::header::{HeaderMap, HeaderValue, LINK};

use crate::list::{next_link, number_in};

/// The number of the next page according to a `Link` header of the page at `https://api.example.com/api/access?p=1`. `None`
/// if these bytes cannot be a header, or if they name no next page with a number.
#[must_use]
pub fn next_page(header: &[u8]) -> Option<u64> {
    let base = Url::parse("https://api.example.com/api/access?p=1").ok()?;
    let headers = HeaderMap::from_iter([(LINK, HeaderValue::from_bytes(header).ok()?)]);
    number_in(next_link(&headers)?, &base)
}
