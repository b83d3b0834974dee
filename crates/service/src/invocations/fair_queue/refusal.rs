//! The end of a wait for a permit.

use std::time::Duration;

/// The result of a wait: a permit, or the reason why there is none.
pub(super) type WaitResult = Result<(), Refusal>;

/// The reason why there is no permit.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Refusal {
    /// The queue is full, or the caller was displaced by another group or key.
    Full {
        /// The estimated wait of another caller of the same key.
        wait: Duration,
    },
    /// The queue is closed and lets no caller in.
    Closed,
}
