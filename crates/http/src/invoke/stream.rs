//! `POST /api/workers/{id}/invoke/{function}`: starts an invocation, and converts its events to server-sent events.

use std::pin::{Pin, pin};

use actix_web::http::header::HeaderValue;
use actix_web::web::{Data, Path, Payload};
use actix_web::{HttpRequest, HttpResponse};
use futures_util::Stream;
use futures_util::future::{Either, select};
use futures_util::stream::unfold;
use serde::Serialize;
use tracing::{Instrument as _, Span};
use utoipa::ToSchema;
use workers_domain::access::{Action, CallContext, Resource};
use workers_domain::{InvocationEventKind, InvocationReport, LogEntry, LogStream};
use workers_service::Invocation;

use super::INVOCATION_ID;
use super::batch::{self, BatchFailure};
use super::log::LogBody;
use super::outcome::OutcomeBody;
use crate::Api;
use crate::error::{ApiError, ErrorBody, ErrorCode, shutting_down};
use crate::event_stream::{self, Event, Reconnect};
use crate::request::{Caller, Limit, prefers_event_stream, read_body, watched_before};
use crate::workers::parse_id;

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

/// Runs a function. With `Accept: text/event-stream` its output arrives as it is printed, as `log` events, and then
/// exactly one `result` or `error` event; without, this is the same as `/functions/{function}`. A client that goes away
/// cancels it.
#[utoipa::path(
    post, path = "/api/workers/{id}/invoke/{function}", tag = "invocations", operation_id = "watchFunction",
    params(
        ("id" = String, Path, description = "The worker's id"),
        ("function" = String, Path, description = "A function it exports"),
        ("Last-Event-ID" = Option<String>, Header, description = "The `id` of an event that was watched before: nothing is run"),
    ),
    request_body(content = serde_json::Value, description = "The function's one argument, any JSON value; `{}` if it is missing, or with a warning if it is not JSON"),
    responses(
        (status = 200, description = "Events, each with the id `<invocation>:<sequence>` and one line of JSON as its data: `log` \
            (LogData), then one `result` (ResultData) or `error` (ErrorData). Comments keep the stream alive. With another `Accept` \
            header: the batch answer", content(
            (String = "text/event-stream", example = "id: 019ab0f0-5e80-7000-8000-000000000000:1\nevent: log\ndata: {\"stream\":\"stdout\",\"message\":\"hi\",\"timestamp\":1763890000000}\n\n"),
            (batch::BatchSuccess = "application/json"),
        ), headers(("X-Invocation-Id" = String, description = "Which invocation"))),
        (status = 204, description = "`Last-Event-ID` names an invocation that was watched before: it is not run again", headers(
            ("X-Invocation-Id" = String, description = "That invocation"),
        )),
        (status = 400, description = "`worker_not_ready`, with `status`", body = ErrorBody),
        (status = 404, description = "`worker_not_found`; `function_not_found`, with `available`", body = ErrorBody),
        (status = 410, description = "`worker_expired`, with `expiredAt`", body = ErrorBody),
        (status = 413, description = "`payload_too_large`, with `limit` in bytes", body = ErrorBody),
        (status = 429, description = "`busy`, with `Retry-After`", body = ErrorBody),
        (status = 500, description = "Batch answer only: it threw, or ended in another way than by returning", body = BatchFailure),
        (status = 502, description = "Batch answer only: `sandbox_failed`", body = BatchFailure),
        (status = 503, description = "`database_unavailable`, `database_denied`, `database_damaged`, `schema_missing`, `shutting_down`", body = ErrorBody),
        (status = 504, description = "Batch answer only: `timeout`", body = BatchFailure),
        (status = 507, description = "Batch answer only: `storage_full`", body = BatchFailure),
    ),
)]
#[tracing::instrument(name = "http.invocations.stream", level = "debug", skip_all, fields(worker.id = path.0.as_str()))]
pub(crate) async fn handle(
    api: Data<Api>,
    Caller(call): Caller,
    request: HttpRequest,
    path: Path<(String, String)>,
    payload: Payload,
) -> Result<HttpResponse, ApiError> {
    // A client that lost the stream reconnects automatically. The invocation has ended, and must not be run again.
    if let Some(watched) = watched_before(request.headers()) {
        return Ok(HttpResponse::NoContent().insert_header((INVOCATION_ID, watched.to_string())).finish());
    }
    let (id, function) = path.into_inner();
    let invocation = begin(&api, &call, &request, &id, &function, payload).await?;
    if !prefers_event_stream(request.headers()) {
        return batch::answer(&api, function, invocation).await;
    }
    let invocation_id = invocation.id().to_string();
    let mut response = event_stream::respond(&api, Reconnect::NotInvited, events(&api, invocation));
    let invocation_id = HeaderValue::try_from(invocation_id).expect("a UUID is a header value");
    response.headers_mut().insert(INVOCATION_ID, invocation_id);
    Ok(response)
}

/// Reads the payload, then waits until the invocation has a place.
pub(crate) async fn begin(
    api: &Api,
    call: &CallContext,
    request: &HttpRequest,
    id: &str,
    function: &str,
    payload: Payload,
) -> Result<Invocation, ApiError> {
    let id = parse_id(id)?;
    let limits = api.platform.limits_of(call, Action::Invoke, Resource::Worker(id)).await?;
    let limit = Limit { bytes: limits.payload_bytes, code: ErrorCode::PayloadTooLarge };
    let payload = read_body(request, payload, limit, api.options.body_timeout).await?;
    Ok(drain_or(api, api.platform.invocations().invoke(call, id, function, &payload)).await??)
}

/// Waits for the work, or until the shutdown cancels it.
pub(crate) async fn drain_or<T>(api: &Api, work: impl Future<Output = T>) -> Result<T, ApiError> {
    match select(pin!(work), pin!(api.stop.cancelled())).await {
        Either::Left((done, _)) => Ok(done),
        Either::Right(((), _)) => Err(shutting_down()),
    }
}

/// Reads events from the invocation as fast as the client receives them. Dropping the stream cancels the invocation,
/// and marks its outcome as sent.
fn events(api: &Api, invocation: Invocation) -> impl Stream<Item = Event> + use<> {
    let watched = Watched {
        invocation_id: invocation.id().to_string(),
        invocation,
        sequence: 0,
        span: Span::current(),
        cancelled: Box::pin(api.stop.cancelled()),
    };
    unfold((watched, false), |(mut watched, is_over)| async move {
        if is_over {
            return None;
        }
        let span = watched.span.clone();
        let (event, is_last) = watched.next().instrument(span).await;
        // The id consists of the invocation's id and the event's number.
        let event = event.with_id(format!("{}:{}", watched.invocation_id, watched.sequence));
        Some((event, (watched, is_last)))
    })
}

struct Watched {
    invocation_id: String,
    invocation: Invocation,
    /// The number of the last event.
    sequence: u64,
    /// The span of the request. It is kept, because events are sent after the handler has ended.
    span: Span,
    cancelled: Pin<Box<dyn Future<Output = ()>>>,
}

impl Watched {
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
    if let Some(cause) = error.cause_chain() {
        tracing::error!(error.code = error.code().as_str(), error.cause = cause, "event stream failed: {error}");
    }
    Event::new("error", &CutOff { error: error.to_string(), code: error.code().as_str() })
}
