//! A closed loop: every client sends its next request when it has the answer to the last.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use futures_util::future::join_all;

use crate::target::Target;

/// What a round of requests took.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Stats {
    pub(crate) p50: Duration,
    pub(crate) p99: Duration,
    pub(crate) per_second: f64,
    pub(crate) failures: usize,
}

/// Sends `requests` requests from `clients` clients.
pub(crate) async fn run(target: &dyn Target, clients: usize, requests: usize) -> Stats {
    let left = AtomicUsize::new(requests);
    let began = Instant::now();
    let client = async || {
        let (mut times, mut failures) = (Vec::new(), 0);
        while left.fetch_update(Ordering::Relaxed, Ordering::Relaxed, |left| left.checked_sub(1)).is_ok() {
            let sent = Instant::now();
            match target.request().await {
                Ok(()) => times.push(sent.elapsed()),
                Err(_) => failures += 1,
            }
        }
        (times, failures)
    };
    let results = join_all((0..clients).map(|_| client())).await;
    let took = began.elapsed();
    let mut times: Vec<_> = results.iter().flat_map(|(times, _)| times).copied().collect();
    times.sort_unstable();
    Stats {
        p50: percentile(&times, 50),
        p99: percentile(&times, 99),
        per_second: as_f64(times.len()) / took.as_secs_f64(),
        failures: results.iter().map(|(_, failures)| failures).sum(),
    }
}

/// The smallest of the sorted values that this percentage of them does not exceed; zero for none.
pub(crate) fn percentile<T: Copy + Default>(sorted: &[T], percent: usize) -> T {
    let index = (sorted.len() * percent).div_ceil(100).saturating_sub(1);
    sorted.get(index).copied().unwrap_or_default()
}

/// Exact below 2^32, which no count here reaches.
fn as_f64(count: usize) -> f64 {
    u32::try_from(count).map_or(f64::INFINITY, f64::from)
}

#[cfg(test)]
mod tests {
    use super::percentile;

    #[test]
    fn a_percentile_is_one_of_the_values() {
        let values: Vec<_> = (1..=200).collect();
        assert_eq!((percentile(&values, 50), percentile(&values, 99)), (100, 198));
        assert_eq!((percentile(&[7], 50), percentile(&[7], 99), percentile::<i32>(&[], 50)), (7, 7, 0));
    }
}
