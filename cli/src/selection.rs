//! Finds what a person names by the beginning of its id.

use crate::cli::Selection;
use crate::error::CliError;

/// How similar an id has to be to be suggested, from 0 (not at all) to 1 (equal).
const SIMILAR: f64 = 0.7;

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

/// The id that is most similar to `id`; `None` if none is similar.
pub fn nearest<'a>(id: &str, ids: impl Iterator<Item = &'a str>) -> Option<String> {
    let scored = ids.map(|other| (strsim::jaro_winkler(id, other), other));
    let best = scored.max_by(|(one, _), (other, _)| one.total_cmp(other))?;
    (best.0 >= SIMILAR).then(|| best.1.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_nearest_id_is_the_most_similar_one() {
        assert_eq!(nearest("abx", ["a", "abc", "xyz"].into_iter()), Some("abc".to_owned()));
        assert_eq!(nearest("ordres", ["orders", "stock"].into_iter()), Some("orders".to_owned()));
        assert_eq!(nearest("q", ["a", "abc"].into_iter()), None);
        assert_eq!(nearest("q", [].into_iter()), None);
    }
}
