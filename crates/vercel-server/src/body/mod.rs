//! Bodies of requests and answers. Unknown members of requests are ignored; what is not there is left out of answers,
//! for clients refuse `null` but in the two places that have it.

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

/// Where a list goes on.
#[derive(Debug, Serialize)]
pub(crate) struct Pagination {
    /// Items on this page.
    pub(crate) count: usize,
    /// The next page's cursor; `null` on the last.
    pub(crate) next: Option<String>,
}
