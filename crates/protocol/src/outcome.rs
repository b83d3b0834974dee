//! The outcome that a script reports.

use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

/// The content of the frames with the outcome.
#[derive(Debug, Clone, PartialEq)]
pub struct OutcomeFrame {
    /// Metadata about the outcome.
    pub meta: Meta,
    /// JSON, not validated: the returned value if the code is [`OutcomeCode::Ok`], otherwise an [`ErrorRecord`].
    pub json: String,
}

/// Metadata about an outcome.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Meta {
    /// How the run ended.
    pub code: OutcomeCode,
    /// How long the evaluation of the user's module took, in milliseconds. User code may forge it.
    #[serde(default)]
    pub load_ms: f64,
    /// How long the function ran, in milliseconds. User code may forge it.
    #[serde(default)]
    pub run_ms: f64,
    /// The exit code of the process; only with [`OutcomeCode::ProcessExit`].
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub exit_code: Option<i32>,
    /// Warnings about places in the value that JSON cannot represent exactly, and about other problems.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub warnings: Vec<Warning>,
}

/// A warning about a place in a value that JSON cannot represent exactly, or about another problem.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Warning {
    /// The place, in the form `$.a[0].b`.
    pub path: String,
    /// What was there and what it was replaced with.
    pub message: String,
}

/// How a run ended. An unknown code counts as [`OutcomeCode::Thrown`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", from = "String")]
pub enum OutcomeCode {
    /// The function returned.
    Ok,
    /// The function threw.
    #[default]
    Thrown,
    /// The user's module failed while it was being evaluated.
    LoadFailed,
    /// User code ended the process.
    ProcessExit,
    /// Nothing is left that could settle the function's promise.
    NeverSettled,
    /// The result exceeds the size limit.
    ResultTooLarge,
}

/// The data of an error, written in place of a result.
#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ErrorRecord {
    /// The error's message.
    pub message: String,
    /// The class of the thrown value.
    #[serde(default)]
    pub name: Option<String>,
    /// The stack trace, with positions in the user's own source.
    #[serde(default)]
    pub stack: Option<String>,
    /// The error's own `code`.
    #[serde(default)]
    pub error_code: Option<Box<RawValue>>,
    /// The error's `cause`.
    #[serde(default)]
    pub cause: Option<Box<RawValue>>,
    /// The errors of an `AggregateError`.
    #[serde(default)]
    pub errors: Option<Box<RawValue>>,
    /// The error's own properties.
    #[serde(default)]
    pub properties: Option<Box<RawValue>>,
    /// The thrown value, if it is not an error.
    #[serde(default)]
    pub value: Option<Box<RawValue>>,
}

impl From<String> for OutcomeCode {
    fn from(code: String) -> Self {
        match code.as_str() {
            "ok" => Self::Ok,
            "load_failed" => Self::LoadFailed,
            "process_exit" => Self::ProcessExit,
            "never_settled" => Self::NeverSettled,
            "result_too_large" => Self::ResultTooLarge,
            _ => Self::Thrown,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_code_is_read_as_it_is_written_and_any_other_counts_as_thrown() {
        use OutcomeCode::{LoadFailed, NeverSettled, Ok, ProcessExit, ResultTooLarge, Thrown};
        for code in [Ok, Thrown, LoadFailed, ProcessExit, NeverSettled, ResultTooLarge] {
            let written = serde_json::to_string(&code).unwrap();
            assert_eq!(serde_json::from_str::<OutcomeCode>(&written).unwrap(), code, "{written}");
        }
        assert_eq!(serde_json::from_str::<OutcomeCode>("\"unheard_of\"").unwrap(), Thrown);
    }
}
