//! Amounts of the resources that a host can run out of.

use std::fmt;

/// Amounts of the resources that a host can run out of: its total, a reservation, or the demand of one sandbox.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Resources {
    /// Number of sandboxes at the same time.
    pub sandboxes: u64,
    /// Memory in bytes.
    pub memory_bytes: u64,
    /// Processor time, in thousandths of a processor.
    pub millicores: u64,
    /// Number of processes and threads.
    pub pids: u64,
    /// Number of open file descriptors (files, pipes and sockets) of the server process.
    pub descriptors: u64,
}

/// One of the resources in [`Resources`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Resource {
    /// Sandboxes at the same time.
    Sandboxes,
    /// Memory.
    Memory,
    /// Processor time.
    Processors,
    /// Processes and threads.
    Pids,
    /// File descriptors of the server process.
    Descriptors,
}

const ALL: [Resource; 5] =
    [Resource::Sandboxes, Resource::Memory, Resource::Processors, Resource::Pids, Resource::Descriptors];

impl Resources {
    /// The maximum of every resource.
    pub const UNLIMITED: Self = Self::all(u64::MAX);

    const fn all(amount: u64) -> Self {
        Self { sandboxes: amount, memory_bytes: amount, millicores: amount, pids: amount, descriptors: amount }
    }

    /// Returns the amount of one resource.
    #[must_use]
    pub const fn of(self, resource: Resource) -> u64 {
        match resource {
            Resource::Sandboxes => self.sandboxes,
            Resource::Memory => self.memory_bytes,
            Resource::Processors => self.millicores,
            Resource::Pids => self.pids,
            Resource::Descriptors => self.descriptors,
        }
    }

    /// Combines the two amounts of each resource with `work`.
    fn zip(self, other: Self, work: impl Fn(u64, u64) -> u64) -> Self {
        Self {
            sandboxes: work(self.sandboxes, other.sandboxes),
            memory_bytes: work(self.memory_bytes, other.memory_bytes),
            millicores: work(self.millicores, other.millicores),
            pids: work(self.pids, other.pids),
            descriptors: work(self.descriptors, other.descriptors),
        }
    }

    /// Returns the sum. Saturates on overflow.
    #[must_use]
    pub fn plus(self, other: Self) -> Self {
        self.zip(other, u64::saturating_add)
    }

    /// Returns the sum, or `None` if any amount overflows.
    pub(super) fn checked_plus(self, other: Self) -> Option<Self> {
        let fits = ALL.into_iter().all(|resource| self.of(resource).checked_add(other.of(resource)).is_some());
        fits.then(|| self.plus(other))
    }

    /// Returns the difference, or zero where `other` is larger.
    #[must_use]
    pub fn minus(self, other: Self) -> Self {
        self.zip(other, u64::saturating_sub)
    }

    /// Multiplies every amount by `number`. Saturates on overflow.
    #[must_use]
    pub fn times(self, number: u64) -> Self {
        self.zip(Self::all(number), u64::saturating_mul)
    }

    /// Returns the smaller amount of each resource.
    #[must_use]
    pub fn min(self, other: Self) -> Self {
        self.zip(other, u64::min)
    }

    /// Returns the larger amount of each resource.
    #[must_use]
    pub fn max(self, other: Self) -> Self {
        self.zip(other, u64::max)
    }

    /// Returns this percentage of every amount, rounded up.
    #[must_use]
    pub fn percent(self, percent: u64) -> Self {
        self.zip(Self::all(percent), |amount, percent| {
            // In 128 bits, because an amount may be `u64::MAX` (`UNLIMITED`).
            let share = (u128::from(amount) * u128::from(percent)).div_ceil(100);
            u64::try_from(share).unwrap_or(u64::MAX)
        })
    }

    /// Returns the first resource of which this demands more than is available.
    #[must_use]
    pub fn shortage(self, available: Self) -> Option<Resource> {
        ALL.into_iter().find(|resource| self.of(*resource) > available.of(*resource))
    }

    /// Returns how many times `demand` fits, and the resource that limits it.
    #[must_use]
    pub fn fits(self, demand: Self) -> (u64, Resource) {
        // A demand for none of a resource cannot be limited by it.
        let times = |resource: Resource| self.of(resource).checked_div(demand.of(resource)).unwrap_or(u64::MAX);
        let narrowest = ALL.into_iter().min_by_key(|resource| times(*resource)).unwrap_or(Resource::Memory);
        (times(narrowest), narrowest)
    }
}

impl fmt::Display for Resource {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(match self {
            Self::Sandboxes => "sandboxes",
            Self::Memory => "memory",
            Self::Processors => "processors",
            Self::Pids => "processes",
            Self::Descriptors => "descriptors",
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const HOST: Resources =
        Resources { sandboxes: 10, memory_bytes: 1000, millicores: 2000, pids: 300, descriptors: 40 };

    #[test]
    fn what_is_short_is_named() {
        assert_eq!(HOST.shortage(HOST), None);
        assert_eq!(Resources { pids: 301, ..HOST }.shortage(HOST), Some(Resource::Pids));
        assert_eq!(Resources { memory_bytes: 1001, pids: 301, ..HOST }.shortage(HOST), Some(Resource::Memory));
    }

    #[test]
    fn the_scarcest_resource_says_how_often_something_fits() {
        let demand = Resources { sandboxes: 1, memory_bytes: 100, millicores: 0, pids: 100, descriptors: 1 };
        assert_eq!(HOST.fits(demand), (3, Resource::Pids));
        assert_eq!(HOST.fits(Resources { memory_bytes: 1001, ..Resources::default() }), (0, Resource::Memory));
    }

    #[test]
    fn arithmetic_does_not_overflow() {
        assert_eq!(Resources::UNLIMITED.plus(HOST), Resources::UNLIMITED);
        assert_eq!(Resources::UNLIMITED.checked_plus(HOST), None);
        assert_eq!(HOST.minus(Resources::UNLIMITED), Resources::default());
        assert_eq!(Resources::UNLIMITED.percent(100), Resources::UNLIMITED);
        assert_eq!(Resources::UNLIMITED.times(2), Resources::UNLIMITED);
        assert_eq!(Resources { sandboxes: 1, ..Resources::default() }.percent(50).sandboxes, 1, "rounded up");
    }
}
