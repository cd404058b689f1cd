//! Explains what is decided about an agreement: by a running stack, or for a real Data Mesh Manager without AWS.

use std::sync::Arc;

use dmm_access::explain::Explanation;
use dmm_access::guardrails::{GuardrailSettings, Guardrails};
use dmm_api::{BaseUrl, Client, RetryPolicy, StaticApiKey};
use dmm_converge::Explainer;
use dmm_lambda_service::FunctionService;
use dmm_mesh::{AgreementKind, AgreementRef};
use reqwest::Url;
use secrecy::SecretString;

use crate::cli::Explain;
use crate::control::{ExplainQuery, address};
use crate::error::StackError;
use crate::output::out;
use crate::stack::Stack;
use crate::up::API_KEY;

/// Prints the explanation.
///
/// # Errors
///
/// [`StackError::NotRunning`], [`StackError::NoAgreement`], [`StackError::Refused`] with the stack's message, and
/// [`StackError::Explain`] if something cannot be read.
pub async fn run(args: &Explain) -> Result<(), StackError> {
    let text = match &args.dmm_url {
        Some(url) => shown(&without_aws(url, args).await?, args.json)?,
        None => by_stack(args).await?,
    };
    out!("{}", text.trim_end());
    Ok(())
}

/// Asks the running stack.
async fn by_stack(args: &Explain) -> Result<String, StackError> {
    let base = match &args.control {
        Some(url) => url.as_str().trim_end_matches('/').to_owned(),
        None => address()?,
    };
    let address =
        Url::parse(&base).map_err(|_| StackError::NotRunning(format!("{base:?} is not a valid URL")))?;
    let query = ExplainQuery { agreement: args.agreement.clone(), json: args.json };
    let asked = dmm_proxy::client(&address)?
        .get(format!("{base}/explain"))
        .query(&query)
        .send()
        .await
        .map_err(|_| StackError::NotRunning(format!("nothing answers at {base}")))?;
    let done = asked.status().is_success();
    let text = asked.text().await.map_err(|error| StackError::Refused(error.to_string()))?;
    if done { Ok(text) } else { Err(StackError::Refused(text)) }
}

/// Reads the documents of a real Data Mesh Manager, and assumes that AWS is as it should be. Nothing is written.
async fn without_aws(url: &Url, args: &Explain) -> Result<Explanation, StackError> {
    let failed = |message: String| StackError::Explain(message);
    let key = std::env::var(API_KEY)
        .map_err(|_| StackError::Variable(API_KEY, "to an API key of that Data Mesh Manager"))?;
    let base_url: BaseUrl =
        url.as_str().parse().map_err(|error: dmm_api::BaseUrlError| failed(error.to_string()))?;
    let http = dmm_http::client_builder(None).map_err(|error| failed(error.to_string()))?.build();
    let http = http.map_err(|error| failed(error.to_string()))?;
    let keys = Arc::new(StaticApiKey::new(SecretString::from(key)));
    let api = Client::new(http, base_url, keys, RetryPolicy::default());
    let guardrails = Guardrails::new(GuardrailSettings {
        account: args.account.clone(),
        region: args.region.clone(),
        allowed_roles: vec!["*".to_owned()],
        allowed_resource_accounts: vec!["*".to_owned()],
        ..GuardrailSettings::default()
    });
    let guardrails = guardrails.map_err(|error| failed(error.to_string()))?;
    let explainer = Explainer { agreements: &api, aws: None, guardrails: &guardrails };
    for agreement in generations(&args.agreement) {
        let found = explainer.explain(&agreement).await;
        if let Some(explanation) = found.map_err(|error| failed(dmm_telemetry::causes(&error)))? {
            return Ok(explanation);
        }
    }
    Err(StackError::NoAgreement(args.agreement.clone()))
}

/// The binary whose rules explain.
pub(crate) const GRANT: &str = "iam-grant";

/// Explains what the function with this name decides about an agreement; `None` if the agreement does not exist.
///
/// # Errors
///
/// [`StackError::NoFunction`], and [`StackError::Explain`] if something cannot be read.
pub(crate) async fn by_function(
    functions: &FunctionService,
    function: &str,
    agreement: &AgreementRef,
) -> Result<Option<Explanation>, StackError> {
    let variables = functions.variables(function).ok_or_else(|| StackError::NoFunction(GRANT.to_owned()))?;
    let explained = Box::pin(dmm_function::explain(&variables, agreement)).await;
    explained.map_err(|error| StackError::Explain(dmm_telemetry::causes(&error)))
}

impl Stack {
    /// Explains what iam-grant decides about the agreement with this id, in whichever generation it is found.
    ///
    /// # Errors
    ///
    /// [`StackError::NoAgreement`], [`StackError::NoFunction`], and [`StackError::Explain`] if something cannot be read.
    pub async fn explain(&self, agreement: &str) -> Result<Explanation, StackError> {
        let function = self.function(GRANT)?;
        for reference in generations(agreement) {
            if let Some(explanation) = by_function(self.functions(), function, &reference).await? {
                return Ok(explanation);
            }
        }
        Err(StackError::NoAgreement(agreement.to_owned()))
    }
}

/// The explanation as text or as JSON.
pub(crate) fn shown(explanation: &Explanation, json: bool) -> Result<String, StackError> {
    if json {
        serde_json::to_string_pretty(explanation).map_err(StackError::Report)
    } else {
        Ok(explanation.to_string())
    }
}

/// The agreement under the name of each generation, the newest first.
fn generations(id: &str) -> impl Iterator<Item = AgreementRef> {
    AgreementKind::ALL.into_iter().rev().map(|kind| AgreementRef { kind, id: id.to_owned() })
}
