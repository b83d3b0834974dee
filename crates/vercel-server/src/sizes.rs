//! Container sizes.

use workers_domain::Resources;

/// Descriptors of the server for a running command: two for its outputs, one for its log.
const COMMAND_DESCRIPTORS: u64 = 3;
/// Descriptors of the server for an upload, a download or another file operation: two for the outputs of the process in
/// the container, one for its input.
pub(crate) const TRANSFER_DESCRIPTORS: u32 = 3;
/// Descriptors of the server for a reader of a log.
pub(crate) const READER_DESCRIPTORS: u32 = 1;
/// Processes of a container that do not belong to its user: its init.
const OWN_PROCESSES: u64 = 1;

/// How much of each resource a container gets for its requested cores.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ContainerSizes {
    /// Maximum number of cores that a client may request. Lowered if the capacity has room for fewer.
    pub max_vcpus: u32,
    /// Memory for each core, including changed files, in MiB.
    pub memory_mib_per_vcpu: u64,
    /// Processes and threads for each core.
    pub processes_per_vcpu: u32,
    /// Maximum number of processes and threads of a container.
    pub max_processes: u32,
    /// Commands that may run at one time, for each core.
    pub commands_per_vcpu: u32,
    /// Maximum number of commands that may run at one time.
    pub max_commands: u32,
    /// Descriptors of the server for each container, without those of commands, files and logs. The value depends on
    /// the provider.
    pub descriptors: u64,
}

impl Default for ContainerSizes {
    fn default() -> Self {
        Self {
            max_vcpus: 32,
            memory_mib_per_vcpu: 2048,
            processes_per_vcpu: 512,
            max_processes: 4096,
            commands_per_vcpu: 64,
            max_commands: 256,
            descriptors: 256,
        }
    }
}

impl ContainerSizes {
    /// Returns the most of each resource that a container with this many cores can use.
    #[must_use]
    pub fn demand(&self, vcpus: u32) -> Resources {
        let commands = u64::from(self.commands(vcpus)) * COMMAND_DESCRIPTORS;
        Resources {
            sandboxes: 1,
            memory_bytes: self.memory_mib(vcpus).saturating_mul(1 << 20),
            millicores: u64::from(vcpus) * 1000,
            pids: u64::from(self.processes(vcpus)) + OWN_PROCESSES,
            descriptors: self.descriptors + commands + u64::from(self.transfers(vcpus)),
        }
    }

    /// Returns the largest number of cores whose container fits into `available`; 0 if none fits.
    #[must_use]
    pub fn largest(&self, available: Resources) -> u32 {
        let fits = |vcpus: &u32| self.demand(*vcpus).shortage(available).is_none();
        (1..=self.max_vcpus).filter(|vcpus| is_offered(*vcpus)).rfind(fits).unwrap_or(0)
    }

    /// Returns the memory of a container in MiB.
    pub(crate) fn memory_mib(&self, vcpus: u32) -> u64 {
        self.memory_mib_per_vcpu.saturating_mul(u64::from(vcpus))
    }

    pub(crate) fn processes(&self, vcpus: u32) -> u32 {
        self.processes_per_vcpu.saturating_mul(vcpus).min(self.max_processes)
    }

    pub(crate) fn commands(&self, vcpus: u32) -> u32 {
        self.commands_per_vcpu.saturating_mul(vcpus).min(self.max_commands)
    }

    /// Returns how many descriptors log readers and file transfers may use at one time: a reader for each command, and
    /// some more.
    pub(crate) fn transfers(&self, vcpus: u32) -> u32 {
        self.commands(vcpus).saturating_add(64)
    }
}

/// Returns whether clients may request this many cores: one, or an even number.
pub(crate) const fn is_offered(vcpus: u32) -> bool {
    vcpus == 1 || vcpus != 0 && vcpus.is_multiple_of(2)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_container_may_take_depends_on_its_cores() {
        let sizes = ContainerSizes::default();
        let small = Resources {
            sandboxes: 1,
            memory_bytes: 2 << 30,
            millicores: 1000,
            pids: 513,
            // The container's own, three for each of 64 commands, and as many readers as commands with 64 more.
            descriptors: 256 + 192 + 128,
        };
        assert_eq!(sizes.demand(1), small);
        let large = sizes.demand(32);
        assert_eq!((large.memory_bytes, large.pids), (64 << 30, 4097));
        // Four cores have 256 commands already, which is the maximum.
        assert_eq!(large.descriptors, sizes.demand(4).descriptors);
    }

    #[test]
    fn the_largest_container_is_one_that_can_be_asked_for_and_fits() {
        let sizes = ContainerSizes::default();
        assert_eq!(sizes.largest(Resources::UNLIMITED), 32);
        // Clients may request one core or an even number.
        assert_eq!(sizes.largest(sizes.demand(7)), 6);
        assert_eq!(sizes.largest(Resources { memory_bytes: 3 << 30, ..Resources::UNLIMITED }), 1);
        // The smallest container has 512 processes for its user, and one more, its init.
        assert_eq!(sizes.largest(Resources { pids: 512, ..Resources::UNLIMITED }), 0);
    }
}
