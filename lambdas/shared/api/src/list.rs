//! Lists of agreements, page by page.

use std::ops::ControlFlow;

use dmm_mesh::{AgreementKind, AgreementPage, AgreementRef, ListEntry};
use reqwest::Url;
use reqwest::header::{HeaderMap, LINK};

use crate::body::{Element, Elements};
use crate::error::ApiError;
use crate::transport::{Answer, Call};

/// Collects the identities of the agreements in a list.
pub(crate) struct Entries {
    kind: AgreementKind,
    agreements: Vec<AgreementRef>,
    nameless: usize,
}

impl Entries {
    pub(crate) fn new(kind: AgreementKind) -> Entries {
        Entries { kind, agreements: Vec::new(), nameless: 0 }
    }
}

impl Elements for Entries {
    const EXPECTED: &'static str = "an array of agreements";
    type Content = Entries;

    fn add(&mut self, element: Element) -> ControlFlow<()> {
        let ListEntry { id, is_data_contract } = ListEntry::read(&element.bytes);
        match id {
            None => self.nameless += 1,
            // Today's API lists the documents of data contracts at the address of the first generation. Whatever else cannot
            // be read counts as an agreement, so that its lookup says what is wrong.
            Some(_) if is_data_contract && self.kind != AgreementKind::Access => {}
            Some(id) => self.agreements.push(AgreementRef { kind: self.kind, id }),
        }
        ControlFlow::Continue(())
    }

    fn finish(self) -> Entries {
        self
    }
}

/// The page with these entries.
pub(crate) fn page(number: u64, call: &Call, answer: Answer<Entries>) -> Result<AgreementPage, ApiError> {
    let Entries { agreements, nameless, .. } = answer.content;
    let next = match next_link(&answer.headers) {
        None => None,
        Some(link) => {
            let next = number_in(link, &call.url).filter(|next| *next > number);
            let wrong = || call.unexpected("a page whose link to the next one has a higher number `p`");
            Some(next.ok_or_else(wrong)?)
        }
    };
    Ok(AgreementPage { agreements, nameless, next })
}

/// The target of the link to the next page (RFC 8288), if there is one.
fn next_link(headers: &HeaderMap) -> Option<&str> {
    let values = headers.get_all(LINK).iter().filter_map(|value| value.to_str().ok());
    values.flat_map(links).find(|(_, parameters)| is_next(parameters)).map(|(target, _)| target)
}

/// The number of the page that a link leads to, if it has one.
///
/// Nothing else of the link is used. The address remains the configured one: the API key is sent nowhere else, and behind a
/// gateway the server does not know its own address.
fn number_in(link: &str, base: &Url) -> Option<u64> {
    let url = base.join(link).ok()?;
    let (_, number) = url.query_pairs().find(|(name, _)| name == "p")?;
    number.parse().ok()
}

/// The targets in a `Link` header, each with its parameters: `<target>; rel="next", <target>; …`.
fn links(header: &str) -> impl Iterator<Item = (&str, &str)> {
    header.split('<').skip(1).filter_map(|link| link.split_once('>'))
}

/// Whether `rel`, which is one name or several in quotes, marks the next page.
fn is_next(parameters: &str) -> bool {
    let mut parameters = parameters.trim_end_matches([' ', ',']).split(';').map(str::trim);
    parameters.any(|parameter| {
        parameter.split_once('=').is_some_and(|(name, value)| {
            let value = value.trim().trim_matches('"');
            name.trim().eq_ignore_ascii_case("rel")
                && value.split(' ').any(|name| name.eq_ignore_ascii_case("next"))
        })
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn headers(links: &[&'static str]) -> HeaderMap {
        let mut headers = HeaderMap::new();
        for link in links {
            headers.append(LINK, link.parse().expect("a header"));
        }
        headers
    }

    fn next(links: &[&'static str]) -> Option<u64> {
        let base = Url::parse("https://api.example.com/api/access?p=1").expect("an address");
        number_in(next_link(&headers(links)).expect("a link"), &base)
    }

    #[test]
    fn the_number_of_the_next_page_is_in_its_link() {
        for header in [
            "<https://api.example.com/api/access?p=2>; rel=\"next\"",
            "<http://10.0.0.7/internal/access?pageSize=5&p=2>;rel=next",
            "</api/access?p=2>; title=\"more\"; REL = \"last Next\"",
            "<?p=2>; rel=next",
            "</api/access?p=0>; rel=\"first prev\", </api/access?p=2>; rel=\"next\", </api/access?p=9>; rel=last",
        ] {
            assert_eq!(next(&[header]), Some(2), "{header}");
        }
        assert_eq!(next(&["</api/access?p=0>; rel=\"prev\"", "</api/access?p=2>; rel=\"next\""]), Some(2));
    }

    #[test]
    fn without_a_link_there_is_no_next_page_and_a_link_without_a_number_is_noticed() {
        for links in [&[][..], &["</api/access?p=0>; rel=\"prev\"", "nonsense", "<>", "<; rel=next"]] {
            assert_eq!(next_link(&headers(links)), None, "{links:?}");
        }
        for link in ["</api/access>; rel=next", "</api/access?p=two>; rel=next", "<http://[>; rel=next"] {
            assert_eq!(next(&[link]), None, "{link}");
        }
    }
}
