//! Finds what a person names by the beginning of its id.

use crate::cli::Selection;
use crate::error::CliError;

/// The only item whose id begins with `id`.
///
/// # Errors
///
/// [`CliError::UnknownEvent`] if there is none, [`CliError::AmbiguousEvent`] if there are several.
pub fn find<'a, T>(items: &'a [T], id_of: fn(&T) -> &str, id: &str) -> Result<&'a T, CliError> {
    let found: Vec<&T> = items.iter().filter(|item| id_of(item).starts_with(id)).collect();
    match found.as_slice() {
        [one] => Ok(one),
        [] => {
            Err(CliError::UnknownEvent { id: id.to_owned(), nearest: nearest(id, items.iter().map(id_of)) })
        }
        several => Err(CliError::AmbiguousEvent { id: id.to_owned(), count: several.len() }),
    }
}

/// The items that a person has chosen.
///
/// # Errors
///
/// As for [`find`].
pub fn choose<'a, T>(
    items: &'a [T],
    id_of: fn(&T) -> &str,
    which: &Selection,
) -> Result<Vec<&'a T>, CliError> {
    if which.all {
        return Ok(items.iter().collect());
    }
    which.ids.iter().map(|id| find(items, id_of, id)).collect()
}

/// The id that has most characters in common with `id`, counted from the start; `None` if no id begins like it.
fn nearest<'a>(id: &str, ids: impl Iterator<Item = &'a str>) -> Option<String> {
    let common = |other: &str| id.bytes().zip(other.bytes()).take_while(|(a, b)| a == b).count();
    let best = ids.max_by_key(|other| common(other))?;
    (common(best) > 0).then(|| best.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_nearest_id_has_the_longest_common_beginning() {
        assert_eq!(nearest("abx", ["a", "abc", "xyz"].into_iter()), Some("abc".to_owned()));
        assert_eq!(nearest("q", ["a", "abc"].into_iter()), None);
        assert_eq!(nearest("q", [].into_iter()), None);
    }
}
