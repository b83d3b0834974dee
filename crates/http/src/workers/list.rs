//! `GET /api/workers`

use std::num::NonZeroU32;

use actix_web::http::header::{ContentType, LINK};
use actix_web::web::{Data, block};
use actix_web::{HttpRequest, HttpResponse};
use chrono::{DateTime, Utc};
use workers_domain::Worker;
use workers_domain::ports::PageRequest;

use super::WorkerResponse;
use crate::Api;
use crate::error::{ApiError, ErrorBody};
use crate::request::{Caller, Page, read_page};

/// Default and maximum number of workers on a page.
const MAX_WORKERS: NonZeroU32 = NonZeroU32::new(1000).unwrap();

/// Workers, newest first, a page at a time.
#[utoipa::path(
    get, path = "/api/workers", tag = "workers", operation_id = "listWorkers",
    params(
        ("limit" = Option<u32>, Query, minimum = 1, maximum = 1000, description = "The most workers that the answer may have; 1,000 unless it says so"),
        ("cursor" = Option<String>, Query, description = "Where the list goes on, from the `Link` of the page before; without it, the newest"),
    ),
    responses(
        (status = 200, description = "Workers, newest first", body = Vec<WorkerResponse>, headers(
            ("Link" = String, description = "Where there are more: `<?...>; rel=\"next\"`, relative to the URL of this request"),
        )),
        (status = 400, description = "`invalid_limit`, with `minimum` and `maximum`; `invalid_cursor`", body = ErrorBody),
        (status = 503, description = "`database_unavailable`, `database_denied`, `database_damaged`, `schema_missing`", body = ErrorBody),
    ),
)]
#[tracing::instrument(name = "http.workers.list", level = "debug", skip_all)]
pub(crate) async fn handle(
    api: Data<Api>,
    Caller(call): Caller,
    request: HttpRequest,
) -> Result<HttpResponse, ApiError> {
    let Page { limit, after } = read_page(&request, MAX_WORKERS)?;
    let page = PageRequest { after, limit: limit.unwrap_or(MAX_WORKERS) };
    let permit = api.lists.acquire().await.map_err(ApiError::internal)?;
    let listed = api.platform.workers().list_page(&call, &page).await?;
    let (workers, next) = (listed.items, listed.next);
    let now = api.platform.clock().now();
    // Serializing a thousand workers takes milliseconds, in which this thread could serve no other request.
    let json = block(move || to_json(&workers, now)).await.map_err(ApiError::internal)?;
    // The permit does not cover the sending: a client that reads slowly must not keep others from listing.
    drop(permit);
    let mut response = HttpResponse::Ok();
    if let Some(next) = next {
        response.insert_header((LINK, Page { limit, after: Some(next) }.to_link()));
    }
    Ok(response.content_type(ContentType::json()).body(json.map_err(ApiError::internal)?))
}

fn to_json(workers: &[Worker], now: DateTime<Utc>) -> serde_json::Result<Vec<u8>> {
    serde_json::to_vec(&workers.iter().map(|worker| WorkerResponse::new(worker, now)).collect::<Vec<_>>())
}
