//! `GET /readyz`

use std::error::Error;
use std::time::Duration;

use actix_web::HttpResponse;
use actix_web::web::Data;
use futures_util::future::join;
use serde::Serialize;
use tokio::time::error::Elapsed;
use tokio::time::timeout;
use utoipa::ToSchema;

use crate::Api;

/// How long a check may take; probes commonly give up after a few seconds.
const CHECK_TIMEOUT: Duration = Duration::from_secs(2);

/// Whether requests can be served. What is wrong in detail is in the log.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct ReadinessResponse {
    /// `ready`, `not_ready` or `shutting_down`.
    #[schema(example = "ready")]
    status: &'static str,
    /// `ok` or `failed`.
    #[schema(example = "ok")]
    database: &'static str,
    /// `ok` or `failed`.
    #[schema(example = "ok")]
    sandboxes: &'static str,
    /// Pieces of the isolation that this machine lacks, by the operator's leave (`--allow-weaker`). Not there when nothing is missing.
    #[serde(skip_serializing_if = "<[_]>::is_empty")]
    #[schema(example = json!(["shared-user-id"]), required = false)]
    weaker_isolation: Vec<&'static str>,
}

/// Answers whether requests can be served: the database and the sandbox provider do, and nobody has asked to stop.
#[utoipa::path(
    get, path = "/readyz", tag = "system", operation_id = "readiness", security(()),
    responses(
        (status = 200, description = "Requests can be served", body = ReadinessResponse),
        (status = 503, description = "They cannot, or soon no longer", body = ReadinessResponse),
    ),
)]
pub(crate) async fn handle(api: Data<Api>) -> HttpResponse {
    let (database, sandboxes) = join(
        timeout(CHECK_TIMEOUT, api.platform.check_repository()),
        timeout(CHECK_TIMEOUT, api.platform.check_sandboxes()),
    )
    .await;
    let database = passed("database", &database);
    let sandboxes = passed("sandboxes", &sandboxes);
    let status = match (database && sandboxes, api.stop.is_stopping()) {
        (_, true) => "shutting_down",
        (true, false) => "ready",
        (false, false) => "not_ready",
    };
    let word = |passed| if passed { "ok" } else { "failed" };
    let weaker_isolation = api.options.weaker_isolation.clone();
    let body = ReadinessResponse { status, database: word(database), sandboxes: word(sandboxes), weaker_isolation };
    let mut response = if status == "ready" { HttpResponse::Ok() } else { HttpResponse::ServiceUnavailable() };
    response.insert_header(("cache-control", "no-store")).json(body)
}

fn passed<E: Error>(what: &'static str, check: &Result<Result<(), E>, Elapsed>) -> bool {
    let (error, cause) = match check {
        Ok(Ok(())) => return true,
        Ok(Err(error)) => (error.to_string(), error.source().map(ToString::to_string)),
        Err(elapsed) => (elapsed.to_string(), None),
    };
    tracing::warn!(check = what, error.cause = cause, "not ready: {error}");
    false
}
