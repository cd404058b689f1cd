//! Access as comma-separated values ([RFC 4180](https://www.rfc-editor.org/rfc/rfc4180)).

use std::fmt;

use serde::Serialize;

use super::access::Access;

/// Prints one line for each access, after a line with the names of the columns.
#[derive(Serialize)]
#[serde(transparent)]
pub(super) struct Csv<'a>(pub(super) &'a [Access]);

const COLUMNS: [&str; 14] = [
    "role",
    "role_id",
    "product",
    "port",
    "consumer_data_product",
    "consumer_team",
    "since",
    "until",
    "agreement",
    "cause",
    "cause_id",
    "policy_sha256",
    "entry",
    "resources",
];

impl fmt::Display for Csv<'_> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(formatter, "{}", COLUMNS.join(","))?;
        for access in self.0 {
            let text = |text: Option<&String>| text.cloned().unwrap_or_default();
            let consumer = access.consumer.as_ref();
            let resources: Vec<&str> = access.resources.iter().map(String::as_str).collect();
            let fields: [String; 14] = [
                access.role.clone(),
                text(access.role_id.as_ref()),
                text(access.product.as_ref()),
                text(access.port.as_ref()),
                text(consumer.and_then(|consumer| consumer.data_product.as_ref())),
                text(consumer.and_then(|consumer| consumer.team.as_ref())),
                access.since.to_string(),
                access.until.map(|until| until.to_string()).unwrap_or_default(),
                access.agreement.clone(),
                access.cause.clone(),
                access.cause_id.clone(),
                access.policy_sha256.clone(),
                access.entry.clone(),
                resources.join(" "),
            ];
            writeln!(formatter, "{}", fields.map(|field| quoted(&field)).join(","))?;
        }
        Ok(())
    }
}

/// A field in quotation marks if it needs them. A spreadsheet would take a text that begins like a formula for one, so it gets
/// an apostrophe.
fn quoted(field: &str) -> String {
    let field = if field.starts_with(['=', '+', '-', '@', '\t', '\r']) {
        format!("'{field}")
    } else {
        field.to_owned()
    };
    if field.contains([',', '"', '\n', '\r']) { format!("\"{}\"", field.replace('"', "\"\"")) } else { field }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_field_is_quoted_if_it_has_to_be_and_is_never_a_formula() {
        for (field, written) in
            [("a", "a"), ("a,b", "\"a,b\""), ("say \"a\"", "\"say \"\"a\"\"\""), ("=1+1", "'=1+1"), ("", "")]
        {
            assert_eq!(quoted(field), written);
        }
    }
}
