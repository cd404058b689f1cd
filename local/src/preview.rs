//! What `pulumi up` would make: every resource of the program with the values that it gets.
//!
//! The program is deployed into an emulated AWS of its own, which ends with the command. So each value is there, also
//! those that only AWS gives (ARNs, URLs), and what this machine does not understand is refused, as everywhere.

use std::collections::BTreeMap;

use aws_credential_types::Credentials;
use dmm_lambda_service::{FunctionService, Speed};
use dmm_pulumi::{Program, Secrets};
use serde::Serialize;
use serde_json::{Map, Value};
use termtree::Tree;

use crate::cli::Preview;
use crate::clients::{Clients, Place};
use crate::consumers;
use crate::deploy::{Deployed, Deployer};
use crate::error::StackError;
use crate::lambdas::{Lambdas, workspace};
use crate::progress::Progress;
use crate::stack::start_emulator;

/// Stands for the API key where none is given; it is masked like one.
const NO_KEY: &str = "none given";

/// The program, evaluated for one stack. Secrets are masked.
#[derive(Debug, Serialize)]
pub struct Report {
    /// The stack's name.
    pub stack: String,
    /// The resources, each after those that it needs.
    pub resources: Vec<Shown>,
    /// The program's outputs.
    pub outputs: Map<String, Value>,
}

/// A resource.
#[derive(Debug, Serialize)]
pub struct Shown {
    /// What the program calls it.
    pub name: String,
    /// Its type, e.g. `aws:sqs:Queue`.
    #[serde(rename = "type")]
    pub token: String,
    /// Its properties.
    pub properties: Map<String, Value>,
    /// The resources that it needs.
    #[serde(rename = "dependsOn")]
    pub depends_on: Vec<String>,
}

/// Evaluates the program and prints it.
///
/// # Errors
///
/// [`StackError`] when the program is wrong, or one machine does not understand it.
pub async fn run(args: &Preview) -> Result<(), StackError> {
    let config = args.config.iter().cloned().collect();
    let report = preview(&args.stack, config, Progress::detect()).await?;
    if args.json {
        println!("{}", serde_json::to_string_pretty(&report).map_err(StackError::Report)?);
    } else {
        print!("{}", tree(&report));
    }
    Ok(())
}

/// Evaluates the program for the stack of this name.
///
/// # Errors
///
/// As for [`run`].
pub async fn preview(
    stack: &str,
    mut config: BTreeMap<String, String>,
    progress: Progress,
) -> Result<Report, StackError> {
    config.entry("apiKey".to_owned()).or_insert_with(|| NO_KEY.to_owned());
    let evaluation = Program::load(&workspace().join("pulumi"))?.evaluate(dmm_pulumi::Settings {
        stack: stack.to_owned(),
        organization: "organization".to_owned(),
        config,
    })?;
    let lambdas = Lambdas::build(&progress).await?;
    let emulator = start_emulator(&lambdas, None, progress).await?;
    let place = Place::default();
    let root = Credentials::new("root", "root", None, None, "before enforcement");
    let clients = Clients::new(emulator.url(), &place, root);
    let operator = consumers::operator(&clients).await?;
    let functions = FunctionService::new(dmm_lambda_service::Settings {
        region: place.region.clone(),
        account: place.account.clone(),
        endpoint_url: emulator.url().to_owned(),
        speed: Speed::times(1),
        tracing: None,
    });
    let logs = tempfile::Builder::new().prefix("dmm-local-").tempdir().map_err(StackError::Folder)?;
    let mut deployer = Deployer::new(
        Clients::new(emulator.url(), &place, operator),
        functions.clone(),
        lambdas,
        &place,
        emulator.url().to_owned(),
        logs.path().to_path_buf(),
        emulator.python().to_owned(),
    );
    deployer.deploy(evaluation, progress).await?;
    let stands = deployer.finish();
    functions.stop().await;
    emulator.stop().await;
    Ok(report(stack, &stands))
}

fn report(stack: &str, deployed: &Deployed) -> Report {
    let resources = deployed.resources.iter().map(|resource| Shown {
        name: resource.name().to_owned(),
        token: resource.token().to_owned(),
        properties: masked(resource.properties()),
        depends_on: resource.dependencies().to_vec(),
    });
    Report {
        stack: stack.to_owned(),
        resources: resources.collect(),
        outputs: masked(&deployed.shown_outputs),
    }
}

fn masked(map: &dmm_pulumi::Map) -> Map<String, Value> {
    map.iter().map(|(name, value)| (name.to_owned(), value.to_json(Secrets::Masked))).collect()
}

/// The report as a tree: types and names first, then what each property is. Texts that hold JSON are shown as what they
/// hold.
#[must_use]
pub fn tree(report: &Report) -> Tree<String> {
    let count = report.resources.len();
    let resources = report.resources.iter().map(|resource| {
        branch(format!("{} {}", resource.token, resource.name), &Value::Object(resource.properties.clone()))
    });
    let outputs = branch("outputs".to_owned(), &Value::Object(report.outputs.clone()));
    Tree::new(format!("stack {}, {count} resources", report.stack))
        .with_leaves(resources.chain(std::iter::once(outputs)))
}

fn branch(label: String, value: &Value) -> Tree<String> {
    match value {
        Value::Object(members) => {
            Tree::new(label).with_leaves(members.iter().map(|(name, value)| branch(name.clone(), value)))
        }
        Value::Array(items) if items.iter().any(|item| item.is_object() || item.is_array()) => {
            let items = items.iter().enumerate();
            Tree::new(label).with_leaves(items.map(|(index, item)| branch(format!("[{index}]"), item)))
        }
        Value::Array(items) => {
            let items: Vec<String> = items.iter().map(plain).collect();
            Tree::new(format!("{label}: [{}]", items.join(", ")))
        }
        Value::String(text) => match serde_json::from_str::<Value>(text) {
            Ok(json @ Value::Object(_)) => branch(format!("{label} (JSON)"), &json),
            _ => Tree::new(format!("{label}: {text}")),
        },
        other => Tree::new(format!("{label}: {}", plain(other))),
    }
}

fn plain(value: &Value) -> String {
    value.as_str().map_or_else(|| value.to_string(), str::to_owned)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_tree_shows_every_value_and_what_texts_of_json_hold() {
        let properties = json!({
            "name": "events", "fifo": true, "list": ["a", 1], "none": null,
            "rules": [{ "days": 30 }],
            "policy": "{\"Statement\":[{\"Effect\":\"Deny\"}]}",
        });
        let Value::Object(properties) = properties else { panic!("an object") };
        let resource = Shown {
            name: "q".to_owned(),
            token: "aws:sqs:Queue".to_owned(),
            properties,
            depends_on: Vec::new(),
        };
        let report = Report { stack: "dev".to_owned(), resources: vec![resource], outputs: Map::new() };
        let expected = "\
stack dev, 1 resources
├── aws:sqs:Queue q
│   ├── name: events
│   ├── fifo: true
│   ├── list: [a, 1]
│   ├── none: null
│   ├── rules
│   │   └── [0]
│   │       └── days: 30
│   └── policy (JSON)
│       └── Statement
│           └── [0]
│               └── Effect: Deny
└── outputs
";
        assert_eq!(tree(&report).to_string(), expected);
    }
}
