//! The limits that apply to a call: for each limit, the lower one of the server's and the tenant's.

use std::time::Duration;

use workers_domain::access::AccessError;
use workers_domain::ports::RepositoryError;
use workers_domain::{Isolation, ResourceLimits, TenantLimits, Worker};

use crate::options::share_of_worker;
use crate::{LogLimits, ServiceOptions};

/// The limits that apply to a call.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct EffectiveLimits {
    /// See [`ServiceOptions::max_code_bytes`].
    pub code_bytes: usize,
    /// See [`ServiceOptions::max_payload_bytes`].
    pub payload_bytes: usize,
    /// See [`ServiceOptions::max_result_bytes`].
    pub result_bytes: usize,
    /// See [`ServiceOptions::log`].
    pub log: LogLimits,
    /// See [`ServiceOptions::sandbox`].
    pub sandbox: ResourceLimits,
    /// Maximum number of the tenant's invocations that run at the same time.
    pub concurrent: usize,
    /// Maximum number of invocations of one of the tenant's workers that run at the same time. By default three
    /// quarters of the tenant's total.
    pub concurrent_per_worker: usize,
    /// Maximum number of the tenant's invocations that wait for a permit at the same time.
    pub queued: usize,
    /// See [`ServiceOptions::worker_lifetime`].
    pub worker_lifetime: Duration,
    /// The stronger of [`ServiceOptions::isolation`] and the tenant's.
    pub isolation: Isolation,
}

/// The reason why limits cannot be returned.
#[derive(Debug, thiserror::Error)]
pub enum LimitsError {
    /// The caller may not do this.
    #[error(transparent)]
    Access(#[from] AccessError),
    /// The tenant's limits cannot be read.
    #[error("failed to read the limits of the tenant")]
    Repository(#[from] RepositoryError),
}

impl EffectiveLimits {
    /// Combines the server's and the tenant's limits: the lower one of each.
    #[must_use]
    pub fn least(server: &ServiceOptions, tenant: &TenantLimits) -> Self {
        fn least<T: Ord>(server: T, tenant: Option<T>) -> T {
            match tenant {
                Some(tenant) => server.min(tenant),
                None => server,
            }
        }
        let ResourceLimits { memory_bytes, processes, wall_clock, disk_bytes } = server.sandbox;
        let concurrent = least(server.max_concurrent_invocations.max(1), tenant.concurrent).max(1);
        let per_worker = share_of_worker(concurrent, server.max_concurrent_per_worker);
        Self {
            code_bytes: least(server.max_code_bytes, tenant.code_bytes),
            payload_bytes: least(server.max_payload_bytes, tenant.payload_bytes),
            result_bytes: least(server.max_result_bytes, tenant.result_bytes),
            log: LogLimits {
                line_bytes: least(server.log.line_bytes, tenant.log_line_bytes),
                total_bytes: least(server.log.total_bytes, tenant.log_bytes),
            },
            sandbox: ResourceLimits {
                memory_bytes: least(memory_bytes, tenant.memory_bytes),
                processes: least(processes, tenant.processes),
                wall_clock: least(wall_clock, tenant.wall_clock),
                disk_bytes: least(disk_bytes, tenant.disk_bytes),
            },
            concurrent,
            // The queue needs at least one permit for each tenant and worker (`fair_queue/limits.rs`).
            concurrent_per_worker: least(per_worker, tenant.concurrent_per_worker).max(1),
            queued: least(server.max_queued_invocations, tenant.queued),
            worker_lifetime: least(server.worker_lifetime, tenant.worker_lifetime),
            isolation: tenant.isolation.map_or(server.isolation, |isolation| isolation.max(server.isolation)),
        }
    }
}

impl EffectiveLimits {
    /// Returns the limits of one worker, which may demand a stronger isolation.
    pub(crate) fn of(self, worker: &Worker) -> Self {
        let isolation = worker.isolation.map_or(self.isolation, |isolation| isolation.max(self.isolation));
        Self { isolation, ..self }
    }
}

impl Default for EffectiveLimits {
    fn default() -> Self {
        Self::least(&ServiceOptions::default(), &TenantLimits::default())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn without_limits_of_its_own_a_tenant_may_have_what_the_options_say() {
        let options = ServiceOptions { max_concurrent_invocations: 16, ..ServiceOptions::default() };
        let limits = EffectiveLimits::least(&options, &TenantLimits::default());
        assert_eq!((limits.concurrent, limits.concurrent_per_worker), (16, options.concurrent_per_worker()));
        assert_eq!((limits.sandbox, limits.log, limits.queued), (options.sandbox, options.log, 1000));
    }

    #[test]
    fn the_lower_limit_holds_whosever_it_is() {
        let options = ServiceOptions { max_code_bytes: 100, max_payload_bytes: 100, ..ServiceOptions::default() };
        let tenant = TenantLimits {
            code_bytes: Some(99),
            payload_bytes: Some(101),
            wall_clock: Some(Duration::from_secs(1)),
            memory_bytes: Some(u64::MAX),
            ..TenantLimits::default()
        };
        let limits = EffectiveLimits::least(&options, &tenant);
        assert_eq!((limits.code_bytes, limits.payload_bytes), (99, 100));
        assert_eq!(limits.sandbox.wall_clock, Duration::from_secs(1));
        assert_eq!(limits.sandbox.memory_bytes, options.sandbox.memory_bytes);
    }

    #[test]
    fn the_stronger_isolation_holds_whosever_it_is() {
        for (server, tenant, expected) in [
            (Isolation::Process, None, Isolation::Process),
            (Isolation::Process, Some(Isolation::Sandbox), Isolation::Sandbox),
            (Isolation::Sandbox, Some(Isolation::Process), Isolation::Sandbox),
            (Isolation::Sandbox, None, Isolation::Sandbox),
        ] {
            let options = ServiceOptions { isolation: server, ..ServiceOptions::default() };
            let tenant = TenantLimits { isolation: tenant, ..TenantLimits::default() };
            assert_eq!(EffectiveLimits::least(&options, &tenant).isolation, expected);
        }
    }

    #[test]
    fn a_worker_has_a_share_of_what_its_tenant_may_have() {
        let options = ServiceOptions { max_concurrent_invocations: 16, ..ServiceOptions::default() };
        let share = |concurrent, concurrent_per_worker| {
            let tenant = TenantLimits { concurrent, concurrent_per_worker, ..TenantLimits::default() };
            let limits = EffectiveLimits::least(&options, &tenant);
            (limits.concurrent, limits.concurrent_per_worker)
        };
        for (concurrent, per_worker, expected) in [
            (None, None, (16, 12)),
            (Some(4), None, (4, 3)),
            (Some(4), Some(2), (4, 2)),
            (Some(4), Some(9), (4, 3)),
            (Some(99), Some(99), (16, 12)),
            (Some(0), Some(0), (1, 1)),
        ] {
            assert_eq!(share(concurrent, per_worker), expected, "{concurrent:?} {per_worker:?}");
        }
    }
}
