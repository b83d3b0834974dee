//! Why a request was refused or failed, independent of HTTP: a code, a message, and when to try again.

use std::error::Error as StdError;
use std::fmt;

use workers_domain::ports::{SandboxError, SandboxErrorKind};
use workers_domain::{Part, error_chain, in_words};

use crate::store::Fault;

/// The kind of an error. `routes/error.rs` maps each kind to an HTTP status.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum ErrorCode {
    /// The request contains an invalid value.
    BadRequest,
    /// The hosted service has this feature and this server does not.
    NotSupported,
    /// The requested time is longer than allowed.
    TimeoutInvalid,
    /// A file or directory has the wrong kind or state for the request.
    FileError,
    /// The program to run does not exist.
    ExecutableNotFound,
    /// The command takes no input.
    StdinUnavailable,
    /// The program exists but cannot be started.
    CommandFailed,
    /// No snapshot was taken. The session goes on if there was no room, and has ended otherwise.
    SnapshotFailed,
    /// There is no room to store the data.
    StorageFull,
    /// The data cannot be stored: the file system is read-only.
    StorageReadOnly,
    /// The data cannot be stored for another reason.
    StorageUnavailable,
    /// The files of a snapshot cannot be read now. The snapshot is not deleted.
    SnapshotUnavailable,
    /// The sandbox has no snapshot to start from.
    NothingToResume,
    /// The snapshot to start from is deleted or expired.
    SnapshotGone,
    /// The token is missing or has the wrong form.
    Unauthorized,
    /// The token is wrong or is bound to another team; without tokens, the request comes from a web page.
    Forbidden,
    /// The object does not exist, or belongs to another team.
    NotFound,
    /// The route accepts other methods only.
    MethodNotAllowed,
    /// The session has ended.
    SandboxStopped,
    /// The session is ending.
    SandboxStopping,
    /// The session is ending in a snapshot.
    SandboxSnapshotting,
    /// The body is longer than the limit.
    TooLarge,
    /// Running sessions leave no room for another one, or the team has reached its share.
    TooManySessions,
    /// The maximum number of sandboxes exists. Not a 429, because waiting does not help.
    TooManySandboxes,
    /// The maximum number of commands is running.
    TooManyCommands,
    /// The team has made the maximum number of requests for now.
    TooManyRequests,
    /// The maximum number of file transfers and log readers is active.
    TooManyTransfers,
    /// The server cannot do this now. Nothing was done.
    Unavailable,
    /// An error of the server. Nothing was done.
    Internal,
}

/// How long a client should wait when the server itself lacks something, in seconds.
const RETRY_SECONDS: u32 = 5;

/// The message for a session that has ended.
pub(crate) const STOPPED: &str = "Sandbox has stopped execution and is no longer available";

/// A request that was refused or failed.
#[derive(Debug)]
pub(crate) struct ApiError {
    code: ErrorCode,
    message: String,
    retry_after: Option<u32>,
}

impl ApiError {
    /// Creates an error from its code and message.
    pub(crate) fn new(code: ErrorCode, message: impl Into<String>) -> Self {
        Self { code, message: message.into(), retry_after: None }
    }

    /// Creates the error for a request that contains an invalid value.
    pub(crate) fn bad_request(message: impl Into<String>) -> Self {
        Self::new(ErrorCode::BadRequest, message)
    }

    /// Creates the error for a session that has ended.
    pub(crate) fn stopped() -> Self {
        Self::new(ErrorCode::SandboxStopped, STOPPED)
    }

    /// Creates the error for a failure that the client did not cause. The cause goes to the log only.
    pub(crate) fn internal(cause: &(dyn StdError + 'static)) -> Self {
        tracing::error!(error = error_chain(cause), "a request failed");
        Self::new(ErrorCode::Internal, "Internal error.")
    }

    /// Adds the time after which to try again, in seconds.
    pub(crate) fn retry_after(mut self, seconds: u32) -> Self {
        self.retry_after = Some(seconds);
        self
    }

    /// Creates an error with the container's own message, which is written for the client.
    pub(crate) fn from_sandbox_error(code: ErrorCode, error: &SandboxError) -> Self {
        Self::new(code, in_words(&error.message))
    }

    /// Converts an error of a container, where the caller has no more specific code for its kind.
    pub(crate) fn from_container(error: &SandboxError) -> Self {
        match error.kind {
            SandboxErrorKind::Stopped => Self::stopped(),
            SandboxErrorKind::FileRefused => Self::from_sandbox_error(ErrorCode::FileError, error),
            SandboxErrorKind::FileNotFound => Self::new(ErrorCode::NotFound, "File not found."),
            SandboxErrorKind::SnapshotNotFound => snapshot_gone(),
            SandboxErrorKind::StorageFull => {
                tracing::error!(
                    error = error_chain(error),
                    advice = Part::Storage.advice(),
                    "there is no room for what is to be kept"
                );
                storage_full()
            }
            SandboxErrorKind::StorageReadOnly => {
                tracing::warn!(
                    error = error_chain(error),
                    advice = Part::Storage.advice(),
                    "the storage of containers takes no writes"
                );
                Fault::ReadOnly.into()
            }
            SandboxErrorKind::StorageUnavailable => {
                tracing::warn!(
                    error = error_chain(error),
                    advice = Part::Storage.advice(),
                    "the storage of containers is away"
                );
                Fault::Unavailable.into()
            }
            SandboxErrorKind::Unavailable | SandboxErrorKind::Exhausted => {
                tracing::warn!(
                    error = error_chain(error),
                    advice = Part::Sandboxes.advice(),
                    "containers are not available"
                );
                Self::new(ErrorCode::Unavailable, "Sandboxes cannot be made at the moment.")
            }
            SandboxErrorKind::CommandNotFound | SandboxErrorKind::Failed => Self::internal(error),
        }
    }

    /// Returns the kind of the error.
    pub(crate) const fn code(&self) -> ErrorCode {
        self.code
    }

    /// Returns the seconds after which to try again, if trying again may help.
    pub(crate) const fn seconds_to_wait(&self) -> Option<u32> {
        self.retry_after
    }
}

/// Creates the error for a session whose snapshot to start from is gone.
pub(crate) fn snapshot_gone() -> ApiError {
    ApiError::new(ErrorCode::SnapshotGone, "The snapshot has been deleted or has expired.")
}

/// Creates the error for a snapshot that is not deleted but whose files cannot be read now.
pub(crate) fn snapshot_unavailable() -> ApiError {
    let message = "The files of the snapshot cannot be read at the moment. It has not been deleted.";
    ApiError::new(ErrorCode::SnapshotUnavailable, message).retry_after(RETRY_SECONDS)
}

impl From<Fault> for ApiError {
    fn from(fault: Fault) -> Self {
        match fault {
            Fault::Full => storage_full(),
            Fault::ReadOnly => {
                Self::new(ErrorCode::StorageReadOnly, "The server's storage can only be read at the moment.")
                    .retry_after(RETRY_SECONDS)
            }
            Fault::Unavailable => {
                Self::new(ErrorCode::StorageUnavailable, "The server's storage cannot be used at the moment.")
                    .retry_after(RETRY_SECONDS)
            }
        }
    }
}

fn storage_full() -> ApiError {
    ApiError::new(ErrorCode::StorageFull, "The server's storage is full.").retry_after(RETRY_SECONDS)
}

impl fmt::Display for ApiError {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.message)
    }
}

impl StdError for ApiError {}

#[cfg(test)]
mod tests {
    use std::io;

    use super::*;

    #[test]
    fn no_failure_of_a_container_has_a_number_of_the_operating_system() {
        use SandboxErrorKind as Kind;
        for kind in [
            Kind::SnapshotNotFound,
            Kind::Unavailable,
            Kind::Exhausted,
            Kind::Stopped,
            Kind::Failed,
            Kind::CommandNotFound,
            Kind::FileNotFound,
            Kind::FileRefused,
            Kind::StorageFull,
            Kind::StorageReadOnly,
            Kind::StorageUnavailable,
        ] {
            let error = SandboxError::new(kind, format!("`/vercel/a`: {}", io::Error::from_raw_os_error(17)));
            let message = ApiError::from_container(&error).to_string();
            assert!(!message.contains("os error"), "{message}");
            assert_eq!(kind == Kind::FileRefused, message.contains("`/vercel/a`: File exists"), "{message}");
        }
    }

    #[test]
    fn what_a_container_says_about_itself_does_not_reach_the_client() {
        let error = SandboxError::new(SandboxErrorKind::Failed, "/var/lib/secret is missing");
        assert_eq!(ApiError::from_container(&error).to_string(), "Internal error.");
    }
}
