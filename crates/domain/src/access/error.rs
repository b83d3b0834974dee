//! Why a call was refused.

use super::Action;

/// Why a call was refused. Nothing was read or written for it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum AccessError {
    /// The caller may not do this.
    #[error("the caller may not {0}")]
    Forbidden(Action),
}
