//! The limits of a queue, and of its groups.

/// The limits of the whole queue, or of one group.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Limits {
    /// Number of permits; at least one.
    pub(crate) permits: usize,
    /// Maximum number of permits that one key holds at the same time; at least one.
    pub(crate) permits_per_key: usize,
    /// Maximum number of callers that wait at the same time.
    pub(crate) max_waiting: usize,
}

impl Limits {
    /// Returns a group's limits, restricted to the limits of the whole queue. A limit that equals the whole becomes
    /// unlimited, so that the group or key is never passed over because of it.
    pub(super) fn within(self, all: Self) -> Self {
        let share_of = |share: usize, whole: usize| if share < whole { share } else { usize::MAX };
        let permits = self.permits.clamp(1, all.permits);
        let permits_per_key = self.permits_per_key.min(all.permits_per_key).max(1);
        Self {
            permits: share_of(permits, all.permits),
            permits_per_key: share_of(permits_per_key, permits),
            max_waiting: self.max_waiting.min(all.max_waiting),
        }
    }
}
