//! Parts of the sentences of refusals.

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
