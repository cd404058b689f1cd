//! docs/security.md names tests as proofs: they exist.

use dmm_docs_test::markdown::{Document, code};
use dmm_docs_test::{files, text};

#[test]
fn every_test_that_proves_a_mechanism_exists() {
    let sources: Vec<String> = ["lambdas", "local", "cli", "docs"]
        .iter()
        .flat_map(|folder| files(folder, &[".rs"]))
        .map(|path| text(&path))
        .collect();
    let security = Document::read("docs/security.md");
    let table = security.table("threat");
    let mut named = 0;
    for (threat, tests) in table.column("threat").zip(table.column("tests")) {
        let tests: Vec<&str> = code(tests).collect();
        assert!(!tests.is_empty(), "{threat}: nothing proves it");
        for test in tests {
            named += 1;
            // The attribute precedes the function, so that a helper of this name does not count.
            let is_test = |source: &String| {
                [format!("]\nfn {test}("), format!("]\nasync fn {test}("), format!("]\n    fn {test}(")]
                    .iter()
                    .any(|declaration| source.contains(declaration))
            };
            assert!(sources.iter().any(is_test), "{threat}: there is no test {test}");
        }
    }
    assert!(named > 60, "only {named} tests are named");
}
