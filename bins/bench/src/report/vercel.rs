//! Formats the figures of access through the cloud's API.

use std::time::Duration;

use super::{Summary, failures, table};
use crate::stats::{median, milliseconds, percentile};
use crate::vercel::Count;

/// The figures of one client for one piece of work.
pub(crate) struct ClientRow {
    name: &'static str,
    count: Count,
    outcome: Times,
    end: Times,
}

/// Medians over the rounds.
struct Times {
    p50: Duration,
    p99: Duration,
}

/// The figures of one kind of request to one server.
pub(crate) struct PlatformRow {
    pub(crate) summary: Summary,
    /// The requests that the server sends to the API for it.
    pub(crate) count: Option<Count>,
}

impl ClientRow {
    /// Summarizes the times to the outcome and to the end. Each has one sorted list for each round.
    pub(crate) fn new(name: &'static str, count: Count, [outcome, end]: &[Vec<Vec<Duration>>; 2]) -> Self {
        Self { name, count, outcome: Times::new(outcome), end: Times::new(end) }
    }
}

impl Times {
    fn new(rounds: &[Vec<Duration>]) -> Self {
        let of = |percent| median(rounds.iter().map(|round| percentile(round, percent)));
        Self { p50: of(50), p99: of(99) }
    }

    fn cells(&self, bare: &Self) -> [String; 3] {
        let ratio = self.p50.as_secs_f64() / bare.p50.as_secs_f64();
        [milliseconds(self.p50), milliseconds(self.p99), ratio].map(|figure| format!("{figure:.2}"))
    }
}

/// Formats a table with one row for each client. All rows are compared with the first one.
pub(crate) fn clients(work: &str, rows: &[ClientRow]) -> String {
    let head = [
        work,
        "requests",
        "waited for",
        "connections",
        "outcome p50 ms",
        "p99 ms",
        "times bare",
        "end p50 ms",
        "p99 ms",
        "times bare",
    ];
    let lines = rows.iter().map(|row| {
        let Count { requests, waited_for, connections } = row.count;
        let [p50, p99, ratio] = row.outcome.cells(&rows[0].outcome);
        let [end_p50, end_p99, end_ratio] = row.end.cells(&rows[0].end);
        let counts = (requests.to_string(), waited_for.to_string(), connections.to_string());
        [row.name.to_owned(), counts.0, counts.1, counts.2, p50, p99, ratio, end_p50, end_p99, end_ratio]
    });
    table(head, lines)
}

/// Formats a table with one row for each server and kind of request.
pub(crate) fn platforms(rows: &[PlatformRow]) -> String {
    let head = ["1 client", "requests", "waited for", "p50 ms", "p99 ms", "failures"];
    let lines = rows.iter().map(|PlatformRow { summary, count }| {
        let counts = count.map(|count| [count.requests, count.waited_for].map(|count| count.to_string()));
        let [requests, waited_for] = counts.unwrap_or_else(|| ["–", "–"].map(str::to_owned));
        let times = [summary.p50, summary.p99].map(|time| format!("{:.2}", milliseconds(time)));
        let [p50, p99] = times;
        [summary.name.clone(), requests, waited_for, p50, p99, summary.failures.to_string()]
    });
    let summaries: Vec<_> = rows.iter().map(|row| row.summary.clone()).collect();
    format!("{}{}", table(head, lines), failures(&summaries))
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::{ClientRow, clients};
    use crate::vercel::Count;

    #[test]
    fn a_way_is_compared_with_the_first() {
        let count = Count { requests: 3, waited_for: 2, connections: 0 };
        let times = |milliseconds| vec![vec![Duration::from_millis(milliseconds)]];
        let bare = ClientRow::new("bare", count, &[times(10), times(20)]);
        let other = ClientRow::new("other", count, &[times(15), times(20)]);
        let text = clients("run", &[bare, other]);
        assert_eq!(text.lines().nth(3).unwrap(), "| other | 3 | 2 | 0 | 15.00 | 15.00 | 1.50 | 20.00 | 20.00 | 1.00 |");
    }
}
