//! `POST /api/setup`

use actix_web::web::{Data, Json};
use serde::Serialize;
use utoipa::ToSchema;

use crate::detached::to_completion;
use crate::error::{ApiError, ErrorBody, ErrorCode};
use crate::{Access, Api};

/// What was done.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct SetupResponse {
    /// Always true.
    success: bool,
    /// Whether there was no schema before.
    created: bool,
    /// How many workers are gone.
    removed_workers: usize,
}

/// Creates the database schema, or removes all workers and their snapshots if there is one.
#[utoipa::path(
    post, path = "/api/setup", tag = "system", operation_id = "setUp",
    responses(
        (status = 200, description = "The schema is there, without workers", body = SetupResponse),
        (status = 401, description = "`unauthorized`", body = ErrorBody),
        (status = 403, description = "`setup_not_allowed`, `host_not_allowed`, `origin_not_allowed`", body = ErrorBody),
        (status = 503, description = "`database_unavailable`", body = ErrorBody),
    ),
)]
#[tracing::instrument(name = "http.setup", skip_all)]
pub(crate) async fn handle(api: Data<Api>) -> Result<Json<SetupResponse>, ApiError> {
    match api.options.access {
        // Both have been checked on the way here.
        Access::Token(_) | Access::Loopback => {}
        Access::Embedded => {
            return Err(ApiError::new(ErrorCode::SetupNotAllowed, "the database cannot be reset over HTTP here"));
        }
    }
    let platform = api.platform.clone();
    let report = to_completion(async move { platform.workers().set_up().await }).await?;
    tracing::warn!(created = report.created, removed_workers = report.removed_workers, "database was set up");
    Ok(Json(SetupResponse { success: true, created: report.created, removed_workers: report.removed_workers }))
}
