//! `GET /readyz`

use actix_web::HttpResponse;
use actix_web::web::Data;
use serde::Serialize;
use utoipa::ToSchema;
use workers_domain::{Fault, Part};

use crate::Api;

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
    /// What is wrong, a member a part. Not there when nothing is.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    #[schema(required = false)]
    problems: Vec<ProblemBody>,
    /// Pieces of the isolation that this machine lacks, by the operator's leave (`--allow-weaker`). Not there when
    /// nothing is missing.
    #[serde(skip_serializing_if = "<[_]>::is_empty")]
    #[schema(example = json!(["shared-user-id"]), required = false)]
    weaker_isolation: Vec<&'static str>,
}

/// Something that is wrong with a part of the platform.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct ProblemBody {
    /// Which part: `database`, `storage`, `files`, `launcher`, `templates`, `sandboxes`, `compiler`, `descriptors` or
    /// `processes`.
    #[schema(example = "storage")]
    part: &'static str,
    /// `failed`, or `slow` where requests are served all the same.
    #[schema(example = "failed")]
    state: &'static str,
    /// What an operator does about it.
    advice: &'static str,
}

impl From<&Fault> for ProblemBody {
    fn from(fault: &Fault) -> Self {
        let state = if fault.is_fatal { "failed" } else { "slow" };
        Self { part: fault.part.as_str(), state, advice: fault.part.advice() }
    }
}

/// Answers whether requests can be served: the database and the sandbox provider work, and the server is not stopping.
#[utoipa::path(
    get, path = "/readyz", tag = "system", operation_id = "readiness", security(()),
    responses(
        (status = 200, description = "Requests can be served", body = ReadinessResponse),
        (status = 503, description = "They cannot, or soon no longer", body = ReadinessResponse),
    ),
)]
pub(crate) async fn handle(api: Data<Api>) -> HttpResponse {
    let faults = api.platform.faults().await;
    let is_ready = |is_asked: fn(Part) -> bool| !faults.iter().any(|fault| fault.is_fatal && is_asked(fault.part));
    let word = |works| if works { "ok" } else { "failed" };
    let status = match (is_ready(|_| true), api.stop.is_stopping()) {
        // A stop comes before any fault: load balancers must send no more requests, even if all parts work.
        (_, true) => "shutting_down",
        (true, false) => "ready",
        (false, false) => "not_ready",
    };
    let body = ReadinessResponse {
        status,
        database: word(is_ready(|part| part == Part::Database)),
        sandboxes: word(is_ready(|part| !matches!(part, Part::Database | Part::Compiler))),
        problems: faults.iter().map(ProblemBody::from).collect(),
        weaker_isolation: api.options.weaker_isolation.clone(),
    };
    let mut response = if status == "ready" { HttpResponse::Ok() } else { HttpResponse::ServiceUnavailable() };
    response.insert_header(("cache-control", "no-store")).json(body)
}
