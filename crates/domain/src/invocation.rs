//! What one run of one function yields: log entries, then exactly one outcome.

use std::fmt;
use std::time::Duration;

use chrono::{DateTime, Utc};
use serde_json::value::RawValue;

use crate::InvocationId;

/// What an invocation yields: any number of log entries, then one report, last.
#[derive(Debug, Clone, PartialEq)]
pub struct InvocationEvent {
    /// Its place among the events of its invocation, from 1. Numbers only grow; where one is missing, an event was
    /// thrown away.
    pub sequence: u64,
    /// What happened.
    pub kind: InvocationEventKind,
}

/// What happened in an invocation.
#[derive(Debug, Clone, PartialEq)]
pub enum InvocationEventKind {
    /// A line was printed.
    Log(LogEntry),
    /// The invocation is over.
    Finished(Box<InvocationReport>),
}

/// A line that user code printed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LogEntry {
    /// Where it was printed.
    pub stream: LogStream,
    /// The line without its end (line feed, or carriage return and line feed).
    pub message: String,
    /// When its first character was printed, by the sandbox's clock.
    pub timestamp: DateTime<Utc>,
    /// Set on the one entry that is not user code's: what the caps have cut from this invocation's output.
    pub dropped: Option<DroppedOutput>,
    /// Whether the line is longer than the caps allow, and only its beginning is here.
    pub is_cut: bool,
}

/// Output that the caps have cut.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct DroppedOutput {
    /// Lines that are missing, or shorter than they were printed.
    pub lines: u64,
    /// Bytes that are missing.
    pub bytes: u64,
}

/// Which of a command's two outputs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum LogStream {
    /// Standard output.
    Stdout,
    /// Standard error.
    Stderr,
}

/// How an invocation ended, and what it took.
#[derive(Debug, Clone, PartialEq)]
pub struct InvocationReport {
    /// Which invocation.
    pub invocation_id: InvocationId,
    /// How it ended.
    pub outcome: Outcome,
    /// How long each phase took.
    pub timings: Timings,
    /// What it used, where the sandbox can tell.
    pub usage: ResourceUsage,
}

/// How an invocation ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Outcome {
    /// The function returned.
    Returned {
        /// What it returned.
        result: JsonText,
        /// Places where the value was not JSON's own.
        warnings: Vec<ValueWarning>,
    },
    /// Anything else.
    Failed(Failure),
}

/// A place in a returned value, or in what an error carried, that JSON cannot hold as it was; or what went wrong
/// besides.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ValueWarning {
    /// Where, as `$.a[0].b`.
    pub path: String,
    /// What was there and what became of it.
    pub message: String,
}

/// Why an invocation has no result.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Failure {
    /// For a program.
    pub code: FailureCode,
    /// For a person; with [`FailureCode::Thrown`] the error's own message.
    pub message: String,
    /// The class of what was thrown, as `TypeError`.
    pub name: Option<String>,
    /// The stack in the user's own lines.
    pub stack: Option<String>,
    /// What the process exited with, where that is the reason.
    pub exit_code: Option<i32>,
    /// What else was thrown along.
    pub details: ErrorDetails,
    /// What was cut or changed in it, and what went wrong besides.
    pub warnings: Vec<ValueWarning>,
}

/// What a thrown value carried besides name, message and stack.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct ErrorDetails {
    /// The error's own `code`, as `ENOENT`.
    pub error_code: Option<JsonText>,
    /// The error that caused it, with its own cause.
    pub cause: Option<JsonText>,
    /// The errors of an `AggregateError`.
    pub errors: Option<JsonText>,
    /// The error's own fields, as `status` or `details`.
    pub properties: Option<JsonText>,
    /// What was thrown, if that was no error.
    pub value: Option<JsonText>,
}

impl Failure {
    /// A failure that is told by its code and a sentence.
    #[must_use]
    pub fn new(code: FailureCode, message: impl Into<String>) -> Self {
        Self {
            code,
            message: message.into(),
            name: None,
            stack: None,
            exit_code: None,
            details: ErrorDetails::default(),
            warnings: Vec::new(),
        }
    }
}

/// Every way an invocation fails.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum FailureCode {
    /// The function threw, or its promise was rejected, or an error was left uncaught while it ran.
    Thrown,
    /// The wall clock ran out.
    Timeout,
    /// The memory limit was reached.
    OutOfMemory,
    /// User code left the process before the function returned.
    ProcessExit,
    /// The process died.
    Crashed,
    /// The function's promise is pending and nothing is left that could settle it.
    NeverSettled,
    /// The user's module failed while it was being evaluated.
    LoadFailed,
    /// What the function returned is over the limit.
    ResultTooLarge,
    /// The sandbox, not the user's code, failed.
    SandboxFailed,
    /// The machine has run out of descriptors, processes or memory.
    Busy,
    /// The worker's files had to be made again, and there is no room for them.
    StorageFull,
    /// The worker's files had to be made again, and where they are kept takes no writes now.
    StorageReadOnly,
    /// The worker's files had to be made again, and the database that they are made from cannot be reached.
    DatabaseUnavailable,
    /// The worker was deleted between the call and its begin.
    WorkerNotFound,
    /// The worker expired between the call and its begin.
    WorkerExpired,
}

impl FailureCode {
    /// Every code.
    pub const ALL: [Self; 15] = [
        Self::Thrown,
        Self::Timeout,
        Self::OutOfMemory,
        Self::ProcessExit,
        Self::Crashed,
        Self::NeverSettled,
        Self::LoadFailed,
        Self::ResultTooLarge,
        Self::SandboxFailed,
        Self::Busy,
        Self::StorageFull,
        Self::StorageReadOnly,
        Self::DatabaseUnavailable,
        Self::WorkerNotFound,
        Self::WorkerExpired,
    ];

    /// The code as it travels.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Thrown => "thrown",
            Self::Timeout => "timeout",
            Self::OutOfMemory => "out_of_memory",
            Self::ProcessExit => "process_exit",
            Self::Crashed => "crashed",
            Self::NeverSettled => "never_settled",
            Self::LoadFailed => "load_failed",
            Self::ResultTooLarge => "result_too_large",
            Self::SandboxFailed => "sandbox_failed",
            Self::Busy => "busy",
            Self::StorageFull => "storage_full",
            Self::StorageReadOnly => "storage_read_only",
            Self::DatabaseUnavailable => "database_unavailable",
            Self::WorkerNotFound => "worker_not_found",
            Self::WorkerExpired => "worker_expired",
        }
    }
}

impl fmt::Display for FailureCode {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(self.as_str())
    }
}

/// One JSON value as it was written, on one line. It is checked once, where it comes in.
#[derive(Clone)]
pub struct JsonText(Box<RawValue>);

impl JsonText {
    /// Reads one value.
    ///
    /// # Errors
    ///
    /// When the text is no JSON value, or more than one.
    pub fn parse(text: String) -> Result<Self, serde_json::Error> {
        RawValue::from_string(text).map(Self::from)
    }

    /// The text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        self.0.get()
    }

    /// The text, given away.
    #[must_use]
    pub fn into_string(self) -> String {
        Box::<str>::from(self.0).into_string()
    }

    /// The value, for a body that holds it as it is.
    #[must_use]
    pub fn into_raw(self) -> Box<RawValue> {
        self.0
    }
}

impl From<Box<RawValue>> for JsonText {
    fn from(value: Box<RawValue>) -> Self {
        if !value.get().contains(['\n', '\r']) {
            return Self(value);
        }
        // In JSON a line break stands only between tokens, where a space means the same.
        let line = value.get().replace(['\n', '\r'], " ");
        Self(RawValue::from_string(line).unwrap_or(value))
    }
}

impl PartialEq for JsonText {
    fn eq(&self, other: &Self) -> bool {
        self.as_str() == other.as_str()
    }
}

impl Eq for JsonText {}

impl fmt::Debug for JsonText {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_tuple("JsonText").field(&self.as_str()).finish()
    }
}

/// How long each phase of an invocation took. A phase that was not reached is zero.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Timings {
    /// Waiting for a free place.
    pub queue: Duration,
    /// From then until the harness ran in a fresh sandbox.
    pub sandbox: Duration,
    /// Evaluating the user's module.
    pub load: Duration,
    /// The function itself.
    pub run: Duration,
}

/// What a sandbox used; `None` where its provider cannot tell.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct ResourceUsage {
    /// Processor time of all its processes.
    pub cpu: Option<Duration>,
    /// The most memory its processes held at one time, in bytes.
    pub max_memory_bytes: Option<u64>,
}

#[cfg(test)]
mod tests {
    use super::JsonText;

    #[test]
    fn a_value_stays_as_it_was_written() {
        let text = r#"{"b":1.0,"a":12345678901234567890123,"b":"\u2028\n"}"#;
        assert_eq!(JsonText::parse(text.into()).unwrap().as_str(), text);
    }

    #[test]
    fn a_value_on_several_lines_is_put_on_one() {
        assert_eq!(JsonText::parse("{\r\n \"a\": 1\n}".into()).unwrap().as_str(), "{   \"a\": 1 }");
    }

    #[test]
    fn what_is_no_json_value_is_refused() {
        for text in ["", "{", "1 2", "undefined", "\"a\nb\""] {
            assert!(JsonText::parse(text.into()).is_err(), "{text}");
        }
    }
}
