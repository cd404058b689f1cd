//! JSON that is generated: with members that occur twice, and numbers as they are to be written.

use std::fmt;

#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Tree {
    /// A number, a boolean or null, as it is written.
    Plain(String),
    Text(String),
    List(Vec<Tree>),
    Object(Vec<(String, Tree)>),
}

impl Tree {
    pub(crate) fn plain(text: &str) -> Tree {
        Tree::Plain(text.to_owned())
    }

    pub(crate) fn text(text: &str) -> Tree {
        Tree::Text(text.to_owned())
    }

    /// Returns an object with one member.
    pub(crate) fn member(name: &str, value: Tree) -> Tree {
        Tree::Object(vec![(name.to_owned(), value)])
    }

    /// Returns all numbers, booleans, nulls and strings in it.
    pub(crate) fn scalars(&self) -> Vec<&Tree> {
        match self {
            Tree::List(items) => items.iter().flat_map(Tree::scalars).collect(),
            Tree::Object(members) => members.iter().flat_map(|(_, value)| value.scalars()).collect(),
            scalar => vec![scalar],
        }
    }
}

impl fmt::Display for Tree {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let quote = |text: &str| serde_json::Value::from(text);
        match self {
            Tree::Plain(text) => formatter.write_str(text),
            Tree::Text(text) => quote(text).fmt(formatter),
            Tree::List(items) => {
                let items: Vec<String> = items.iter().map(ToString::to_string).collect();
                write!(formatter, "[{}]", items.join(","))
            }
            Tree::Object(members) => {
                let members = members.iter().map(|(name, value)| format!("{}:{value}", quote(name)));
                write!(formatter, "{{{}}}", members.collect::<Vec<_>>().join(","))
            }
        }
    }
}
