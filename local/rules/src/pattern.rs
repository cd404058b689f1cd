//! Parses a pattern from JSON to branches of fields.

use serde_json::{Map, Value};
use thiserror::Error;

use crate::event::join;
use crate::operator::{self, Operator};

/// The maximum length of a pattern, in characters:
/// [PutRule](https://docs.aws.amazon.com/eventbridge/latest/APIReference/API_PutRule.html).
const LONGEST: usize = 4096;
/// The maximum number of branches that the `$or`s of a pattern may result in:
/// [Or matching](https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-create-pattern-operators.html#eb-filtering-complex-example-or).
const MOST_BRANCHES: usize = 1000;

const OR: &str = "$or";

/// An event pattern.
#[derive(Clone, Debug, PartialEq)]
pub struct Pattern {
    /// An event matches if it matches one of these branches. There is one branch per combination of `$or` alternatives.
    pub(crate) branches: Vec<Branch>,
}

/// Fields that must all match, each with operators of which one must match.
pub(crate) type Branch = Vec<(String, Vec<Operator>)>;

/// Why a text is not a valid event pattern.
#[derive(Debug, Error)]
pub enum PatternError {
    /// It is not valid JSON.
    #[error("the pattern is not valid JSON: {0}")]
    Json(#[from] serde_json::Error),
    /// It is longer than EventBridge allows.
    #[error("the pattern has {0} characters, but EventBridge allows at most {LONGEST}")]
    TooLong(usize),
    /// Its `$or`s result in too many combinations.
    #[error(
        "the alternatives of $or result in more than {MOST_BRANCHES} combinations: split the pattern into several rules"
    )]
    TooManyBranches,
    /// A part of it is not allowed.
    #[error("{place}: {problem}")]
    Invalid {
        /// The path of the field, joined by dots.
        place: String,
        /// What is wrong.
        problem: String,
    },
}

impl Pattern {
    /// Parses a pattern and validates it like EventBridge.
    ///
    /// # Errors
    ///
    /// [`PatternError`] if the pattern is not valid.
    pub fn parse(text: &str) -> Result<Pattern, PatternError> {
        let length = text.chars().count();
        if length > LONGEST {
            return Err(PatternError::TooLong(length));
        }
        let value: Value = serde_json::from_str(text)?;
        let Value::Object(fields) = &value else {
            return Err(invalid("the pattern", "it must be an object"));
        };
        let mut branches = vec![Branch::new()];
        read(&mut branches, "", fields, false)?;
        Ok(Pattern { branches })
    }
}

/// Adds the fields of an object in the pattern to every branch.
fn read(
    branches: &mut Vec<Branch>,
    path: &str,
    fields: &Map<String, Value>,
    in_or: bool,
) -> Result<(), PatternError> {
    if fields.is_empty() {
        let place = if path.is_empty() { "the pattern" } else { path };
        return Err(invalid(place, "an empty object is not allowed"));
    }
    for (name, value) in fields {
        let place = join(path, name);
        if name == OR {
            *branches = alternatives(branches, path, &place, value)?;
            continue;
        }
        if in_or && operator::is_operator(name) {
            return Err(invalid(&place, "a field inside $or cannot have the name of an operator"));
        }
        match value {
            Value::Object(fields) => read(branches, &place, fields, in_or)?,
            Value::Array(items) if items.is_empty() => {
                return Err(invalid(&place, "an empty list is not allowed"));
            }
            Value::Array(items) => {
                let operators = items
                    .iter()
                    .map(Operator::parse)
                    .collect::<Result<Vec<_>, _>>()
                    .map_err(|problem| invalid(&place, problem))?;
                for branch in branches.iter_mut() {
                    // Inside $or, a field replaces an outer field with the same name.
                    branch.retain(|(known, _)| *known != place);
                    branch.push((place.clone(), operators.clone()));
                }
            }
            other => {
                let problem =
                    format!("must be an object or a list; for a single value, write \"{name}\": [{other}]");
                return Err(invalid(&place, problem));
            }
        }
    }
    Ok(())
}

/// Combines every branch with every alternative of an `$or`.
fn alternatives(
    branches: &[Branch],
    path: &str,
    place: &str,
    value: &Value,
) -> Result<Vec<Branch>, PatternError> {
    let items = value.as_array().filter(|items| items.len() >= 2);
    let items = items.ok_or_else(|| invalid(place, "must be a list of at least two objects"))?;
    let mut all = Vec::new();
    for (index, item) in items.iter().enumerate() {
        let place = format!("{place}[{index}]");
        let fields = item.as_object().ok_or_else(|| invalid(&place, "must be an object"))?;
        let mut extended = branches.to_vec();
        read(&mut extended, path, fields, true)?;
        all.extend(extended);
        if all.len() > MOST_BRANCHES {
            return Err(PatternError::TooManyBranches);
        }
    }
    Ok(all)
}

fn invalid(place: &str, problem: impl Into<String>) -> PatternError {
    PatternError::Invalid { place: place.to_owned(), problem: problem.into() }
}
