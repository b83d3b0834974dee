//! `GET /api/workers/{id}`

use actix_web::web::{Data, Json, Path};

use super::{WorkerResponse, parse_id};
use crate::Api;
use crate::error::{ApiError, ErrorBody};
use crate::request::Caller;

/// One worker.
#[utoipa::path(
    get, path = "/api/workers/{id}", tag = "workers", operation_id = "getWorker",
    params(("id" = String, Path, description = "The worker's id")),
    responses(
        (status = 200, description = "The worker", body = WorkerResponse),
        (status = 404, description = "`worker_not_found`", body = ErrorBody),
        (status = 500, description = "`worker_unreadable`", body = ErrorBody),
        (status = 503, description = "`database_unavailable`, `database_denied`, `database_damaged`, `schema_missing`", body = ErrorBody),
    ),
)]
#[tracing::instrument(name = "http.workers.get", level = "debug", skip_all, fields(worker.id = id.as_str()))]
pub(crate) async fn handle(
    api: Data<Api>,
    Caller(call): Caller,
    id: Path<String>,
) -> Result<Json<WorkerResponse>, ApiError> {
    let worker = api.platform.workers().get(&call, parse_id(&id)?).await?;
    Ok(Json(WorkerResponse::new(&worker, api.platform.clock().now())))
}
