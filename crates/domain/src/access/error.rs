//! The error of a refused call.

use super::Action;

/// The reason why a call was refused. Nothing was read or written for the call.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum AccessError {
    /// The caller may not perform this action.
    #[error("the caller may not {0}")]
    Forbidden(Action),
}
