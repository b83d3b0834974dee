//! The events of an invocation: log entries, then exactly one outcome.

use std::fmt;
use std::time::Duration;

use chrono::{DateTime, Utc};
use serde_json::value::RawValue;

use crate::{InvocationId, Isolation};

/// An event of an invocation. There are any number of log entries, then one report at the end.
#[derive(Debug, Clone, PartialEq)]
pub struct InvocationEvent {
    /// The event's number within its invocation, starting at 1. Numbers only increase. A missing number means that an
    /// event was dropped.
    pub sequence: u64,
    /// The event itself.
    pub kind: InvocationEventKind,
}

/// The kind of an event.
#[derive(Debug, Clone, PartialEq)]
pub enum InvocationEventKind {
    /// User code printed a line.
    Log(LogEntry),
    /// The invocation is over.
    Finished(Box<InvocationReport>),
}

/// A line that user code printed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LogEntry {
    /// The stream that the line was printed to.
    pub stream: LogStream,
    /// The line without its end (line feed, or carriage return and line feed).
    pub message: String,
    /// When the first character of the line was printed, by the sandbox's clock.
    pub timestamp: DateTime<Utc>,
    /// Set only on the one entry that user code did not print: it summarises what the limits have cut from this
    /// invocation's output.
    pub dropped: Option<DroppedOutput>,
    /// Whether the line exceeds the length limit, so that only its beginning is in `message`.
    pub is_cut: bool,
}

/// Output that was removed because of the limits.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct DroppedOutput {
    /// Number of lines that are missing or were shortened.
    pub lines: u64,
    /// Number of bytes that are missing.
    pub bytes: u64,
}

/// One of a command's two output streams.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum LogStream {
    /// Standard output.
    Stdout,
    /// Standard error.
    Stderr,
}

/// The result of an invocation, with its timings and resource usage.
#[derive(Debug, Clone, PartialEq)]
pub struct InvocationReport {
    /// The invocation's id.
    pub invocation_id: InvocationId,
    /// How the invocation ended.
    pub outcome: Outcome,
    /// How long each phase took.
    pub timings: Timings,
    /// The resources that the sandbox used, as far as the provider can measure them.
    pub usage: ResourceUsage,
    /// How new it was: [`Isolation::Sandbox`] also where less was permitted, but a new sandbox was made.
    pub isolation: Isolation,
    /// Whether an earlier invocation of the same worker has used its sandbox.
    pub is_reused: bool,
}

/// How an invocation ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Outcome {
    /// The function returned.
    Returned {
        /// The returned value.
        result: JsonText,
        /// Places in the value that JSON could not represent exactly.
        warnings: Vec<ValueWarning>,
    },
    /// The invocation failed.
    Failed(Failure),
}

/// A warning about a place in a returned value or in an error's data that JSON cannot represent as it was, or about
/// another problem besides the outcome.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ValueWarning {
    /// The place, in the form `$.a[0].b`.
    pub path: String,
    /// What was there and what it was replaced with.
    pub message: String,
}

/// The reason why an invocation has no result.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Failure {
    /// The code, for programs.
    pub code: FailureCode,
    /// The message, for people. With [`FailureCode::Thrown`] it is the error's own message.
    pub message: String,
    /// The class of the thrown error, such as `TypeError`.
    pub name: Option<String>,
    /// The stack trace, with positions in the user's own source.
    pub stack: Option<String>,
    /// The exit code of the process, if the exit is the reason.
    pub exit_code: Option<i32>,
    /// Further data of the thrown error.
    pub details: ErrorDetails,
    /// What was cut or changed in this failure, and other problems.
    pub warnings: Vec<ValueWarning>,
}

/// Data of a thrown value besides name, message and stack.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct ErrorDetails {
    /// The error's own `code`, such as `ENOENT`.
    pub error_code: Option<JsonText>,
    /// The error's `cause`, including the causes of that error.
    pub cause: Option<JsonText>,
    /// The errors of an `AggregateError`.
    pub errors: Option<JsonText>,
    /// The error's own properties, such as `status` or `details`.
    pub properties: Option<JsonText>,
    /// The thrown value, if it is not an error.
    pub value: Option<JsonText>,
}

impl Failure {
    /// Creates a failure that has only a code and a message.
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

/// All the ways in which an invocation can fail.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum FailureCode {
    /// The function threw, its promise was rejected, or an uncaught error occurred while it ran.
    Thrown,
    /// The wall-clock limit was reached.
    Timeout,
    /// The memory limit was reached.
    OutOfMemory,
    /// User code exited the process before the function returned.
    ProcessExit,
    /// The process crashed.
    Crashed,
    /// The function's promise is pending, and nothing is left that could settle it.
    NeverSettled,
    /// The user's module failed while it was being evaluated.
    LoadFailed,
    /// The returned value exceeds the size limit.
    ResultTooLarge,
    /// The sandbox failed, not the user's code.
    SandboxFailed,
    /// The host has run out of file descriptors, processes or memory.
    Busy,
    /// The worker's files had to be made again, and there is no room for them.
    StorageFull,
    /// The worker's files had to be made again, and their storage is read-only now.
    StorageReadOnly,
    /// The worker's files had to be made again, and the database that they are made from cannot be reached.
    DatabaseUnavailable,
    /// The worker was deleted after the call and before the invocation started.
    WorkerNotFound,
    /// The worker expired after the call and before the invocation started.
    WorkerExpired,
}

impl FailureCode {
    /// All codes.
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

    /// Returns the code as it appears in responses.
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

/// A JSON value as text, on one line. It is validated once, when it is created.
#[derive(Clone)]
pub struct JsonText(Box<RawValue>);

impl JsonText {
    /// Parses one JSON value.
    ///
    /// # Errors
    ///
    /// If the text is not exactly one JSON value.
    pub fn parse(text: String) -> Result<Self, serde_json::Error> {
        RawValue::from_string(text).map(Self::from)
    }

    /// Returns the text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        self.0.get()
    }

    /// Converts the value into its text.
    #[must_use]
    pub fn into_string(self) -> String {
        Box::<str>::from(self.0).into_string()
    }

    /// Converts the value into a [`RawValue`], which serializes to the same text.
    #[must_use]
    pub fn into_raw(self) -> Box<RawValue> {
        self.0
    }
}

impl From<Box<RawValue>> for JsonText {
    fn from(value: Box<RawValue>) -> Self {
        // Nearly all values are on one line already, and are not copied.
        if !value.get().contains(['\n', '\r']) {
            return Self(value);
        }
        // In valid JSON, line breaks occur only between tokens, where a space means the same.
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
    /// Waiting in the queue.
    pub queue: Duration,
    /// From then until the harness ran in a fresh sandbox.
    pub sandbox: Duration,
    /// Evaluating the user's module.
    pub load: Duration,
    /// Running the function itself.
    pub run: Duration,
}

/// The resources that a sandbox used; `None` if the provider cannot measure them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct ResourceUsage {
    /// Processor time of all processes.
    pub cpu: Option<Duration>,
    /// Peak memory of all processes together, in bytes.
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
