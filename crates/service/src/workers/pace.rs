//! Work that nobody waits for is done in small steps, and gives way to what somebody waits for.

use std::time::{Duration, Instant};

/// After so much work there is a rest.
const STINT: Duration = Duration::from_millis(5);

/// A rest is so many times as long as the work before it. So this work takes a quarter of the time at most; and less
/// the longer a step takes because others are at work.
const REST: u32 = 3;

/// The longest rest: a step that waits for a network keeps nothing from running.
const LONGEST_REST: Duration = Duration::from_millis(25);

/// Counts the work since the last rest.
#[derive(Debug, Default)]
pub(super) struct Pace {
    worked: Duration,
}

impl Pace {
    /// Does one step, and rests if it is time.
    pub(super) async fn step<T>(&mut self, work: impl Future<Output = T>) -> T {
        let began = Instant::now();
        let done = work.await;
        if let Some(rest) = self.rest_after(began.elapsed()) {
            tokio::time::sleep(rest).await;
        }
        done
    }

    fn rest_after(&mut self, step: Duration) -> Option<Duration> {
        self.worked += step;
        (self.worked >= STINT).then(|| (std::mem::take(&mut self.worked) * REST).min(LONGEST_REST))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn short_steps_rest_together_and_no_rest_is_long() {
        let millis = Duration::from_millis;
        let mut pace = Pace::default();
        let rests = [1, 3, 1, 4, 2, 60_000].map(|step| pace.rest_after(millis(step)));
        assert_eq!(rests, [None, None, Some(millis(15)), None, Some(millis(18)), Some(LONGEST_REST)]);
    }
}
