//! An event as its leaves: matching knows no objects and arrays, only the values in them and where they stand.

use serde_json::Value;

/// A value that is neither object nor array.
#[derive(Debug)]
pub(crate) struct Leaf<'a> {
    /// The names on the way to it, joined by dots; arrays leave no trace in it.
    pub(crate) path: String,
    pub(crate) value: &'a Value,
    /// The arrays that it is in, each as its number within the event and the element's index.
    places: Vec<(usize, usize)>,
}

impl Leaf<'_> {
    /// Whether both can be meant at once: of an array that both are in, they are in the same element.
    pub(crate) fn goes_with(&self, other: &Leaf<'_>) -> bool {
        let places = self.places.iter();
        places
            .copied()
            .all(|(array, index)| other.places.iter().all(|&(others, at)| others != array || at == index))
    }
}

/// Every leaf of an event.
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

/// A path and one more name.
pub(crate) fn join(path: &str, name: &str) -> String {
    if path.is_empty() { name.to_owned() } else { format!("{path}.{name}") }
}
