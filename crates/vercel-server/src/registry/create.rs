//! Creates sandboxes.

use std::collections::BTreeMap;
use std::sync::Arc;

use tokio::sync::Mutex;

use super::Registry;
use super::tables::{SandboxEntry, View};
use crate::error::{ApiError, ErrorCode, snapshot_gone};
use crate::id;
use crate::model::{KeepLastSnapshots, NetworkSetting, Route, SandboxKey, SandboxRecord, Usage};
use crate::store::Kind;

/// The settings of a new sandbox. Absent settings have their defaults, or in a fork the values of the source.
#[derive(Debug, Clone, Default)]
pub(crate) struct NewSandbox {
    /// The name; a random one by default.
    pub(crate) name: Option<String>,
    /// The id of the snapshot that its first session starts from.
    pub(crate) snapshot: Option<String>,
    /// Whether its files are kept when a session ends.
    pub(crate) persistent: Option<bool>,
    /// Requested cores.
    pub(crate) vcpus: Option<u32>,
    /// How long a session lasts, in milliseconds.
    pub(crate) timeout: Option<u64>,
    /// The requested image.
    pub(crate) image: Option<String>,
    /// The requested region.
    pub(crate) region: Option<String>,
    /// The requested failover regions.
    pub(crate) failover_regions: Option<Vec<String>>,
    /// Default environment of its commands.
    pub(crate) env: Option<BTreeMap<String, String>>,
    /// Tags to find it by.
    pub(crate) tags: Option<BTreeMap<String, String>>,
    /// The network policy of its sessions.
    pub(crate) network: Option<NetworkSetting>,
    /// Ports that get a public host name.
    pub(crate) ports: Option<Vec<u16>>,
    /// How long its snapshots are kept, in milliseconds.
    pub(crate) snapshot_expiration: Option<u64>,
    /// How many snapshots it keeps.
    pub(crate) keep_last: Option<KeepLastSnapshots>,
}

impl Registry {
    /// Creates a sandbox and its first session.
    #[tracing::instrument(name = "sandboxes.create", skip_all, fields(sandbox.name))]
    pub(crate) async fn create(
        self: &Arc<Self>,
        team: String,
        project: String,
        new: NewSandbox,
    ) -> Result<View, ApiError> {
        let name = new.name.unwrap_or_else(id::name);
        tracing::Span::current().record("sandbox.name", name.as_str());
        let key = SandboxKey { team, project, name };
        let now = self.now();
        let record = SandboxRecord {
            file: id::file(),
            key: key.clone(),
            persistent: new.persistent.unwrap_or(true),
            // Two, as on the hosted service, even if the snapshot is of a larger sandbox; one, if two can never fit.
            vcpus: new.vcpus.unwrap_or_else(|| 2.min(self.options.sizes.max_vcpus)),
            timeout: new.timeout.unwrap_or_else(|| millis(self.options.default_timeout)),
            image: new.image.or_else(|| self.image_of(&key.team, new.snapshot.as_deref()?)),
            region: new.region.unwrap_or_else(|| self.options.region.clone()),
            failover_regions: new.failover_regions.unwrap_or_default(),
            env: new.env.unwrap_or_default(),
            tags: new.tags,
            network: new.network,
            routes: routes(&new.ports.unwrap_or_default(), &[]),
            snapshot_expiration: new.snapshot_expiration,
            keep_last: new.keep_last,
            current_session: String::new(),
            current_snapshot: new.snapshot,
            total_duration: 0,
            total_used: Usage::NOTHING,
            created_at: now,
            updated_at: now,
            status_updated_at: now,
        };
        let reserved = NameReservation::take(self, key)?;
        let launched = self.launch(&record, record.current_snapshot.as_deref()).await?;
        // From here on a failure must undo everything: a client that receives an error tries again, and would find the
        // name taken.
        let transition = Arc::new(Mutex::new(()));
        let sandbox = SandboxRecord { current_session: launched.record.id.clone(), ..record };
        let view = View { sandbox: sandbox.clone(), session: launched.record.clone() };
        // The sandbox is not in the tables yet, so this lock is free.
        // Held until the sandbox is in the tables, so that nothing can end its session before.
        let excluded = transition.lock().await;
        self.attach(launched, &transition);
        {
            let key = &reserved.key;
            let mut tables = self.tables();
            let entry = SandboxEntry { record: sandbox, transition: Arc::clone(&transition) };
            tables.sandboxes.insert(key.clone(), entry);
            tables.save_sandbox(key);
        }
        drop(excluded);
        drop(reserved);
        let (file, session) = (&view.sandbox.file, &view.session.id);
        if let Err(fault) = self.store.confirm(&[(Kind::Sandbox, file), (Kind::Session, session)]).await {
            // This removes it from memory, even if the removal cannot be written to disk.
            let _ = self.remove(&view.sandbox.key, false).await;
            return Err(fault.into());
        }
        tracing::info!(sandbox.name = view.sandbox.key.name, session.id = view.session.id, "a sandbox was created");
        Ok(view)
    }

    /// Returns the image of the sandbox that a snapshot was taken of.
    fn image_of(&self, team: &str, snapshot: &str) -> Option<String> {
        self.tables().snapshots.get(snapshot).filter(|record| record.sandbox.team == team)?.image.clone()
    }

    /// Creates a sandbox with the files and settings of another one.
    #[tracing::instrument(name = "sandboxes.fork", skip_all, fields(sandbox.source = source.name))]
    pub(crate) async fn fork(self: &Arc<Self>, source: &SandboxKey, new: NewSandbox) -> Result<View, ApiError> {
        let other = self.find(source)?.sandbox;
        let snapshot = other.current_snapshot.ok_or_else(|| {
            ApiError::new(
                ErrorCode::NothingToResume,
                "Cannot fork sandbox: no snapshot available. Stop it, or take a snapshot.",
            )
        })?;
        let new = NewSandbox {
            name: new.name,
            snapshot: Some(snapshot),
            persistent: new.persistent.or(Some(other.persistent)),
            vcpus: new.vcpus.or(Some(other.vcpus)),
            timeout: new.timeout.or(Some(other.timeout)),
            image: other.image,
            region: new.region.or(Some(other.region)),
            failover_regions: new.failover_regions.or(Some(other.failover_regions)),
            env: new.env.or(Some(other.env)),
            tags: new.tags.or(other.tags),
            network: new.network.or(other.network),
            ports: new.ports.or_else(|| Some(other.routes.iter().map(|route| route.port).collect())),
            snapshot_expiration: new.snapshot_expiration.or(other.snapshot_expiration),
            keep_last: new.keep_last.or(other.keep_last),
        };
        let forked = self.create(source.team.clone(), source.project.clone(), new).await;
        // The client named a sandbox and no snapshot, so "not found" would be taken for the sandbox.
        forked.map_err(|error| if error.code() == ErrorCode::NotFound { snapshot_gone() } else { error })
    }
}

/// Returns routes for these ports. Ports that have a route in `old` keep it.
pub(super) fn routes(ports: &[u16], old: &[Route]) -> Vec<Route> {
    let route = |port: &u16| {
        let known = old.iter().find(|route| route.port == *port).cloned();
        known.unwrap_or_else(|| Route { port: *port, subdomain: id::subdomain() })
    };
    ports.iter().map(route).collect()
}

fn millis(duration: std::time::Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}

/// A name that is reserved, so that no concurrent request can take it. Dropping it frees the name.
struct NameReservation<'a> {
    registry: &'a Registry,
    key: SandboxKey,
}

impl<'a> NameReservation<'a> {
    fn take(registry: &'a Registry, key: SandboxKey) -> Result<Self, ApiError> {
        let mut tables = registry.tables();
        let reserved = tables.reserved.iter().filter(|other| other.team == key.team).count();
        if tables.of_team(&key.team).count() + reserved >= registry.options.max_sandboxes {
            let message = format!(
                "There are {} sandboxes already, which is as many as may be. Delete some and try again.",
                registry.options.max_sandboxes
            );
            return Err(ApiError::new(ErrorCode::TooManySandboxes, message));
        }
        if tables.sandboxes.contains_key(&key) || !tables.reserved.insert(key.clone()) {
            // `VercelError::is_name_taken` of our own client recognises this text.
            let message = format!("A sandbox with the name '{}' already exists for this project.", key.name);
            return Err(ApiError::bad_request(message));
        }
        drop(tables);
        Ok(Self { registry, key })
    }
}

impl Drop for NameReservation<'_> {
    fn drop(&mut self) {
        self.registry.tables().reserved.remove(&self.key);
    }
}
