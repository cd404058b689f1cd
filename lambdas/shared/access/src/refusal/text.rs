//! Parts of the sentences of refusals.

use crate::origin::Origin;

/// The rest of a sentence about the field with the role, if the owning team may set it as well.
pub(super) fn owner_alternative(owner_may_name_it: bool) -> &'static str {
    if owner_may_name_it { ", or set this field for the team that owns the data product" } else { "" }
}

/// The beginning of a value that somebody else wrote, so that a message stays short.
pub(super) fn shortened(value: &str) -> String {
    const LIMIT: usize = 200;
    let mut text: String = value.chars().take(LIMIT).collect();
    if text.len() < value.len() {
        text.push('…');
    }
    text
}

/// A list for people: `a, b and c`.
pub(crate) fn listed(items: &[String], conjunction: &str) -> String {
    match items.split_last() {
        Some((last, rest)) if !rest.is_empty() => format!("{} {conjunction} {last}", rest.join(", ")),
        _ => items.concat(),
    }
}

/// What else can be done about a custom field that holds something else than an ARN of the port.
pub(super) fn renaming_alternative(field: &Origin) -> &'static str {
    match field {
        Origin::Field(_) => ", or rename the field so that its name does not begin with `aws`",
        Origin::Server { .. } | Origin::Model { .. } => "",
    }
}

/// Where else tables can be named.
pub(super) fn naming_alternative(contract: Option<&str>) -> String {
    match contract {
        Some(contract) => format!(", or add the tables to the schema of the data contract {contract}"),
        None => ", or name a data contract in the output port that has the tables in its schema".to_owned(),
    }
}

/// `two versions` or `3 versions`, with their names.
pub(super) fn versions_of(versions: &[Option<String>]) -> String {
    let count = if versions.len() == 2 { "two".to_owned() } else { versions.len().to_string() };
    let named: Vec<String> = versions.iter().flatten().map(|version| shortened(version)).collect();
    if named.is_empty() {
        format!("{count} output ports")
    } else {
        format!("{count} versions ({})", listed(&named, "and"))
    }
}
