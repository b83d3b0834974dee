//! Errors of the client.

use std::time::Duration;

use chrono::{DateTime, Utc};
use serde::Deserialize;

/// Why a call of the API failed.
#[derive(Debug, thiserror::Error)]
pub enum VercelError {
    /// The token has expired, or expires before a request could arrive. Nothing was sent.
    #[error("the Vercel token expired at {expires_at}; a new one is needed (`vercel env pull` writes one)")]
    TokenExpired {
        /// When the token expires.
        expires_at: DateTime<Utc>,
    },
    /// An id or a name cannot be part of a path. Nothing was sent.
    #[error("`{0}` is not an id")]
    InvalidId(String),
    /// The files cannot be packed. Nothing was sent.
    #[error("failed to pack files for an upload")]
    Pack(#[source] std::io::Error),
    /// The API responded with an error.
    #[error(transparent)]
    Api(#[from] ApiError),
    /// No connection could be made: the name look-up, the address or TLS failed. Nothing was sent.
    #[error("failed to connect to the sandbox API")]
    Connect(#[source] reqwest::Error),
    /// The connection broke.
    #[error("lost the connection to the sandbox API")]
    Connection(#[source] reqwest::Error),
    /// The response took too long.
    #[error("the sandbox API did not answer within {0:?}")]
    Timeout(Duration),
    /// A 2xx response does not have the expected form.
    #[error("the sandbox API answered with something else than expected")]
    Decode(#[source] serde_json::Error),
    /// A response is longer than its limit.
    #[error("the sandbox API answered with more than {0} bytes")]
    TooLong(usize),
    /// A stream broke off, or its contents are invalid.
    #[error(transparent)]
    Stream(#[from] StreamError),
}

/// An error that the API returned.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("the sandbox API answered {status} ({code}): {message}")]
pub struct ApiError {
    /// The HTTP status.
    pub status: u16,
    /// The code of the error; empty if there was none.
    pub code: String,
    /// The API's message, truncated if it is long.
    pub message: String,
    /// How long to wait before the next attempt, if the API said so.
    pub retry_after: Option<Duration>,
}

/// Why a stream of lines cannot be read any further.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum StreamError {
    /// The stream ended before the command did.
    #[error("the stream ended before the command did")]
    EndedEarly,
    /// The API reported that the stream is closed.
    #[error("the sandbox API closed the stream ({code}): {message}")]
    Closed {
        /// The code of the error.
        code: String,
        /// The API's message.
        message: String,
    },
    /// A line is not JSON of a supported form.
    #[error("the sandbox API sent a line that cannot be understood: {0}")]
    Malformed(String),
    /// A line is longer than the limit.
    #[error("the sandbox API sent a line of more than {0} bytes")]
    LineTooLong(usize),
}

impl VercelError {
    /// Returns the error of the API, if it is one.
    #[must_use]
    pub const fn api(&self) -> Option<&ApiError> {
        match self {
            Self::Api(error) => Some(error),
            _ => None,
        }
    }

    /// Returns whether the API responded with one of these statuses.
    fn has_status(&self, statuses: &[u16]) -> bool {
        self.api().is_some_and(|error| statuses.contains(&error.status))
    }

    fn has_code(&self, codes: &[&str]) -> bool {
        self.api().is_some_and(|error| codes.contains(&error.code.as_str()))
    }

    /// Returns whether the requested object does not exist (404).
    #[must_use]
    pub fn is_not_found(&self) -> bool {
        self.has_status(&[404])
    }

    /// Returns whether the requested object has ended: a stopped session, a deleted snapshot (410).
    #[must_use]
    pub fn is_gone(&self) -> bool {
        self.has_status(&[410])
    }

    /// Returns whether the snapshot to start from is deleted, expired, or in another region.
    #[must_use]
    pub fn is_snapshot_not_found(&self) -> bool {
        self.has_code(&["snapshot_not_found", "snapshot_region_mismatch"])
    }

    /// Returns whether the session is about to end: it is stopping, or its snapshot is being taken (422).
    #[must_use]
    pub fn is_in_transition(&self) -> bool {
        self.has_status(&[422]) && self.has_code(&["sandbox_stopping", "sandbox_snapshotting"])
    }

    /// Returns whether the program does not exist in the sandbox.
    #[must_use]
    pub fn is_executable_not_found(&self) -> bool {
        self.has_code(&["executable_not_found"])
    }

    /// Returns whether the name is taken.
    #[must_use]
    pub fn is_name_taken(&self) -> bool {
        self.api().is_some_and(|error| {
            matches!(error.status, 400 | 409) && error.message.to_ascii_lowercase().contains("already exists")
        })
    }

    /// Returns whether there were too many requests (429).
    #[must_use]
    pub fn is_rate_limited(&self) -> bool {
        self.has_status(&[429])
    }

    /// Returns whether the API refuses the credentials, or they have expired.
    #[must_use]
    pub fn is_unauthorized(&self) -> bool {
        matches!(self, Self::TokenExpired { .. }) || self.has_status(&[401, 403])
    }

    /// Returns whether the request certainly had no effect: it was not sent, or was refused.
    #[must_use]
    pub fn had_no_effect(&self) -> bool {
        match self {
            Self::TokenExpired { .. } | Self::InvalidId(_) | Self::Pack(_) | Self::Connect(_) => true,
            Self::Api(error) => error.status < 500,
            _ => false,
        }
    }

    /// Returns whether the same request may succeed a moment later.
    #[must_use]
    pub fn is_transient(&self) -> bool {
        match self {
            Self::Connect(_) | Self::Connection(_) | Self::Timeout(_) => true,
            Self::Api(error) => error.status == 429 || error.status >= 500,
            _ => false,
        }
    }

    /// Creates the error that a response of the API with this status would be.
    pub(crate) fn from_status(status: u16, message: &str) -> Self {
        Self::Api(ApiError { status, code: String::new(), message: message.to_owned(), retry_after: None })
    }

    /// Converts an error of the HTTP client. The URL is removed: the caller has it already.
    pub(crate) fn from_http(error: reqwest::Error, limit: Duration) -> Self {
        let error = error.without_url();
        // First, because a time-out while connecting is both. Nothing was sent then, so the request may be repeated.
        if error.is_connect() {
            Self::Connect(error)
        } else if error.is_timeout() {
            Self::Timeout(limit)
        } else {
            Self::Connection(error)
        }
    }
}

/// How many characters of a message are kept.
const MAX_MESSAGE_CHARS: usize = 1000;

#[derive(Deserialize)]
struct ErrorBody {
    error: ErrorDetail,
}

/// The contents of an error body, and of an error line in a stream.
#[derive(Debug, Deserialize)]
pub(crate) struct ErrorDetail {
    #[serde(default)]
    pub(crate) code: Option<String>,
    #[serde(default)]
    pub(crate) message: Option<String>,
}

impl ApiError {
    /// Creates the error of a response that is not a success. If the body has another form, as with proxies, the
    /// message quotes it.
    pub(crate) fn from_answer(status: u16, body: &[u8], retry_after: Option<Duration>) -> Self {
        let detail = match serde_json::from_slice(body) {
            Ok(ErrorBody { error }) => error,
            Err(_) => ErrorDetail { code: None, message: Some(String::from_utf8_lossy(body).trim().to_owned()) },
        };
        let message = detail.message.unwrap_or_default().chars().take(MAX_MESSAGE_CHARS).collect();
        Self { status, code: detail.code.unwrap_or_default(), message, retry_after }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn error(status: u16, body: &str) -> VercelError {
        VercelError::Api(ApiError::from_answer(status, body.as_bytes(), None))
    }

    #[test]
    fn code_and_message_are_kept() {
        let error = error(404, r#"{"error":{"code":"not_found","message":"No such thing.","more":1}}"#);
        assert_eq!(error.to_string(), "the sandbox API answered 404 (not_found): No such thing.");
        assert!(error.is_not_found() && error.had_no_effect() && !error.is_transient());
    }

    #[test]
    fn a_body_of_another_form_is_quoted_and_cut() {
        let error = error(502, &"<html>".repeat(10_000));
        let api = error.api().unwrap();
        assert_eq!((api.code.as_str(), api.message.chars().count()), ("", MAX_MESSAGE_CHARS));
        assert!(error.is_transient() && !error.had_no_effect());
    }

    #[test]
    fn codes_say_what_statuses_do_not() {
        let of = |status, code: &str| error(status, &format!(r#"{{"error":{{"code":"{code}","message":null}}}}"#));
        assert!(of(410, "snapshot_not_found").is_snapshot_not_found());
        assert!(of(422, "snapshot_region_mismatch").is_snapshot_not_found());
        assert!(of(410, "sandbox_stopped").is_gone() && !of(410, "sandbox_stopped").is_snapshot_not_found());
        assert!(of(422, "sandbox_stopping").is_in_transition() && of(422, "sandbox_snapshotting").is_in_transition());
        assert!(!of(422, "drive_region_mismatch").is_in_transition());
        assert!(of(400, "executable_not_found").is_executable_not_found());
        assert!(of(401, "unauthorized").is_unauthorized() && of(403, "forbidden").is_unauthorized());
    }
}
