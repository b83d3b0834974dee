//! What an embedder says when it sets the provider up.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use workers_domain::ResourceLimits;
use workers_domain::ports::{Clock, SystemClock};

/// What one processor comes with.
const MEMORY_PER_VCPU: u64 = 2048 << 20;

/// How the provider is to work. Make one with [`VercelOptions::new`] and change what is not to your liking.
#[derive(Clone)]
#[non_exhaustive]
pub struct VercelOptions {
    /// Which installation of the platform this is: what it makes is tagged so, and found again by that tag. Servers
    /// that share a database share it; two platforms in one project must not. At most 256 characters.
    pub installation: String,
    /// What empty sandboxes come with: `node24`.
    pub runtime: String,
    /// Where sandboxes run; the API's default (`iad1`) if `None`. A snapshot made elsewhere counts as lost.
    pub region: Option<String>,
    /// Processors of a sandbox: one, or an even number. As many as the limit of memory takes if `None`, at 2048 MiB
    /// each.
    pub vcpus: Option<u32>,
    /// For how long after the wall-clock limit a sandbox may live: for what comes before and after its command. The API
    /// ends it then, if nobody has, which is how long an orphan costs money at most. 90 s: the first command after a
    /// restore was seen to take 33 s.
    pub slack: Duration,
    /// For how long after the wall-clock limit the API may take to end a command itself, and to tell so, before it is
    /// helped: 3 s.
    pub grace: Duration,
    /// Tells when snapshots expire and how old sandboxes are.
    pub clock: Arc<dyn Clock>,
}

impl VercelOptions {
    /// The defaults, for this installation.
    pub fn new(installation: impl Into<String>) -> Self {
        Self {
            installation: installation.into(),
            runtime: "node24".to_owned(),
            region: None,
            vcpus: None,
            slack: Duration::from_secs(90),
            grace: Duration::from_secs(3),
            clock: Arc::new(SystemClock),
        }
    }

    /// How long the API may let a sandbox of these limits live.
    pub(super) fn lifetime(&self, limits: &ResourceLimits) -> Duration {
        // The API takes no less.
        limits.wall_clock.saturating_add(self.slack).max(Duration::from_secs(1))
    }

    /// How many processors a sandbox of these limits gets.
    pub(super) fn vcpus(&self, limits: &ResourceLimits) -> u32 {
        self.vcpus.unwrap_or_else(|| match limits.memory_bytes.div_ceil(MEMORY_PER_VCPU) {
            0 | 1 => 1,
            more => u32::try_from(more.next_multiple_of(2)).unwrap_or(u32::MAX - 1),
        })
    }
}

impl fmt::Debug for VercelOptions {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("VercelOptions")
            .field("installation", &self.installation)
            .field("runtime", &self.runtime)
            .field("region", &self.region)
            .field("vcpus", &self.vcpus)
            .field("slack", &self.slack)
            .field("grace", &self.grace)
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn memory_decides_about_processors_unless_they_are_named() {
        let vcpus = |mebibytes: u64| {
            let limits = ResourceLimits { memory_bytes: mebibytes << 20, ..ResourceLimits::default() };
            VercelOptions::new("test").vcpus(&limits)
        };
        assert_eq!([256, 2048, 2049, 4096, 4097, 9000].map(vcpus), [1, 1, 2, 2, 4, 6]);
        let named = VercelOptions { vcpus: Some(8), ..VercelOptions::new("test") };
        assert_eq!(named.vcpus(&ResourceLimits::default()), 8);
    }

    #[test]
    fn a_sandbox_lives_a_second_at_least() {
        let options = VercelOptions { slack: Duration::ZERO, ..VercelOptions::new("test") };
        let limits = ResourceLimits { wall_clock: Duration::from_millis(10), ..ResourceLimits::default() };
        assert_eq!(options.lifetime(&limits), Duration::from_secs(1));
    }
}
