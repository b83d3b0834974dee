//! Sessions in responses.

use serde::Serialize;

use super::sandbox::{ARCHITECTURE, RUNTIME};
use crate::model::{Millis, NetworkSetting, SessionRecord, SessionStatus, Usage};

/// The port of the hosted service's interactive shells. A client fails without it.
const INTERACTIVE_PORT: u16 = 26661;

/// A session as responses show it.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct SessionView {
    id: String,
    status: SessionStatus,
    runtime: &'static str,
    architecture: &'static str,
    memory: u64,
    vcpus: u32,
    region: String,
    timeout: u64,
    cwd: String,
    requested_at: Millis,
    started_at: Millis,
    created_at: Millis,
    updated_at: Millis,
    #[serde(skip_serializing_if = "Option::is_none")]
    requested_stop_at: Option<Millis>,
    #[serde(skip_serializing_if = "Option::is_none")]
    stopped_at: Option<Millis>,
    #[serde(skip_serializing_if = "Option::is_none")]
    aborted_at: Option<Millis>,
    #[serde(skip_serializing_if = "Option::is_none")]
    snapshotted_at: Option<Millis>,
    #[serde(skip_serializing_if = "Option::is_none")]
    duration: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    source_snapshot_id: Option<String>,
    interactive_port: u16,
    #[serde(skip_serializing_if = "Option::is_none")]
    network_policy: Option<NetworkSetting>,
    #[serde(skip_serializing_if = "Option::is_none")]
    active_cpu_duration_ms: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    network_transfer: Option<NetworkTransferView>,
    source_sandbox_name: String,
    project_id: String,
}

/// What a session has exchanged with the outside, in bytes.
#[derive(Debug, Serialize)]
struct NetworkTransferView {
    ingress: u64,
    egress: u64,
}

impl NetworkTransferView {
    fn new(used: Usage) -> Option<Self> {
        Some(Self { ingress: used.ingress?, egress: used.egress? })
    }
}

impl From<SessionRecord> for SessionView {
    fn from(session: SessionRecord) -> Self {
        Self {
            duration: session.duration(),
            id: session.id,
            status: session.status,
            runtime: RUNTIME,
            architecture: ARCHITECTURE,
            memory: session.memory,
            vcpus: session.vcpus,
            region: session.region,
            timeout: session.timeout,
            cwd: session.cwd,
            requested_at: session.requested_at,
            started_at: session.started_at,
            created_at: session.requested_at,
            updated_at: session.updated_at,
            requested_stop_at: session.requested_stop_at,
            stopped_at: session.stopped_at,
            aborted_at: session.aborted_at,
            snapshotted_at: session.snapshotted_at,
            source_snapshot_id: session.source_snapshot,
            interactive_port: INTERACTIVE_PORT,
            network_policy: session.network,
            active_cpu_duration_ms: session.used.cpu,
            network_transfer: NetworkTransferView::new(session.used),
            source_sandbox_name: session.sandbox.name,
            project_id: session.sandbox.project,
        }
    }
}
