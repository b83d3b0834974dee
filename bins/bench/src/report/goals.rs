//! The goals of the platform, and whether it meets them.

use super::parts::mean;
use super::{Delays, Firsts, Summary, table};
use crate::measure::memory::Sandboxes;
use crate::measure::spin::Spins;
use crate::platform::{batch_name, deploy_name, stream_name};
use crate::stats::{as_f64, milliseconds};

/// A goal and the measured value. `measured` is `None` if the value was not measured.
#[derive(Debug, PartialEq)]
pub(crate) struct Goal {
    what: String,
    server: String,
    measured: Option<f64>,
    bound: Bound,
}

#[derive(Debug, Clone, Copy, PartialEq)]
enum Bound {
    AtMost(f64),
    AtLeast(f64),
}

/// The goals that depend on whether a server keeps sandboxes.
struct Bounds {
    p50: f64,
    per_second: f64,
    times: f64,
    line: f64,
    pss: f64,
    loops: f64,
}

impl Bounds {
    const NEW: Self = Self { p50: 4.0, per_second: 400.0, times: 6.0, line: 1.0, pss: 4.0, loops: 0.9 };
    const KEPT: Self = Self { p50: 2.0, per_second: 900.0, times: 20.0, line: 0.5, pss: 3.0, loops: 0.95 };
}

/// All figures of one server.
pub(crate) struct Measured<'a> {
    pub(crate) server: &'a str,
    /// Whether it keeps sandboxes (`--isolation process`), which has goals of its own.
    pub(crate) is_keeping: bool,
    pub(crate) requests: &'a [Summary],
    pub(crate) yardstick: &'a str,
    pub(crate) sandboxes: Option<&'a Sandboxes>,
    pub(crate) delays: Option<&'a Delays>,
    pub(crate) spins: Option<&'a Spins>,
    pub(crate) firsts: Option<Firsts>,
    /// Failures beside those of requests under load.
    pub(crate) other_failures: usize,
}

impl Goal {
    /// Returns all goals of one server.
    pub(crate) fn all(measured: &Measured<'_>) -> Vec<Self> {
        let server = measured.server;
        let bounds = if measured.is_keeping { Bounds::KEPT } else { Bounds::NEW };
        let find = |name: &str, clients: usize| {
            measured.requests.iter().find(|row| row.name == name && row.clients == clients)
        };
        let of = |what: &str, measured: Option<f64>, bound| Self {
            what: what.to_owned(),
            server: server.to_owned(),
            measured,
            bound,
        };
        let mut goals = Vec::new();
        for (kind, name) in [("batch", batch_name(server)), ("SSE", stream_name(server))] {
            let (one, eight) = (find(&name, 1), find(&name, 8));
            let per_second = eight.map(|row| row.per_second);
            let yardstick = find(measured.yardstick, 8).map(|row| row.per_second);
            let times = per_second.zip(yardstick).map(|(ours, theirs)| ours / theirs);
            let spread = eight.map(|row| row.p99.as_secs_f64() / row.p50.as_secs_f64());
            let p50 = one.map(|row| milliseconds(row.p50));
            goals.push(of(&format!("{kind}: p50 at 1 client, ms"), p50, Bound::AtMost(bounds.p50)));
            goals.push(of(&format!("{kind}: per second at 8 clients"), per_second, Bound::AtLeast(bounds.per_second)));
            goals.push(of(&format!("{kind}: times bwrap + Node 24 at 8 clients"), times, Bound::AtLeast(bounds.times)));
            goals.push(of(&format!("{kind}: p99 / p50 at 8 clients"), spread, Bound::AtMost(5.0)));
        }
        let deploy = find(&deploy_name(server), 1).map(|row| milliseconds(row.p50));
        let line = measured.delays.map(|delays| milliseconds(delays.p50));
        let pss = measured.sandboxes.map(|sandboxes| mean(sandboxes, |sandbox| sandbox.pss) / 1e6);
        // With the comma, because the name of one server may begin with that of another.
        let ours = measured.requests.iter().filter(|row| row.name.starts_with(&format!("{server}, ")));
        let failures = ours.map(|row| row.failures).sum::<usize>() + measured.other_failures;
        let failures = as_f64(u64::try_from(failures).unwrap_or(u64::MAX));
        goals.push(of("deploy: p50 at 1 client, ms", deploy, Bound::AtMost(10.0)));
        let first = measured.firsts.map(|firsts| milliseconds(firsts.p50));
        goals.push(of("first invocation, 100 ms after the deploy: p50, ms", first, Bound::AtMost(8.0)));
        goals.push(of("log line to client: p50, ms", line, Bound::AtMost(bounds.line)));
        goals.push(of("PSS a running sandbox (mean), MB", pss, Bound::AtMost(bounds.pss)));
        let loops = measured.spins.map(Spins::ratio);
        goals.push(of("loops: times the speed of Node 24", loops, Bound::AtLeast(bounds.loops)));
        goals.push(of("failures", Some(failures), Bound::AtMost(0.0)));
        goals
    }

    fn is_met(&self) -> Option<bool> {
        self.measured.map(|measured| match self.bound {
            Bound::AtMost(bound) => measured <= bound,
            Bound::AtLeast(bound) => measured >= bound,
        })
    }
}

/// Formats a table with one row for each goal.
pub(crate) fn goals(goals: &[Goal]) -> String {
    let rows = goals.iter().map(|goal| {
        let bound = match goal.bound {
            Bound::AtMost(bound) => format!("≤ {bound}"),
            Bound::AtLeast(bound) => format!("≥ {bound}"),
        };
        let measured = goal.measured.map_or_else(|| "–".to_owned(), |measured| format!("{measured:.2}"));
        let met = goal.is_met().map_or("not measured", |met| if met { "yes" } else { "**no**" });
        [goal.server.clone(), goal.what.clone(), bound, measured, met.to_owned()]
    });
    table(["server", "goal", "bound", "measured", "met"], rows)
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::{Goal, Measured, Summary};
    use crate::load::Round;

    fn row(name: &str, clients: usize, p50: u64, p99: u64, per_second: f64) -> Summary {
        let (p50, p99) = (Duration::from_millis(p50), Duration::from_millis(p99));
        Summary::new(clients, name.to_owned(), &[Round { p50, p99, per_second, ..Round::default() }])
    }

    fn met(requests: &[Summary], what: &str) -> Option<bool> {
        let (sandboxes, delays, spins, firsts, other_failures) = (None, None, None, None, 0);
        let measured = Measured {
            server: "us",
            is_keeping: false,
            requests,
            yardstick: "them",
            sandboxes,
            delays,
            spins,
            firsts,
            other_failures,
        };
        Goal::all(&measured).iter().find(|goal| goal.what == what).unwrap().is_met()
    }

    #[test]
    fn a_goal_is_met_at_its_bound_and_missed_beyond() {
        let rows = [row("us, batch", 1, 4, 9, 200.0), row("us, batch", 8, 10, 51, 420.0), row("them", 8, 1, 1, 70.0)];
        assert_eq!(met(&rows, "batch: p50 at 1 client, ms"), Some(true));
        assert_eq!(met(&rows, "batch: times bwrap + Node 24 at 8 clients"), Some(true));
        assert_eq!(met(&rows, "batch: p99 / p50 at 8 clients"), Some(false));
    }

    #[test]
    fn what_was_not_measured_is_neither_met_nor_missed() {
        assert_eq!(met(&[row("us, batch", 8, 1, 1, 900.0)], "batch: times bwrap + Node 24 at 8 clients"), None);
        assert_eq!(met(&[], "PSS a running sandbox (mean), MB"), None);
    }
}
