//! Expressions: what may stand wherever the language takes a value.

use std::fmt;

use serde_json::{Number, Value as Json};

use crate::error::{Error, Place};
use crate::function::Function;
use crate::invocation::Invocation;

/// What may stand wherever the language takes a value.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Expression {
    Null,
    Bool(bool),
    Number(Number),
    Text(String),
    /// Text with references in it.
    Template(Vec<Part>),
    /// A reference alone, which keeps the type of what it names.
    Reference(Reference),
    List(Vec<Expression>),
    /// The keys may be templates, too.
    Map(Vec<(Vec<Part>, Expression)>),
    Call(Box<Call>),
    Invoke(Box<Invocation>),
}

/// A call of a function of the language.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Call {
    pub(crate) function: Function,
    pub(crate) argument: Expression,
    pub(crate) place: Place,
}

/// A part of a text.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Part {
    Text(String),
    Reference(Reference),
}

/// `a.b[0]["c"]`: a name and a way from there.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Reference {
    pub(crate) root: String,
    pub(crate) path: Vec<Access>,
    pub(crate) place: Place,
}

/// What an expression refers to.
#[derive(Debug, Default)]
pub(crate) struct References<'a> {
    /// For a value.
    pub(crate) values: Vec<&'a Reference>,
    /// To resources that must be there before.
    pub(crate) resources: Vec<&'a Reference>,
}

/// A step of a reference.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Access {
    Member(String),
    Element(usize),
}

impl Expression {
    /// Reads the expression that stands at `place`.
    pub(crate) fn parse(json: &Json, place: &Place) -> Result<Expression, Error> {
        Ok(match json {
            Json::Null => Expression::Null,
            Json::Bool(flag) => Expression::Bool(*flag),
            Json::Number(number) => Expression::Number(number.clone()),
            Json::String(text) => match parts(text, place)?.as_mut_slice() {
                [] => Expression::Text(String::new()),
                [Part::Text(text)] => Expression::Text(std::mem::take(text)),
                [Part::Reference(reference)] => Expression::Reference(reference.clone()),
                parts => Expression::Template(parts.to_vec()),
            },
            Json::Array(items) => Expression::List(list(items, place)?),
            Json::Object(members) => match members.iter().find(|(key, _)| key.starts_with("fn::")) {
                Some((key, argument)) => {
                    let place = place.key(key);
                    let name = key.trim_start_matches("fn::");
                    if members.len() > 1 {
                        return Err(Error::FunctionBesideKeys { place });
                    }
                    call(name, argument, &place)?
                }
                None => Expression::Map(
                    members
                        .iter()
                        .map(|(key, value)| {
                            let place = place.key(key);
                            Ok((parts(key, &place)?, Expression::parse(value, &place)?))
                        })
                        .collect::<Result<_, Error>>()?,
                ),
            },
        })
    }

    /// Every reference in it, in the order of the text.
    pub(crate) fn references(&self) -> References<'_> {
        let mut found = References::default();
        self.collect(&mut found);
        found
    }

    fn collect<'a>(&'a self, found: &mut References<'a>) {
        match self {
            Expression::Null | Expression::Bool(_) | Expression::Number(_) | Expression::Text(_) => {}
            Expression::Template(parts) => collect_parts(parts, found),
            Expression::Reference(reference) => found.values.push(reference),
            Expression::List(items) => items.iter().for_each(|item| item.collect(found)),
            Expression::Map(members) => {
                for (key, value) in members {
                    collect_parts(key, found);
                    value.collect(found);
                }
            }
            Expression::Call(call) => call.argument.collect(found),
            Expression::Invoke(invocation) => {
                invocation.arguments.collect(found);
                found.resources.extend(&invocation.depends_on);
            }
        }
    }
}

impl<'a> References<'a> {
    /// The names that all of them begin with.
    pub(crate) fn roots(self) -> impl Iterator<Item = &'a str> {
        self.values.into_iter().chain(self.resources).map(|reference| reference.root.as_str())
    }
}

fn collect_parts<'a>(parts: &'a [Part], found: &mut References<'a>) {
    found.values.extend(parts.iter().filter_map(|part| match part {
        Part::Reference(reference) => Some(reference),
        Part::Text(_) => None,
    }));
}

fn list(items: &[Json], place: &Place) -> Result<Vec<Expression>, Error> {
    items.iter().enumerate().map(|(index, item)| Expression::parse(item, &place.index(index))).collect()
}

/// `fn::aws:getRegion` is short for `fn::invoke` with that function.
fn call(name: &str, argument: &Json, place: &Place) -> Result<Expression, Error> {
    if name == "invoke" {
        return Ok(Expression::Invoke(Box::new(Invocation::parse(argument, place)?)));
    }
    if name.contains(':') {
        return Ok(Expression::Invoke(Box::new(Invocation::short(name, argument, place)?)));
    }
    let function = Function::named(name, place)?;
    let argument = Expression::parse(argument, place)?;
    function.check(&argument, place)?;
    Ok(Expression::Call(Box::new(Call { function, argument, place: place.clone() })))
}

/// Splits a text at its references. `$$` stands for a dollar sign.
fn parts(text: &str, place: &Place) -> Result<Vec<Part>, Error> {
    let wrong = |problem| Error::Reference { place: place.clone(), text: text.to_owned(), problem };
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
            parts.push(Part::Reference(Reference { root, path, place: place.clone() }));
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
    Ok(parts)
}

/// Reads a reference up to its brace, and returns what comes after that.
fn reference(text: &str) -> Result<(String, Vec<Access>, &str), &'static str> {
    let (first, mut rest) = if text.starts_with('[') { subscript(text)? } else { member(text)? };
    let Access::Member(root) = first else { return Err("it must begin with a name") };
    let mut path = Vec::new();
    loop {
        let (access, after) = match rest.as_bytes().first() {
            Some(b'}') => return Ok((root, path, &rest[1..])),
            Some(b'.') => member(&rest[1..])?,
            Some(b'[') => subscript(rest)?,
            Some(_) => return Err("after `]` comes `.`, `[` or `}`"),
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
        return Err("a name has no spaces");
    }
    if text[end..].starts_with(']') {
        return Err("a `]` has no `[`");
    }
    Ok((Access::Member(name.to_owned()), &text[end..]))
}

fn subscript(text: &str) -> Result<(Access, &str), &'static str> {
    const UNCLOSED: &str = "its `]` is missing";
    let inner = text.strip_prefix('[').ok_or(UNCLOSED)?;
    let Some(quoted) = inner.strip_prefix('"') else {
        let (index, after) = inner.split_once(']').ok_or(UNCLOSED)?;
        let index = index.parse().map_err(|_| "between `[` and `]` is an index or a name in quotes")?;
        return Ok((Access::Element(index), after));
    };
    let mut name = String::new();
    let mut chars = quoted.char_indices();
    while let Some((at, char)) = chars.next() {
        match char {
            '"' => {
                let after = quoted[at + 1..].strip_prefix(']').ok_or(UNCLOSED)?;
                return Ok((Access::Member(name), after));
            }
            '\\' if quoted[at + 1..].starts_with('"') => {
                chars.next();
                name.push('"');
            }
            other => name.push(other),
        }
    }
    Err("the quotes of a name do not end")
}

impl Reference {
    /// The first step, where it is a name.
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
                Access::Member(name) if name.contains(['.', '[', ']', '}', '"']) => {
                    write!(f, "[\"{}\"]", name.replace('"', "\\\""))?;
                }
                Access::Member(name) => write!(f, ".{name}")?,
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use serde_json::json;

    use super::*;

    fn parse(json: &Json) -> Result<Expression, Error> {
        Expression::parse(json, &Place::new(Path::new("Pulumi.yaml").into()).key("x"))
    }

    fn read(text: &str) -> Reference {
        match parse(&json!(text)).expect("a reference") {
            Expression::Reference(reference) => reference,
            other => panic!("{other:?} is no reference"),
        }
    }

    fn name(text: &str) -> Access {
        Access::Member(text.to_owned())
    }

    #[test]
    fn a_reference_takes_names_indices_and_quoted_names() {
        let found = read(r#"${a.b[0]["c.d \"e\""].f[12]["€"]}"#);
        assert_eq!(found.root, "a");
        let path =
            [name("b"), Access::Element(0), name("c.d \"e\""), name("f"), Access::Element(12), name("€")];
        assert_eq!(found.path, path);
        assert_eq!(found.to_string(), r#"a.b[0]["c.d \"e\""].f[12].€"#);
    }

    #[test]
    fn a_reference_may_begin_with_a_quoted_name_and_a_name_may_have_a_colon() {
        assert_eq!(read(r#"${["a.b"].c}"#).root, "a.b");
        assert_eq!(read("${aws:region}").root, "aws:region");
    }

    #[test]
    fn text_around_references_makes_a_template() {
        let Expression::Template(parts) = parse(&json!("a${b}${c.d}e")).expect("a template") else {
            panic!("a template")
        };
        let [Part::Text(a), Part::Reference(b), Part::Reference(c), Part::Text(e)] = parts.as_slice() else {
            panic!("four parts: {parts:?}")
        };
        assert_eq!([a.as_str(), &b.to_string(), &c.to_string(), e], ["a", "b", "c.d", "e"]);
    }

    #[test]
    fn two_dollars_are_one_and_one_alone_is_itself() {
        for (text, read) in [("$${a}", "${a}"), ("$$", "$"), ("5 $", "5 $"), ("$a $$b", "$a $b"), ("", "")] {
            assert_eq!(parse(&json!(text)).expect("a text"), Expression::Text(read.to_owned()));
        }
    }

    #[test]
    fn a_reference_that_cannot_be_read_is_refused_with_its_place() {
        let texts = [
            "${a",
            "${}",
            "${a.}",
            "${a..b}",
            "${a b}",
            "${a[}",
            "${a[x]}",
            "${a[0}",
            "${a[-1]}",
            "${[0]}",
            "${a]}",
            r#"${a["b]}"#,
            r#"${a["b"}"#,
            "${a[0]b}",
        ];
        for text in texts {
            let error = parse(&json!({"k": [text]})).expect_err(text).to_string();
            assert!(
                error.starts_with("Pulumi.yaml: x.k[0]: ") && error.contains("cannot be read"),
                "{error}"
            );
        }
    }

    #[test]
    fn keys_are_templates_too() {
        let found = parse(&json!({"${a.arn}:sub": {"$${b}": "${c}"}})).expect("a map");
        let names: Vec<_> = found.references().values.iter().map(ToString::to_string).collect();
        assert_eq!(names, ["a.arn", "c"]);
    }

    #[test]
    fn references_inside_functions_are_found() {
        let invoke = json!({"fn::invoke": {"function": "aws:getX", "arguments": {"y": "${b}"}}});
        let found = parse(&json!({"fn::join": [",", ["${a}", {"fn::toJSON": [invoke]}]]})).expect("a call");
        let names: Vec<_> = found.references().roots().collect();
        assert_eq!(names, ["a", "b"]);
    }

    #[test]
    fn a_function_beside_other_keys_is_refused() {
        let error = parse(&json!({"fn::toJSON": 1, "b": 2})).expect_err("two keys").to_string();
        assert!(error.contains("the only key"), "{error}");
    }
}
