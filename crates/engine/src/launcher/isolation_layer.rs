//! The layers of the isolation that a test can leave out.

use serde::{Deserialize, Serialize};

/// A layer of the isolation that a test can leave out.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum IsolationLayer {
    /// User ids that are not root's on the host.
    UserIds,
    /// A pid namespace.
    PidNamespace,
    /// A network namespace.
    NetworkNamespace,
    /// An ipc namespace.
    IpcNamespace,
    /// A cgroup namespace.
    CgroupNamespace,
    /// The cgroups with the limits on memory and processes.
    Cgroups,
    /// Giving up all capabilities.
    Capabilities,
    /// The filter of system calls that is added in a sandbox.
    Filter,
    /// Overlays. Without them files are copied, as on a host that does not have overlays.
    Overlays,
}
