//! Sandboxes in responses.

use std::collections::BTreeMap;

use serde::Serialize;

use crate::model::{KeepLastSnapshots, Millis, NetworkSetting, Route, SessionStatus};
use crate::registry::{Registry, View};

/// A sandbox as responses show it.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct SandboxView {
    name: String,
    persistent: bool,
    status: SessionStatus,
    status_updated_at: Millis,
    current_session_id: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    current_snapshot_id: Option<String>,
    region: String,
    failover_regions: Vec<String>,
    vcpus: u32,
    memory: u64,
    image: String,
    runtime: &'static str,
    architecture: &'static str,
    timeout: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    expires_at: Option<Millis>,
    cwd: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    tags: Option<BTreeMap<String, String>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    network_policy: Option<NetworkSetting>,
    #[serde(skip_serializing_if = "Option::is_none")]
    snapshot_expiration: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    keep_last_snapshots: Option<KeepLastSnapshots>,
    total_duration_ms: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    total_active_cpu_duration_ms: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    total_ingress_bytes: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    total_egress_bytes: Option<u64>,
    created_at: Millis,
    updated_at: Millis,
}

/// The only runtime that this server offers.
pub(crate) const RUNTIME: &str = "node24";

/// The image that is shown for a sandbox whose request names none.
const IMAGE: &str = "vercel/sandbox/universal";

/// The architecture that programs must be built for, in the hosted service's spelling.
pub(crate) const ARCHITECTURE: &str = if cfg!(target_arch = "aarch64") { "arm64" } else { "amd64" };

impl SandboxView {
    /// Builds the view of a sandbox with its current session.
    pub(crate) fn new(registry: &Registry, view: &View) -> Self {
        let View { sandbox, session } = view.clone();
        let is_running = session.status == SessionStatus::Running;
        Self {
            memory: registry.memory_mib(sandbox.vcpus),
            status: session.status,
            expires_at: is_running.then(|| session.expires_at()),
            cwd: session.cwd,
            runtime: RUNTIME,
            architecture: ARCHITECTURE,
            name: sandbox.key.name,
            persistent: sandbox.persistent,
            status_updated_at: sandbox.status_updated_at,
            current_session_id: sandbox.current_session,
            current_snapshot_id: sandbox.current_snapshot,
            region: sandbox.region,
            failover_regions: sandbox.failover_regions,
            vcpus: sandbox.vcpus,
            image: sandbox.image.unwrap_or_else(|| IMAGE.to_owned()),
            timeout: sandbox.timeout,
            tags: sandbox.tags,
            network_policy: sandbox.network,
            snapshot_expiration: sandbox.snapshot_expiration,
            keep_last_snapshots: sandbox.keep_last,
            total_duration_ms: sandbox.total_duration,
            total_active_cpu_duration_ms: sandbox.total_used.cpu,
            total_ingress_bytes: sandbox.total_used.ingress,
            total_egress_bytes: sandbox.total_used.egress,
            created_at: sandbox.created_at,
            updated_at: sandbox.updated_at,
        }
    }
}

/// The public host name of a port. It leads nowhere, but clients require it.
#[derive(Debug, Serialize)]
pub(crate) struct RouteView {
    url: String,
    subdomain: String,
    port: u16,
}

impl RouteView {
    /// Builds the views of a sandbox's routes.
    pub(crate) fn list(routes: &[Route]) -> Vec<Self> {
        let view = |route: &Route| Self {
            url: format!("https://{}.vercel.run", route.subdomain),
            subdomain: route.subdomain.clone(),
            port: route.port,
        };
        routes.iter().map(view).collect()
    }
}
