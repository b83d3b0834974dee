//! Which revision of an aggregate a reader has.

use std::fmt;

/// How often something stored was changed. An update names the revision that it was decided on, and is refused when
/// another one has come first; no lock of one process guards what several servers write.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Revision(i64);

impl Revision {
    /// That of something that was not changed since it was made.
    pub const FIRST: Self = Self(0);

    /// Takes a revision as it is stored.
    #[must_use]
    pub const fn new(number: i64) -> Self {
        Self(number)
    }

    /// The number, as it is stored.
    #[must_use]
    pub const fn number(self) -> i64 {
        self.0
    }

    /// The one that the next update makes.
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
