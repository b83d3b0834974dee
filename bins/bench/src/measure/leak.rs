//! Checks whether anything grows without bound: runs many invocations in legs, and after each leg samples what the
//! server and the kernel hold.
//!
//! The rule: the first leg is ignored, because the server is still filling its pools. Of the other legs, the median of
//! the last third is compared with that of the first third. A figure has grown if the difference is more than its
//! allowance.

use std::time::Duration;

use crate::load::{self, MinimumLoad};
use crate::machine;
use crate::platform::{Server, warm_up};
use crate::proc::{below, memory};
use crate::stats::median;
use crate::target::WORK;

/// Clients at the same time.
const CLIENTS: usize = 8;

/// Legs of the check.
const LEGS: usize = 10;

/// The pause after each leg, in which the server and the kernel clean up.
const SETTLE_TIME: Duration = Duration::from_secs(2);

/// A figure that must not grow.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Figure {
    pub(crate) name: &'static str,
    /// Whether the figure is in bytes. Otherwise it is a count.
    pub(crate) is_bytes: bool,
    /// How much it may grow. For bytes, a twentieth of the first value is also allowed if that is more.
    allowance: u64,
}

const fn number(name: &'static str, allowance: u64) -> Figure {
    Figure { name, is_bytes: false, allowance }
}

const fn bytes(name: &'static str, allowance: u64) -> Figure {
    Figure { name, is_bytes: true, allowance }
}

/// The figures, in the order of [`sample`]. Figures of the whole host may grow because of other programs, so they have
/// larger allowances.
pub(crate) const FIGURES: [Figure; 11] = [
    bytes("PSS", 2 << 20),
    number("descriptors", 4),
    number("processes", 2),
    number("mounts", 0),
    number("cgroups", 0),
    number("cgroups held", 4),
    number("networks", 2),
    number("networks held", 8),
    bytes("kernel slab", 8 << 20),
    number("files", 2),
    bytes("disk", 1 << 20),
];

/// The values of all figures at one time.
pub(crate) type Sample = [u64; FIGURES.len()];

/// The course of a check.
#[derive(Debug)]
pub(crate) struct LeakCheck {
    /// The number of invocations before each sample, and the sample.
    pub(crate) samples: Vec<(usize, Sample)>,
    pub(crate) failures: usize,
    pub(crate) first_failure: Option<String>,
}

/// Runs this many invocations, half of them streamed.
pub(crate) async fn check(server: &Server, invocations: usize) -> anyhow::Result<LeakCheck> {
    let worker = server.deploy(WORK).await?;
    warm_up(server, &worker).await?;
    let mut course = LeakCheck { samples: Vec::new(), failures: 0, first_failure: None };
    let targets = [server.batch(&worker)?, server.stream(&worker)?];
    let requests = invocations.div_ceil(LEGS * targets.len());
    for leg in 1..=LEGS {
        for target in &targets {
            let round = load::run(target, CLIENTS, MinimumLoad { requests, time: Duration::ZERO }).await;
            course.failures += round.failures;
            course.first_failure = course.first_failure.or(round.first_failure);
        }
        tokio::time::sleep(SETTLE_TIME).await;
        server.must_run()?;
        course.samples.push((leg * requests * targets.len(), sample(server)));
    }
    Ok(course)
}

fn sample(server: &Server) -> Sample {
    let helpers = server.helpers();
    [
        memory(helpers.iter().copied()).pss,
        helpers.iter().copied().map(machine::descriptors).sum(),
        u64::try_from(below(server.id()).len()).unwrap_or(u64::MAX),
        server.launcher().map_or(0, machine::mounts),
        machine::cgroups(),
        machine::cgroups_held(),
        machine::networks(),
        machine::networks_held(),
        machine::slab(),
        machine::files(server.data()),
        machine::disk(server.data()),
    ]
}

impl LeakCheck {
    /// Returns everything that is wrong: figures that have grown, and failed invocations.
    pub(crate) fn faults(&self) -> Vec<String> {
        let grown = self.grown().into_iter().map(|grown| format!("grew: {grown}"));
        let failed = (self.failures > 0).then(|| {
            let first = self.first_failure.as_deref().unwrap_or_default();
            format!("{} invocations failed, the first with: {first}", self.failures)
        });
        grown.chain(failed).collect()
    }

    /// Describes the figures that have grown. Empty if none has.
    pub(crate) fn grown(&self) -> Vec<String> {
        // In the first leg the server still fills its pools.
        let kept = self.samples.get(1..).unwrap_or_default();
        let third = kept.len() / 3;
        let [first, last] = [&kept[..third], &kept[kept.len() - third..]];
        let growth = |index: usize| {
            let of = |legs: &[(usize, Sample)]| median(legs.iter().map(|(_, sample)| sample[index]));
            (of(first), of(last))
        };
        let grown = FIGURES.iter().enumerate().filter_map(|(index, figure)| {
            let (from, to) = growth(index);
            // A twentieth of a large figure does not count as growth.
            let allowance = figure.allowance.max(if figure.is_bytes { from / 20 } else { 0 });
            (to > from + allowance).then(|| format!("{} from {from} to {to}", figure.name))
        });
        grown.collect()
    }
}

#[cfg(test)]
mod tests {
    use super::{FIGURES, LEGS, LeakCheck};

    fn course(figure: &str, values: impl Fn(u64) -> u64) -> LeakCheck {
        let index = FIGURES.iter().position(|known| known.name == figure).unwrap();
        let samples = (1..=LEGS).map(|leg| {
            let mut sample = [100; FIGURES.len()];
            sample[index] = values(u64::try_from(leg).unwrap());
            (leg * 2000, sample)
        });
        LeakCheck { samples: samples.collect(), failures: 0, first_failure: None }
    }

    #[test]
    fn what_stays_is_flat() {
        assert_eq!(course("files", |_| 7).grown(), Vec::<String>::new());
    }

    #[test]
    fn what_has_grown_and_what_has_failed_are_faults() {
        assert!(course("files", |_| 7).faults().is_empty());
        let grown = course("descriptors", |leg| 100 + leg);
        let failed = LeakCheck { failures: 2, first_failure: Some("502".to_owned()), ..grown };
        let expected = ["grew: descriptors from 103 to 109", "2 invocations failed, the first with: 502"];
        assert_eq!(failed.faults(), expected);
    }

    #[test]
    fn what_grows_in_the_first_leg_only_is_flat() {
        assert!(course("PSS", |leg| if leg == 1 { 1 << 20 } else { 50 << 20 }).grown().is_empty());
    }

    #[test]
    fn one_high_look_is_no_growth() {
        assert!(course("processes", |leg| if leg == 9 { 90 } else { 5 }).grown().is_empty());
    }

    #[test]
    fn a_descriptor_a_leg_is_growth() {
        assert_eq!(course("descriptors", |leg| 100 + leg).grown(), ["descriptors from 103 to 109"]);
    }

    #[test]
    fn a_few_hundred_bytes_an_invocation_are_growth() {
        let grown = course("PSS", |leg| (20 << 20) + leg * 2000 * 300).grown();
        assert_eq!(grown.len(), 1);
    }
}
