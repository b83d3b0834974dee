//! Changes sandboxes and running sessions.

use std::collections::BTreeMap;
use std::time::Duration;

use super::Registry;
use super::create::routes;
use super::tables::View;
use crate::error::{ApiError, ErrorCode, snapshot_gone};
use crate::model::{Change, KeepLastSnapshots, NetworkSetting, SandboxKey, SessionRecord};
use crate::store::Kind;

/// A change of a sandbox's settings. It applies from the next session on.
#[derive(Debug, Clone, Default)]
pub(crate) struct SandboxChange {
    /// Whether its files are kept when a session ends.
    pub(crate) persistent: Option<bool>,
    /// Requested cores.
    pub(crate) vcpus: Option<u32>,
    /// How long a session lasts, in milliseconds.
    pub(crate) timeout: Option<u64>,
    /// The requested region.
    pub(crate) region: Option<String>,
    /// The requested failover regions.
    pub(crate) failover_regions: Option<Vec<String>>,
    /// Default environment of its commands.
    pub(crate) env: Option<BTreeMap<String, String>>,
    /// Tags to find it by. They replace all earlier tags.
    pub(crate) tags: Option<BTreeMap<String, String>>,
    /// The network policy of its sessions.
    pub(crate) network: Option<NetworkSetting>,
    /// Ports that get a public host name. They replace all earlier ports.
    pub(crate) ports: Option<Vec<u16>>,
    /// How long its snapshots are kept, in milliseconds.
    pub(crate) snapshot_expiration: Option<u64>,
    /// How many snapshots it keeps.
    pub(crate) keep_last: Change<KeepLastSnapshots>,
    /// The snapshot that its next session starts from.
    pub(crate) current_snapshot: Option<String>,
}

impl Registry {
    /// Changes the settings of a sandbox.
    #[tracing::instrument(name = "sandboxes.update", skip_all, fields(sandbox.name = key.name))]
    pub(crate) async fn update(&self, key: &SandboxKey, change: SandboxChange) -> Result<View, ApiError> {
        self.find(key)?;
        self.check_store().await?;
        let now = self.now();
        let file = {
            let mut tables = self.tables();
            // Checked before the first change, so that a refused request changes nothing.
            if let Some(id) = &change.current_snapshot {
                let snapshot = tables.snapshots.get(id).filter(|snapshot| snapshot.sandbox.team == key.team);
                let missing = || ApiError::new(ErrorCode::NotFound, format!("Snapshot '{id}' not found."));
                if !snapshot.ok_or_else(missing)?.is_usable(now) {
                    return Err(snapshot_gone());
                }
            }
            let entry = tables.sandboxes.get_mut(key).ok_or_else(|| super::read::not_found(key))?;
            let record = &mut entry.record;
            set(&mut record.persistent, change.persistent);
            set(&mut record.vcpus, change.vcpus);
            set(&mut record.timeout, change.timeout);
            set(&mut record.region, change.region);
            set(&mut record.failover_regions, change.failover_regions);
            set(&mut record.env, change.env);
            set(&mut record.tags, change.tags.map(Some));
            set(&mut record.network, change.network.map(Some));
            set(&mut record.snapshot_expiration, change.snapshot_expiration.map(Some));
            match change.keep_last {
                Change::Keep => {}
                Change::Clear => record.keep_last = None,
                Change::Set(keep) => record.keep_last = Some(keep),
            }
            set(&mut record.current_snapshot, change.current_snapshot.map(Some));
            if let Some(ports) = change.ports {
                record.routes = routes(&ports, &record.routes);
            }
            record.updated_at = now;
            let file = record.file.clone();
            tables.save_sandbox(key);
            file
        };
        self.store.confirm(&[(Kind::Sandbox, &file)]).await?;
        self.find(key)
    }

    /// Extends the time of a running session.
    #[tracing::instrument(name = "sessions.extend", skip_all, fields(session.id = id))]
    pub(crate) async fn extend(&self, team: &str, id: &str, millis: u64) -> Result<SessionRecord, ApiError> {
        let live = self.live(team, id)?;
        self.check_store().await?;
        let now = self.now();
        let max = u64::try_from(self.options.max_timeout.as_millis()).unwrap_or(u64::MAX);
        let extended = {
            let mut tables = self.tables();
            let session = tables.sessions.get_mut(id).ok_or_else(ApiError::stopped)?;
            let timeout = session.timeout.saturating_add(millis);
            if timeout > max {
                let message = format!("The timeout of a sandbox cannot exceed {max} ms, extensions included.");
                return Err(ApiError::new(ErrorCode::TimeoutInvalid, message));
            }
            session.timeout = timeout;
            session.updated_at = now;
            let session = session.clone();
            tables.save_session(id);
            session
        };
        live.extend(Duration::from_millis(millis));
        self.store.confirm(&[(Kind::Session, id)]).await?;
        Ok(extended)
    }

    /// Changes the network policy of a running session, and of the later sessions of its sandbox.
    #[tracing::instrument(name = "sessions.set_network", skip_all, fields(session.id = id))]
    pub(crate) async fn set_network(
        &self,
        team: &str,
        id: &str,
        setting: NetworkSetting,
    ) -> Result<SessionRecord, ApiError> {
        let policy = setting.to_policy().map_err(ApiError::bad_request)?;
        let live = self.live(team, id)?;
        self.check_store().await?;
        let now = self.now();
        let changed = {
            let mut tables = self.tables();
            // Set the policy under the lock, so that of two concurrent changes the later one is both in force and on
            // record.
            live.container().set_network(policy);
            let session = tables.sessions.get_mut(id).ok_or_else(ApiError::stopped)?;
            session.network = Some(setting.clone());
            session.updated_at = now;
            let session = session.clone();
            tables.save_session(id);
            if let Some(sandbox) = tables.sandbox_of(&session) {
                sandbox.network = Some(setting);
                sandbox.updated_at = now;
                tables.save_sandbox(&session.sandbox);
            }
            session
        };
        self.store.confirm(&[(Kind::Session, id), (Kind::Sandbox, &changed.sandbox_file)]).await?;
        Ok(changed)
    }
}

fn set<T>(field: &mut T, value: Option<T>) {
    if let Some(value) = value {
        *field = value;
    }
}
