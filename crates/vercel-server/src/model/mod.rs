//! What the server remembers: sandboxes, their sessions and snapshots. Stored as they are here; what a client sees is
//! in [`body`](crate::body).

mod change;
mod network;
mod sandbox;
mod session;
mod snapshot;
mod used;

pub(crate) use change::Change;
pub(crate) use network::NetworkSetting;
pub(crate) use sandbox::{KeepLastSnapshots, Route, SandboxKey, SandboxRecord};
pub(crate) use session::{SessionRecord, SessionStatus};
pub(crate) use snapshot::{CreationMethod, SnapshotRecord, SnapshotStatus};
pub(crate) use used::Used;

/// Milliseconds since the Unix epoch.
pub(crate) type Millis = i64;

/// A period in milliseconds, for sums with [`Millis`].
pub(crate) fn period(millis: u64) -> Millis {
    Millis::try_from(millis).unwrap_or(Millis::MAX)
}
