//! `GET /healthz`

use actix_web::web::Json;
use serde::Serialize;
use utoipa::ToSchema;

/// The process answers.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct HealthResponse {
    /// Always `ok`.
    status: &'static str,
}

/// Answers as long as the process does.
#[utoipa::path(
    get, path = "/healthz", tag = "system", operation_id = "health", security(()),
    responses((status = 200, description = "The process answers", body = HealthResponse)),
)]
pub(crate) async fn handle() -> Json<HealthResponse> {
    Json(HealthResponse { status: "ok" })
}
