//! `POST /api/workers/{id}/redeploy`

use actix_web::web::{Data, Json, Path};

use super::{WorkerResponse, parse_id};
use crate::Api;
use crate::error::{ApiError, ErrorBody};
use crate::request::Caller;

/// Deploys a worker again from its kept source: the same worker, with the same id, is ready until a new expiry. Its
/// body is ignored.
#[utoipa::path(
    post, path = "/api/workers/{id}/redeploy", tag = "workers", operation_id = "redeployWorker",
    params(("id" = String, Path, description = "The worker's id")),
    responses(
        (status = 200, description = "It is ready", body = WorkerResponse),
        (status = 400, description = "`worker_not_ready`, with `status`, while it is being created; the code's own mistakes, as in a \
            deploy, should it not compile any more", body = ErrorBody),
        (status = 404, description = "`worker_not_found`", body = ErrorBody),
        (status = 429, description = "`busy`, with `Retry-After`", body = ErrorBody),
        (status = 500, description = "`worker_unreadable`", body = ErrorBody),
        (status = 502, description = "`sandbox_failed`, with `workerId`; its status is what it was", body = ErrorBody),
        (status = 503, description = "`database_unavailable`, `database_denied`, `database_damaged`, `schema_missing`, `storage_read_only`", body = ErrorBody),
        (status = 507, description = "`storage_full`", body = ErrorBody),
    ),
)]
#[tracing::instrument(name = "http.workers.redeploy", level = "debug", skip_all, fields(worker.id = id.as_str()))]
pub(crate) async fn handle(
    api: Data<Api>,
    Caller(call): Caller,
    id: Path<String>,
) -> Result<Json<WorkerResponse>, ApiError> {
    let worker = api.platform.workers().redeploy(&call, parse_id(&id)?).await?;
    Ok(Json(WorkerResponse::new(&worker, api.platform.clock().now())))
}
