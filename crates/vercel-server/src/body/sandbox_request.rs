//! Sandbox settings in requests: for creating, forking and updating.

use std::collections::BTreeMap;

use serde::Deserialize;
use serde_json::Value;

use super::NetworkPolicyRequest;
use crate::VercelServerOptions;
use crate::error::{ApiError, ErrorCode};
use crate::model::{Change, KeepLastSnapshots, NetworkSetting};
use crate::registry::{NewSandbox, SandboxChange};
use crate::sizes::is_offered;

/// Memory for each core that clients assume, in MiB.
const CLIENTS_MEMORY: u64 = 2048;
const MAX_PORTS: usize = 15;
/// A port that the hosted service reserves for itself.
const RESERVED_PORT: u16 = 23456;
const MAX_TAGS: usize = 5;
/// Maximum size of an environment, or of a command with its arguments, in bytes. It is limited because they are held in
/// memory.
pub(super) const MAX_WORDS_BYTES: usize = 128 << 10;
const DAY: u64 = 86_400_000;

/// The settings of a sandbox. The kind of request determines which of them may be present.
#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(crate) struct SandboxRequest {
    /// The project of a new sandbox.
    pub(crate) project_id: Option<String>,
    name: Option<String>,
    source: Option<Source>,
    timeout: Option<u64>,
    resources: Option<Resources>,
    runtime: Option<String>,
    image: Option<String>,
    persistent: Option<bool>,
    env: Option<BTreeMap<String, String>>,
    tags: Option<BTreeMap<String, String>>,
    network_policy: Option<NetworkPolicyRequest>,
    network_id: Option<String>,
    ports: Option<Vec<u16>>,
    snapshot_expiration: Option<u64>,
    keep_last_snapshots: Change<KeepLastSnapshots>,
    mounts: Option<BTreeMap<String, Value>>,
    region: Option<String>,
    failover_regions: Option<Vec<String>>,
    current_snapshot_id: Option<String>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Source {
    r#type: String,
    snapshot_id: Option<String>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Resources {
    vcpus: Option<u32>,
    memory: Option<u64>,
}

impl SandboxRequest {
    /// Validates the request as one for a new sandbox.
    pub(crate) fn into_new(self, options: &VercelServerOptions) -> Result<NewSandbox, ApiError> {
        let network = self.check(options)?;
        let snapshot = self.source.map(Source::into_snapshot).transpose()?;
        if snapshot.is_some() && (self.runtime.is_some() || self.image.is_some()) {
            return Err(ApiError::bad_request(
                "A snapshot brings its own system: neither `runtime` nor `image` may be given.",
            ));
        }
        if self.runtime.is_some() && self.image.is_some() {
            return Err(ApiError::bad_request("`runtime` and `image` cannot be used together."));
        }
        if let Some(runtime) = self.runtime.filter(|runtime| runtime != "node24") {
            let message = format!("This server has the runtime `node24` only, not `{}`.", shortened(&runtime));
            return Err(ApiError::new(ErrorCode::NotSupported, message));
        }
        if let Some(image) = self.image.as_ref().filter(|image| !is_ours(image)) {
            let message = format!(
                "This server has the images `vercel/sandbox/universal` and `vercel/sandbox/node:24` only, not `{}`.",
                shortened(image)
            );
            return Err(ApiError::new(ErrorCode::NotSupported, message));
        }
        Ok(NewSandbox {
            name: self.name,
            snapshot,
            persistent: self.persistent,
            vcpus: self.resources.and_then(|resources| resources.cores(options)),
            timeout: self.timeout,
            image: self.image,
            region: self.region,
            failover_regions: self.failover_regions,
            env: self.env,
            tags: self.tags,
            network,
            ports: self.ports,
            snapshot_expiration: self.snapshot_expiration,
            keep_last: self.keep_last_snapshots.value(),
        })
    }

    /// Validates the request as one that changes a sandbox.
    pub(crate) fn into_change(self, options: &VercelServerOptions) -> Result<SandboxChange, ApiError> {
        let network = self.check(options)?;
        Ok(SandboxChange {
            persistent: self.persistent,
            vcpus: self.resources.and_then(|resources| resources.cores(options)),
            timeout: self.timeout,
            region: self.region,
            failover_regions: self.failover_regions,
            env: self.env,
            tags: self.tags,
            network,
            ports: self.ports,
            snapshot_expiration: self.snapshot_expiration,
            keep_last: self.keep_last_snapshots,
            current_snapshot: self.current_snapshot_id,
        })
    }

    /// Refuses values that are invalid in every kind of request.
    fn check(&self, options: &VercelServerOptions) -> Result<Option<NetworkSetting>, ApiError> {
        if let Some(name) = &self.name {
            check_name(name)?;
        }
        if let Some(timeout) = self.timeout {
            check_timeout(timeout, options)?;
        }
        if let Some(resources) = &self.resources {
            resources.check(options)?;
        }
        if let Some(ports) = &self.ports {
            check_ports(ports)?;
        }
        if let Some(tags) = &self.tags {
            let fits = |(name, value): (&String, &String)| !name.is_empty() && name.len() <= 256 && value.len() <= 256;
            if tags.len() > MAX_TAGS || !tags.iter().all(fits) {
                return Err(ApiError::bad_request(
                    "There may be at most 5 tags, with names and values of at most 256 bytes.",
                ));
            }
        }
        if let Some(env) = &self.env {
            check_env(env)?;
        }
        if let Some(expiration) = self.snapshot_expiration {
            check_expiration(expiration)?;
        }
        if let Change::Set(keep) = &self.keep_last_snapshots {
            if !(1..=10).contains(&keep.count) {
                return Err(ApiError::bad_request("`keepLastSnapshots.count` must be from 1 to 10."));
            }
            keep.expiration.map_or(Ok(()), check_expiration)?;
        }
        if self.mounts.as_ref().is_some_and(|mounts| !mounts.is_empty()) {
            return Err(ApiError::new(
                ErrorCode::NotSupported,
                "Drives are not offered by this server; `mounts` must be absent.",
            ));
        }
        if self.network_id.is_some() {
            return Err(ApiError::new(
                ErrorCode::NotSupported,
                "Private networks are not offered by this server; `networkId` must be absent.",
            ));
        }
        self.check_regions(options)?;
        self.network_policy.clone().map(NetworkPolicyRequest::parse).transpose()
    }

    fn check_regions(&self, options: &VercelServerOptions) -> Result<(), ApiError> {
        let failover = self.failover_regions.as_deref().unwrap_or_default();
        let is_name = |region: &String| (1..=32).contains(&region.len());
        if failover.len() > 19 || !failover.iter().chain(&self.region).all(is_name) {
            return Err(ApiError::bad_request(
                "A region's name must have 1 to 32 bytes, and there may be at most 19 failover regions.",
            ));
        }
        let region = self.region.as_ref().unwrap_or(&options.region);
        if failover.contains(region) {
            return Err(ApiError::bad_request("`failoverRegions` must not contain `region`."));
        }
        Ok(())
    }
}

impl Source {
    fn into_snapshot(self) -> Result<String, ApiError> {
        match (self.r#type.as_str(), self.snapshot_id) {
            ("snapshot", Some(id)) => Ok(id),
            ("snapshot", None) => Err(ApiError::bad_request("`source.snapshotId` is missing.")),
            ("git" | "tarball", _) => {
                let message = "This server fetches no sources: make a sandbox without `source`, and write files or run `git clone` in it.";
                Err(ApiError::new(ErrorCode::NotSupported, message))
            }
            _ => Err(ApiError::bad_request("`source.type` must be `snapshot`.")),
        }
    }
}

impl Resources {
    /// Returns the requested cores: given by number, or derived from the requested memory.
    fn cores(&self, options: &VercelServerOptions) -> Option<u32> {
        self.vcpus.or_else(|| {
            let memory = self.memory?;
            let largest = options.sizes.max_vcpus;
            (1..=largest).filter(|vcpus| is_offered(*vcpus)).find(|vcpus| fits(memory, *vcpus, options))
        })
    }

    fn check(&self, options: &VercelServerOptions) -> Result<(), ApiError> {
        let largest = options.sizes.max_vcpus;
        if self.vcpus.is_some_and(|vcpus| !is_offered(vcpus) || vcpus > largest) {
            let message = format!("`resources.vcpus` must be 1 or an even number, at most {largest}.");
            return Err(ApiError::bad_request(message));
        }
        let Some(memory) = self.memory else { return Ok(()) };
        if self.cores(options).is_some_and(|vcpus| fits(memory, vcpus, options)) {
            Ok(())
        } else {
            let message =
                format!("`resources.memory` must be 2048 for each vCPU, of which there are at most {largest}.");
            Err(ApiError::bad_request(message))
        }
    }
}

/// Returns whether `memory` is the amount that comes with `vcpus` cores, by the ratio of the clients or of this server.
fn fits(memory: u64, vcpus: u32, options: &VercelServerOptions) -> bool {
    let of = |per_vcpu: u64| per_vcpu.saturating_mul(u64::from(vcpus));
    memory == of(CLIENTS_MEMORY) || memory == of(options.sizes.memory_mib_per_vcpu)
}

fn is_ours(image: &str) -> bool {
    // A digest that pins the image is not compared, because there is only one system here.
    let name = image.split_once('@').map_or(image, |(name, _)| name);
    let (name, tag) = name.split_once(':').map_or((name, None), |(name, tag)| (name, Some(tag)));
    match name {
        "vercel/sandbox/universal" => true,
        "vercel/sandbox/node" => tag == Some("24"),
        _ => false,
    }
}

/// Checks the name of a sandbox.
pub(crate) fn check_name(name: &str) -> Result<(), ApiError> {
    let known = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'_' || byte == b'-';
    if (1..=128).contains(&name.len()) && name.bytes().all(known) {
        Ok(())
    } else {
        Err(ApiError::bad_request("A sandbox's name must have 1 to 128 letters, digits, `-` and `_`."))
    }
}

fn check_timeout(timeout: u64, options: &VercelServerOptions) -> Result<(), ApiError> {
    let max = u64::try_from(options.max_timeout.as_millis()).unwrap_or(u64::MAX);
    if (1000..=max).contains(&timeout) {
        Ok(())
    } else {
        Err(ApiError::bad_request(format!("`timeout` must be from 1000 to {max} ms.")))
    }
}

fn check_ports(ports: &[u16]) -> Result<(), ApiError> {
    let fits = |port: &u16| *port >= 1024 && *port != RESERVED_PORT;
    let distinct: std::collections::HashSet<_> = ports.iter().collect();
    if ports.len() <= MAX_PORTS && ports.iter().all(fits) && distinct.len() == ports.len() {
        Ok(())
    } else {
        Err(ApiError::bad_request("There may be at most 15 different ports from 1024 to 65535, without 23456."))
    }
}

/// Checks an environment.
pub(crate) fn check_env(env: &BTreeMap<String, String>) -> Result<(), ApiError> {
    let fits =
        |(name, value): (&String, &String)| !name.is_empty() && !name.contains(['=', '\0']) && !value.contains('\0');
    let size: usize = env.iter().map(|(name, value)| name.len() + value.len()).sum();
    if size > MAX_WORDS_BYTES {
        return Err(ApiError::bad_request(format!("`env` must have at most {MAX_WORDS_BYTES} bytes.")));
    }
    if env.iter().all(fits) {
        Ok(())
    } else {
        Err(ApiError::bad_request(
            "Names in `env` must not be empty, nor contain `=` or NUL; values must not contain NUL.",
        ))
    }
}

/// Checks how long a snapshot is kept, in milliseconds.
pub(crate) fn check_expiration(expiration: u64) -> Result<(), ApiError> {
    if expiration == 0 || (DAY..=10_000 * DAY).contains(&expiration) {
        Ok(())
    } else {
        Err(ApiError::bad_request("A snapshot's expiration must be 0, for never, or at least one day (86400000 ms)."))
    }
}

fn shortened(text: &str) -> String {
    text.chars().filter(|symbol| !symbol.is_control()).take(100).collect()
}
