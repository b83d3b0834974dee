//! The responses for callers that are not authenticated, or may not perform the action.

use actix_web::http::header::{self, HeaderValue};
use workers_domain::access::{AccessError, Action, AuthenticationError};

use super::{ApiError, ErrorCode};

impl From<AuthenticationError> for ApiError {
    fn from(error: AuthenticationError) -> Self {
        match error {
            AuthenticationError::Unauthorized(message) => unauthorized(message),
            AuthenticationError::HostNotAllowed(message) => Self::new(ErrorCode::HostNotAllowed, message),
            AuthenticationError::OriginNotAllowed(message) => Self::new(ErrorCode::OriginNotAllowed, message),
            AuthenticationError::Repository(error) => error.into(),
            // The enum is `non_exhaustive`. A reason that this crate does not know yet must not let a caller in.
            other => unauthorized(other.to_string()),
        }
    }
}

impl From<AccessError> for ApiError {
    fn from(error: AccessError) -> Self {
        match error {
            AccessError::Forbidden(Action::SetUp) => {
                Self::new(ErrorCode::SetupNotAllowed, "the database cannot be reset over HTTP here")
            }
            AccessError::Forbidden(action) => {
                Self::new(ErrorCode::InsufficientScope, error.to_string()).with("required", action.scope())
            }
            other => Self::internal(other),
        }
    }
}

fn unauthorized(message: String) -> ApiError {
    ApiError::new(ErrorCode::Unauthorized, message)
        .header(header::WWW_AUTHENTICATE, HeaderValue::from_static("Bearer realm=\"workers\""))
}
