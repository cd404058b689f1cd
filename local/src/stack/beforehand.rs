//! What exists in the emulated AWS before the stack is deployed.

use dmm_simulator::{ConsumerRole, Resource};

use crate::clients::{AwsAccount, Clients};
use crate::consumers;
use crate::deploy::{DeployError, Kept};
use crate::resources;
use crate::subscribers;

/// What exists before the deployment.
pub(super) struct Beforehand {
    /// The roles of consumers.
    pub(super) roles: Vec<ConsumerRole>,
    /// The resources of providers.
    pub(super) resources: Vec<Resource>,
    /// The other accounts that may add rules to the bus.
    pub(super) accounts: Vec<String>,
}

impl Beforehand {
    /// Creates what an earlier stack has not created, according to `kept`, and adds it there. What somebody has deleted since then is not
    /// created again. Another emulator than moto gets only the roles.
    pub(super) async fn create(
        self,
        clients: &Clients,
        aws_url: &str,
        aws_account: &AwsAccount,
        is_moto: bool,
        kept: &mut Kept,
    ) -> Result<(), DeployError> {
        let Beforehand { mut roles, resources, mut accounts } = self;
        let existing = kept.beforehand.clone();
        kept.beforehand.extend(roles.iter().map(|role| role.name.clone()));
        kept.beforehand.extend(resources.iter().map(|resource| resource.arn.clone()));
        kept.beforehand.extend(accounts.iter().cloned());
        roles.retain(|role| !existing.contains(&role.name));
        consumers::create(clients, &roles).await?;
        if is_moto {
            resources::create(clients, aws_url, aws_account, &resources, &existing).await?;
            accounts.retain(|account| !existing.contains(account));
            subscribers::create(clients, aws_url, aws_account, &accounts).await?;
        }
        Ok(())
    }
}
