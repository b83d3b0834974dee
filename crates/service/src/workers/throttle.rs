//! Throttling of background work: it runs in small steps with pauses, so that it does not delay requests.

use std::time::{Duration, Instant};

/// A pause follows after this much work.
const WORK_BEFORE_PAUSE: Duration = Duration::from_millis(5);

/// A pause is this many times as long as the work before it. So background work takes at most a quarter of the time. If
/// other load makes its steps slower, the pauses become longer too.
const PAUSE_FACTOR: u32 = 3;

/// Maximum length of a pause. A step that waits for the network uses no processor, so a long pause after it would be
/// wasted.
const MAX_PAUSE: Duration = Duration::from_millis(25);

/// Measures the work since the last pause.
#[derive(Debug, Default)]
pub(super) struct Throttle {
    worked: Duration,
}

impl Throttle {
    /// Runs one step, and pauses afterwards if it is time.
    pub(super) async fn step<T>(&mut self, work: impl Future<Output = T>) -> T {
        let began = Instant::now();
        let done = work.await;
        if let Some(pause) = self.pause_after(began.elapsed()) {
            tokio::time::sleep(pause).await;
        }
        done
    }

    fn pause_after(&mut self, step: Duration) -> Option<Duration> {
        self.worked += step;
        (self.worked >= WORK_BEFORE_PAUSE).then(|| (std::mem::take(&mut self.worked) * PAUSE_FACTOR).min(MAX_PAUSE))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn short_steps_share_a_pause_and_no_pause_is_long() {
        let millis = Duration::from_millis;
        let mut throttle = Throttle::default();
        let pauses = [1, 3, 1, 4, 2, 60_000].map(|step| throttle.pause_after(millis(step)));
        assert_eq!(pauses, [None, None, Some(millis(15)), None, Some(millis(18)), Some(MAX_PAUSE)]);
    }
}
