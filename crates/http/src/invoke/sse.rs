//! An invocation's events as server-sent events.

use serde::Serialize;
use serde_json::value::RawValue;
use utoipa::ToSchema;
use workers_domain::{DroppedOutput, InvocationReport, LogEntry, LogStream, Outcome};

use super::failure::FailureBody;
use super::{Receipt, Warning, passed_through, whole_millis};
use crate::error::ApiError;
use crate::event_stream::Event;

/// The data of a `log` event: a line that the function printed.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct LogData {
    /// `stdout` or `stderr`.
    #[schema(example = "stdout")]
    stream: &'static str,
    /// The line.
    message: String,
    /// When, in Unix milliseconds.
    #[schema(example = 1_763_890_000_000_i64)]
    timestamp: i64,
    /// What the caps have cut; only on the one event that says so.
    #[serde(skip_serializing_if = "Option::is_none")]
    dropped: Option<Dropped>,
    /// True where the line was longer than the limits allow, and only its beginning is here; else absent.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    #[schema(required = false)]
    cut: bool,
}

/// Output that the caps have cut.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Dropped {
    /// Lines that are missing, or shorter than they were printed.
    lines: u64,
    /// Bytes that are missing.
    bytes: u64,
}

/// The data of a `result` event, which is the last.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct ResultData {
    /// Always true.
    success: bool,
    /// What the function returned, any JSON value.
    #[schema(value_type = serde_json::Value)]
    result: Box<RawValue>,
    /// How long it ran, in milliseconds.
    duration: u64,
    /// Places where the returned value was not JSON's own, and what went wrong besides; absent if none.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    #[schema(required = false)]
    warnings: Vec<Warning>,
    #[serde(flatten)]
    receipt: Receipt,
}

/// The data of an `error` event, which is the last.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct ErrorData {
    #[serde(flatten)]
    failure: FailureBody,
    /// How long it ran, in milliseconds.
    duration: u64,
    #[serde(flatten)]
    receipt: Receipt,
}

/// The data of an `error` event for an end that the invocation had no part in.
#[derive(Debug, Serialize)]
struct CutOff<'a> {
    error: String,
    code: &'a str,
}

impl From<DroppedOutput> for Dropped {
    fn from(dropped: DroppedOutput) -> Self {
        Self { lines: dropped.lines, bytes: dropped.bytes }
    }
}

/// A line.
pub(crate) fn log(entry: LogEntry) -> Event {
    let stream = match entry.stream {
        LogStream::Stdout => "stdout",
        LogStream::Stderr => "stderr",
    };
    let timestamp = entry.timestamp.timestamp_millis();
    let dropped = entry.dropped.map(Dropped::from);
    Event::new("log", &LogData { stream, message: entry.message, timestamp, dropped, cut: entry.is_cut })
}

/// The end of an invocation.
pub(crate) fn finished(report: InvocationReport) -> Event {
    let receipt = Receipt::new(&report);
    let duration = whole_millis(report.timings.run);
    match report.outcome {
        Outcome::Returned { result, warnings } => match passed_through(result) {
            Ok(result) => {
                let warnings = Warning::all(&warnings);
                Event::new("result", &ResultData { success: true, result, duration, warnings, receipt })
            }
            Err(error) => cut_off(&error),
        },
        Outcome::Failed(failure) => Event::new("error", &ErrorData { failure: failure.into(), duration, receipt }),
    }
}

/// An end that the invocation had no part in.
pub(crate) fn cut_off(error: &ApiError) -> Event {
    if let Some(cause) = error.cause_chain() {
        tracing::error!(error.code = error.code().as_str(), error.cause = cause, "event stream failed: {error}");
    }
    Event::new("error", &CutOff { error: error.to_string(), code: error.code().as_str() })
}

/// Numbers an event within its invocation, from 1.
pub(crate) fn numbered(event: Event, invocation_id: &str, sequence: u64) -> Event {
    event.with_id(format!("{invocation_id}:{sequence}"))
}
