//! Converts the client's errors to those of the platform's sandbox port.

use workers_domain::ports::{SandboxError, SandboxErrorKind};

use crate::error::VercelError;

/// Converts the error of creating a sandbox.
pub(super) fn creating(error: VercelError, from_snapshot: bool) -> SandboxError {
    let is_missing = error.is_snapshot_not_found() || from_snapshot && (error.is_not_found() || error.is_gone());
    if is_missing {
        return with(SandboxErrorKind::SnapshotNotFound, "the snapshot is gone, or in another region", error);
    }
    let cannot_now =
        // 402 says that the account cannot pay for a sandbox now, which may change without a change of the request.
        error.is_unauthorized() || error.is_transient() || error.api().is_some_and(|api| api.status == 402);
    if cannot_now {
        return with(SandboxErrorKind::Unavailable, "the sandbox API makes no sandbox now", error);
    }
    with(SandboxErrorKind::Failed, "a sandbox cannot be made", error)
}

/// Converts the error of an operation in a sandbox.
pub(super) fn within(doing: &str, error: VercelError) -> SandboxError {
    let kind = if error.is_executable_not_found() {
        SandboxErrorKind::CommandNotFound
    } else if has_ended(&error) {
        SandboxErrorKind::Stopped
    } else {
        SandboxErrorKind::Failed
    };
    with(kind, doing, error)
}

/// Returns whether the session has ended or is about to.
pub(super) fn has_ended(error: &VercelError) -> bool {
    error.is_gone() || error.is_not_found() || error.is_in_transition()
}

/// Returns whether there is no such snapshot. An id that the API refuses as invalid names none either.
pub(super) fn is_no_snapshot(error: &VercelError) -> bool {
    error.is_not_found() || error.is_gone() || error.api().is_some_and(|api| api.status == 400)
}

pub(super) fn stopped() -> SandboxError {
    SandboxError::new(SandboxErrorKind::Stopped, "the sandbox has been stopped")
}

pub(super) fn with(kind: SandboxErrorKind, message: impl Into<String>, error: VercelError) -> SandboxError {
    SandboxError { kind, message: message.into(), source: Some(error.into()) }
}
