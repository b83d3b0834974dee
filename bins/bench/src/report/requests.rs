//! Formats the figures of requests under load.

use std::time::Duration;

use super::table;
use crate::load::Round;
use crate::stats::{median, milliseconds};

/// The rounds of one target with one number of clients, as medians.
#[derive(Debug, Clone)]
pub(crate) struct Summary {
    pub(crate) clients: usize,
    pub(crate) name: String,
    pub(crate) p50: Duration,
    pub(crate) p99: Duration,
    pub(crate) per_second: f64,
    /// The sum over all rounds.
    pub(crate) failures: usize,
    pub(crate) first_failure: Option<String>,
    pub(crate) generator: Duration,
}

impl Summary {
    pub(crate) fn new(clients: usize, name: String, rounds: &[Round]) -> Self {
        Self {
            clients,
            name,
            p50: median(rounds.iter().map(|round| round.p50)),
            p99: median(rounds.iter().map(|round| round.p99)),
            per_second: median(rounds.iter().map(|round| round.per_second)),
            failures: rounds.iter().map(|round| round.failures).sum(),
            first_failure: rounds.iter().find_map(|round| round.first_failure.clone()),
            generator: median(rounds.iter().map(|round| round.generator)),
        }
    }
}

/// Formats a table with one row for each number of clients and target. All rows are compared with the peer `yardstick`.
pub(crate) fn requests(summaries: &[Summary], yardstick: &str) -> String {
    let head = ["clients", "what", "p50 ms", "p99 ms", "per second", "times bwrap", "failures"];
    let rows = summaries.iter().map(|row| {
        let other = summaries.iter().find(|other| other.clients == row.clients && other.name == yardstick);
        let ratio = other.map_or_else(|| "–".to_owned(), |other| format!("{:.1}", row.per_second / other.per_second));
        [
            row.clients.to_string(),
            row.name.clone(),
            format!("{:.2}", milliseconds(row.p50)),
            format!("{:.2}", milliseconds(row.p99)),
            format!("{:.0}", row.per_second),
            ratio,
            row.failures.to_string(),
        ]
    });
    table(head, rows)
}

/// Formats the first failure of each row that has one.
pub(crate) fn failures(summaries: &[Summary]) -> String {
    let failed = summaries.iter().filter_map(|row| {
        let first = row.first_failure.as_ref()?;
        Some(format!("{} at {} clients failed {} times, first: {first}\n", row.name, row.clients, row.failures))
    });
    failed.collect()
}

/// Formats the load generator's own processor time: for each request, and as a share of one core at the busiest row.
pub(crate) fn generator(summaries: &[Summary]) -> String {
    let costs = || summaries.iter().map(|row| row.generator.as_secs_f64() * 1e6);
    let busiest = summaries.iter().map(|row| (row.generator.as_secs_f64() * row.per_second * 100.0, row));
    let busiest = busiest.max_by(|(a, _), (b, _)| a.total_cmp(b));
    busiest.map_or_else(String::new, |(share, row)| {
        format!(
            "The load generator took {:.0} to {:.0} µs of processor time a request, {:.0} µs in the middle of all rows; it \
             kept a core busy for {share:.0} % of the time at most ({} at {} clients).\n",
            costs().fold(f64::INFINITY, f64::min),
            costs().fold(0.0, f64::max),
            median(costs()),
            row.name,
            row.clients,
        )
    })
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::{Summary, failures, requests};
    use crate::load::Round;

    #[test]
    fn a_row_holds_medians_and_all_failures() {
        let round = |p50, per_second, failures| Round {
            p50: Duration::from_millis(p50),
            per_second,
            failures,
            first_failure: (failures > 0).then(|| "no".to_owned()),
            ..Round::default()
        };
        let rows = [
            Summary::new(8, "us".to_owned(), &[round(1, 500.0, 0), round(9, 300.0, 2), round(2, 400.0, 1)]),
            Summary::new(8, "them".to_owned(), &[round(20, 50.0, 0)]),
            Summary::new(1, "us".to_owned(), &[round(20, 50.0, 0)]),
        ];
        let text = requests(&rows, "them");
        let lines: Vec<_> = text.lines().collect();
        assert_eq!(lines[2], "| 8 | us | 2.00 | 0.00 | 400 | 8.0 | 3 |");
        assert_eq!(lines[4], "| 1 | us | 20.00 | 0.00 | 50 | – | 0 |");
        assert_eq!(failures(&rows), "us at 8 clients failed 3 times, first: no\n");
    }
}
