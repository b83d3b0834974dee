//! The outcome that a script reports.

use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

/// What the last frames hold.
#[derive(Debug, Clone, PartialEq)]
pub struct OutcomeFrame {
    /// What the script says about the outcome.
    pub meta: Meta,
    /// JSON, not checked: what the function returned where the code is [`OutcomeCode::Ok`], else an [`ErrorRecord`].
    pub json: String,
}

/// What a script says about an outcome.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Meta {
    /// Which outcome.
    pub code: OutcomeCode,
    /// How long the user's module was evaluated, in milliseconds. May be forged.
    #[serde(default)]
    pub load_ms: f64,
    /// How long the function ran, in milliseconds. May be forged.
    #[serde(default)]
    pub run_ms: f64,
    /// What the process was to exit with; only with [`OutcomeCode::ProcessExit`].
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub exit_code: Option<i32>,
    /// Places in the value that were not JSON's own, and what else went wrong.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub warnings: Vec<Warning>,
}

/// A place in a value that was not JSON's own, or what else went wrong.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Warning {
    /// Where, as `$.a[0].b`.
    pub path: String,
    /// What was there and what became of it.
    pub message: String,
}

/// How a run ended. A code that is none of these counts as [`OutcomeCode::Thrown`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", from = "String")]
pub enum OutcomeCode {
    /// The function returned.
    Ok,
    /// It threw.
    #[default]
    Thrown,
    /// The user's module failed while it was evaluated.
    LoadFailed,
    /// User code ended the process.
    ProcessExit,
    /// Nothing is left that could settle the function's promise.
    NeverSettled,
    /// The result is over the limit.
    ResultTooLarge,
}

/// What a script writes in the place of a result.
#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ErrorRecord {
    /// The error's message.
    pub message: String,
    /// The class of what was thrown.
    #[serde(default)]
    pub name: Option<String>,
    /// The stack, in the user's own lines.
    #[serde(default)]
    pub stack: Option<String>,
    /// The error's own `code`.
    #[serde(default)]
    pub error_code: Option<Box<RawValue>>,
    /// The error that caused it.
    #[serde(default)]
    pub cause: Option<Box<RawValue>>,
    /// The errors of an `AggregateError`.
    #[serde(default)]
    pub errors: Option<Box<RawValue>>,
    /// The error's own fields.
    #[serde(default)]
    pub properties: Option<Box<RawValue>>,
    /// What was thrown, if that was no error.
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
