//! Parses a pattern from JSON to branches of fields.

use thiserror::Error;

use crate::json::Json;
use crate::machine::Machine;
use crate::operator::{self, Operator};

/// The default quota for the size of a pattern, in characters:
/// [EventBridge quotas](https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-quota.html).
const LONGEST: usize = 2048;
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

/// Fields that must all match, in the order in which EventBridge looks at them.
pub(crate) type Branch = Vec<Field>;

/// What a branch asks of one field.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Field {
    /// The names on the path to it, joined by dots.
    pub(crate) path: String,
    /// One of these must match.
    pub(crate) operators: Vec<Operator>,
    /// The values of numbers are compared, and not their digits.
    pub(crate) is_numeric: bool,
}

impl Field {
    /// Returns whether an absent field matches.
    pub(crate) fn may_be_absent(&self) -> bool {
        self.operators.contains(&Operator::Exists(false))
    }
}

/// Why a text is not a valid event pattern.
#[derive(Debug, Error)]
pub enum PatternError {
    /// It is not valid JSON.
    #[error("the pattern is not valid JSON: {0}")]
    Json(#[from] serde_json::Error),
    /// It is longer than EventBridge allows.
    #[error(
        "the pattern has {0} characters, but EventBridge allows {LONGEST}, unless the quota \"Event pattern size\" of the account is raised"
    )]
    TooLong(usize),
    /// Its `$or`s result in too many combinations.
    #[error(
        "the alternatives of $or result in more than {MOST_BRANCHES} combinations: split the pattern into several rules"
    )]
    TooManyBranches,
    /// Its wildcards can match in too many ways.
    #[error(
        "the pattern is too complex for EventBridge: use fewer wildcards, fewer repetitions after a wildcard, or prefix and suffix"
    )]
    TooComplex,
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
        let Json::Object(fields) = Json::parse(text)? else {
            return Err(invalid("the pattern", "it must be an object"));
        };
        let branches = match read(&fields, Or::Alternatives) {
            // `$or` is the name of a field if it is not followed by alternatives.
            Err(error @ PatternError::Invalid { .. }) => read(&fields, Or::Name).map_err(|_| error),
            other => other,
        }?;
        let mut machine = Machine::new();
        let mut branches: Vec<Branch> = branches.into_iter().filter(|branch| machine.add(branch)).collect();
        for branch in &mut branches {
            machine.set_numeric(branch);
        }
        if machine.is_too_complex() {
            return Err(PatternError::TooComplex);
        }
        Ok(Pattern { branches })
    }
}

/// What `$or` means.
#[derive(Clone, Copy, PartialEq)]
enum Or {
    /// A list of alternatives.
    Alternatives,
    /// The name of a field.
    Name,
}

/// Returns the branches of a pattern.
fn read(fields: &[(String, Json)], or: Or) -> Result<Vec<Branch>, PatternError> {
    let mut branches = vec![Branch::new()];
    Reader { or }.fields(&mut branches, &[], fields, false)?;
    for branch in &mut branches {
        branch.sort_by(|one, other| one.path.encode_utf16().cmp(other.path.encode_utf16()));
    }
    Ok(branches)
}

struct Reader {
    or: Or,
}

impl Reader {
    /// Adds the fields of an object in the pattern to every branch.
    fn fields(
        &self,
        branches: &mut Vec<Branch>,
        path: &[&str],
        fields: &[(String, Json)],
        in_or: bool,
    ) -> Result<(), PatternError> {
        if fields.is_empty() {
            let place = if path.is_empty() { "the pattern" } else { &path.join(".") };
            return Err(invalid(place, "an empty object is not allowed"));
        }
        for (name, value) in fields {
            let place = extended(path, name);
            if name == OR && self.or == Or::Alternatives {
                *branches = self.alternatives(branches, path, &place, value)?;
                continue;
            }
            if in_or && operator::is_reserved(name) {
                return Err(invalid(&place, "a field inside $or cannot have the name of an operator"));
            }
            match value {
                Json::Object(fields) => {
                    self.fields(branches, &[path, &[name.as_str()]].concat(), fields, in_or)?;
                }
                Json::List(items) if items.is_empty() => {
                    return Err(invalid(&place, "an empty list is not allowed"));
                }
                Json::List(items) => {
                    let operators = items
                        .iter()
                        .map(|item| self.operator(item))
                        .collect::<Result<Vec<_>, _>>()
                        .map_err(|problem| invalid(&place, problem))?;
                    for branch in branches.iter_mut() {
                        // The last one of fields with the same path counts.
                        branch.retain(|known| known.path != place);
                        branch.push(Field {
                            path: place.clone(),
                            operators: operators.clone(),
                            is_numeric: false,
                        });
                    }
                }
                other => {
                    let problem = format!(
                        "must be an object or a list; for a single value, write \"{name}\": [{other}]"
                    );
                    return Err(invalid(&place, problem));
                }
            }
        }
        Ok(())
    }

    fn operator(&self, item: &Json) -> Result<Operator, String> {
        if self.or == Or::Name && is_recent(item) {
            return Err("EventBridge does not support this operator if $or is the name of a field".to_owned());
        }
        Operator::parse(item)
    }

    /// Combines every branch with every alternative of an `$or`.
    fn alternatives(
        &self,
        branches: &[Branch],
        path: &[&str],
        place: &str,
        value: &Json,
    ) -> Result<Vec<Branch>, PatternError> {
        let items = if let Json::List(items) = value { items.as_slice() } else { &[] };
        if items.len() < 2 {
            return Err(invalid(place, "must be a list of at least two objects"));
        }
        let mut all = Vec::new();
        for (index, item) in items.iter().enumerate() {
            let Json::Object(fields) = item else {
                return Err(invalid(&format!("{place}[{index}]"), "must be an object"));
            };
            let mut extended = branches.to_vec();
            self.fields(&mut extended, path, fields, true)?;
            all.extend(extended);
            if all.len() > MOST_BRANCHES {
                return Err(PatternError::TooManyBranches);
            }
        }
        Ok(all)
    }
}

/// Returns whether an operator is younger than `$or`. Event Ruler has kept the parser from before for patterns in which `$or` is the
/// name of a field.
fn is_recent(item: &Json) -> bool {
    let only = |value: &Json| match value {
        Json::Object(members) => members.first().cloned(),
        _ => None,
    };
    let inner =
        only(item).filter(|(name, _)| name == "anything-but").and_then(|(_, argument)| only(&argument));
    inner.is_some_and(|(name, argument)| {
        name == "wildcard" || matches!(argument, Json::List(_) if name == "prefix" || name == "suffix")
    })
}

/// Returns the path of a field. A path that consists of empty names only does not count.
fn extended(path: &[&str], name: &str) -> String {
    match path.join(".") {
        base if base.is_empty() => name.to_owned(),
        base => format!("{base}.{name}"),
    }
}

fn invalid(place: &str, problem: impl Into<String>) -> PatternError {
    PatternError::Invalid { place: place.to_owned(), problem: problem.into() }
}
