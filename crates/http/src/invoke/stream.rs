//! Converts the events of an invocation to server-sent events.

use std::pin::Pin;

use actix_web::HttpResponse;
use actix_web::http::header::HeaderValue;
use futures_util::Stream;
use futures_util::stream::unfold;
use serde::Serialize;
use tracing::{Instrument as _, Span};
use utoipa::ToSchema;
use workers_domain::{InvocationEventKind, InvocationReport, LogEntry, LogStream};
use workers_service::Invocation;

use super::INVOCATION_ID;
use super::log::LogBody;
use super::outcome::OutcomeBody;
use crate::Api;
use crate::error::{ApiError, shutting_down};
use crate::event_stream::{self, Event, Reconnect};

/// The data of a `log` event: a line that the function printed.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct LogData {
    /// `stdout` or `stderr`.
    #[schema(example = "stdout")]
    stream: &'static str,
    #[serde(flatten)]
    line: LogBody,
}

/// The data of an `error` event that does not come from the invocation itself.
#[derive(Debug, Serialize)]
struct CutOff<'a> {
    error: String,
    code: &'a str,
}

/// Creates the response: the events of an invocation.
pub(super) fn respond(api: &Api, invocation: Invocation) -> HttpResponse {
    let invocation_id = invocation.id().to_string();
    let mut response = event_stream::respond(api, Reconnect::NotInvited, events(api, invocation));
    let invocation_id = HeaderValue::try_from(invocation_id).expect("a UUID is a header value");
    response.headers_mut().insert(INVOCATION_ID, invocation_id);
    response
}

/// Reads events from the invocation as fast as the client receives them. Dropping the stream cancels the invocation,
/// and marks its outcome as sent.
fn events(api: &Api, invocation: Invocation) -> impl Stream<Item = Event> + use<> {
    let watched = WatchedInvocation {
        invocation_id: invocation.id().to_string(),
        invocation,
        sequence: 0,
        span: Span::current(),
        cancelled: Box::pin(api.stop.cancelled()),
    };
    unfold((watched, false), |(mut watched, is_over)| async move {
        // The stream ends only at the poll after the last event, which comes when that event has been sent. Until then
        // the invocation keeps its permit for unread memory.
        if is_over {
            return None;
        }
        let span = watched.span.clone();
        let (event, is_last) = watched.next().instrument(span).await;
        // A client that reconnects sends it back, and `request/last_event.rs` then finds the invocation in it.
        let event = event.with_id(format!("{}:{}", watched.invocation_id, watched.sequence));
        Some((event, (watched, is_last)))
    })
}

struct WatchedInvocation {
    invocation_id: String,
    invocation: Invocation,
    /// The number of the last event.
    sequence: u64,
    /// The span of the request. It is kept, because events are sent after the handler has ended.
    span: Span,
    cancelled: Pin<Box<dyn Future<Output = ()>>>,
}

impl WatchedInvocation {
    /// Returns the next event, and whether it is the last one.
    async fn next(&mut self) -> (Event, bool) {
        tokio::select! {
            event = self.invocation.next() => {
                let Some(event) = event else {
                    return self.cut_off(&ApiError::internal("an invocation ended without an outcome"));
                };
                self.sequence = event.sequence;
                match event.kind {
                    InvocationEventKind::Log(entry) => (log(entry), false),
                    InvocationEventKind::Finished(report) => (finished(*report), true),
                }
            }
            () = &mut self.cancelled => self.cut_off(&shutting_down()),
        }
    }

    /// Creates the last event, if there is none from the invocation itself.
    fn cut_off(&mut self, error: &ApiError) -> (Event, bool) {
        // The numbers have no gaps (docs/api.md), so this event takes the next one.
        self.sequence += 1;
        (cut_off(error), true)
    }
}

/// Creates a `log` event.
fn log(entry: LogEntry) -> Event {
    let stream = match entry.stream {
        LogStream::Stdout => "stdout",
        LogStream::Stderr => "stderr",
    };
    Event::new("log", &LogData { stream, line: entry.into() })
}

/// Creates the event for the end of an invocation.
fn finished(report: InvocationReport) -> Event {
    match report.into() {
        OutcomeBody::Returned(body) => Event::new("result", &body),
        OutcomeBody::Failed(body) => Event::new("error", &body),
    }
}

/// Creates the event for an end that does not come from the invocation itself, and logs its cause.
fn cut_off(error: &ApiError) -> Event {
    // The head with status 200 has been sent, so `middleware/track.rs` sees no error that it could log.
    if let Some(cause) = error.cause_chain() {
        tracing::error!(error.code = error.code().as_str(), error.cause = cause, "event stream failed: {error}");
    }
    Event::new("error", &CutOff { error: error.to_string(), code: error.code().as_str() })
}
