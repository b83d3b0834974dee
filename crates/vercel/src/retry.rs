//! Retries: which failures are tried again, how often, and after which pause.

use std::time::Duration;

use chrono::{DateTime, Utc};
use tokio::time::Instant;

use crate::error::VercelError;

/// How often and for how long failed requests are tried again.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RetryPolicy {
    /// Total number of attempts. Three, like the official client.
    pub attempts: u32,
    /// The maximum of the first pause; each further one is twice as long. A pause is a random time between half of the
    /// maximum and the maximum, so that clients that failed together do not try again together. 800 ms, like the
    /// official client.
    pub pause: Duration,
    /// No attempt begins later than this after the first one began. If the API requires a longer wait (`Retry-After`),
    /// there is no further attempt. 20 s, which is as long as the official client waits.
    pub budget: Duration,
}

impl Default for RetryPolicy {
    fn default() -> Self {
        Self { attempts: 3, pause: Duration::from_millis(800), budget: Duration::from_secs(20) }
    }
}

/// Whether a request may be sent again although its first attempt may have had an effect.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Idempotency {
    /// The same effect as sending it once: the request reads, or sets a state.
    Idempotent,
    /// The effect may happen twice; the request may be repeated only if it had no effect.
    NonIdempotent,
}

/// The attempts of one request.
#[derive(Debug)]
pub(crate) struct Attempts {
    policy: RetryPolicy,
    idempotency: Idempotency,
    began: Instant,
    made: u32,
}

impl Attempts {
    pub(crate) fn new(policy: RetryPolicy, idempotency: Idempotency) -> Self {
        Self { policy, idempotency, began: Instant::now(), made: 0 }
    }

    /// Returns how long to wait before the next attempt after this failure; `None` if there is no further attempt.
    pub(crate) fn pause_after(&mut self, error: &VercelError) -> Option<Duration> {
        self.made += 1;
        let repeatable = error.is_transient() && (self.idempotency == Idempotency::Idempotent || error.had_no_effect());
        if !repeatable || self.made >= self.policy.attempts {
            return None;
        }
        // The exponent is limited, because a policy with many attempts would overflow the shift.
        let longest = self.policy.pause.saturating_mul(1 << (self.made - 1).min(16));
        let pause = longest.mul_f64(0.5 + fastrand::f64() / 2.0);
        let pause = pause.max(error.api().and_then(|error| error.retry_after).unwrap_or_default());
        let left = self.policy.budget.saturating_sub(self.began.elapsed());
        (pause <= left).then_some(pause)
    }
}

/// Parses the header `Retry-After`: seconds, or a date.
pub(crate) fn retry_after(value: &str, now: DateTime<Utc>) -> Option<Duration> {
    let value = value.trim();
    if let Ok(seconds) = value.parse() {
        return Some(Duration::from_secs(seconds));
    }
    let date = DateTime::parse_from_rfc2822(value).ok()?;
    // A date that has passed asks for no further wait.
    Some((date.with_timezone(&Utc) - now).to_std().unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::error::ApiError;

    fn answered(status: u16, retry_after: Option<u64>) -> VercelError {
        let retry_after = retry_after.map(Duration::from_secs);
        VercelError::Api(ApiError { status, code: String::new(), message: String::new(), retry_after })
    }

    fn attempts(idempotency: Idempotency) -> Attempts {
        Attempts::new(RetryPolicy::default(), idempotency)
    }

    #[tokio::test]
    async fn pauses_grow_by_chance_and_attempts_end() {
        let mut attempts = attempts(Idempotency::Idempotent);
        let error = answered(500, None);
        let first = attempts.pause_after(&error).unwrap();
        assert!((400..=800).contains(&first.as_millis()), "{first:?}");
        let second = attempts.pause_after(&error).unwrap();
        assert!((800..=1600).contains(&second.as_millis()), "{second:?}");
        assert_eq!(attempts.pause_after(&error), None);
    }

    #[tokio::test]
    async fn what_could_be_done_twice_is_repeated_only_if_it_had_no_effect() {
        assert_eq!(attempts(Idempotency::NonIdempotent).pause_after(&answered(502, None)), None);
        let lost = VercelError::Timeout(Duration::ZERO);
        assert_eq!(attempts(Idempotency::NonIdempotent).pause_after(&lost), None);
        assert!(attempts(Idempotency::Idempotent).pause_after(&lost).is_some());
        assert!(attempts(Idempotency::NonIdempotent).pause_after(&answered(429, None)).is_some());
    }

    #[tokio::test]
    async fn the_api_is_given_the_time_that_it_asks_for_or_none() {
        let pause = attempts(Idempotency::Idempotent).pause_after(&answered(429, Some(7)));
        assert_eq!(pause, Some(Duration::from_secs(7)));
        // One second more than the budget of all attempts.
        assert_eq!(attempts(Idempotency::Idempotent).pause_after(&answered(429, Some(21))), None);
    }

    #[tokio::test]
    async fn a_refusal_is_final() {
        for status in [400, 401, 402, 404, 410, 422] {
            assert_eq!(attempts(Idempotency::Idempotent).pause_after(&answered(status, None)), None);
        }
    }

    #[test]
    fn retry_after_is_seconds_or_a_date() {
        let now = DateTime::from_timestamp(1_763_890_000, 0).unwrap();
        assert_eq!(retry_after(" 12 ", now), Some(Duration::from_secs(12)));
        assert_eq!(retry_after("Sun, 23 Nov 2025 09:27:00 GMT", now), Some(Duration::from_secs(20)));
        assert_eq!(retry_after("Sun, 23 Nov 2025 09:00:00 GMT", now), Some(Duration::ZERO));
        assert_eq!(retry_after("soon", now), None);
    }
}
