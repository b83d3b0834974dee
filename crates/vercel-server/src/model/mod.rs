//! The records of the server: sandboxes, their sessions and their snapshots. They are stored in this form;
//! [`body`](crate::body) has the form that clients see.

mod change;
mod network;
mod sandbox;
mod session;
mod snapshot;
mod usage;

pub(crate) use change::Change;
pub(crate) use network::NetworkSetting;
pub(crate) use sandbox::{KeepLastSnapshots, Route, SandboxKey, SandboxRecord};
pub(crate) use session::{SessionRecord, SessionStatus};
pub(crate) use snapshot::{CreationMethod, SnapshotRecord, SnapshotStatus};
pub(crate) use usage::Usage;

/// Milliseconds since the Unix epoch.
pub(crate) type Millis = i64;

/// Converts a period to milliseconds that can be added to [`Millis`].
pub(crate) fn period(millis: u64) -> Millis {
    Millis::try_from(millis).unwrap_or(Millis::MAX)
}
