//! The bodies of requests and responses, as types.
//!
//! Fields that the API may omit are [`Option`]s; `None` stands for both an absent field and `null`. Unknown fields and
//! unknown values of enumerations are ignored, because the API grows.

mod command;
mod network;
mod page;
mod sandbox;
mod snapshot;

pub use command::{CommandInfo, OutputStream, RunCommand};
pub use network::{NetworkRules, SubnetRules};
pub use page::{ListSandboxes, ListSnapshots, Page, SortOrder};
pub use sandbox::{
    CreateSandbox, RouteInfo, SandboxInfo, SandboxWithSession, SessionInfo, SessionStatus, Source, StoppedSession,
};
pub use snapshot::{SnapshotInfo, SnapshotStatus};

pub(crate) use command::{CommandBody, StreamLine, Wait};
pub(crate) use page::{Query, SandboxesBody, SnapshotsBody};
pub(crate) use sandbox::{CreateBody, SandboxBody, SessionBody, in_milliseconds};
pub(crate) use snapshot::{MakeSnapshotBody, SnapshotBody};
