//! The names of everything that the functions emit: span attributes, metrics and log fields.
//!
//! Every name is declared here, once, with its meaning; the doc comment of a constant is the meaning in the lists
//! [`ATTRIBUTES`](attribute::ATTRIBUTES), [`METRICS`](metric::METRICS) and [`LOG_FIELDS`](log::LOG_FIELDS).
//! `docs/telemetry.md` describes the same names, and tests compare the two.
//!
//! A new name is one line in one of these modules. A span or a line of the log uses it as `{ log::ERROR } = …`.

pub mod attribute;
pub mod log;
pub mod metric;
pub mod span;

/// A name with its meaning.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Name {
    /// The name as it is emitted.
    pub name: &'static str,
    /// What its value says.
    pub meaning: &'static str,
}

/// Declares string constants, and a list of all of them with their doc comments as meanings.
macro_rules! names {
    ($list:ident, $about:literal; $(#[doc = $meaning:literal] $constant:ident = $name:literal;)*) => {
        $(#[doc = $meaning] pub const $constant: &str = $name;)*

        #[doc = $about]
        pub const $list: &[$crate::names::Name] =
            &[$($crate::names::Name { name: $constant, meaning: $meaning.trim_ascii() }),*];
    };
}
use names;

#[cfg(test)]
mod tests;
