//! From a pattern's JSON text to branches of fields.

use serde_json::{Map, Value};
use thiserror::Error;

use crate::event::join;
use crate::operator::{self, Operator};

/// The longest pattern of a rule, in characters:
/// [PutRule](https://docs.aws.amazon.com/eventbridge/latest/APIReference/API_PutRule.html).
const LONGEST: usize = 4096;
/// The most branches that the `$or`s of a pattern may come to:
/// [Or matching](https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-create-pattern-operators.html#eb-filtering-complex-example-or).
const MOST_BRANCHES: usize = 1000;

const OR: &str = "$or";

/// An event pattern.
#[derive(Clone, Debug, PartialEq)]
pub struct Pattern {
    /// An event matches when one of them does: one without `$or`, else one per combination of its alternatives.
    pub(crate) branches: Vec<Branch>,
}

/// Fields that must all fit, each with the operators of which one must.
pub(crate) type Branch = Vec<(String, Vec<Operator>)>;

/// Why a text is no event pattern.
#[derive(Debug, Error)]
pub enum PatternError {
    /// It is not JSON.
    #[error("the pattern is not JSON: {0}")]
    Json(#[from] serde_json::Error),
    /// EventBridge takes no pattern of this length.
    #[error("the pattern has {0} characters, EventBridge takes {LONGEST}")]
    TooLong(usize),
    /// Its `$or`s have too many combinations.
    #[error(
        "the alternatives of $or come to more than {MOST_BRANCHES} combinations: split the pattern into rules"
    )]
    TooManyBranches,
    /// Something in it is not allowed.
    #[error("{place}: {problem}")]
    Invalid {
        /// The field, its names joined by dots.
        place: String,
        /// What is wrong there.
        problem: String,
    },
}

impl Pattern {
    /// Reads a pattern and checks it as EventBridge does.
    ///
    /// # Errors
    ///
    /// [`PatternError`] with what is wrong where.
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

/// Adds the fields of an object of the pattern to every branch.
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
                    // A field that is named again inside $or stands for itself there.
                    branch.retain(|(known, _)| *known != place);
                    branch.push((place.clone(), operators.clone()));
                }
            }
            other => {
                let problem =
                    format!("must be an object or a list; for one value write \"{name}\": [{other}]");
                return Err(invalid(&place, problem));
            }
        }
    }
    Ok(())
}

/// Every branch with every alternative of an `$or`.
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
