//! `GET /metrics`

use actix_web::HttpResponse;
use actix_web::web::Data;
use prometheus::TEXT_FORMAT;

use crate::Api;
use crate::error::{ApiError, ErrorBody};
use crate::request::Caller;

/// Metrics in the Prometheus text format.
#[utoipa::path(
    get, path = "/metrics", tag = "system", operation_id = "metrics",
    responses(
        (status = 200, description = "Metrics in the Prometheus text format", body = String, content_type = "text/plain"),
        (status = 401, description = "`unauthorized`", body = ErrorBody),
    ),
)]
pub(crate) async fn handle(api: Data<Api>, Caller(call): Caller) -> Result<HttpResponse, ApiError> {
    let (load, unread) = (api.platform.invocations().load(&call)?, api.platform.unread_bytes(&call)?);
    let text = api.metrics.render(load, unread).map_err(ApiError::internal)?;
    Ok(HttpResponse::Ok().content_type(TEXT_FORMAT).body(text))
}
