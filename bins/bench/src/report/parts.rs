//! Formats the measurements beside requests under load.

use std::time::Duration;

use super::{megabytes, table};
use crate::measure::cold::Cold;
use crate::measure::leak::{FIGURES, LeakCheck};
use crate::measure::memory::Sandboxes;
use crate::measure::spin::Spins;
use crate::stats::{as_f64, count, median, milliseconds, percentile};

/// Delays of log lines: medians over the rounds, and the longest of all.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Delays {
    pub(crate) p50: Duration,
    pub(crate) p99: Duration,
    longest: Duration,
    lines: usize,
}

impl Delays {
    /// Summarizes rounds, each of them sorted.
    pub(crate) fn new(rounds: &[Vec<Duration>]) -> Self {
        Self {
            p50: median(rounds.iter().map(|round| percentile(round, 50))),
            p99: median(rounds.iter().map(|round| percentile(round, 99))),
            longest: rounds.iter().flatten().copied().max().unwrap_or_default(),
            lines: rounds.iter().map(Vec::len).sum(),
        }
    }
}

/// Times of the first invocations of workers shortly after their deploy.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Firsts {
    pub(crate) p50: Duration,
    longest: Duration,
    workers: usize,
}

impl Firsts {
    /// Summarizes the times of all first invocations. Returns `None` if there are none.
    pub(crate) fn new(times: &[Duration]) -> Option<Self> {
        let longest = times.iter().copied().max()?;
        Some(Self { p50: median(times.iter().copied()), longest, workers: times.len() })
    }
}

/// Formats a table with one row for each kind of sandbox. `number` of them ran at the same time.
pub(crate) fn memory(number: usize, rows: &[(String, anyhow::Result<Sandboxes>)]) -> String {
    let running = format!("{number} running");
    let head = [&running, "PSS MB", "mean", "private MB", "mean", "kernel MB", "ready beside"];
    let rows = rows.iter().map(|(name, measured)| match measured {
        Ok(sandboxes) => {
            let cells = |of: fn(&crate::proc::Memory) -> u64| {
                let middle = median(sandboxes.running.iter().map(of));
                let mean = mean(sandboxes, of);
                [format!("{:.1}", megabytes(middle)), format!("{:.1}", mean / 1e6)]
            };
            let [pss, mean_pss] = cells(|sandbox| sandbox.pss);
            let [private, mean_private] = cells(|sandbox| sandbox.private);
            let kernel = format!("{:.1}", megabytes(sandboxes.kernel));
            [name.clone(), pss, mean_pss, private, mean_private, kernel, sandboxes.spare.to_string()]
        }
        Err(error) => {
            let mut cells = std::array::from_fn(|_| "–".to_owned());
            cells[0] = format!("{name}: FAILED, {error:#}");
            cells
        }
    });
    table(head, rows)
}

/// Returns the mean over all running sandboxes.
pub(super) fn mean(sandboxes: &Sandboxes, of: fn(&crate::proc::Memory) -> u64) -> f64 {
    as_f64(sandboxes.running.iter().map(of).sum()) / count(&sandboxes.running).max(1.0)
}

/// Formats the delays from the printing of a line to its arrival.
pub(crate) fn delays(name: &str, delays: &Delays) -> String {
    format!(
        "From the printing of a log line to its arrival at the client, {name}: p50 {:.2} ms, p99 {:.2} ms, longest {:.2} ms \
         ({} lines).\n",
        milliseconds(delays.p50),
        milliseconds(delays.p99),
        milliseconds(delays.longest),
        delays.lines,
    )
}

/// Formats the times from the sending of a first invocation to its response.
pub(crate) fn firsts(name: &str, firsts: &Firsts) -> String {
    format!(
        "A worker's first invocation, 100 ms after its deploy, {name}: p50 {:.2} ms, longest {:.2} ms ({} workers).\n",
        milliseconds(firsts.p50),
        milliseconds(firsts.longest),
        firsts.workers,
    )
}

/// Formats the speed of the loops.
pub(crate) fn spins(name: &str, spins: &Spins) -> String {
    format!(
        "Loops that live from the just-in-time compiler, {name}: {:.0} ms, an ordinary Node 24 {:.0} ms, {:.2} times its speed \
         (medians of {} runs each).\n",
        median(spins.ours.iter().copied()),
        median(spins.plain.iter().copied()),
        spins.ratio(),
        spins.ours.len(),
    )
}

/// Formats the cost of cold workers.
pub(crate) fn cold(name: &str, cold: &Cold) -> String {
    let head = ["of workers deployed", "invoked", "p50 ms", "calls that read", "KB read"];
    let row = |what: &str, cost: &crate::measure::cold::Cost| {
        let time = format!("{:.2}", milliseconds(cost.time));
        let kilobytes = format!("{:.1}", as_f64(cost.bytes) / 1e3);
        [cold.workers.to_string(), what.to_owned(), time, cost.reads.to_string(), kilobytes]
    };
    format!(
        "Cold workers, {name}: {:.1} KB of disk a worker, {:.0} deploys a second.\n\n{}",
        as_f64(cold.disk) / 1e3,
        cold.deploys_per_second,
        table(head, [row("for the first time", &cold.first), row("again and again", &cold.again)]),
    )
}

/// Formats what the server and the kernel held during very many invocations.
pub(crate) fn leak(name: &str, course: &LeakCheck) -> String {
    const COLUMNS: usize = FIGURES.len() + 1;
    let heads: [String; COLUMNS] =
        std::array::from_fn(|column| match column.checked_sub(1).map(|index| FIGURES[index]) {
            Some(figure) => format!("{}{}", figure.name, if figure.is_bytes { " MB" } else { "" }),
            None => "invocations".to_owned(),
        });
    let rows = course.samples.iter().map(|(invocations, sample)| {
        std::array::from_fn(|column| match column.checked_sub(1) {
            Some(index) if FIGURES[index].is_bytes => format!("{:.1}", megabytes(sample[index])),
            Some(index) => sample[index].to_string(),
            None => invocations.to_string(),
        })
    });
    let samples = table(heads.each_ref().map(String::as_str), rows);
    let grown = course.grown();
    let verdict = if grown.is_empty() { "flat".to_owned() } else { format!("GREW: {}", grown.join(", ")) };
    let first = course.first_failure.as_ref().map(|first| format!(", first: {first}")).unwrap_or_default();
    format!("Leak check, {name}.\n\n{samples}\nVerdict: {verdict}. Failures: {}{first}.\n", course.failures)
}
