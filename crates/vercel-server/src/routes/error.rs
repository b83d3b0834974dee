//! Error responses: the name and status of each code, the body that all errors share, and `Retry-After`.

use actix_web::body::BoxBody;
use actix_web::http::StatusCode;
use actix_web::http::header::RETRY_AFTER;
use actix_web::{HttpResponse, ResponseError};
use serde::Serialize;

use super::response::JSON;
use crate::error::{ApiError, ErrorCode};

/// The body of every error response.
#[derive(Debug, Serialize)]
struct ErrorBody<'a> {
    error: ErrorMembers<'a>,
}

#[derive(Debug, Serialize)]
struct ErrorMembers<'a> {
    code: &'a str,
    message: &'a str,
}

/// Returns the name of a code on the wire, which is part of the API, and its HTTP status.
const fn code_and_status(code: ErrorCode) -> (&'static str, StatusCode) {
    use ErrorCode as Code;
    match code {
        Code::BadRequest => ("bad_request", StatusCode::BAD_REQUEST),
        Code::NotSupported => ("not_supported", StatusCode::BAD_REQUEST),
        Code::TimeoutInvalid => ("sandbox_timeout_invalid", StatusCode::BAD_REQUEST),
        Code::FileError => ("file_error", StatusCode::BAD_REQUEST),
        Code::ExecutableNotFound => ("executable_not_found", StatusCode::BAD_REQUEST),
        Code::StdinUnavailable => ("command_stdin_unavailable", StatusCode::BAD_REQUEST),
        Code::CommandFailed => ("command_failed", StatusCode::BAD_REQUEST),
        Code::SnapshotFailed => ("snapshot_failed", StatusCode::BAD_REQUEST),
        Code::StorageFull => ("storage_full", StatusCode::INSUFFICIENT_STORAGE),
        Code::StorageReadOnly => ("storage_read_only", StatusCode::SERVICE_UNAVAILABLE),
        Code::StorageUnavailable => ("storage_unavailable", StatusCode::SERVICE_UNAVAILABLE),
        Code::SnapshotUnavailable => ("snapshot_unavailable", StatusCode::SERVICE_UNAVAILABLE),
        Code::NothingToResume => ("snapshot_not_found", StatusCode::BAD_REQUEST),
        Code::SnapshotGone => ("snapshot_not_found", StatusCode::GONE),
        Code::Unauthorized => ("unauthorized", StatusCode::UNAUTHORIZED),
        Code::Forbidden => ("forbidden", StatusCode::FORBIDDEN),
        Code::NotFound => ("not_found", StatusCode::NOT_FOUND),
        Code::MethodNotAllowed => ("method_not_allowed", StatusCode::METHOD_NOT_ALLOWED),
        Code::SandboxStopped => ("sandbox_stopped", StatusCode::GONE),
        Code::SandboxStopping => ("sandbox_stopping", StatusCode::UNPROCESSABLE_ENTITY),
        Code::SandboxSnapshotting => ("sandbox_snapshotting", StatusCode::UNPROCESSABLE_ENTITY),
        Code::TooLarge => ("payload_too_large", StatusCode::PAYLOAD_TOO_LARGE),
        Code::TooManySessions => ("too_many_sessions", StatusCode::TOO_MANY_REQUESTS),
        Code::TooManySandboxes => ("too_many_sandboxes", StatusCode::BAD_REQUEST),
        Code::TooManyCommands => ("too_many_commands", StatusCode::TOO_MANY_REQUESTS),
        Code::TooManyRequests => ("too_many_requests", StatusCode::TOO_MANY_REQUESTS),
        Code::TooManyTransfers => ("too_many_transfers", StatusCode::TOO_MANY_REQUESTS),
        Code::Unavailable => ("service_unavailable", StatusCode::SERVICE_UNAVAILABLE),
        Code::Internal => ("internal_server_error", StatusCode::INTERNAL_SERVER_ERROR),
    }
}

/// Returns the body of an error, for a response whose head is already sent.
pub(super) fn error_body(error: &ApiError) -> Vec<u8> {
    let (code, message) = (code_and_status(error.code()).0, error.to_string());
    serde_json::to_vec(&ErrorBody { error: ErrorMembers { code, message: &message } }).unwrap_or_default()
}

impl ResponseError for ApiError {
    fn status_code(&self) -> StatusCode {
        code_and_status(self.code()).1
    }

    fn error_response(&self) -> HttpResponse<BoxBody> {
        let mut response = HttpResponse::build(self.status_code());
        if let Some(seconds) = self.seconds_to_wait() {
            response.insert_header((RETRY_AFTER, seconds));
        }
        response.content_type(JSON).body(error_body(self))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_error_is_an_object_with_code_and_message() {
        let error = ApiError::new(ErrorCode::NotFound, "File not found.");
        let text = String::from_utf8(error_body(&error)).unwrap();
        assert_eq!(text, r#"{"error":{"code":"not_found","message":"File not found."}}"#);
    }
}
