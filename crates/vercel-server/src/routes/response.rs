//! Builds responses.

use actix_web::HttpResponse;
use actix_web::http::StatusCode;
use actix_web::http::header::{CACHE_CONTROL, CONTENT_TYPE, HeaderName};
use bytes::Bytes;
use futures_util::Stream;
use serde::Serialize;

use crate::error::ApiError;

const FRESH: &str = "private, max-age=0, must-revalidate";
pub(super) const JSON: &str = "application/json; charset=utf-8";

/// Builds a JSON response.
pub(super) fn json(value: &impl Serialize) -> Result<HttpResponse, ApiError> {
    json_with(StatusCode::OK, value)
}

/// Builds a JSON response with this status.
pub(super) fn json_with(status: StatusCode, value: &impl Serialize) -> Result<HttpResponse, ApiError> {
    let text = serde_json::to_vec(value).map_err(|error| ApiError::internal(&error))?;
    Ok(HttpResponse::build(status).insert_header((CACHE_CONTROL, FRESH)).content_type(JSON).body(text))
}

/// Builds a JSON response whose body comes later. Its head is sent at once, because clients wait for the head only for
/// a limited time.
pub(super) fn late_json<E>(body: impl Stream<Item = Result<Bytes, E>> + 'static) -> HttpResponse
where
    E: Into<Box<dyn std::error::Error>> + 'static,
{
    HttpResponse::Ok().insert_header((CACHE_CONTROL, FRESH)).content_type(JSON).streaming(body)
}

/// Builds a stream of JSON lines. Clients require exactly this content type.
pub(super) fn lines<E>(body: impl Stream<Item = Result<Bytes, E>> + 'static) -> HttpResponse
where
    E: Into<Box<dyn std::error::Error>> + 'static,
{
    HttpResponse::Ok()
        .insert_header((CONTENT_TYPE, "application/x-ndjson"))
        .insert_header((CACHE_CONTROL, "no-store, no-transform"))
        // Without this, nginx would hold lines back until its buffer is full.
        .insert_header((HeaderName::from_static("x-accel-buffering"), "no"))
        .streaming(body)
}
