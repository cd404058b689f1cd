//! Calls of a provider's functions: `fn::invoke`.

use serde_json::Value as Json;

use crate::error::{Error, Place};
use crate::expression::{Expression, Reference};
use crate::json;
use crate::resource::references_to_resources;

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

#[cfg(test)]
mod tests {
    use std::path::Path;

    use serde_json::json;

    use super::*;

    fn place() -> Place {
        Place::new(Path::new("Pulumi.yaml").into()).key("x")
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
