//! `POST /api/workers/{id}/invoke/{function}`: starts an invocation, and answers in the form that the client prefers.

use actix_web::web::{Data, Path, Payload};
use actix_web::{HttpRequest, HttpResponse};

use super::INVOCATION_ID;
use super::batch::{self, BatchFailure};
use super::begin::begin;
use super::stream;
use crate::Api;
use crate::error::{ApiError, ErrorBody};
use crate::request::{Caller, prefers_event_stream, watched_before};

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
        return batch::respond(&api, function, invocation).await;
    }
    Ok(stream::respond(&api, invocation))
}
