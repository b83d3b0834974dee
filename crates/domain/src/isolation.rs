//! How new each invocation is.

use std::fmt;

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

impl fmt::Display for Isolation {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(self.as_str())
    }
}
