//! What a screen reader needs: names, landmarks, headings; and the rules of axe-core, if it is there.

use serde_json::Value;

use crate::browser::Chromium;

/// The file of axe-core, which `.ci/browser` fetches from the npm registry. It is not part of this repository.
const AXE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../target/tools/axe-core/axe.min.js");
/// If this variable is set, a missing axe-core is a failure.
const REQUIRED: &str = "REQUIRE_BROWSER";

/// Checks the page as it is now.
pub(crate) async fn assert_accessible(tab: &Chromium) {
    let elements = tab.accessible().await;
    for (role, name) in &elements {
        let needs_a_name =
            ["button", "link", "textbox", "combobox", "region", "dialog", "heading"].contains(&role.as_str());
        assert!(!needs_a_name || !name.is_empty(), "a {role} has no name: {elements:#?}");
    }
    let has = |role: &str, name: &str| elements.iter().any(|(other, known)| other == role && known == name);
    // While a dialog is open, the rest of the page is inert.
    if elements.iter().all(|(role, _)| role != "dialog") {
        for (role, name) in [
            ("heading", "Data Mesh Manager – AWS"),
            ("region", "Pipeline"),
            ("region", "Agreements"),
            ("region", "What happens"),
            ("region", "Dead letters and quarantine"),
            ("region", "What IAM holds"),
            ("log", "What happens, newest first"),
            ("list", "Stages of the pipeline"),
        ] {
            assert!(has(role, name), "there is no {role} {name:?}: {elements:#?}");
        }
        assert!(
            elements.iter().any(|(role, _)| role == "main")
                && elements.iter().any(|(role, _)| role == "banner")
        );
    }
    let Ok(axe) = std::fs::read_to_string(AXE) else {
        assert!(std::env::var_os(REQUIRED).is_none(), "axe-core is missing: run .ci/browser");
        return;
    };
    // A debugger's script is not subject to the page's policy.
    tab.value(&format!("{axe}; true")).await;
    let found = tab
        .value("axe.run(document, { resultTypes: ['violations'] }).then(({ violations }) => violations.map(({ id, nodes }) => `${id}: ${nodes.map(({ html, failureSummary }) => html + ' ' + failureSummary).join('; ')}`))")
        .await;
    assert_eq!(found, Value::Array(Vec::new()), "axe-core has found violations");
}
