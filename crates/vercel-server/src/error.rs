//! Why a request was refused or failed, as the use cases know it: a code, a sentence, and when to try again.

use std::error::Error as StdError;
use std::fmt;

use workers_domain::ports::{SandboxError, SandboxErrorKind};
use workers_domain::{Part, error_chain, in_words};

use crate::store::Fault;

/// What went wrong. How HTTP tells each is in `routes/error.rs`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum ErrorCode {
    /// The request says something that cannot be.
    BadRequest,
    /// The hosted service has it and this server has not.
    NotSupported,
    /// More time than there is.
    TimeoutInvalid,
    /// A file or directory is not as it would have to be.
    FileError,
    /// There is no such program.
    ExecutableNotFound,
    /// A command takes no input.
    StdinUnavailable,
    /// A program that is there and does not start.
    CommandFailed,
    /// There is no snapshot: the session goes on if there was no room, and has ended otherwise.
    SnapshotFailed,
    /// There is no room for what is to be kept.
    StorageFull,
    /// What is to be kept cannot be written: the file system can only be read.
    StorageReadOnly,
    /// What is to be kept cannot be written for another reason.
    StorageUnavailable,
    /// The files of a snapshot cannot be had now; it is not deleted.
    SnapshotUnavailable,
    /// There is nothing to start from.
    NothingToResume,
    /// What it would start from is gone.
    SnapshotGone,
    /// No token, or a wrong one.
    Unauthorized,
    /// A token of somebody else.
    Forbidden,
    /// It does not exist, or is somebody else's.
    NotFound,
    /// The route takes other methods.
    MethodNotAllowed,
    /// The session is over.
    SandboxStopped,
    /// The session is ending.
    SandboxStopping,
    /// The session is ending in a snapshot.
    SandboxSnapshotting,
    /// The body is longer than the limit.
    TooLarge,
    /// Running sessions leave no room for another one, or their team has as much as it may.
    TooManySessions,
    /// There are as many sandboxes as may be. Not a 429: to wait does not help.
    TooManySandboxes,
    /// As many commands run as may.
    TooManyCommands,
    /// The team has asked as often as it may.
    TooManyRequests,
    /// As many files are moved and logs are read as may.
    TooManyTransfers,
    /// Not now; nothing was done.
    Unavailable,
    /// Our fault; nothing was done.
    Internal,
}

/// When to try again what failed because something of ours is away, in seconds.
const RETRY_SECONDS: u32 = 5;

/// The sentence of a session that is over.
pub(crate) const STOPPED: &str = "Sandbox has stopped execution and is no longer available";

/// A request that was refused or failed.
#[derive(Debug)]
pub(crate) struct ApiError {
    code: ErrorCode,
    message: String,
    retry_after: Option<u32>,
}

impl ApiError {
    /// An error with its sentence.
    pub(crate) fn new(code: ErrorCode, message: impl Into<String>) -> Self {
        Self { code, message: message.into(), retry_after: None }
    }

    /// A request that says something that cannot be.
    pub(crate) fn bad_request(message: impl Into<String>) -> Self {
        Self::new(ErrorCode::BadRequest, message)
    }

    /// A session that is over.
    pub(crate) fn stopped() -> Self {
        Self::new(ErrorCode::SandboxStopped, STOPPED)
    }

    /// Something that is not the client's doing; the cause goes to the log only.
    pub(crate) fn internal(cause: &(dyn StdError + 'static)) -> Self {
        tracing::error!(error = error_chain(cause), "a request failed");
        Self::new(ErrorCode::Internal, "Internal error.")
    }

    /// When to try again, in seconds.
    pub(crate) fn retry_after(mut self, seconds: u32) -> Self {
        self.retry_after = Some(seconds);
        self
    }

    /// A failure whose sentence is the machine's, which has it for the client.
    pub(crate) fn told_by(code: ErrorCode, error: &SandboxError) -> Self {
        Self::new(code, in_words(&error.message))
    }

    /// A failure of a machine, for which its kind has no better name at this place.
    pub(crate) fn from_machine(error: &SandboxError) -> Self {
        match error.kind {
            SandboxErrorKind::Stopped => Self::stopped(),
            SandboxErrorKind::FileRefused => Self::told_by(ErrorCode::FileError, error),
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
                    "the storage of machines takes no writes"
                );
                Fault::ReadOnly.into()
            }
            SandboxErrorKind::StorageUnavailable => {
                tracing::warn!(
                    error = error_chain(error),
                    advice = Part::Storage.advice(),
                    "the storage of machines is away"
                );
                Fault::Unavailable.into()
            }
            SandboxErrorKind::Unavailable | SandboxErrorKind::Exhausted => {
                tracing::warn!(
                    error = error_chain(error),
                    advice = Part::Sandboxes.advice(),
                    "machines are not available"
                );
                Self::new(ErrorCode::Unavailable, "Sandboxes cannot be made at the moment.")
            }
            SandboxErrorKind::CommandNotFound | SandboxErrorKind::Failed => Self::internal(error),
        }
    }

    /// What went wrong, for a program.
    pub(crate) const fn code(&self) -> ErrorCode {
        self.code
    }

    /// Seconds after which to try again, if that may help.
    pub(crate) const fn seconds_to_wait(&self) -> Option<u32> {
        self.retry_after
    }
}

/// What a session would start from is gone.
pub(crate) fn snapshot_gone() -> ApiError {
    ApiError::new(ErrorCode::SnapshotGone, "The snapshot has been deleted or has expired.")
}

/// The files of a snapshot that is not deleted are not there now.
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
    fn no_failure_of_a_machine_has_a_number_of_the_operating_system() {
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
            let told = ApiError::from_machine(&error).to_string();
            assert!(!told.contains("os error"), "{told}");
            assert_eq!(kind == Kind::FileRefused, told.contains("`/vercel/a`: File exists"), "{told}");
        }
    }

    #[test]
    fn what_a_machine_says_about_itself_does_not_reach_the_client() {
        let error = SandboxError::new(SandboxErrorKind::Failed, "/var/lib/secret is missing");
        assert_eq!(ApiError::from_machine(&error).to_string(), "Internal error.");
    }
}
