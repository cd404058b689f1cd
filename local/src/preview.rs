//! Previews `pulumi up`: displays all resources of the program with their evaluated properties.
//!
//! The program is deployed into a temporary emulated AWS, so that the output includes the values that AWS assigns (ARNs, URLs).
//! Unsupported resources and properties are rejected, like in the other commands.

use std::collections::BTreeMap;

use aws_credential_types::Credentials;
use dmm_lambda_service::{FunctionService, Speed};
use dmm_pulumi::{Program, Secrets};
use serde::Serialize;
use serde_json::{Map, Value};
use termtree::Tree;

use crate::cli::Preview;
use crate::clients::{AwsAccount, Clients};
use crate::consumers;
use crate::deploy::{Deployed, Deployer};
use crate::error::StackError;
use crate::lambdas::{Lambdas, workspace};
use crate::output::out;
use crate::progress::ProgressDisplay;
use crate::stack::start_emulator;

/// Replaces the API key if none is given. It is masked, too.
const NO_KEY: &str = "none given";

/// The program, evaluated for one stack, with secrets masked.
#[derive(Debug, Serialize)]
pub struct StackPreview {
    /// The stack's name.
    pub stack: String,
    /// The config keys.
    pub config: Vec<PreviewedSetting>,
    /// The resources. Each follows those that it needs.
    pub resources: Vec<PreviewedResource>,
    /// The program's outputs.
    pub outputs: Map<String, Value>,
}

/// A config key.
#[derive(Debug, Serialize)]
pub struct PreviewedSetting {
    /// The key.
    pub name: String,
    /// Its value.
    pub value: Value,
    /// What the program says about it.
    pub description: Option<String>,
}

/// A resource.
#[derive(Debug, Serialize)]
pub struct PreviewedResource {
    /// Its name in the program.
    pub name: String,
    /// Its type, e.g. `aws:sqs:Queue`.
    #[serde(rename = "type")]
    pub token: String,
    /// Its properties.
    pub properties: Map<String, Value>,
    /// The names of the resources that it needs.
    #[serde(rename = "dependsOn")]
    pub depends_on: Vec<String>,
}

/// Evaluates the program and prints it.
///
/// # Errors
///
/// [`StackError`] if the program is not valid or not supported on one machine.
pub async fn run(args: &Preview) -> Result<(), StackError> {
    let config = args.config.iter().cloned().collect();
    let preview = preview(&args.stack, config, ProgressDisplay::detect()).await?;
    if args.json {
        out!("{}", serde_json::to_string_pretty(&preview).map_err(StackError::Report)?);
    } else {
        print!("{}", tree(&preview));
    }
    Ok(())
}

/// Evaluates the program for the stack with this name.
///
/// # Errors
///
/// As for [`run`].
pub async fn preview(
    stack: &str,
    mut config: BTreeMap<String, String>,
    progress: ProgressDisplay,
) -> Result<StackPreview, StackError> {
    config.entry("apiKey".to_owned()).or_insert_with(|| NO_KEY.to_owned());
    let evaluation = Program::load(&workspace().join("pulumi"))?.evaluate(dmm_pulumi::Settings {
        stack: stack.to_owned(),
        organization: "organization".to_owned(),
        config,
    })?;
    let settings = evaluation.settings().into_iter().map(|setting| PreviewedSetting {
        name: setting.name,
        value: setting.value.to_json(Secrets::Masked),
        description: setting.description,
    });
    let settings = settings.collect();
    let lambdas = Lambdas::build(&progress).await?;
    let emulator = start_emulator(&lambdas, None, None, progress).await?;
    let aws_account = AwsAccount::default();
    let root = Credentials::new("root", "root", None, None, "before enforcement");
    let clients = Clients::new(emulator.url(), &aws_account, root);
    let operator = consumers::operator(&clients, false).await?;
    let functions = FunctionService::new(dmm_lambda_service::Settings {
        region: aws_account.region.clone(),
        account: aws_account.account.clone(),
        endpoint_url: emulator.url().to_owned(),
        speed: Speed::times(1),
        tracing: None,
    });
    let logs = tempfile::Builder::new().prefix("dmm-local-").tempdir().map_err(StackError::Folder)?;
    let mut deployer = Deployer::new(
        Clients::new(emulator.url(), &aws_account, operator),
        functions.clone(),
        lambdas,
        &aws_account,
        emulator.url().to_owned(),
        logs.path().to_path_buf(),
        emulator.python().to_owned(),
    );
    deployer.deploy(evaluation, progress).await?;
    let result = deployer.finish();
    functions.stop().await;
    emulator.stop().await;
    Ok(described(stack, settings, &result))
}

fn described(stack: &str, config: Vec<PreviewedSetting>, deployed: &Deployed) -> StackPreview {
    let resources = deployed.resources.iter().map(|resource| PreviewedResource {
        name: resource.name().to_owned(),
        token: resource.token().to_owned(),
        properties: masked(resource.properties()),
        depends_on: resource.dependencies().to_vec(),
    });
    StackPreview {
        stack: stack.to_owned(),
        config,
        resources: resources.collect(),
        outputs: masked(&deployed.shown_outputs),
    }
}

fn masked(map: &dmm_pulumi::Map) -> Map<String, Value> {
    map.iter().map(|(name, value)| (name.to_owned(), value.to_json(Secrets::Masked))).collect()
}

/// Returns the preview as a tree: the config keys with their values and descriptions, then the resources with their types and names, and below them the properties. Strings that contain
/// a JSON object are expanded.
#[must_use]
pub fn tree(preview: &StackPreview) -> Tree<String> {
    let count = preview.resources.len();
    let settings = preview.config.iter().map(|setting| {
        let value = branch(setting.name.clone(), &setting.value);
        value.with_leaves(setting.description.clone().map(Tree::new))
    });
    let config = Tree::new("config".to_owned()).with_leaves(settings);
    let resources = preview.resources.iter().map(|resource| {
        branch(format!("{} {}", resource.token, resource.name), &Value::Object(resource.properties.clone()))
    });
    let outputs = branch("outputs".to_owned(), &Value::Object(preview.outputs.clone()));
    Tree::new(format!("stack {}, {count} resources", preview.stack))
        .with_leaves(std::iter::once(config).chain(resources).chain(std::iter::once(outputs)))
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
    fn a_tree_shows_every_value_and_expands_json() {
        let properties = json!({
            "name": "events", "fifo": true, "list": ["a", 1], "none": null,
            "rules": [{ "days": 30 }],
            "policy": "{\"Statement\":[{\"Effect\":\"Deny\"}]}",
        });
        let Value::Object(properties) = properties else { panic!("an object") };
        let resource = PreviewedResource {
            name: "q".to_owned(),
            token: "aws:sqs:Queue".to_owned(),
            properties,
            depends_on: Vec::new(),
        };
        let config = vec![PreviewedSetting {
            name: "busName".to_owned(),
            value: json!("dmm"),
            description: Some("Name of the bus.".to_owned()),
        }];
        let report =
            StackPreview { stack: "dev".to_owned(), config, resources: vec![resource], outputs: Map::new() };
        let expected = "\
stack dev, 1 resources
├── config
│   └── busName: dmm
│       └── Name of the bus.
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
