//! `GET /api/workers/{id}/source`

use actix_web::HttpResponse;
use actix_web::http::header::{CACHE_CONTROL, ContentType};
use actix_web::web::{Data, Path};

use super::parse_id;
use crate::Api;
use crate::error::{ApiError, ErrorBody};
use crate::request::Caller;

/// The source of a worker, as it was deployed.
#[utoipa::path(
    get, path = "/api/workers/{id}/source", tag = "workers", operation_id = "getWorkerSource",
    params(("id" = String, Path, description = "The worker's id")),
    responses(
        (status = 200, description = "The source, as it was deployed", body = String, content_type = "text/plain; charset=utf-8"),
        (status = 404, description = "`worker_not_found`", body = ErrorBody),
        (status = 503, description = "`database_unavailable`, `database_denied`, `database_damaged`, `schema_missing`", body = ErrorBody),
    ),
)]
#[tracing::instrument(name = "http.workers.source", level = "debug", skip_all, fields(worker.id = id.as_str()))]
pub(crate) async fn handle(api: Data<Api>, Caller(call): Caller, id: Path<String>) -> Result<HttpResponse, ApiError> {
    let source = api.platform.workers().source(&call, parse_id(&id)?).await?;
    Ok(HttpResponse::Ok()
        .insert_header(ContentType::plaintext())
        // The source may contain data that no cache should store.
        .insert_header((CACHE_CONTROL, "no-store"))
        .body(source.code))
}
