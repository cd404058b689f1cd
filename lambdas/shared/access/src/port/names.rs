//! Reads the names in ARNs.

use crate::arn::Arn;

/// The name behind the prefix, for example behind `stream/`; `None` if it is not the ARN of one such resource.
pub(super) fn after<'a>(arn: &'a Arn, service: &str, prefix: &str) -> Option<&'a str> {
    let name = arn.resource().strip_prefix(prefix)?;
    let is_name = arn.service() == service && arn.is_regional() && is_plain(name);
    is_name.then_some(name)
}

/// The ARN that ends with the first name behind the prefix: of `table/orders/index/daily`, that of `table/orders`.
pub(super) fn container(arn: &Arn, prefix: &str) -> Option<Arn> {
    let name = arn.resource().strip_prefix(prefix)?.split('/').next()?;
    Some(arn.sibling(format!("{prefix}{name}")))
}

/// Whether it is one name, and not a path of several.
pub(super) fn is_plain(name: &str) -> bool {
    !name.is_empty() && !name.contains(['/', ':'])
}

/// Whether the text is an ARN for which `is` holds.
pub(super) fn is(text: &str, is: fn(&Arn) -> bool) -> bool {
    text.parse().is_ok_and(|arn| is(&arn))
}

/// The texts of the ARNs.
pub(super) fn texts<'a>(arns: impl IntoIterator<Item = &'a Arn>) -> Vec<String> {
    arns.into_iter().map(Arn::to_string).collect()
}
