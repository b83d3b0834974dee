//! The error body, and the conversion of use case errors to it.

mod codes;
mod from_access;
mod from_service;

use std::error::Error as StdError;
use std::fmt;
use std::time::Duration;

use actix_web::body::BoxBody;
use actix_web::http::StatusCode;
use actix_web::http::header::{self, HeaderValue};
use actix_web::{HttpResponse, ResponseError};
use serde::Serialize;
use serde_json::{Map, Value};
use utoipa::ToSchema;
use workers_domain::{WorkerId, error_chain};

pub use codes::ErrorCode;
pub(crate) use from_service::{
    CONFIRMATION, invalid_cursor, missing_code, missing_name, printable, shutting_down, too_much_unread,
    worker_not_found,
};

/// An error response to a request that was refused or failed.
#[derive(Debug)]
pub struct ApiError {
    code: ErrorCode,
    message: String,
    details: Map<String, Value>,
    headers: Vec<(header::HeaderName, HeaderValue)>,
    cause: Option<Box<dyn StdError + Send + Sync>>,
    worker_id: Option<WorkerId>,
}

/// The body of every error. Some codes come with further members, see `docs/api.md`.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct ErrorBody<'a> {
    /// What went wrong, in a sentence for a person. May change.
    error: &'a str,
    /// What went wrong, for a program. Never changes.
    #[schema(example = "worker_not_found")]
    code: &'a str,
    /// The request's id, as in the `X-Request-Id` header and in the server's log.
    #[serde(skip_serializing_if = "Option::is_none")]
    request_id: Option<&'a str>,
    #[serde(flatten)]
    #[schema(ignore)]
    details: &'a Map<String, Value>,
}

impl ApiError {
    /// Creates an error with its message.
    pub(crate) fn new(code: ErrorCode, message: impl Into<String>) -> Self {
        Self { code, message: message.into(), details: Map::new(), headers: Vec::new(), cause: None, worker_id: None }
    }

    /// Creates an error that is not the client's fault. The cause is only logged.
    pub(crate) fn internal(cause: impl Into<Box<dyn StdError + Send + Sync>>) -> Self {
        Self::new(ErrorCode::Internal, "internal error").because(cause)
    }

    /// Adds a member to the body.
    pub(crate) fn with(mut self, member: &str, value: impl Into<Value>) -> Self {
        self.details.insert(member.to_owned(), value.into());
        self
    }

    /// Adds a header to the response.
    pub(crate) fn header(mut self, name: header::HeaderName, value: HeaderValue) -> Self {
        self.headers.push((name, value));
        self
    }

    /// Adds the retry time to the header and the body.
    pub(crate) fn retry_after(self, after: Duration) -> Self {
        // `Retry-After` has whole seconds only. Rounded down, it would bring the client back before there is room.
        let seconds = after.as_millis().div_ceil(1000).max(1);
        let seconds = u64::try_from(seconds).unwrap_or(u64::MAX);
        self.with("retryAfter", seconds).header(header::RETRY_AFTER, HeaderValue::from(seconds))
    }

    /// Stores the cause, for the log.
    pub(crate) fn because(mut self, cause: impl Into<Box<dyn StdError + Send + Sync>>) -> Self {
        self.cause = Some(cause.into());
        self
    }

    /// Stores which worker the error is about, for the log.
    pub(crate) fn about(mut self, worker_id: WorkerId) -> Self {
        self.worker_id = Some(worker_id);
        self
    }

    /// Returns which worker the error is about, if the request does not contain its id.
    pub(crate) const fn worker_id(&self) -> Option<WorkerId> {
        self.worker_id
    }

    /// Returns the error code.
    #[must_use]
    pub const fn code(&self) -> ErrorCode {
        self.code
    }

    /// Returns the causes as one line for the log, outermost first.
    pub(crate) fn cause_chain(&self) -> Option<String> {
        self.source().map(error_chain)
    }

    /// Creates the response, with the request's id if there is one.
    pub(crate) fn to_response(&self, request_id: Option<&str>) -> HttpResponse<BoxBody> {
        // The message of an internal error says nothing else. With the id an operator finds the cause in the log.
        let message = match request_id {
            Some(id) if self.code == ErrorCode::Internal => format!("{}, request {id}", self.message),
            _ => self.message.clone(),
        };
        let mut response = HttpResponse::build(self.code.status());
        for (name, value) in &self.headers {
            response.insert_header((name.clone(), value.clone()));
        }
        // `no-store`, because caches may keep a 404, 405 or 410 by default (RFC 9110, section 15.1), and a redeploy
        // brings an expired worker back.
        let body = ErrorBody { error: &message, code: self.code.as_str(), request_id, details: &self.details };
        response.insert_header((header::CACHE_CONTROL, "no-store")).json(body)
    }
}

impl fmt::Display for ApiError {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.message)
    }
}

impl StdError for ApiError {
    fn source(&self) -> Option<&(dyn StdError + 'static)> {
        self.cause.as_ref().map(|cause| &**cause as &(dyn StdError + 'static))
    }
}

impl ResponseError for ApiError {
    fn status_code(&self) -> StatusCode {
        self.code.status()
    }

    fn error_response(&self) -> HttpResponse<BoxBody> {
        self.to_response(None)
    }
}

/// Converts an error status that the framework itself has set to our error.
pub(crate) fn from_status(status: StatusCode) -> ApiError {
    match status {
        // From the compression middleware, if `Accept-Encoding` excludes even the plain form.
        StatusCode::NOT_ACCEPTABLE => ApiError::new(
            ErrorCode::NotAcceptable,
            "none of the content codings in Accept-Encoding is available; there are br, gzip, deflate and identity",
        ),
        StatusCode::NOT_FOUND => ApiError::new(ErrorCode::NotFound, "there is no such route"),
        StatusCode::PAYLOAD_TOO_LARGE => ApiError::new(ErrorCode::BodyTooLarge, "the body is too long"),
        status if status.is_client_error() => ApiError::new(ErrorCode::BadRequest, "the request is malformed"),
        status => ApiError::internal(format!("the framework answered {status}")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_time_to_wait_is_rounded_up_to_whole_seconds() {
        for (millis, seconds) in [(0, 1), (1, 1), (1000, 1), (1001, 2), (9500, 10)] {
            let error = ApiError::new(ErrorCode::Busy, "busy").retry_after(Duration::from_millis(millis));
            assert_eq!(error.details["retryAfter"], seconds);
            assert_eq!(error.to_response(None).headers().get("retry-after").unwrap(), &seconds.to_string());
        }
    }

    #[test]
    fn the_cause_of_an_internal_error_is_for_the_log_only() {
        let error = ApiError::internal("password of the database is hunter2");
        assert_eq!(error.cause_chain().as_deref(), Some("password of the database is hunter2"));
        assert_eq!(error.to_string(), "internal error");
    }
}
