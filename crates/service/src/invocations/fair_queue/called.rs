//! The end of a wait for a place.

use std::time::Duration;

/// The result of a wait: a place, or the reason why there is none.
pub(super) type Called = Result<(), Refusal>;

/// The reason why there is no place.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Refusal {
    /// All seats in the queue are taken, or the caller was displaced by another group or key.
    Full {
        /// The estimated wait of another caller of the same key.
        wait: Duration,
    },
    /// The queue is closed and lets no caller in.
    Closed,
}
