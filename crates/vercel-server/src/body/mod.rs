//! Bodies of requests and responses. Unknown members of requests are ignored. Responses omit absent members, because
//! clients reject `null` except in the two places that define it.

mod command;
mod network;
mod sandbox;
mod sandbox_request;
mod session;
mod snapshot;

use serde::Serialize;

pub(crate) use command::{CommandResponse, CommandView, RunCommandRequest, absolute};
pub(crate) use network::NetworkPolicyRequest;
pub(crate) use sandbox::{RouteView, SandboxView};
pub(crate) use sandbox_request::{SandboxRequest, check_expiration};
pub(crate) use session::SessionView;
pub(crate) use snapshot::SnapshotView;

/// The position of a page in its list.
#[derive(Debug, Serialize)]
pub(crate) struct Pagination {
    /// Items on this page.
    pub(crate) count: usize,
    /// The cursor of the next page; `null` on the last page.
    pub(crate) next: Option<String>,
}
