//! `GET /api/workers`

use actix_web::web::{Data, Json};

use super::WorkerResponse;
use crate::Api;
use crate::error::{ApiError, ErrorBody};

/// All workers, newest first.
#[utoipa::path(
    get, path = "/api/workers", tag = "workers", operation_id = "listWorkers",
    responses(
        (status = 200, description = "All workers, newest first", body = Vec<WorkerResponse>),
        (status = 503, description = "`database_unavailable`, `schema_missing`", body = ErrorBody),
    ),
)]
#[tracing::instrument(name = "http.workers.list", skip_all)]
pub(crate) async fn handle(api: Data<Api>) -> Result<Json<Vec<WorkerResponse>>, ApiError> {
    let workers = api.platform.workers().list().await?;
    let now = api.platform.clock().now();
    Ok(Json(workers.iter().map(|worker| WorkerResponse::new(worker, now)).collect()))
}
