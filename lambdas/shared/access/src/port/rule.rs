//! Which statements the kinds of ports write: what a document that was read back from storage is compared with.

use crate::arn::{Arn, Partition};

/// Statements that a kind writes: they allow some of the actions, on resources of a form, under certain conditions.
#[derive(Debug)]
pub(crate) struct Rule {
    pub(crate) actions: &'static [&'static str],
    /// Whether a statement about these actions may name this resource.
    pub(crate) names: fn(&str) -> bool,
    /// The conditions, besides those that any statement may have.
    pub(crate) conditions: &'static [Condition],
}

/// A condition of a statement.
#[derive(Debug)]
pub(crate) struct Condition {
    pub(crate) operator: &'static str,
    pub(crate) key: &'static str,
    pub(crate) value: Expected,
    /// Whether every statement of the rule has it.
    pub(crate) is_required: bool,
}

/// The values that a condition may compare with.
#[derive(Debug)]
pub(crate) enum Expected {
    /// Only this one.
    Text(&'static str),
    /// The host name of this service in some region, for example `s3.eu-central-1.amazonaws.com`.
    HostOf(&'static str),
    /// The values for which the function returns true.
    Any(fn(&str) -> bool),
}

impl Rule {
    pub(super) const fn new(actions: &'static [&'static str], names: fn(&str) -> bool) -> Rule {
        Rule { actions, names, conditions: &[] }
    }

    pub(super) const fn under(self, conditions: &'static [Condition]) -> Rule {
        Rule { conditions, ..self }
    }
}

impl Condition {
    pub(super) const fn required(operator: &'static str, key: &'static str, value: Expected) -> Condition {
        Condition { operator, key, value, is_required: true }
    }

    pub(super) const fn optional(operator: &'static str, key: &'static str, value: Expected) -> Condition {
        Condition { operator, key, value, is_required: false }
    }
}

impl Expected {
    pub(crate) fn includes(&self, value: &str) -> bool {
        match self {
            Expected::Text(text) => value == *text,
            Expected::HostOf(service) => is_host_of(service, value),
            Expected::Any(includes) => includes(value),
        }
    }
}

fn is_host_of(service: &str, value: &str) -> bool {
    let Some(rest) = value.strip_prefix(service).and_then(|rest| rest.strip_prefix('.')) else {
        return false;
    };
    let Some((region, _)) = rest.split_once('.') else { return false };
    Partition::ALL.iter().any(|partition| {
        let arn = format!("arn:{partition}:{service}:{region}:123456789012:any").parse::<Arn>();
        arn.is_ok() && !region.is_empty() && rest == format!("{region}.{}", partition.dns_suffix())
    })
}

/// Whether it can stand in a policy as it is: visible ASCII characters and spaces, without wildcards and variables.
pub(super) fn is_literal(text: &str) -> bool {
    let is_visible = |byte: u8| byte == b' ' || byte.is_ascii_graphic();
    !text.is_empty() && text.bytes().all(is_visible) && !text.contains(['*', '?']) && !text.contains("${")
}
