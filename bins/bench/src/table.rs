//! Figures as Markdown.

use std::fmt::Write as _;
use std::time::Duration;

use crate::load::{Stats, percentile};

/// A row a number of clients and target, medians over the rounds.
pub(crate) fn requests(clients: &[usize], names: &[&str], rows: &[Vec<Vec<Stats>>]) -> String {
    let mut text =
        "| clients | what | p50 ms | p99 ms | per second | failures |\n|---|---|---|---|---|---|\n".to_owned();
    for (clients, row) in clients.iter().zip(rows) {
        for (name, rounds) in names.iter().zip(row) {
            let failures: usize = rounds.iter().map(|round| round.failures).sum();
            // Writing to a string cannot fail.
            let _ = writeln!(
                text,
                "| {clients} | {name} | {:.2} | {:.2} | {:.0} | {failures} |",
                milliseconds(median(rounds, |round| round.p50)),
                milliseconds(median(rounds, |round| round.p99)),
                median(rounds, |round| round.per_second),
            );
        }
    }
    text
}

/// From the printing of a line to its arrival.
pub(crate) fn delays(rounds: &[Vec<Duration>]) -> String {
    let mut all: Vec<_> = rounds.iter().flatten().copied().collect();
    all.sort_unstable();
    format!(
        "log line to client: p50 {:.2} ms, p99 {:.2} ms, longest {:.2} ms ({} lines)\n",
        milliseconds(percentile(&all, 50)),
        milliseconds(percentile(&all, 99)),
        milliseconds(all.last().copied().unwrap_or_default()),
        all.len(),
    )
}

fn median<T: Copy + Default + PartialOrd>(rounds: &[Stats], figure: impl Fn(&Stats) -> T) -> T {
    let mut values: Vec<_> = rounds.iter().map(figure).collect();
    values.sort_by(|a, b| a.partial_cmp(b).unwrap_or(std::cmp::Ordering::Equal));
    percentile(&values, 50)
}

fn milliseconds(time: Duration) -> f64 {
    time.as_secs_f64() * 1000.0
}
