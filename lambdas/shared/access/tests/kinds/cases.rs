//! Ports of every kind, and what their consumers have to be able to do. The names of the resources contain `orders`.

mod services;
mod storage;

use serde_json::{Value, json};

/// An action, its resource, and the context that the service adds.
pub(crate) type Try = (&'static str, String, Vec<(&'static str, &'static str)>);

/// A port and an agreement about it.
pub(crate) struct Case {
    pub(crate) name: &'static str,
    pub(crate) fields: Value,
    pub(crate) roles: Value,
    pub(crate) allowed: Vec<Try>,
    /// Besides what the test derives.
    pub(crate) denied: Vec<Try>,
}

fn case(name: &'static str, fields: Value) -> Case {
    Case { name, fields, roles: json!([]), allowed: Vec::new(), denied: Vec::new() }
}

impl Case {
    fn asks(self, roles: &[&str]) -> Case {
        Case { roles: json!(roles), ..self }
    }

    /// Each of these actions on each of these resources.
    fn can(mut self, actions: &[&'static str], resources: &[&str]) -> Case {
        self.allowed.extend(tries(actions, resources, &[]));
        self
    }

    fn can_in(
        mut self,
        actions: &[&'static str],
        resource: &str,
        context: &[(&'static str, &'static str)],
    ) -> Case {
        self.allowed.extend(tries(actions, &[resource], context));
        self
    }

    fn cannot(mut self, actions: &[&'static str], resources: &[&str]) -> Case {
        self.denied.extend(tries(actions, resources, &[]));
        self
    }

    fn cannot_in(
        mut self,
        actions: &[&'static str],
        resource: &str,
        context: &[(&'static str, &'static str)],
    ) -> Case {
        self.denied.extend(tries(actions, &[resource], context));
        self
    }
}

fn tries(actions: &[&'static str], resources: &[&str], context: &[(&'static str, &'static str)]) -> Vec<Try> {
    let on =
        |resource: &&str| actions.iter().map(|action| (*action, arn(resource), context.to_vec())).collect();
    resources.iter().flat_map::<Vec<_>, _>(on).collect()
}

/// `service:resource` in full.
fn arn(short: &str) -> String {
    let (service, resource) = short.split_once(':').unwrap();
    let place = if service == "s3" { ":" } else { "eu-central-1:123456789012" };
    format!("arn:aws:{service}:{place}:{resource}")
}

const KEY: &str = "kms:key/orders";
const VIA: &str = "kms:ViaService";
const S3_CONTEXT: &str = "kms:EncryptionContext:aws:s3:arn";

pub(crate) fn cases() -> Vec<Case> {
    [
        storage::s3(),
        storage::lake(),
        storage::dynamodb(),
        storage::tables(),
        services::streams(),
        services::messages(),
        services::kafka(),
        services::redshift(),
        services::calls(),
        services::search(),
    ]
    .into_iter()
    .flatten()
    .collect()
}
