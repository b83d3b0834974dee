//! The body for the reason why an invocation has no result, used by the batch response and the event stream.

use serde::Serialize;
use serde_json::value::RawValue;
use utoipa::ToSchema;
use workers_domain::{Failure, JsonText};

use super::Warning;

/// Why an invocation has no result.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct FailureBody {
    /// Why, for a person; the thrown error's own message if the function threw.
    error: String,
    /// Why, for a program: `thrown`, `timeout`, `out_of_memory`, `process_exit`, `crashed`, `never_settled`,
    /// `load_failed`, `result_too_large`, `sandbox_failed`, `busy`, `storage_full`, `storage_read_only`,
    /// `database_unavailable`, `worker_not_found` or `worker_expired`; in a stream also `shutting_down`.
    #[schema(example = "thrown")]
    code: &'static str,
    /// The class of what was thrown.
    #[serde(skip_serializing_if = "Option::is_none")]
    name: Option<String>,
    /// The stack, in the user's own lines.
    #[serde(skip_serializing_if = "Option::is_none")]
    stack: Option<String>,
    /// What the process exited with, where that is the reason.
    #[serde(skip_serializing_if = "Option::is_none")]
    exit_code: Option<i32>,
    /// The thrown error's own `code`, as `ENOENT`.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<serde_json::Value>)]
    error_code: Option<Box<RawValue>>,
    /// The error that caused it, with `message`, `name`, `stack` and its own `cause`.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<serde_json::Value>)]
    cause: Option<Box<RawValue>>,
    /// The errors of an `AggregateError`.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<serde_json::Value>)]
    errors: Option<Box<RawValue>>,
    /// The error's own fields, as `status` or `details`.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<serde_json::Value>)]
    properties: Option<Box<RawValue>>,
    /// What was thrown, if that was no error.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<serde_json::Value>)]
    value: Option<Box<RawValue>>,
    /// What was cut or changed in all this, and what went wrong besides; absent if nothing.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    #[schema(required = false)]
    warnings: Vec<Warning>,
}

impl From<Failure> for FailureBody {
    fn from(failure: Failure) -> Self {
        let Failure { code, message, name, stack, exit_code, details, warnings } = failure;
        let json = |text: Option<JsonText>| text.map(JsonText::into_raw);
        Self {
            error: message,
            code: code.as_str(),
            name,
            stack,
            exit_code,
            error_code: json(details.error_code),
            cause: json(details.cause),
            errors: json(details.errors),
            properties: json(details.properties),
            value: json(details.value),
            warnings: Warning::all(&warnings),
        }
    }
}
