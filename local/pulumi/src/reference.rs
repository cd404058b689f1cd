//! References, e.g. `${a.b[0]}`, and texts that contain them.

use std::fmt;

use crate::error::{Error, Location};

/// A part of a text.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Part {
    Text(String),
    Reference(Reference),
}

/// A name and a path from there, e.g. `a.b[0]["c"]`.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Reference {
    pub(crate) root: String,
    pub(crate) path: Vec<Access>,
    pub(crate) location: Location,
}

/// A step of a reference's path.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Access {
    Member(String),
    /// A name in brackets and quotes. Pulumi accepts it only for objects whose members it does not know.
    Key(String),
    Element(usize),
}

/// Splits a text at its references. `$$` is an escaped dollar sign.
pub(crate) fn parts(text: &str, location: &Location) -> Result<Vec<Part>, Error> {
    let wrong = |problem| Error::Reference { location: location.clone(), text: text.to_owned(), problem };
    let mut parts = Vec::new();
    let mut plain = String::new();
    let mut rest = text;
    while let Some(start) = rest.find('$') {
        plain.push_str(&rest[..start]);
        rest = &rest[start..];
        if let Some(after) = rest.strip_prefix("$$") {
            plain.push('$');
            rest = after;
        } else if let Some(after) = rest.strip_prefix("${") {
            if !plain.is_empty() {
                parts.push(Part::Text(std::mem::take(&mut plain)));
            }
            let (root, path, after) = reference(after).map_err(wrong)?;
            parts.push(Part::Reference(Reference { root, path, location: location.clone() }));
            rest = after;
        } else {
            plain.push('$');
            rest = &rest[1..];
        }
    }
    plain.push_str(rest);
    if !plain.is_empty() {
        parts.push(Part::Text(plain));
    }
    if parts.len() > 1 && text.contains("${[") {
        return Err(wrong("a reference inside a text must start with a name without quotes"));
    }
    Ok(parts)
}

/// Parses a reference up to its closing brace. Returns the first name, the path and the rest of the text.
fn reference(text: &str) -> Result<(String, Vec<Access>, &str), &'static str> {
    let (first, mut rest) = if text.starts_with('[') { subscript(text)? } else { member(text)? };
    let (Access::Member(root) | Access::Key(root)) = first else { return Err("it must start with a name") };
    let mut path = Vec::new();
    loop {
        let (access, after) = match rest.as_bytes().first() {
            Some(b'}') => return Ok((root, path, &rest[1..])),
            Some(b'.') => member(&rest[1..])?,
            Some(b'[') => subscript(rest)?,
            Some(_) => return Err("`]` must be followed by `.`, `[` or `}`"),
            None => return Err("its `}` is missing"),
        };
        path.push(access);
        rest = after;
    }
}

fn member(text: &str) -> Result<(Access, &str), &'static str> {
    let end = text.find(['.', '[', ']', '}']).ok_or("its `}` is missing")?;
    let name = &text[..end];
    if name.is_empty() {
        return Err("a name is missing");
    }
    if name.contains(char::is_whitespace) {
        return Err("a name must not contain spaces");
    }
    if text[end..].starts_with(']') {
        return Err("a `]` has no matching `[`");
    }
    Ok((Access::Member(name.to_owned()), &text[end..]))
}

fn subscript(text: &str) -> Result<(Access, &str), &'static str> {
    const UNCLOSED: &str = "its `]` is missing";
    let inner = text.strip_prefix('[').ok_or(UNCLOSED)?;
    let Some(quoted) = inner.strip_prefix('"') else {
        let (index, after) = inner.split_once(']').ok_or(UNCLOSED)?;
        let index = index.parse().map_err(|_| "`[` and `]` must enclose an index or a name in quotes")?;
        return Ok((Access::Element(index), after));
    };
    let mut name = String::new();
    let mut chars = quoted.char_indices();
    while let Some((at, char)) = chars.next() {
        match char {
            '"' => {
                let after = quoted[at + 1..].strip_prefix(']').ok_or(UNCLOSED)?;
                return Ok((Access::Key(name), after));
            }
            '\\' if quoted[at + 1..].starts_with('"') => {
                chars.next();
                name.push('"');
            }
            other => name.push(other),
        }
    }
    Err("a quoted name has no closing quote")
}

impl Reference {
    /// Returns the first step of the path, if it is a name.
    pub(crate) fn first_member(&self) -> Option<&str> {
        match self.path.first() {
            Some(Access::Member(name)) => Some(name),
            _ => None,
        }
    }
}

impl fmt::Display for Reference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.root)?;
        for access in &self.path {
            match access {
                Access::Element(index) => write!(f, "[{index}]")?,
                Access::Key(name) => write!(f, "[\"{}\"]", name.replace('"', "\\\""))?,
                Access::Member(name) => write!(f, ".{name}")?,
            }
        }
        Ok(())
    }
}
