//! `DELETE /api/workers/{id}`

use actix_web::web::{Data, Json, Path};
use serde::Serialize;
use utoipa::ToSchema;

use super::parse_id;
use crate::Api;
use crate::detached::to_completion;
use crate::error::{ApiError, ErrorBody};
use crate::request::Caller;

/// It is done.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct DeleteResponse {
    /// Always true.
    success: bool,
}

/// Deletes a worker and its snapshot. Invocations that run go on.
#[utoipa::path(
    delete, path = "/api/workers/{id}", tag = "workers", operation_id = "deleteWorker",
    params(("id" = String, Path, description = "The worker's id")),
    responses(
        (status = 200, description = "It is gone", body = DeleteResponse),
        (status = 404, description = "`worker_not_found`", body = ErrorBody),
        (status = 503, description = "`database_unavailable`, `database_denied`, `database_damaged`, `schema_missing`, `storage_read_only`", body = ErrorBody),
    ),
)]
#[tracing::instrument(name = "http.workers.delete", level = "debug", skip_all, fields(worker.id = id.as_str()))]
pub(crate) async fn handle(
    api: Data<Api>,
    Caller(call): Caller,
    id: Path<String>,
) -> Result<Json<DeleteResponse>, ApiError> {
    let id = parse_id(&id)?;
    let platform = api.platform.clone();
    // Dropped when the row has just been deleted, the use case would tell no listener of it, and the snapshot would
    // stay until a sweep.
    to_completion(async move { platform.workers().delete(&call, id).await }).await?;
    Ok(Json(DeleteResponse { success: true }))
}
