//! How new each invocation is.

use std::fmt;
use std::str::FromStr;

/// How new the sandbox and the process of each invocation are. A later variant is stronger, so that of two the greater
/// one is what both permit.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub enum Isolation {
    /// Each invocation is a new process. Its sandbox may be one that is kept for invocations of the same worker, as
    /// long as each of them has left it as it was.
    Process,
    /// Each invocation is a new process in a new sandbox.
    #[default]
    Sandbox,
}

impl Isolation {
    /// Returns the name in options and receipts.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Process => "process",
            Self::Sandbox => "sandbox",
        }
    }
}

/// The error for a word that is no isolation.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("not `process` or `sandbox`")]
pub struct InvalidIsolationError;

impl FromStr for Isolation {
    type Err = InvalidIsolationError;

    fn from_str(word: &str) -> Result<Self, InvalidIsolationError> {
        [Self::Process, Self::Sandbox].into_iter().find(|one| one.as_str() == word).ok_or(InvalidIsolationError)
    }
}

impl fmt::Display for Isolation {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(self.as_str())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_stronger_of_two_is_the_greater() {
        assert_eq!(Isolation::Process.max(Isolation::Sandbox), Isolation::Sandbox);
    }

    #[test]
    fn a_word_is_read_as_it_is_written() {
        for isolation in [Isolation::Process, Isolation::Sandbox] {
            assert_eq!(isolation.to_string().parse(), Ok(isolation));
        }
        assert_eq!("Sandbox".parse::<Isolation>(), Err(InvalidIsolationError));
    }
}
