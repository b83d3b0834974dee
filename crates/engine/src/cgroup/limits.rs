//! What a group is limited to: memory, processes, and its share of the processors.

/// The limits of a group.
#[derive(Debug, Clone, Copy)]
pub(crate) struct GroupLimits {
    /// Memory in bytes.
    pub(crate) memory_bytes: u64,
    /// Processes and threads.
    pub(crate) processes: u32,
    /// Whether the kernel kills the whole group when its memory runs out, and not only one process that it chooses.
    pub(crate) dies_as_one: bool,
}

/// The processor time that a group gets when other groups are busy, too, relative to a new group.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Share {
    /// For work that may take long.
    Quarter,
    /// For work that has run long.
    Eighth,
}

impl Share {
    /// Returns the share as a number for the kernel; `new` is the number of a new group.
    pub(super) const fn of(self, new: u32) -> u32 {
        match self {
            Self::Quarter => new / 4,
            Self::Eighth => new / 8,
        }
    }
}
