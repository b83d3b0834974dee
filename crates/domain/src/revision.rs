//! Revisions of stored records, for optimistic locking.

use std::fmt;

/// How many times a stored record was changed. An update states the revision that it is based on, and is refused if
/// another update was stored first. Several servers write to the same database, so a lock inside one process would not
/// be enough.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Revision(i64);

impl Revision {
    /// The revision of a record that has not been changed since it was created.
    pub const FIRST: Self = Self(0);

    /// Creates a revision from its stored number.
    #[must_use]
    pub const fn new(number: i64) -> Self {
        Self(number)
    }

    /// Returns the number that is stored.
    #[must_use]
    pub const fn number(self) -> i64 {
        self.0
    }

    /// Returns the revision that the next update creates.
    #[must_use]
    pub const fn next(self) -> Self {
        Self(self.0.wrapping_add(1))
    }
}

impl fmt::Display for Revision {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(formatter)
    }
}
