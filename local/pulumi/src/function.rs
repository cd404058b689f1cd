//! The language's built-in functions, `fn::…`.

use std::path::{Path, PathBuf};

use base64::Engine;
use base64::alphabet;
use base64::engine::general_purpose::{GeneralPurpose, GeneralPurposeConfig, STANDARD};
use serde_json::{Number, Value as Json};

use crate::error::{Error, Location};
use crate::to_json::to_json;
use crate::value::{Archive, Asset, Value};

/// A built-in function.
/// <https://www.pulumi.com/docs/iac/languages-sdks/yaml/yaml-language-reference/#built-in-functions>
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Function {
    AssetArchive,
    FileArchive,
    FileAsset,
    FileBase64,
    FromBase64,
    Join,
    Length,
    ReadFile,
    Secret,
    Select,
    SingleOrNone,
    Split,
    StringAsset,
    ToBase64,
    ToJson,
    Unsecret,
}

/// Base64 whose last character may have bits that do not count.
const LENIENT: GeneralPurpose = GeneralPurpose::new(
    &alphabet::STANDARD,
    GeneralPurposeConfig::new().with_decode_allow_trailing_bits(true),
);

const FUNCTIONS: [(&str, Function); 16] = [
    ("assetArchive", Function::AssetArchive),
    ("fileArchive", Function::FileArchive),
    ("fileAsset", Function::FileAsset),
    ("filebase64", Function::FileBase64),
    ("fromBase64", Function::FromBase64),
    ("join", Function::Join),
    ("length", Function::Length),
    ("readFile", Function::ReadFile),
    ("secret", Function::Secret),
    ("select", Function::Select),
    ("singleOrNone", Function::SingleOrNone),
    ("split", Function::Split),
    ("stringAsset", Function::StringAsset),
    ("toBase64", Function::ToBase64),
    ("toJSON", Function::ToJson),
    ("unsecret", Function::Unsecret),
];

/// Functions that need Pulumi or a network, or are of little use, each with what to do instead.
const NOT_SUPPORTED: [(&str, &str); 7] = [
    ("filebase64sha256", "write the digest as a config key"),
    ("pulumiResourceName", "write the name"),
    ("pulumiResourceType", "write the type"),
    ("remoteArchive", "keep the archive beside the program and use fn::fileArchive"),
    ("remoteAsset", "keep the file beside the program and use fn::fileAsset"),
    ("sha1", "write the digest as a config key"),
    ("stackReference", "use a resource of the type pulumi:pulumi:StackReference"),
];

impl Function {
    /// Returns the function of this name (without `fn::`), in upper or lower case.
    pub(crate) fn named(name: &str, location: &Location) -> Result<Function, Error> {
        if let Some((_, function)) = FUNCTIONS.iter().find(|(known, _)| known.eq_ignore_ascii_case(name)) {
            return Ok(*function);
        }
        match NOT_SUPPORTED.iter().find(|(known, _)| known.eq_ignore_ascii_case(name)) {
            Some((_, instead)) => {
                Err(Error::NotSupported { location: location.clone(), what: format!("fn::{name}"), instead })
            }
            None => Err(Error::UnknownFunction { location: location.clone(), name: name.to_owned() }),
        }
    }

    fn name(self) -> &'static str {
        FUNCTIONS.iter().find(|(_, function)| *function == self).map_or("", |(name, _)| name)
    }

    /// Rejects an argument that the language does not accept, before anything is evaluated.
    pub(crate) fn check(self, argument: &Json, location: &Location) -> Result<(), Error> {
        let pair = argument.as_array().is_some_and(|items| items.len() == 2);
        let map = argument.as_object().is_some_and(|members| !members.keys().any(|key| is_function(key)));
        match self {
            Function::Join if !pair => Err(self.needs(location, "a list of a delimiter and a list")),
            Function::Split if !pair => Err(self.needs(location, "a list of a delimiter and a string")),
            Function::Select if !pair => Err(self.needs(location, "a list of an index and a list")),
            Function::AssetArchive if !map => Err(self.needs(location, "an object of assets and archives")),
            _ => Ok(()),
        }
    }

    /// Calls the function. The result is a secret if the argument contains one.
    pub(crate) fn call(self, argument: Value, folder: &Path, location: &Location) -> Result<Value, Error> {
        let is_secret = argument.is_secret();
        let value = self.plain(argument.revealed(), is_secret, folder, location)?;
        Ok(value.secret_if(is_secret && self != Function::Unsecret))
    }

    fn plain(
        self,
        argument: Value,
        is_secret: bool,
        folder: &Path,
        location: &Location,
    ) -> Result<Value, Error> {
        match self {
            Function::ToJson => to_json(&argument)
                .map(Value::String)
                .ok_or_else(|| self.needs(location, "a value without assets")),
            Function::ToBase64 => Ok(Value::String(STANDARD.encode(self.text(&argument, location)?))),
            Function::FromBase64 => {
                let text = self.text(&argument, location)?;
                // Like Pulumi, this error quotes the text, so that programs can use the function as an assertion.
                from_base64(text).ok_or_else(|| {
                    let quoted = if is_secret { "[secret]" } else { text.trim() };
                    self.needs(location, &format!("a Base64 string that contains UTF-8, not: {quoted}"))
                })
            }
            Function::Join => self.join(argument, location),
            Function::Split => self.split(argument, location),
            Function::Select => self.select(argument, location),
            Function::SingleOrNone => match argument {
                Value::List(mut items) if items.len() < 2 => Ok(items.pop().unwrap_or(Value::Null)),
                _ => Err(self.needs(location, "a list with at most one element")),
            },
            Function::Secret => Ok(argument.secret()),
            Function::Unsecret => Ok(argument),
            Function::Length => self.length(&argument, location),
            Function::FileBase64 => {
                let bytes = self.file(&argument, folder, location, |path| std::fs::read(path))?;
                Ok(Value::String(STANDARD.encode(bytes)))
            }
            Function::ReadFile => self
                .file(&argument, folder, location, |path| std::fs::read_to_string(path))
                .map(Value::String),
            Function::FileArchive => Ok(Value::Archive(Archive::File(self.path(&argument, location)?))),
            Function::FileAsset => Ok(Value::Asset(Asset::File(self.path(&argument, location)?))),
            Function::StringAsset => {
                Ok(Value::Asset(Asset::Text(self.text(&argument, location)?.to_owned())))
            }
            Function::AssetArchive => match argument {
                Value::Map(map)
                    if map.iter().all(|(_, v)| matches!(v, Value::Asset(_) | Value::Archive(_))) =>
                {
                    Ok(Value::Archive(Archive::Assets(map)))
                }
                _ => Err(self.needs(location, "an object of assets and archives")),
            },
        }
    }

    fn join(self, argument: Value, location: &Location) -> Result<Value, Error> {
        let expected = "a list of a delimiter and a list of strings";
        let (delimiter, items) = pair(argument).ok_or_else(|| self.needs(location, expected))?;
        let (delimiter, items) = match (delimiter, items) {
            (Value::String(delimiter), Value::List(items)) => (delimiter, items),
            (Value::Null, Value::List(items)) => (String::new(), items),
            _ => return Err(self.needs(location, expected)),
        };
        let text = |item: &Value| match item {
            Value::String(text) => Ok(text.clone()),
            other => {
                Err(self.problem(location, format!("needs a list of strings, but one is {}", other.kind())))
            }
        };
        let texts = items.iter().map(text).collect::<Result<Vec<_>, Error>>()?;
        Ok(Value::String(texts.join(&delimiter)))
    }

    fn split(self, argument: Value, location: &Location) -> Result<Value, Error> {
        match pair(argument) {
            Some((Value::String(delimiter), Value::String(text))) if delimiter.is_empty() => {
                Ok(Value::List(text.chars().map(|char| Value::String(char.to_string())).collect()))
            }
            Some((Value::String(delimiter), Value::String(text))) => {
                Ok(Value::List(text.split(&delimiter).map(|part| Value::String(part.to_owned())).collect()))
            }
            _ => Err(self.needs(location, "a list of a delimiter and a string")),
        }
    }

    fn select(self, argument: Value, location: &Location) -> Result<Value, Error> {
        let Some((Value::Number(index), Value::List(mut items))) = pair(argument) else {
            return Err(self.needs(location, "a list of an index and a list"));
        };
        let index = index.as_u64().and_then(|index| usize::try_from(index).ok());
        match index.filter(|index| *index < items.len()) {
            Some(index) => Ok(items.swap_remove(index)),
            None => Err(self.needs(location, "an index inside its list")),
        }
    }

    /// Pulumi counts the characters of a text as a reader sees them, which are bytes in most names.
    fn length(self, argument: &Value, location: &Location) -> Result<Value, Error> {
        let length = match argument {
            Value::List(items) => items.len(),
            Value::Map(map) => map.names().count(),
            Value::String(text) if text.is_ascii() && !text.contains('\r') => text.len(),
            Value::String(_) => {
                return Err(Error::NotSupported {
                    location: location.clone(),
                    what: "fn::length of a text with other characters than ASCII's".to_owned(),
                    instead: "write the length as a config key",
                });
            }
            other => {
                return Err(self.problem(
                    location,
                    format!("needs a list, an object or a string, not {}", other.kind()),
                ));
            }
        };
        Ok(Value::Number(Number::from(length)))
    }

    fn text<'a>(self, argument: &'a Value, location: &Location) -> Result<&'a str, Error> {
        match argument {
            Value::String(text) => Ok(text),
            other => Err(self.problem(location, format!("needs a string, not {}", other.kind()))),
        }
    }

    /// Reads the file that the argument names.
    fn file<T>(
        self,
        argument: &Value,
        folder: &Path,
        location: &Location,
        read: impl FnOnce(&Path) -> std::io::Result<T>,
    ) -> Result<T, Error> {
        let path = folder.join(self.text(argument, location)?);
        read(&path).map_err(|source| Error::File { location: location.clone(), path, source })
    }

    fn path(self, argument: &Value, location: &Location) -> Result<PathBuf, Error> {
        self.text(argument, location).map(PathBuf::from)
    }

    fn needs(self, location: &Location, what: &str) -> Error {
        self.problem(location, format!("needs {what}"))
    }

    fn problem(self, location: &Location, problem: String) -> Error {
        Error::Function { location: location.clone(), function: self.name(), problem }
    }
}

/// Returns whether a key of an object is the name of a function.
pub(crate) fn is_function(key: &str) -> bool {
    key.get(..4).is_some_and(|prefix| prefix.eq_ignore_ascii_case("fn::"))
}

fn from_base64(text: &str) -> Option<Value> {
    let bytes = LENIENT.decode(text.replace(['\r', '\n'], "")).ok()?;
    String::from_utf8(bytes).ok().map(Value::String)
}

fn pair(value: Value) -> Option<(Value, Value)> {
    let Value::List(items) = value else { return None };
    let [first, second] = <[Value; 2]>::try_from(items).ok()?;
    Some((first, second))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::value::Secrets;

    fn location() -> Location {
        Location::new(Path::new("Pulumi.yaml").into()).key("x")
    }

    fn call(name: &str, argument: Json) -> Result<Json, String> {
        let function = Function::named(name, &location()).map_err(|e| e.to_string())?;
        let value = function.call(argument.into(), Path::new("."), &location()).map_err(|e| e.to_string())?;
        Ok(value.to_json(Secrets::Masked))
    }

    #[test]
    fn functions_return_what_the_language_defines() {
        let cases = [
            (
                "toJSON",
                json!({"b": [1, null], "a": {"d": "é", "c": true}}),
                json!(r#"{"a":{"c":true,"d":"é"},"b":[1,null]}"#),
            ),
            ("toBase64", json!("Hello, World!"), json!("SGVsbG8sIFdvcmxkIQ==")),
            ("fromBase64", json!("SGVsbG8sIFdvcmxkIQ=="), json!("Hello, World!")),
            ("join", json!(["-", ["a", "b"]]), json!("a-b")),
            ("join", json!([null, ["a", "b"]]), json!("ab")),
            ("length", json!("abc"), json!(3)),
            ("length", json!(["a", "b"]), json!(2)),
            ("length", json!({"a": 1}), json!(1)),
            ("tojson", json!("<&>"), json!("\"\\u003c\\u0026\\u003e\"")),
            ("unsecret", json!("a"), json!("a")),
            ("join", json!(["", []]), json!("")),
            ("split", json!([",", "a,b,"]), json!(["a", "b", ""])),
            ("split", json!(["", "aé"]), json!(["a", "é"])),
            ("select", json!([1, ["a", "b", "c"]]), json!("b")),
            ("singleOrNone", json!([]), json!(null)),
            ("singleOrNone", json!(["a"]), json!("a")),
            ("secret", json!("a"), json!("[secret]")),
            ("fileArchive", json!("../x"), json!({"fn::fileArchive": "../x"})),
            ("fileAsset", json!("x.txt"), json!({"fn::fileAsset": "x.txt"})),
            ("stringAsset", json!("text"), json!({"fn::stringAsset": "text"})),
        ];
        for (name, argument, answer) in cases {
            assert_eq!(call(name, argument), Ok(answer), "fn::{name}");
        }
    }

    #[test]
    fn an_invalid_argument_is_rejected_with_what_the_function_needs() {
        let cases = [
            ("toBase64", json!(1), "a string, not a number"),
            ("fromBase64", json!("/w=="), "UTF-8"),
            ("fromBase64", json!("a is not right. "), "not: a is not right."),
            ("join", json!([1, ["a"]]), "delimiter"),
            ("join", json!([",", [["a"]]]), "strings"),
            ("join", json!(["-", ["a", 1]]), "one is a number"),
            ("split", json!([",", 1]), "delimiter"),
            ("select", json!([3, ["a"]]), "inside"),
            ("select", json!([-1, ["a"]]), "inside"),
            ("select", json!(["0", ["a"]]), "index"),
            ("singleOrNone", json!(["a", "b"]), "at most one element"),
            ("assetArchive", json!({"a": "b"}), "assets"),
            ("fileArchive", json!(["a"]), "a string, not a list"),
        ];
        for (name, argument, problem) in cases {
            let error = call(name, argument).expect_err(name);
            assert!(error.starts_with(&format!("Pulumi.yaml: x: fn::{name} needs ")), "{error}");
            assert!(error.contains(problem), "{error}");
        }
    }

    #[test]
    fn a_value_that_is_computed_from_a_secret_is_a_secret() {
        let secret = Value::String("hunter2".to_owned()).secret();
        let list = Value::List(vec![Value::String(",".to_owned()), Value::List(vec![secret])]);
        let joined = Function::Join.call(list.clone(), Path::new("."), &location()).expect("joined");
        assert_eq!(joined, Value::String("hunter2".to_owned()).secret());
        let written = Function::ToJson.call(list, Path::new("."), &location()).expect("written");
        assert!(
            matches!(&written, Value::Secret(_)) && !format!("{written:?}").contains("hunter2"),
            "{written:?}"
        );
    }

    #[test]
    fn no_error_quotes_a_secret() {
        let secret = || Value::String("hunter2-é".to_owned()).secret();
        for function in [Function::FromBase64, Function::Split, Function::SingleOrNone] {
            let error = function.call(secret(), Path::new("."), &location()).expect_err("a wrong argument");
            assert!(!format!("{error} {error:?}").contains("hunter2"), "{error:?}");
        }
    }

    #[test]
    fn assets_cannot_be_converted_to_json_but_can_be_archived_together() {
        let asset = || {
            Value::Map([("a".to_owned(), Value::Asset(Asset::Text("b".to_owned())))].into_iter().collect())
        };
        let error = Function::ToJson.call(asset(), Path::new("."), &location()).expect_err("an asset");
        assert!(error.to_string().contains("without assets"), "{error}");
        let archive = Function::AssetArchive.call(asset(), Path::new("."), &location()).expect("an archive");
        assert_eq!(
            archive.to_json(Secrets::Masked),
            json!({"fn::assetArchive": {"a": {"fn::stringAsset": "b"}}})
        );
    }

    #[test]
    fn a_file_is_read_relative_to_the_programs_folder() {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR"));
        let argument = Value::String("Cargo.toml".to_owned());
        let Value::String(text) = Function::ReadFile.call(argument, folder, &location()).expect("a file")
        else {
            panic!("a string")
        };
        assert!(text.contains("name = \"dmm-pulumi\""));
        let missing = Value::String("none.txt".to_owned());
        let error = Function::ReadFile.call(missing, folder, &location()).expect_err("no file");
        assert!(error.to_string().contains("none.txt"), "{error}");
    }

    #[test]
    fn functions_that_need_pulumi_are_rejected_with_what_to_do_instead() {
        let error = call("stackReference", json!(["a", "b"])).expect_err("not supported");
        assert!(error.contains("fn::stackReference is not supported without Pulumi; use"), "{error}");
        assert!(
            call("fromJSON", json!("1"))
                .expect_err("unknown")
                .contains("the function fn::fromJSON does not exist")
        );
    }
}
