//! Options of the provider.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use workers_domain::ResourceLimits;
use workers_domain::ports::{Clock, SystemClock};

/// Memory that comes with one processor, in bytes.
const MEMORY_PER_VCPU: u64 = 2048 << 20;

/// Options of the provider. Create them with [`VercelOptions::new`] and change fields as needed.
#[derive(Clone)]
#[non_exhaustive]
pub struct VercelOptions {
    /// The name of this installation of the platform. Its sandboxes are tagged with it and found by that tag. Servers
    /// that share a database share the name; two platforms in one project must not. At most 256 characters.
    pub installation: String,
    /// The runtime of empty sandboxes: `node24`.
    pub runtime: String,
    /// The region of sandboxes; the API's default (`iad1`) if `None`. A snapshot from another region counts as lost.
    pub region: Option<String>,
    /// Processors of a sandbox: one, or an even number. If `None`, as many as are needed for the memory limit, at 2048
    /// MiB each.
    pub vcpus: Option<u32>,
    /// How long a sandbox may live beyond the wall-clock limit, for the time before and after its command. The API then
    /// ends the sandbox, so this bounds how long an orphan costs money. 90 s: the first command after a restore was
    /// measured to take 33 s.
    pub slack: Duration,
    /// How long the API may take, after the wall-clock limit, to end a command and report that, before the provider
    /// kills the command: 3 s.
    pub grace: Duration,
    /// The clock that decides when snapshots expire and how old sandboxes are.
    pub clock: Arc<dyn Clock>,
}

impl VercelOptions {
    /// Creates options with the default values for this installation.
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

    /// Returns how long the API may let a sandbox with these limits live.
    pub(super) fn lifetime(&self, limits: &ResourceLimits) -> Duration {
        // The API requires at least a second.
        limits.wall_clock.saturating_add(self.slack).max(Duration::from_secs(1))
    }

    /// Returns how many processors a sandbox with these limits gets.
    pub(super) fn vcpus(&self, limits: &ResourceLimits) -> u32 {
        self.vcpus.unwrap_or_else(|| match limits.memory_bytes.div_ceil(MEMORY_PER_VCPU) {
            0 | 1 => 1,
            // The API offers one processor or an even number.
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
        // Rounded up to the processors that bring enough memory, and from two on to an even number.
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
