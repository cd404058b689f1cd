//! Patterns of roles.

use crate::role::Role;

/// A pattern in which `*` stands for any characters.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Pattern {
    /// Whether it is compared with a role's path and name instead of the name alone.
    with_path: bool,
    /// The texts between the stars.
    parts: Vec<String>,
}

impl Pattern {
    /// Reads a pattern; `None` if it cannot match a role.
    pub(super) fn read(text: &str) -> Option<Pattern> {
        let is_possible = !text.is_empty()
            && text.bytes().all(|byte| byte.is_ascii_graphic())
            && (text.starts_with('/') || !text.contains('/'));
        is_possible.then(|| Pattern {
            with_path: text.starts_with('/'),
            parts: text.split('*').map(str::to_owned).collect(),
        })
    }

    pub(super) fn matches(&self, role: &Role) -> bool {
        if self.with_path {
            self.matches_text(&format!("{}{}", role.path, role.name))
        } else {
            self.matches_text(role.name.as_str())
        }
    }

    fn matches_text(&self, text: &str) -> bool {
        let [first, between @ .., last] = self.parts.as_slice() else {
            return self.parts.first().is_some_and(|only| only == text);
        };
        let Some(mut rest) =
            text.strip_prefix(first.as_str()).and_then(|rest| rest.strip_suffix(last.as_str()))
        else {
            return false;
        };
        for part in between {
            match rest.split_once(part.as_str()) {
                Some((_, behind)) => rest = behind,
                None => return false,
            }
        }
        true
    }
}
