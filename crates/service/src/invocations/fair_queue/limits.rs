//! The limits of a queue, and of its groups.

/// The limits of the whole queue, or of one group.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Limits {
    /// Number of places; at least one.
    pub(crate) places: usize,
    /// Maximum number of places that one key holds at the same time; at least one.
    pub(crate) places_per_key: usize,
    /// Maximum number of callers that wait at the same time.
    pub(crate) seats: usize,
}

impl Limits {
    /// Returns a group's limits, restricted to the limits of the whole queue. A limit that equals the whole becomes
    /// unlimited, so that the group or key is never passed over because of it.
    pub(super) fn within(self, all: Self) -> Self {
        let share_of = |share: usize, whole: usize| if share < whole { share } else { usize::MAX };
        let places = self.places.clamp(1, all.places);
        let places_per_key = self.places_per_key.min(all.places_per_key).max(1);
        Self {
            places: share_of(places, all.places),
            places_per_key: share_of(places_per_key, places),
            seats: self.seats.min(all.seats),
        }
    }
}
