//! Expressions: everything that the language accepts as a value.

use serde_json::{Number, Value as Json};

use crate::error::{Error, Location};
use crate::function::{Function, is_function};
use crate::json;
use crate::reference::{Part, Reference, parts};

/// Anything that the language accepts as a value.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Expression {
    Null,
    Bool(bool),
    Number(Number),
    Text(String),
    /// Text that contains references.
    Template(Vec<Part>),
    /// A single reference. It keeps the type of the value that it refers to.
    Reference(Reference),
    List(Vec<Expression>),
    /// Keys may be templates, too.
    Map(Vec<(Vec<Part>, Expression)>),
    Call(Box<Call>),
    Invoke(Box<Invocation>),
}

/// A call of a built-in function.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Call {
    pub(crate) function: Function,
    pub(crate) argument: Expression,
    pub(crate) location: Location,
}

/// The references in an expression.
#[derive(Debug, Default)]
pub(crate) struct References<'a> {
    /// References to values.
    pub(crate) values: Vec<&'a Reference>,
    /// References to resources that must be created first.
    pub(crate) resources: Vec<&'a Reference>,
}

impl Expression {
    /// Parses the expression at `location`.
    pub(crate) fn parse(json: &Json, location: &Location) -> Result<Expression, Error> {
        Ok(match json {
            Json::Null => Expression::Null,
            Json::Bool(flag) => Expression::Bool(*flag),
            Json::Number(number) => Expression::Number(number.clone()),
            Json::String(text) => match parts(text, location)?.as_mut_slice() {
                [] => Expression::Text(String::new()),
                [Part::Text(text)] => Expression::Text(std::mem::take(text)),
                [Part::Reference(reference)] => Expression::Reference(reference.clone()),
                parts => Expression::Template(parts.to_vec()),
            },
            Json::Array(items) => Expression::List(list(items, location)?),
            Json::Object(members) => match members.iter().find(|(key, _)| is_function(key)) {
                Some((key, argument)) => {
                    let location = location.key(key);
                    let name = key.get("fn::".len()..).unwrap_or_default();
                    if members.len() > 1 {
                        return Err(Error::FunctionBesideKeys { location });
                    }
                    call(name, argument, &location)?
                }
                None => Expression::Map(
                    members
                        .iter()
                        .map(|(key, value)| {
                            let location = location.key(key);
                            Ok((parts(key, &location)?, Expression::parse(value, &location)?))
                        })
                        .collect::<Result<_, Error>>()?,
                ),
            },
        })
    }

    /// Returns all references, in the order of the text.
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
    /// Returns the first name of each reference.
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

fn list(items: &[Json], location: &Location) -> Result<Vec<Expression>, Error> {
    items.iter().enumerate().map(|(index, item)| Expression::parse(item, &location.index(index))).collect()
}

/// Parses a function call. `fn::aws:getRegion` is short for `fn::invoke` of that function.
fn call(name: &str, argument: &Json, location: &Location) -> Result<Expression, Error> {
    if name.eq_ignore_ascii_case("invoke") {
        return Ok(Expression::Invoke(Box::new(Invocation::parse(argument, location)?)));
    }
    if name.contains(':') {
        return Ok(Expression::Invoke(Box::new(Invocation::short(name, argument, location)?)));
    }
    let function = Function::named(name, location)?;
    let parsed = Expression::parse(argument, location)?;
    function.check(argument, location)?;
    Ok(Expression::Call(Box::new(Call { function, argument: parsed, location: location.clone() })))
}

/// A call of a provider function, `fn::invoke`.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Invocation {
    /// The function, e.g. `aws:getCallerIdentity`.
    pub(crate) token: String,
    pub(crate) arguments: Expression,
    /// The member of the result that is the value; `None` for the whole result.
    pub(crate) returns: Option<String>,
    /// Resources that must be created first.
    pub(crate) depends_on: Vec<Reference>,
    pub(crate) location: Location,
}

impl Invocation {
    pub(crate) fn parse(argument: &Json, location: &Location) -> Result<Invocation, Error> {
        let Some(members) = json::object(argument, location)? else {
            return Err(Error::Missing { location: location.key("function") });
        };
        json::only(members, &["function", "arguments", "options", "return"], location)?;
        let function =
            members.get("function").ok_or_else(|| Error::Missing { location: location.key("function") })?;
        let token = json::text(function, &location.key("function"))?.to_owned();
        let arguments = arguments(members.get("arguments"), &location.key("arguments"))?;
        let returns = match members.get("return") {
            Some(name) => Some(json::text(name, &location.key("return"))?.to_owned()),
            None => None,
        };
        let depends_on = options(members.get("options"), &location.key("options"))?;
        Ok(Invocation { token, arguments, returns, depends_on, location: location.clone() })
    }

    /// `fn::aws:getRegion: {arguments}`.
    pub(crate) fn short(token: &str, argument: &Json, location: &Location) -> Result<Invocation, Error> {
        let arguments = arguments(Some(argument).filter(|argument| !argument.is_null()), location)?;
        let location = location.clone();
        Ok(Invocation { token: token.to_owned(), arguments, returns: None, depends_on: Vec::new(), location })
    }
}

fn arguments(value: Option<&Json>, location: &Location) -> Result<Expression, Error> {
    let Some(value) = value else { return Ok(Expression::Map(Vec::new())) };
    json::members(value, location)?;
    Expression::parse(value, location)
}

/// Returns the resources that the options refer to.
fn options(value: Option<&Json>, location: &Location) -> Result<Vec<Reference>, Error> {
    let Some(value) = value else { return Ok(Vec::new()) };
    let options = json::members(value, location)?;
    json::only(options, &["dependsOn", "parent", "pluginDownloadURL", "provider", "version"], location)?;
    let mut found = Vec::new();
    for name in ["parent", "provider"] {
        if let Some(value) = options.get(name) {
            found.push(reference_to_resource(value, &location.key(name))?);
        }
    }
    if let Some(value) = options.get("dependsOn") {
        found.extend(references_to_resources(value, &location.key("dependsOn"))?);
    }
    Ok(found)
}

/// Returns the resource that an option refers to.
pub(crate) fn reference_to_resource(json: &Json, location: &Location) -> Result<Reference, Error> {
    match Expression::parse(json, location)? {
        Expression::Reference(reference) if reference.path.is_empty() => Ok(reference),
        _ => Err(Error::NoResource { location: location.clone() }),
    }
}

/// Returns the resources that an option lists.
pub(crate) fn references_to_resources(json: &Json, location: &Location) -> Result<Vec<Reference>, Error> {
    let items = json.as_array().ok_or_else(|| json::wrong(location, "a list of resources", json))?;
    let each = items.iter().enumerate();
    each.map(|(index, item)| reference_to_resource(item, &location.index(index))).collect()
}

/// Returns the list of strings at this location, none of which may contain references.
pub(crate) fn plain_texts(value: &Json, location: &Location) -> Result<Vec<String>, Error> {
    let items = value.as_array().ok_or_else(|| json::wrong(location, "a list of strings", value))?;
    let each = items.iter().enumerate();
    each.map(|(index, item)| plain_text(item, &location.index(index)).map(str::to_owned)).collect()
}

/// Returns the string at this location, which must not contain references.
pub(crate) fn plain_text<'a>(value: &'a Json, location: &Location) -> Result<&'a str, Error> {
    let text = json::text(value, location)?;
    if let Expression::Text(_) = Expression::parse(value, location)? {
        return Ok(text);
    }
    let (expected, found) = ("a string without references", "computed");
    Err(Error::WrongType { location: location.clone(), expected, found })
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use serde_json::json;

    use super::*;
    use crate::reference::Access;

    fn location() -> Location {
        Location::new(Path::new("Pulumi.yaml").into()).key("x")
    }

    fn parse(json: &Json) -> Result<Expression, Error> {
        Expression::parse(json, &location())
    }

    fn read(text: &str) -> Reference {
        match parse(&json!(text)).expect("a reference") {
            Expression::Reference(reference) => reference,
            other => panic!("{other:?} is not a reference"),
        }
    }

    fn name(text: &str) -> Access {
        Access::Member(text.to_owned())
    }

    #[test]
    fn a_reference_contains_names_indices_and_quoted_names() {
        let found = read(r#"${a.b[0]["c.d \"e\""].f[12]["€"]}"#);
        assert_eq!(found.root, "a");
        let key = |text: &str| Access::Key(text.to_owned());
        let path =
            [name("b"), Access::Element(0), key("c.d \"e\""), name("f"), Access::Element(12), key("€")];
        assert_eq!(found.path, path);
        assert_eq!(found.to_string(), r#"a.b[0]["c.d \"e\""].f[12]["€"]"#);
    }

    #[test]
    fn a_reference_may_start_with_a_quoted_name_and_a_name_may_contain_a_colon() {
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
    fn two_dollar_signs_are_an_escape_and_one_alone_is_literal() {
        for (text, read) in [("$${a}", "${a}"), ("$$", "$"), ("5 $", "5 $"), ("$a $$b", "$a $b"), ("", "")] {
            assert_eq!(parse(&json!(text)).expect("a text"), Expression::Text(read.to_owned()));
        }
    }

    #[test]
    fn an_invalid_reference_is_rejected_with_its_place() {
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
            r#"x${["a"].b}"#,
        ];
        for text in texts {
            let error = parse(&json!({"k": [text]})).expect_err(text).to_string();
            assert!(
                error.starts_with("Pulumi.yaml: x.k[0]: ") && error.contains("is not a valid reference"),
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
    fn a_function_beside_other_keys_is_rejected() {
        let error = parse(&json!({"fn::toJSON": 1, "b": 2})).expect_err("two keys").to_string();
        assert!(error.contains("the only key"), "{error}");
    }

    #[test]
    fn an_invocation_accepts_only_its_four_keys() {
        let parse = |json: Json| Invocation::parse(&json, &location()).map_err(|e| e.to_string());
        let found =
            parse(json!({"function": "aws:getX", "arguments": {"a": 1}, "return": "b"})).expect("a call");
        assert_eq!((found.token.as_str(), found.returns.as_deref()), ("aws:getX", Some("b")));
        assert!(parse(json!({"arguments": {}})).expect_err("no function").contains("x.function is missing"));
        assert!(
            parse(json!({"function": "f", "args": {}})).expect_err("a typo").contains("x.args: unknown key")
        );
        assert!(
            parse(json!({"function": "f", "arguments": []}))
                .expect_err("a list")
                .contains("x.arguments is a list")
        );
    }

    #[test]
    fn resources_in_options_must_be_created_first() {
        let options = json!({"dependsOn": ["${a}"], "provider": "${b}", "version": "7.0.0"});
        let found =
            Invocation::parse(&json!({"function": "f", "options": options}), &location()).expect("a call");
        assert_eq!(found.depends_on.iter().map(|r| r.root.as_str()).collect::<Vec<_>>(), ["b", "a"]);
    }
}
