//! The id of the connector.

use std::str::FromStr;

use thiserror::Error;

/// The id under which Data Mesh Manager lists the stack among its connectors: a segment of the address of the API.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ConnectorId(String);

/// The text cannot be the id of a connector.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
#[error("it contains a slash, white space or a control character, or consists of dots")]
pub struct ConnectorIdError;

impl ConnectorId {
    /// The id as text.
    #[must_use]
    pub fn into_string(self) -> String {
        self.0
    }
}

impl FromStr for ConnectorId {
    type Err = ConnectorIdError;

    fn from_str(text: &str) -> Result<ConnectorId, ConnectorIdError> {
        let is_invalid =
            |character: char| character == '/' || character.is_whitespace() || character.is_control();
        if text.chars().any(is_invalid) || matches!(text, "" | "." | "..") {
            return Err(ConnectorIdError);
        }
        Ok(ConnectorId(text.to_owned()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_id_is_a_segment_of_an_address() {
        for id in ["aws", "urn:acme:connector:1", "a.b", "4711", "640864de-83d4-4619-afba-ccea8037ed3a"] {
            assert_eq!(id.parse::<ConnectorId>().map(ConnectorId::into_string).as_deref(), Ok(id));
        }
        for id in ["", ".", "..", "a/b", "a b", "a\n", "\u{7}"] {
            assert_eq!(id.parse::<ConnectorId>(), Err(ConnectorIdError), "{id:?}");
        }
    }
}
