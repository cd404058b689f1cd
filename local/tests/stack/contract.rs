//! Output ports that name no resource themselves: their data contract says where the data is.

use crate::common::{
    ACCOUNT, ROLE, TIMEOUT, agreement, assert_no_violations, dead_letters, forecast, mesh, stack, world,
};
use dmm_local::Stack;
use dmm_simulator::AgreementKind::{Access, DataContract};
use dmm_simulator::Landscape;
use secrecy::ExposeSecret;
use serde_json::{Value, json};

fn contract(id: &str, team: &str, servers: &Value) -> Value {
    json!({
        "apiVersion": "v3.1.0", "kind": "DataContract", "id": id, "version": "1.0.0", "status": "active",
        "team": { "name": team }, "servers": servers,
        "schema": [{ "name": "lines", "physicalName": "Lines", "physicalType": "table" }],
    })
}

/// A provider without a custom field of ours, beside the mesh of the other tests. It owns the data of `orders`.
fn landscape() -> Landscape {
    let files = json!([
        { "server": "warehouse", "type": "snowflake", "account": "x", "database": "ORDERS", "schema": "PUBLIC" },
        { "server": "production", "type": "s3", "location": "s3://orders-data/daily/*.json", "format": "json" },
    ]);
    let table = json!([{
        "server": "production", "type": "glue", "account": "1234-5678-9012", "database": "orders",
        "location": "s3://orders-data/{model}", "format": "parquet",
    }]);
    let mut landscape = mesh();
    let mut provider = crate::common::provider();
    provider["outputPorts"] = json!([
        { "id": "files", "name": "files", "type": "S3", "dataContractId": "orders-files" },
        { "id": "table", "name": "table", "dataContractId": "orders-table" },
        { "id": "gone", "name": "gone", "dataContractId": "orders-gone" },
        { "id": "elsewhere", "name": "elsewhere", "type": "snowflake", "dataContractId": "orders-files" },
    ]);
    landscape = landscape.with_data_product(provider);
    for (id, servers) in [("orders-files", &files), ("orders-table", &table)] {
        landscape = landscape.with_agreement(DataContract, contract(id, "fulfillment", servers));
    }
    for port in ["files", "table", "gone", "elsewhere"] {
        landscape = landscape.with_agreement(Access, agreement(port, port, &forecast()));
    }
    landscape
}

#[tokio::test(flavor = "multi_thread")]
async fn a_data_contract_says_where_the_data_of_a_port_is() {
    let stack = stack(landscape()).await;
    let world = world(&stack);
    for id in ["files", "table", "gone", "elsewhere"] {
        world.approve(Access, id).unwrap();
    }
    stack.poll(TIMEOUT).await.unwrap();
    let policies = stack.view().policies().await.unwrap();
    let document = |name: &str| {
        let policy = policies.iter().find(|policy| policy.policy_name == name && policy.role == ROLE);
        policy.map(|policy| policy.document.to_string())
    };
    let files = document("DMM_Access_files").unwrap();
    assert!(files.contains("arn:aws:s3:::orders-data/daily/*"), "{files}");
    let table = document("DMM_Access_table").unwrap();
    let arn = format!("arn:aws:glue:eu-central-1:{ACCOUNT}:table/orders/lines");
    assert!(table.contains(&arn) && table.contains("arn:aws:s3:::orders-data/lines/*"), "{table}");
    assert_eq!(policies.len(), 2, "{policies:?}");

    let refused = world.provisioning("gone").unwrap();
    assert_eq!(refused["status"], "provisioning-failed");
    let reason = refused["diagnostics"].as_str().unwrap();
    assert!(reason.contains("data contract orders-gone, which does not exist"), "{reason}");
    assert_eq!(world.provisioning("elsewhere"), None);

    let explained = stack.explain("table").await.unwrap();
    let text = explained.to_string();
    assert!(text.contains("The agreement access table gets access."), "{text}");
    let origin = "from the member `location` of the server `production` of the data contract orders-table";
    assert!(text.contains(origin) && text.contains("The policy DMM_Access_table on the role"), "{text}");
    let explained = serde_json::to_value(stack.explain("gone").await.unwrap()).unwrap();
    assert_eq!(
        (&explained["decision"], &explained["refusal"]["code"]),
        (&json!("refused"), &json!("ContractGone"))
    );
    let error = stack.explain("nowhere").await.unwrap_err();
    assert!(error.to_string().contains("no agreement with the id \"nowhere\""), "{error}");
    let explained = explain_without_aws(&stack, "table").await;
    assert_eq!(explained["decision"], "granted", "{explained}");
    assert_eq!(explained["resources"][0]["arn"], arn, "{explained}");
    assert_eq!(explained["assumptions"].as_array().map(Vec::len), Some(2), "{explained}");
    assert_eq!(dead_letters(&stack).await, 0);
    assert_no_violations(&stack);
}

/// What the command explains that reads this Data Mesh Manager as if it were a real one.
async fn explain_without_aws(stack: &Stack, agreement: &str) -> Value {
    let mut command = std::process::Command::new(env!("CARGO_BIN_EXE_dmm-local"));
    command.args(["explain", agreement, "--json", "--dmm-url", &stack.simulator().unwrap().url()]);
    command.env("DMM_API_KEY", stack.api_key().expose_secret());
    let output = tokio::task::spawn_blocking(move || command.output()).await.unwrap().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    serde_json::from_slice(&output.stdout).unwrap()
}
