//! From the client's errors to the port's.

use workers_domain::ports::{SandboxError, SandboxErrorKind};

use crate::error::VercelError;

/// The error of a sandbox that was to be made.
pub(super) fn creating(error: VercelError, from_snapshot: bool) -> SandboxError {
    let is_missing = error.is_snapshot_not_found() || from_snapshot && (error.is_not_found() || error.is_gone());
    if is_missing {
        return with(SandboxErrorKind::SnapshotNotFound, "the snapshot is gone, or in another region", error);
    }
    let cannot_now =
        error.is_unauthorized() || error.is_transient() || error.api().is_some_and(|api| api.status == 402);
    if cannot_now {
        return with(SandboxErrorKind::Unavailable, "the sandbox API makes no sandbox now", error);
    }
    with(SandboxErrorKind::Failed, "a sandbox cannot be made", error)
}

/// The error of something within a sandbox.
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

/// Whether the session is over, or about to be.
pub(super) fn has_ended(error: &VercelError) -> bool {
    error.is_gone() || error.is_not_found() || error.is_in_transition()
}

/// Whether there is no such snapshot. An id that the API does not even take for one names none either.
pub(super) fn is_no_snapshot(error: &VercelError) -> bool {
    error.is_not_found() || error.is_gone() || error.api().is_some_and(|api| api.status == 400)
}

pub(super) fn stopped() -> SandboxError {
    SandboxError::new(SandboxErrorKind::Stopped, "the sandbox has been stopped")
}

pub(super) fn with(kind: SandboxErrorKind, message: impl Into<String>, error: VercelError) -> SandboxError {
    SandboxError { kind, message: message.into(), source: Some(error.into()) }
}
