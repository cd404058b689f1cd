//! Invokes a function and reads its answer, and reads how it is configured.

use std::collections::HashMap;

use aws_sdk_lambda::primitives::Blob;
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::Value;

use crate::call::failed;
use crate::error::CliError;
use crate::stack::Stack;

/// A function's error, as Lambda returns it.
#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct FunctionError {
    error_type: String,
    error_message: String,
}

/// Invokes a function and waits for its answer, however long that takes.
///
/// # Errors
///
/// [`CliError::Function`] if the function fails, [`CliError::Answer`] if the answer is not a `T`, and the errors of the call.
pub async fn invoke<T: DeserializeOwned>(
    stack: &Stack,
    function: &str,
    payload: &Value,
) -> Result<T, CliError> {
    let call = stack.lambda.invoke().function_name(function).payload(Blob::new(payload.to_string()));
    let answer = call.send().await.map_err(failed("lambda:InvokeFunction"))?;
    let body = answer.payload.map(Blob::into_inner).unwrap_or_default();
    if answer.function_error.is_some() {
        let error: FunctionError = serde_json::from_slice(&body).unwrap_or_default();
        return Err(CliError::Function {
            function: function.to_owned(),
            class: error.error_type,
            message: error.error_message,
        });
    }
    serde_json::from_slice(&body)
        .map_err(|error| CliError::Answer { function: function.to_owned(), problem: error.to_string() })
}

/// The environment variables of a function.
///
/// # Errors
///
/// The errors of the call.
pub async fn variables(stack: &Stack, function: &str) -> Result<HashMap<String, String>, CliError> {
    let found = stack.lambda.get_function_configuration().function_name(function).send().await;
    let found = found.map_err(failed("lambda:GetFunctionConfiguration"))?;
    Ok(found.environment.and_then(|environment| environment.variables).unwrap_or_default())
}
