//! Lists of agreements.

use crate::agreement::{AgreementRef, DATA_CONTRACT_MEMBERS};
use crate::members::{RawMember, as_text, members};

/// A page of the agreements of a generation.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct AgreementPage {
    /// The agreements, in the order of the answer. Only their identities: a list is outdated as soon as it arrives, so each
    /// agreement is read when it is needed.
    pub agreements: Vec<AgreementRef>,
    /// The number of entries without an id, which cannot be read.
    pub nameless: usize,
    /// The number of the next page; `None` at the end of the list.
    pub next: Option<u64>,
}

/// What a list says about one entry.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ListEntry {
    /// Its `id`, if it is a non-empty string.
    pub id: Option<String>,
    /// Whether it has a member that only the document of a data contract has.
    pub is_data_contract: bool,
}

impl ListEntry {
    /// Reads an entry, or the beginning of one. It looks at the names of the members and at the id only, so that it needs no
    /// memory for the rest.
    #[must_use]
    pub fn read(bytes: &[u8]) -> ListEntry {
        let mut entry = ListEntry::default();
        for RawMember { name, value, .. } in members(bytes) {
            if name == "id" {
                entry.id = as_text(value).filter(|id| !id.is_empty());
            }
            entry.is_data_contract |= DATA_CONTRACT_MEMBERS.contains(&name.as_str());
        }
        entry
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> (Option<String>, bool) {
        let ListEntry { id, is_data_contract } = ListEntry::read(text.as_bytes());
        (id, is_data_contract)
    }

    #[test]
    fn an_entry_has_its_id_and_is_a_data_contract_or_not() {
        let id = Some("a".to_owned());
        assert_eq!(read(r#"{"id":"a","info":{"schema":[]},"provider":{}}"#), (id.clone(), false));
        for member in DATA_CONTRACT_MEMBERS {
            assert_eq!(read(&format!(r#"{{"id":"a","{member}":null}}"#)), (id.clone(), true));
            assert_eq!(read(&format!(r#"{{"{member}":[{{"id":"b"}}],"id":"a""#)), (id.clone(), true));
        }
    }

    #[test]
    fn an_entry_without_an_id_has_none() {
        for text in ["", "7", "null", "[]", "{}", r#"{"id":7}"#, r#"{"id":""}"#, r#"{"data":{"id":"a"}}"#] {
            assert_eq!(read(text), (None, false), "{text}");
        }
    }
}
