//! Expressions: what may stand wherever the language takes a value.

use serde_json::{Number, Value as Json};

use crate::error::{Error, Place};
use crate::function::{Function, is_function};
use crate::json;
use crate::reference::{Part, Reference, parts};

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

/// What an expression refers to.
#[derive(Debug, Default)]
pub(crate) struct References<'a> {
    /// For a value.
    pub(crate) values: Vec<&'a Reference>,
    /// To resources that must be there before.
    pub(crate) resources: Vec<&'a Reference>,
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
            Json::Object(members) => match members.iter().find(|(key, _)| is_function(key)) {
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
    let parsed = Expression::parse(argument, place)?;
    function.check(argument, place)?;
    Ok(Expression::Call(Box::new(Call { function, argument: parsed, place: place.clone() })))
}

/// A call of a provider's function.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Invocation {
    /// The function, e.g. `aws:getCallerIdentity`.
    pub(crate) token: String,
    pub(crate) arguments: Expression,
    /// The member of the answer that is the value; the whole answer without it.
    pub(crate) returns: Option<String>,
    /// Resources that must be there before.
    pub(crate) depends_on: Vec<Reference>,
    pub(crate) place: Place,
}

impl Invocation {
    pub(crate) fn parse(argument: &Json, place: &Place) -> Result<Invocation, Error> {
        let Some(members) = json::object(argument, place)? else {
            return Err(Error::Missing { place: place.key("function") });
        };
        json::only(members, &["function", "arguments", "options", "return"], place)?;
        let function =
            members.get("function").ok_or_else(|| Error::Missing { place: place.key("function") })?;
        let token = json::text(function, &place.key("function"))?.to_owned();
        let arguments = arguments(members.get("arguments"), &place.key("arguments"))?;
        let returns = match members.get("return") {
            Some(name) => Some(json::text(name, &place.key("return"))?.to_owned()),
            None => None,
        };
        let depends_on = options(members.get("options"), &place.key("options"))?;
        Ok(Invocation { token, arguments, returns, depends_on, place: place.clone() })
    }

    /// `fn::aws:getRegion: {arguments}`.
    pub(crate) fn short(token: &str, argument: &Json, place: &Place) -> Result<Invocation, Error> {
        let arguments = arguments(Some(argument), place)?;
        let place = place.clone();
        Ok(Invocation { token: token.to_owned(), arguments, returns: None, depends_on: Vec::new(), place })
    }
}

fn arguments(value: Option<&Json>, place: &Place) -> Result<Expression, Error> {
    let value = value.unwrap_or(&Json::Null);
    match json::object(value, place)? {
        Some(_) => Expression::parse(value, place),
        None => Ok(Expression::Map(Vec::new())),
    }
}

/// The resources that the options name.
fn options(value: Option<&Json>, place: &Place) -> Result<Vec<Reference>, Error> {
    let Some(options) = json::object(value.unwrap_or(&Json::Null), place)? else { return Ok(Vec::new()) };
    json::only(options, &["dependsOn", "parent", "pluginDownloadURL", "provider", "version"], place)?;
    let mut found = Vec::new();
    for name in ["dependsOn", "parent", "provider"] {
        if let Some(value) = options.get(name) {
            found.extend(references_to_resources(value, &place.key(name))?);
        }
    }
    Ok(found)
}

/// The resources that an option names: one, or a list.
pub(crate) fn references_to_resources(json: &Json, place: &Place) -> Result<Vec<Reference>, Error> {
    match Expression::parse(json, place)? {
        Expression::Reference(reference) if reference.path.is_empty() => Ok(vec![reference]),
        Expression::List(_) => {
            let items = json.as_array().into_iter().flatten().enumerate();
            let each = items.map(|(index, item)| references_to_resources(item, &place.index(index)));
            Ok(each.collect::<Result<Vec<_>, Error>>()?.into_iter().flatten().collect())
        }
        _ => Err(Error::NoResource { place: place.clone() }),
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use serde_json::json;

    use super::*;
    use crate::reference::Access;

    fn place() -> Place {
        Place::new(Path::new("Pulumi.yaml").into()).key("x")
    }

    fn parse(json: &Json) -> Result<Expression, Error> {
        Expression::parse(json, &place())
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

    #[test]
    fn an_invocation_takes_nothing_but_its_four_keys() {
        let parse = |json: Json| Invocation::parse(&json, &place()).map_err(|e| e.to_string());
        let found =
            parse(json!({"function": "aws:getX", "arguments": {"a": 1}, "return": "b"})).expect("a call");
        assert_eq!((found.token.as_str(), found.returns.as_deref()), ("aws:getX", Some("b")));
        assert!(parse(json!({"arguments": {}})).expect_err("no function").contains("x.function is missing"));
        assert!(
            parse(json!({"function": "f", "args": {}})).expect_err("a typo").contains("x.args: no such key")
        );
        assert!(
            parse(json!({"function": "f", "arguments": []}))
                .expect_err("a list")
                .contains("x.arguments is a list")
        );
    }

    #[test]
    fn resources_that_options_name_must_be_there_before() {
        let options = json!({"dependsOn": ["${a}"], "provider": "${b}", "version": "7.0.0"});
        let found =
            Invocation::parse(&json!({"function": "f", "options": options}), &place()).expect("a call");
        assert_eq!(found.depends_on.iter().map(|r| r.root.as_str()).collect::<Vec<_>>(), ["a", "b"]);
    }
}
