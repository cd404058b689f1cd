//! The documented commands of Pulumi work: every line of an `sh` block of the README, docs/operate.md and docs/events.md that
//! begins with `pulumi` is run in the real engine, in the order of the documents.

use dmm_docs_test::markdown::Document;

use crate::engine::{Engine, Workspace, answer};
use crate::programs::{API_KEY, Config, MAIN, copy_programs, with_region};

/// The commands of a document. A command that asks for a value is given one.
fn commands(document: &str) -> Vec<String> {
    let lines = Document::read(document).lines("sh");
    let is_pulumis = |line: &String| line.starts_with("pulumi ") || line.contains("&& pulumi ");
    let commands: Vec<String> = lines.into_iter().filter(is_pulumis).collect();
    assert!(!commands.is_empty(), "{document} has no command of Pulumi");
    commands
}

/// The order in which a reader runs them: the main stack, what is beside it, and its operation.
const DOCUMENTS: [&str; 3] = ["README.md", "docs/events.md", "docs/operate.md"];

#[tokio::test(flavor = "multi_thread")]
async fn every_documented_command_of_pulumi_works() {
    let Some(engine) = Engine::find("the documented commands of Pulumi") else { return };
    let provider = engine.provider().await;
    let workspace = Workspace::new(&engine, &provider);
    copy_programs(&workspace);
    let mut ran = 0;
    for document in DOCUMENTS {
        // `cd` is for the commands that follow.
        let mut folder = workspace.path().to_path_buf();
        for line in commands(document) {
            let line = match line.split_once(" && ") {
                Some((cd, line)) if cd.starts_with("cd ") => {
                    folder = folder.join(cd.trim_start_matches("cd "));
                    line.to_owned()
                }
                _ => line,
            };
            let answered = answer(
                workspace
                    .command("sh")
                    .args(["-c", &format!("echo dmm_live_test | {line}")])
                    .current_dir(&folder)
                    .env("PULUMI_SKIP_CONFIRMATIONS", "true"),
            )
            .await;
            let findings = answered.findings();
            assert!(answered.ok && findings.is_empty(), "{document}: `{line}`: {}", answered.text);
            ran += 1;
        }
    }
    println!("{ran} commands");
    // The last section of docs/operate.md that destroys is not the last that deploys.
    assert!(ran > 20, "{ran} commands are few");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_error_for_missing_packages_is_the_one_in_the_readme() {
    let Some(engine) = Engine::find("the error for missing packages") else { return };
    let provider = engine.provider().await;
    let workspace = Workspace::new(&engine, &provider);
    copy_programs(&workspace);
    std::fs::remove_dir_all(workspace.path().join("target")).expect("the packages");
    let stack = workspace.stack("pulumi", &[API_KEY]).await.expect("a stack");
    stack.configure(MAIN, &with_region(&Config::new()));
    let answer = stack.preview().await;
    let readme = dmm_docs_test::text("README.md");
    let quoted = readme.split_whitespace().collect::<Vec<_>>().join(" ");
    let (_, quoted) = quoted.split_once("`failed to compute archive").expect("the quotation");
    let (quoted, _) = quoted.split_once('`').expect("its end");
    let (before, after) = quoted.split_once('…').expect("the folder is left out");
    let (path, after) = after.split_once("feed").expect("the function");
    for text in [&format!("failed to compute archive{before}"), path, after] {
        assert!(!answer.ok && answer.text.contains(text), "{text:?} is not in {}", answer.text);
    }
}
