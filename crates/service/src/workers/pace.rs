//! Pacing of background work: it runs in small steps with pauses, so that it does not delay requests.

use std::time::{Duration, Instant};

/// A pause follows after this much work.
const STINT: Duration = Duration::from_millis(5);

/// A pause is this many times as long as the work before it. So background work takes at most a quarter of the time. If
/// other load makes its steps slower, the pauses become longer too.
const REST: u32 = 3;

/// Maximum length of a pause. A step that waits for the network uses no processor, so a long pause after it would be
/// wasted.
const LONGEST_REST: Duration = Duration::from_millis(25);

/// Measures the work since the last pause.
#[derive(Debug, Default)]
pub(super) struct Pace {
    worked: Duration,
}

impl Pace {
    /// Runs one step, and pauses afterwards if it is time.
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
