//! An invocation's events as server-sent events.

use serde::Serialize;
use utoipa::ToSchema;
use workers_domain::{InvocationReport, LogEntry, LogStream};

use super::log::LogBody;
use super::outcome::OutcomeBody;
use crate::error::ApiError;
use crate::event_stream::Event;

/// The data of a `log` event: a line that the function printed.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct LogData {
    /// `stdout` or `stderr`.
    #[schema(example = "stdout")]
    stream: &'static str,
    #[serde(flatten)]
    line: LogBody,
}

/// The data of an `error` event for an end that the invocation had no part in.
#[derive(Debug, Serialize)]
struct CutOff<'a> {
    error: String,
    code: &'a str,
}

/// A line.
pub(crate) fn log(entry: LogEntry) -> Event {
    let stream = match entry.stream {
        LogStream::Stdout => "stdout",
        LogStream::Stderr => "stderr",
    };
    Event::new("log", &LogData { stream, line: entry.into() })
}

/// The end of an invocation.
pub(crate) fn finished(report: InvocationReport) -> Event {
    match report.into() {
        OutcomeBody::Returned(body) => Event::new("result", &body),
        OutcomeBody::Failed(body) => Event::new("error", &body),
    }
}

/// An end that the invocation had no part in.
pub(crate) fn cut_off(error: &ApiError) -> Event {
    if let Some(cause) = error.cause_chain() {
        tracing::error!(error.code = error.code().as_str(), error.cause = cause, "event stream failed: {error}");
    }
    Event::new("error", &CutOff { error: error.to_string(), code: error.code().as_str() })
}

/// Names an event by its invocation and its place there.
pub(crate) fn numbered(event: Event, invocation_id: &str, sequence: u64) -> Event {
    event.with_id(format!("{invocation_id}:{sequence}"))
}
