//! New sandboxes.

use std::collections::BTreeMap;
use std::sync::Arc;

use tokio::sync::Mutex;

use super::Registry;
use super::tables::{SandboxEntry, View};
use crate::error::{ApiError, ErrorCode, snapshot_gone};
use crate::id;
use crate::model::{KeepLastSnapshots, NetworkSetting, Route, SandboxKey, SandboxRecord, Used};
use crate::store::Kind;

/// A sandbox to be made. What is not given has its default, or in a fork what the other one has.
#[derive(Debug, Clone, Default)]
pub(crate) struct NewSandbox {
    /// Its name; a random one by default.
    pub(crate) name: Option<String>,
    /// The snapshot it starts from.
    pub(crate) snapshot: Option<String>,
    /// Whether the end of a session keeps its files.
    pub(crate) persistent: Option<bool>,
    /// Cores.
    pub(crate) vcpus: Option<u32>,
    /// How long a session lasts, in milliseconds.
    pub(crate) timeout: Option<u64>,
    /// The image.
    pub(crate) image: Option<String>,
    /// The region.
    pub(crate) region: Option<String>,
    /// Further regions.
    pub(crate) failover_regions: Option<Vec<String>>,
    /// Default environment of commands.
    pub(crate) env: Option<BTreeMap<String, String>>,
    /// Marks to find it by.
    pub(crate) tags: Option<BTreeMap<String, String>>,
    /// Whom it may talk to.
    pub(crate) network: Option<NetworkSetting>,
    /// Ports to name.
    pub(crate) ports: Option<Vec<u16>>,
    /// How long snapshots are kept, in milliseconds.
    pub(crate) snapshot_expiration: Option<u64>,
    /// How many snapshots are kept.
    pub(crate) keep_last: Option<KeepLastSnapshots>,
}

impl Registry {
    /// Makes a sandbox and its first session.
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
            total_used: Used::NOTHING,
            created_at: now,
            updated_at: now,
            status_updated_at: now,
        };
        let reserved = Reserved::take(self, key)?;
        let launched = self.launch(&record, record.current_snapshot.as_deref()).await?;
        // From here on a failure must take everything back: a client that is told of one asks again, and would find the
        // name taken.
        let transition = Arc::new(Mutex::new(()));
        let sandbox = SandboxRecord { current_session: launched.record.id.clone(), ..record };
        let view = View { sandbox: sandbox.clone(), session: launched.record.clone() };
        // Nobody else knows of it yet, so this does not wait.
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
            // In memory it is gone, whether or not that can be written down.
            let _ = self.remove(&view.sandbox.key, false).await;
            return Err(fault.into());
        }
        tracing::info!(sandbox.name = view.sandbox.key.name, session.id = view.session.id, "a sandbox was created");
        Ok(view)
    }

    /// The image of the sandbox that a snapshot was taken of.
    fn image_of(&self, team: &str, snapshot: &str) -> Option<String> {
        self.tables().snapshots.get(snapshot).filter(|record| record.sandbox.team == team)?.image.clone()
    }

    /// Makes a sandbox with another one's files and settings.
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
        forked.map_err(|error| if error.code() == ErrorCode::NotFound { snapshot_gone() } else { error })
    }
}

/// Routes of these ports: those that there are stay.
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

/// A name that nobody else can take meanwhile.
struct Reserved<'a> {
    registry: &'a Registry,
    key: SandboxKey,
}

impl<'a> Reserved<'a> {
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
            let message = format!("A sandbox with the name '{}' already exists for this project.", key.name);
            return Err(ApiError::bad_request(message));
        }
        drop(tables);
        Ok(Self { registry, key })
    }
}

impl Drop for Reserved<'_> {
    fn drop(&mut self) {
        self.registry.tables().reserved.remove(&self.key);
    }
}
