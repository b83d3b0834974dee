//! Routes that the hosted service has and this server does not.

use crate::auth::Caller;
use crate::error::{ApiError, ErrorCode};

/// Refuses requests for drives.
pub(super) async fn drives(_caller: Caller) -> Result<&'static str, ApiError> {
    Err(ApiError::new(ErrorCode::NotSupported, "Drives are not offered by this server."))
}

/// Refuses requests for a shell in a browser or terminal.
pub(super) async fn interactive(_caller: Caller) -> Result<&'static str, ApiError> {
    let message = "Interactive shells are not offered by this server; run commands instead.";
    Err(ApiError::new(ErrorCode::NotSupported, message))
}

/// Refuses input for a command.
pub(super) async fn stdin(_caller: Caller) -> Result<&'static str, ApiError> {
    let message = "The command was started without input, which this server does not offer.";
    Err(ApiError::new(ErrorCode::StdinUnavailable, message))
}
