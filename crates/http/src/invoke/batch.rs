//! `POST /api/workers/{id}/functions/{function}`

use actix_web::http::StatusCode;
use actix_web::http::header::ContentType;
use actix_web::web::{Data, Path, Payload};
use actix_web::{HttpRequest, HttpResponse};
use serde::Serialize;
use utoipa::ToSchema;
use workers_domain::{FailureCode, InvocationEventKind, InvocationReport, LogEntry, LogStream, Outcome};
use workers_service::{Invocation, UnreadPermit};

use super::begin::{begin, drain_or};
use super::log::LogBody;
use super::outcome::{FailedBody, OutcomeBody, ReturnedBody};
use super::{INVOCATION_ID, Receipt};
use crate::Api;
use crate::error::{ApiError, ErrorBody};
use crate::pieces::Pieces;
use crate::request::Caller;

/// The function returned.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct BatchSuccess {
    /// The function.
    function: String,
    #[serde(flatten)]
    outcome: ReturnedBody,
    /// What it printed, in order.
    logs: Vec<BatchLog>,
}

/// The function has no result.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct BatchFailure {
    /// Always false.
    success: bool,
    /// The function.
    function: String,
    #[serde(flatten)]
    outcome: FailedBody,
    /// What it printed up to then, in order.
    logs: Vec<BatchLog>,
}

/// A line that the function printed.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct BatchLog {
    /// `info` for standard output, `error` for standard error.
    level: &'static str,
    #[serde(flatten)]
    line: LogBody,
}

impl From<LogEntry> for BatchLog {
    fn from(entry: LogEntry) -> Self {
        let level = match entry.stream {
            LogStream::Stdout => "info",
            LogStream::Stderr => "error",
        };
        Self { level, line: entry.into() }
    }
}

/// Runs a function and answers when it has ended. A client that goes away cancels it.
#[utoipa::path(
    post, path = "/api/workers/{id}/functions/{function}", tag = "invocations", operation_id = "invokeFunction",
    params(("id" = String, Path, description = "The worker's id"), ("function" = String, Path, description = "A function it exports")),
    request_body(content = serde_json::Value, description = "The function's one argument, any JSON value; `{}` if it is missing, or with a warning if it is not JSON"),
    responses(
        (status = 200, description = "It returned", body = BatchSuccess, headers(
            ("X-Invocation-Id" = String, description = "Which invocation"),
            ("Server-Timing" = String, description = "How long each phase took"),
        )),
        (status = 400, description = "`worker_not_ready`, with `status`", body = ErrorBody),
        (status = 404, description = "`worker_not_found`; `function_not_found`, with `available`", body = ErrorBody),
        (status = 410, description = "`worker_expired`, with `expiredAt`", body = ErrorBody),
        (status = 413, description = "`payload_too_large`, with `limit` in bytes", body = ErrorBody),
        (status = 429, description = "`busy`, with `Retry-After`", body = ErrorBody),
        (status = 500, description = "It threw, or ended in another way than by returning", body = BatchFailure),
        (status = 502, description = "`sandbox_failed`", body = BatchFailure),
        (status = 503, description = "`database_unavailable`, `database_denied`, `database_damaged`, `schema_missing`, `shutting_down`", body = ErrorBody),
        (status = 504, description = "`timeout`", body = BatchFailure),
        (status = 507, description = "`storage_full`", body = BatchFailure),
    ),
)]
#[tracing::instrument(name = "http.invocations.batch", level = "debug", skip_all, fields(worker.id = path.0.as_str()))]
pub(crate) async fn handle(
    api: Data<Api>,
    Caller(call): Caller,
    request: HttpRequest,
    path: Path<(String, String)>,
    payload: Payload,
) -> Result<HttpResponse, ApiError> {
    let (id, function) = path.into_inner();
    let invocation = begin(&api, &call, &request, &id, &function, payload).await?;
    respond(&api, function, invocation).await
}

/// Waits for the end of an invocation, and creates the response.
pub(crate) async fn respond(api: &Api, function: String, mut invocation: Invocation) -> Result<HttpResponse, ApiError> {
    // The log is collected in memory; the runner has cut it at the tenant's limits before.
    let mut logs = Vec::new();
    loop {
        match drain_or(api, invocation.next()).await?.map(|event| event.kind) {
            Some(InvocationEventKind::Log(entry)) => logs.push(entry.into()),
            Some(InvocationEventKind::Finished(report)) => {
                let permit = invocation.into_unread_permit();
                // If there is no memory for the outcome, the log is not kept either.
                let logs = if permit.is_some() { logs } else { Vec::new() };
                return render(function, *report, logs, permit.unwrap_or_default());
            }
            None => return Err(ApiError::internal("an invocation ended without an outcome")),
        }
    }
}

fn render(
    function: String,
    report: InvocationReport,
    logs: Vec<BatchLog>,
    permit: UnreadPermit,
) -> Result<HttpResponse, ApiError> {
    let status = match &report.outcome {
        Outcome::Returned { .. } => StatusCode::OK,
        Outcome::Failed(failure) => status_of(failure.code),
    };
    let mut response = HttpResponse::build(status);
    response.insert_header((INVOCATION_ID, report.invocation_id.to_string()));
    response.insert_header(("server-timing", Receipt::new(&report).server_timing()));
    response.insert_header(("cache-control", "no-store"));
    let mut json = match report.into() {
        OutcomeBody::Returned(outcome) => serde_json::to_vec(&BatchSuccess { function, outcome, logs }),
        OutcomeBody::Failed(outcome) => serde_json::to_vec(&BatchFailure { success: false, function, outcome, logs }),
    }
    .map_err(ApiError::internal)?;
    // The response may have to wait for its reader, so free unused memory.
    json.shrink_to_fit();
    Ok(response.content_type(ContentType::json()).body(Pieces::new(json.into(), permit)))
}

/// Returns the HTTP status of each failure. Failures of user code are 500, except for a timeout.
const fn status_of(code: FailureCode) -> StatusCode {
    // There is no `_` arm, so that a new code does not compile until it has a status.
    match code {
        FailureCode::Timeout => StatusCode::GATEWAY_TIMEOUT,
        FailureCode::SandboxFailed => StatusCode::BAD_GATEWAY,
        FailureCode::Busy => StatusCode::TOO_MANY_REQUESTS,
        FailureCode::StorageFull => StatusCode::INSUFFICIENT_STORAGE,
        FailureCode::StorageReadOnly | FailureCode::DatabaseUnavailable => StatusCode::SERVICE_UNAVAILABLE,
        // The worker was found before the invocation began. It was deleted, or has expired, while its snapshot was made
        // again.
        FailureCode::WorkerNotFound => StatusCode::NOT_FOUND,
        FailureCode::WorkerExpired => StatusCode::GONE,
        FailureCode::Thrown
        | FailureCode::OutOfMemory
        | FailureCode::ProcessExit
        | FailureCode::Crashed
        | FailureCode::NeverSettled
        | FailureCode::LoadFailed
        | FailureCode::ResultTooLarge => StatusCode::INTERNAL_SERVER_ERROR,
    }
}
