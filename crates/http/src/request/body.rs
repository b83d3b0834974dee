//! Reads a request's whole body, with limits on its size and time.

use std::time::Duration;

use actix_web::HttpRequest;
use actix_web::error::PayloadError;
use actix_web::http::header::{CONTENT_ENCODING, CONTENT_LENGTH, HeaderValue};
use actix_web::web::{Bytes, BytesMut, Payload};
use futures_util::StreamExt as _;

use crate::error::{ApiError, ErrorCode};

/// Maximum size of a body, and the error code for a larger one.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Limit {
    /// The maximum size, in bytes.
    pub(crate) bytes: usize,
    /// The code of the error.
    pub(crate) code: ErrorCode,
}

impl Limit {
    fn error(self) -> ApiError {
        ApiError::new(self.code, format!("the body is over the limit of {} bytes", self.bytes))
            .with("limit", self.bytes)
    }
}

/// Reads the body. If its announced length exceeds the limit, it is refused before any of it is read.
pub(crate) async fn read_body(
    request: &HttpRequest,
    payload: Payload,
    limit: Limit,
    timeout: Duration,
) -> Result<Bytes, ApiError> {
    let headers = request.headers();
    if let Some(coding) = headers.get_all(CONTENT_ENCODING).find(|coding| !is_plain(coding)) {
        let message = format!("the body must not be compressed, but its content coding is {coding:?}");
        return Err(ApiError::new(ErrorCode::UnsupportedEncoding, message));
    }
    let announced = headers.get(CONTENT_LENGTH).and_then(|value| value.to_str().ok()?.parse::<usize>().ok());
    if announced.is_some_and(|length| length > limit.bytes) {
        return Err(limit.error());
    }
    match tokio::time::timeout(timeout, collect(payload, limit, announced.unwrap_or_default())).await {
        Ok(body) => body,
        Err(_) => Err(ApiError::new(
            ErrorCode::RequestTimeout,
            format!("the body did not arrive within {} s", timeout.as_secs_f32()),
        )),
    }
}

/// Returns whether a list of content codings is empty or contains only `identity`.
fn is_plain(codings: &HeaderValue) -> bool {
    let mut codings = codings.as_bytes().split(|byte| *byte == b',').map(<[u8]>::trim_ascii);
    codings.all(|coding| coding.is_empty() || coding.eq_ignore_ascii_case(b"identity"))
}

async fn collect(mut payload: Payload, limit: Limit, announced: usize) -> Result<Bytes, ApiError> {
    // The announced length may be wrong, so no more memory is reserved for it than a small body needs.
    let mut body = BytesMut::with_capacity(announced.min(64 * 1024));
    while let Some(chunk) = payload.next().await {
        let chunk = chunk.map_err(|error| incomplete(&error))?;
        // A chunked body announces no length, so its size is known only here.
        if body.len() + chunk.len() > limit.bytes {
            return Err(limit.error());
        }
        body.extend_from_slice(&chunk);
    }
    Ok(body.freeze())
}

fn incomplete(error: &PayloadError) -> ApiError {
    ApiError::new(ErrorCode::BadRequest, format!("the body could not be read: {error}"))
}
