//! Amounts of what a host can run out of.

use std::fmt;

/// Amounts of what a host can run out of: what it has, what is reserved of it, or what one sandbox may take.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Resources {
    /// Sandboxes at one time.
    pub sandboxes: u64,
    /// Memory in bytes.
    pub memory_bytes: u64,
    /// Processor time, in thousandths of a processor.
    pub millicores: u64,
    /// Processes and threads.
    pub pids: u64,
    /// Open files, pipes and sockets of the server's own process.
    pub descriptors: u64,
}

/// One of the things that [`Resources`] are amounts of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Resource {
    /// Sandboxes at one time.
    Sandboxes,
    /// Memory.
    Memory,
    /// Processor time.
    Processors,
    /// Processes and threads.
    Pids,
    /// Descriptors of the server.
    Descriptors,
}

const ALL: [Resource; 5] =
    [Resource::Sandboxes, Resource::Memory, Resource::Processors, Resource::Pids, Resource::Descriptors];

impl Resources {
    /// More than anybody could ask for.
    pub const UNLIMITED: Self = Self::all(u64::MAX);

    const fn all(amount: u64) -> Self {
        Self { sandboxes: amount, memory_bytes: amount, millicores: amount, pids: amount, descriptors: amount }
    }

    /// The amount of one of them.
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

    /// Each amount by itself.
    fn zip(self, other: Self, work: impl Fn(u64, u64) -> u64) -> Self {
        Self {
            sandboxes: work(self.sandboxes, other.sandboxes),
            memory_bytes: work(self.memory_bytes, other.memory_bytes),
            millicores: work(self.millicores, other.millicores),
            pids: work(self.pids, other.pids),
            descriptors: work(self.descriptors, other.descriptors),
        }
    }

    /// Both together. An amount that is too large to be written is as much as can be written.
    #[must_use]
    pub fn plus(self, other: Self) -> Self {
        self.zip(other, u64::saturating_add)
    }

    /// Both together, unless that cannot be written.
    pub(super) fn checked_plus(self, other: Self) -> Option<Self> {
        let fits = ALL.into_iter().all(|resource| self.of(resource).checked_add(other.of(resource)).is_some());
        fits.then(|| self.plus(other))
    }

    /// What is left without the other; nothing where that is more.
    #[must_use]
    pub fn minus(self, other: Self) -> Self {
        self.zip(other, u64::saturating_sub)
    }

    /// So many times as much.
    #[must_use]
    pub fn times(self, number: u64) -> Self {
        self.zip(Self::all(number), u64::saturating_mul)
    }

    /// The lower one of each two amounts.
    #[must_use]
    pub fn min(self, other: Self) -> Self {
        self.zip(other, u64::min)
    }

    /// The higher one of each two amounts.
    #[must_use]
    pub fn max(self, other: Self) -> Self {
        self.zip(other, u64::max)
    }

    /// So many hundredths, rounded up.
    #[must_use]
    pub fn percent(self, percent: u64) -> Self {
        self.zip(Self::all(percent), |amount, percent| {
            let share = (u128::from(amount) * u128::from(percent)).div_ceil(100);
            u64::try_from(share).unwrap_or(u64::MAX)
        })
    }

    /// The first of which this is more than is available.
    #[must_use]
    pub fn shortage(self, available: Self) -> Option<Resource> {
        ALL.into_iter().find(|resource| self.of(*resource) > available.of(*resource))
    }

    /// How often `demand` fits in, and what ends first.
    #[must_use]
    pub fn fits(self, demand: Self) -> (u64, Resource) {
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
