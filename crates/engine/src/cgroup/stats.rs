//! What the processes of a group have used.

use serde::{Deserialize, Serialize};

/// What a sandbox used, read from its cgroups.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct CgroupStats {
    /// Processor time in microseconds.
    pub(crate) cpu_micros: Option<u64>,
    /// The peak of memory, in bytes.
    pub(crate) max_memory_bytes: Option<u64>,
    /// Whether its own memory limit was reached, and a process was killed for that.
    pub(crate) out_of_memory: bool,
    /// Whether it was refused a process, or lost one for lack of memory, although its own limits were not reached: the
    /// host, or a group around all sandboxes, had too little.
    pub(crate) starved: bool,
}
