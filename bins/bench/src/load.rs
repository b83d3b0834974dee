//! A closed loop: each client sends its next request when it has the response to the last one.

use std::cell::Cell;
use std::time::{Duration, Instant};

use futures_util::future::join_all;
use rustix::time::{ClockId, clock_gettime};

use crate::client::Client;
use crate::stats::{as_f64, count, percentile};
use crate::target::Target;

/// The least that a round does. It ends when both are reached.
#[derive(Debug, Clone, Copy)]
pub(crate) struct MinimumLoad {
    pub(crate) requests: usize,
    pub(crate) time: Duration,
}

/// The figures of one round of requests.
#[derive(Debug, Clone, Default)]
pub(crate) struct Round {
    pub(crate) p50: Duration,
    pub(crate) p99: Duration,
    pub(crate) per_second: f64,
    pub(crate) failures: usize,
    pub(crate) first_failure: Option<String>,
    /// Processor time of the load generator for each request.
    pub(crate) generator: Duration,
}

/// Sends requests from `clients` clients at a time.
pub(crate) async fn run(target: &Target, clients: usize, minimum: MinimumLoad) -> Round {
    let mut connections: Vec<_> = (0..clients).map(|_| Client::new(target.server)).collect();
    for connection in &mut connections {
        // If connecting fails, the first request fails as well, and that failure is counted.
        let _ = connection.connect().await;
    }
    // Cells are enough, because all clients run on one thread (`main.rs`).
    let sent = Cell::new(0);
    let first_failure = Cell::new(None);
    // The clock starts after the connections are open: opening them is no part of a request.
    let (began, busy) = (Instant::now(), processor_time());
    let client = async |mut connection: Client| {
        let (mut times, mut failures) = (Vec::new(), 0);
        while sent.get() < minimum.requests || began.elapsed() < minimum.time {
            sent.set(sent.get() + 1);
            let before = Instant::now();
            let answer = connection.send(target.request()).await;
            let took = before.elapsed();
            match answer.and_then(|(status, body)| target.check(status, &body)) {
                // A failure may be faster than any response, so its time does not count.
                Ok(()) => times.push(took),
                Err(error) => {
                    failures += 1;
                    first_failure.set(first_failure.take().or_else(|| Some(format!("{error:#}"))));
                }
            }
        }
        (times, failures)
    };
    let results = join_all(connections.into_iter().map(client)).await;
    let (took, busy) = (began.elapsed(), processor_time().saturating_sub(busy));
    let mut times: Vec<_> = results.iter().flat_map(|(times, _)| times).copied().collect();
    times.sort_unstable();
    Round {
        p50: percentile(&times, 50),
        p99: percentile(&times, 99),
        per_second: count(&times) / took.as_secs_f64(),
        failures: results.iter().map(|(_, failures)| failures).sum(),
        first_failure: first_failure.take(),
        generator: busy.div_f64(as_f64(u64::try_from(sent.get()).unwrap_or(1).max(1))),
    }
}

fn processor_time() -> Duration {
    // This clock always exists and is never negative.
    Duration::try_from(clock_gettime(ClockId::ProcessCPUTime)).unwrap_or_default()
}
