//! An event as a list of its leaves. Patterns match leaves by their path and value, not objects and arrays.

use serde_json::Value;

/// A value that is neither an object nor an array.
#[derive(Debug)]
pub(crate) struct Leaf<'a> {
    /// The names on the path to it, joined by dots. Arrays do not contribute to the path.
    pub(crate) path: String,
    pub(crate) value: &'a Value,
    /// The arrays that contain it, each as the array's number within the event and the index of the element.
    places: Vec<(usize, usize)>,
}

impl Leaf<'_> {
    /// Returns whether both leaves can match together: in every array that contains both, they are in the same element.
    pub(crate) fn goes_with(&self, other: &Leaf<'_>) -> bool {
        let places = self.places.iter();
        places
            .copied()
            .all(|(array, index)| other.places.iter().all(|&(others, at)| others != array || at == index))
    }
}

/// Returns all leaves of an event.
pub(crate) fn leaves(event: &Value) -> Vec<Leaf<'_>> {
    let mut walk = Walk { found: Vec::new(), arrays: 0 };
    walk.visit(String::new(), event, &[]);
    walk.found
}

struct Walk<'a> {
    found: Vec<Leaf<'a>>,
    arrays: usize,
}

impl<'a> Walk<'a> {
    fn visit(&mut self, path: String, value: &'a Value, places: &[(usize, usize)]) {
        match value {
            Value::Object(members) => {
                for (name, member) in members {
                    self.visit(join(&path, name), member, places);
                }
            }
            Value::Array(items) => {
                let array = self.arrays;
                self.arrays += 1;
                for (index, item) in items.iter().enumerate() {
                    self.visit(path.clone(), item, &[places, &[(array, index)]].concat());
                }
            }
            _ => self.found.push(Leaf { path, value, places: places.to_vec() }),
        }
    }
}

/// Appends a name to a path.
pub(crate) fn join(path: &str, name: &str) -> String {
    if path.is_empty() { name.to_owned() } else { format!("{path}.{name}") }
}
