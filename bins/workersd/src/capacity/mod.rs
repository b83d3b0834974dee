//! Divides the host's resources: a reserve stays with the host and the server, invocations get the most they can take,
//! and system containers get the rest.

mod words;

use anyhow::{Context as _, bail};
use workers_domain::{Resource, Resources};
use workers_engine::{SANDBOX_DESCRIPTORS, Templates};
use workers_vercel_server::ContainerSizes;

use self::words::{amount, amounts, noun};
use crate::config::{SandboxKind, Settings};

/// Descriptors of the server that one container may hold for the outputs of commands that have ended.
const KEPT_OUTPUTS: u64 = 64;
/// Descriptors of the server that one invocation takes for its outputs and its payload.
const INVOCATION_DESCRIPTORS: u64 = 4;
/// Descriptors of the server that one invocation in the cloud takes for its connections.
const CLOUD_DESCRIPTORS: u64 = 4;
/// Processes and threads of one booted node.
const TEMPLATE_PROCESSES: u64 = 8;
/// Processes of a sandbox beside its user's: its init.
const OWN_PROCESSES: u64 = 1;

/// How the host's resources are divided.
#[derive(Debug)]
pub(crate) struct Plan {
    host: Resources,
    reserve: Resources,
    /// Invocations that run at one time.
    concurrency: usize,
    /// Why `concurrency` is lower than the default. `None` if it is not.
    lowered: Option<String>,
    /// Client connections that each API may hold: the platform's API, then the Vercel API.
    connections: [usize; 2],
    pub(crate) containers: Option<Containers>,
}

/// What containers may take.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Containers {
    /// For all containers together.
    pub(crate) capacity: Resources,
    /// The largest size of one container.
    pub(crate) sizes: ContainerSizes,
    pub(crate) connections: usize,
}

impl Plan {
    /// Looks at the host and divides it.
    pub(crate) async fn make(settings: &Settings) -> anyhow::Result<Self> {
        let host = tokio::task::spawn_blocking(workers_engine::host_capacity).await?;
        Self::new(settings, host.context("cannot find out what this machine has")?)
    }

    /// Divides a host that has these resources.
    fn new(settings: &Settings, host: Resources) -> anyhow::Result<Self> {
        let reserve = settings.capacity.reserve.of(host);
        let left = host.minus(reserve);
        let granted = Resources { memory_bytes: settings.capacity.overcommit_memory.of(left.memory_bytes), ..left };
        let demand = invocation(settings);
        let sizes = container_sizes();
        let wanted = settings.service.max_concurrent_invocations;
        let smallest = if settings.vercel_api.is_some() { sizes.demand(1) } else { Resources::default() };
        // A concurrency that the operator set is kept, and leaves less for containers. The default is lowered until one
        // container fits.
        let room = if settings.capacity.concurrency_is_set { granted } else { granted.minus(smallest) };
        let (fits, scarce) = room.fits(demand);
        let fits = usize::try_from(fits).unwrap_or(usize::MAX);
        if settings.capacity.concurrency_is_set && fits < wanted {
            bail!("{} At most {fits} fit.", too_many(settings, wanted, demand, granted, scarce));
        }
        // At least one, even if none fits: the check below then reports what is missing.
        let concurrency = wanted.min(fits).max(1);
        if let Some(resource) = demand.shortage(granted) {
            bail!("{}", too_many(settings, 1, demand, granted, resource));
        }
        let lowered = (concurrency < wanted).then(|| {
            format!("{} So only {concurrency} run at one time.", too_many(settings, wanted, demand, room, scarce))
        });
        let rest = granted.minus(demand.times(concurrency as u64));
        let connections = connections(settings, reserve);
        let containers = match &settings.vercel_api {
            Some(_) => Some(Containers::new(settings, rest, left, sizes, connections[1])?),
            None => None,
        };
        Ok(Self { host, reserve, concurrency, lowered, connections, containers })
    }

    /// Writes the plan into the settings.
    pub(crate) fn apply(&self, settings: &mut Settings) {
        if let Some(reason) = &self.lowered {
            tracing::warn!("{reason}");
        }
        settings.service.max_concurrent_invocations = self.concurrency;
        settings.capacity.templates = self.templates();
        let http = &mut settings.http;
        let each = (self.connections[0] / http.threads.max(1)).max(1);
        http.max_connections_per_thread = http.max_connections_per_thread.min(each);
    }

    /// Returns the limits for booted nodes of workers: half of the reserve's memory and of its processes.
    fn templates(&self) -> Templates {
        let most = u32::try_from(self.reserve.pids / 2 / TEMPLATE_PROCESSES).unwrap_or(u32::MAX);
        Templates::PerContent { most, memory_bytes: self.reserve.memory_bytes / 2 }
    }

    /// Describes the plan in one line for people.
    pub(crate) fn describe(&self) -> String {
        let containers = self.containers.map(|containers| {
            let largest = containers.sizes.max_vcpus;
            let memory = amount(Resource::Memory, containers.capacity.memory_bytes);
            format!("; sandboxes of the Vercel API up to {largest} vCPUs each, {memory} together")
        });
        format!(
            "the host has {}; reserved are {}; {} invocations fit{}{}",
            amounts(self.host),
            amounts(self.reserve),
            self.concurrency,
            if self.lowered.is_some() { ", fewer than usual" } else { "" },
            containers.unwrap_or_default()
        )
    }
}

impl Containers {
    /// Returns what is left for containers. One container gets no more than the host really has, also with
    /// overcommitment.
    ///
    /// # Errors
    ///
    /// When the smallest container does not fit.
    fn new(
        settings: &Settings,
        rest: Resources,
        left: Resources,
        sizes: ContainerSizes,
        connections: usize,
    ) -> anyhow::Result<Self> {
        // Processor time is shared, so a host with less than one core can still run a container of one core.
        let millicores = left.millicores.max(1000);
        let one = Resources { millicores, ..rest.min(Resources { millicores: u64::MAX, ..left }) };
        let largest = sizes.largest(one);
        if let Some(resource) = sizes.demand(1).shortage(one) {
            bail!(
                "--vercel-api has no room for a single sandbox: the smallest one takes {} of {}, and {} are left beside \
                 what is reserved (--reserve) and {} for invocations (--concurrency, --memory, --processes)",
                amount(resource, sizes.demand(1).of(resource)),
                noun(resource),
                amount(resource, one.of(resource)),
                amount(resource, left.minus(one).of(resource)),
            );
        }
        let millicores = settings.capacity.overcommit_processors.of(millicores);
        let capacity = Resources { millicores, ..rest };
        Ok(Self { capacity, sizes: ContainerSizes { max_vcpus: largest, ..sizes }, connections })
    }
}

/// Returns the most that one invocation can take.
fn invocation(settings: &Settings) -> Resources {
    if settings.sandbox == SandboxKind::Vercel {
        // The cloud has the memory and the processes of these invocations; this host only has their connections.
        return Resources { descriptors: CLOUD_DESCRIPTORS, ..Resources::default() };
    }
    let limits = settings.service.sandbox;
    Resources {
        sandboxes: 1,
        memory_bytes: limits.memory_bytes,
        // Invocations share the processors in time.
        millicores: 0,
        pids: u64::from(limits.processes) + OWN_PROCESSES,
        descriptors: SANDBOX_DESCRIPTORS + INVOCATION_DESCRIPTORS,
    }
}

fn container_sizes() -> ContainerSizes {
    ContainerSizes { descriptors: SANDBOX_DESCRIPTORS + KEPT_OUTPUTS, ..ContainerSizes::default() }
}

/// Returns how many client connections each API may hold. They take half of the reserve's descriptors. A connection to
/// the Vercel API may also hold a file or three pipes, so it counts as four.
fn connections(settings: &Settings, reserve: Resources) -> [usize; 2] {
    let half = usize::try_from(reserve.descriptors / 2).unwrap_or(usize::MAX);
    if settings.vercel_api.is_some() { [half / 2, (half / 2 / 4).clamp(1, 10_000)] } else { [half, 0] }
}

fn too_many(settings: &Settings, number: usize, demand: Resources, granted: Resources, resource: Resource) -> String {
    let flag = match resource {
        Resource::Memory => " (--memory)",
        Resource::Pids => " (--processes)",
        Resource::Sandboxes | Resource::Processors | Resource::Descriptors => "",
    };
    let option = if settings.capacity.concurrency_is_set {
        settings.sources.name("concurrency")
    } else {
        "the usual number of invocations".to_owned()
    };
    format!(
        "{option} is more than this machine has: {number} at one time take {} of {}, {} each{flag}, and there are {} beside what is \
         reserved (--reserve).",
        amount(resource, demand.of(resource).saturating_mul(number as u64)),
        noun(resource),
        amount(resource, demand.of(resource)),
        amount(resource, granted.of(resource)),
    )
}

#[cfg(test)]
mod tests;
