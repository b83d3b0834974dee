//! The bodies for timings, resource usage and warnings, used by the batch response and the event stream.

use std::time::Duration;

use serde::Serialize;
use utoipa::ToSchema;
use workers_domain::{InvocationReport, Timings, ValueWarning};

/// What an invocation took.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Receipt {
    /// Which invocation.
    #[schema(format = Uuid)]
    invocation_id: String,
    /// How long each phase took.
    timings: TimingsBody,
    /// Processor time of all its processes, in milliseconds; absent where the sandbox cannot tell.
    #[serde(skip_serializing_if = "Option::is_none")]
    cpu_ms: Option<f64>,
    /// The most memory its processes held at one time; absent where the sandbox cannot tell.
    #[serde(skip_serializing_if = "Option::is_none")]
    max_memory_bytes: Option<u64>,
    /// How new it was: `sandbox`, a new process in a new sandbox; `process`, a new process in a sandbox that is kept
    /// for this worker, and that every invocation before it has left as it was.
    isolation: &'static str,
    /// Whether an earlier invocation of this worker has used the sandbox.
    reused: bool,
}

/// How long each phase of an invocation took, in milliseconds. A phase that was not reached is 0.
#[derive(Debug, Clone, Copy, Serialize, ToSchema)]
#[schema(as = Timings)]
pub(crate) struct TimingsBody {
    /// Waiting in the queue.
    queue: f64,
    /// From then until the worker script ran in a fresh sandbox.
    sandbox: f64,
    /// Evaluating the user's module.
    load: f64,
    /// The function itself.
    run: f64,
}

/// A place in a result, or in what an error carried, that was not JSON's own or was cut; or what went wrong besides.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Warning {
    /// Where, as `$.a[0].b`.
    path: String,
    /// What was there and what became of it.
    message: String,
}

impl Receipt {
    pub(crate) fn new(report: &InvocationReport) -> Self {
        Self {
            invocation_id: report.invocation_id.to_string(),
            timings: TimingsBody::new(report.timings),
            cpu_ms: report.usage.cpu.map(fractional_millis),
            max_memory_bytes: report.usage.max_memory_bytes,
            isolation: report.isolation.as_str(),
            reused: report.is_reused,
        }
    }

    /// Returns the timings as the value of a `Server-Timing` header.
    pub(crate) fn server_timing(&self) -> String {
        let TimingsBody { queue, sandbox, load, run } = self.timings;
        format!("queue;dur={queue}, sandbox;dur={sandbox}, load;dur={load}, run;dur={run}")
    }
}

impl TimingsBody {
    fn new(timings: Timings) -> Self {
        Self {
            queue: fractional_millis(timings.queue),
            sandbox: fractional_millis(timings.sandbox),
            load: fractional_millis(timings.load),
            run: fractional_millis(timings.run),
        }
    }
}

impl Warning {
    pub(crate) fn all(warnings: &[ValueWarning]) -> Vec<Self> {
        warnings.iter().map(|warning| Self { path: warning.path.clone(), message: warning.message.clone() }).collect()
    }
}

/// Returns milliseconds, rounded to microseconds.
fn fractional_millis(duration: Duration) -> f64 {
    (duration.as_secs_f64() * 1e6).round() / 1e3
}

/// Returns milliseconds, rounded to whole ones.
pub(crate) fn whole_millis(duration: Duration) -> u64 {
    // `as_millis` would cut: 1.9 ms would be 1.
    u64::try_from((duration.as_micros() + 500) / 1000).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn milliseconds_are_rounded_to_microseconds() {
        for (nanos, millis) in [(0, 0.0), (499, 0.0), (500, 0.001), (1_234_567, 1.235), (2_000_000_000, 2000.0)] {
            assert!((fractional_millis(Duration::from_nanos(nanos)) - millis).abs() < 1e-9, "{nanos}");
        }
    }

    #[test]
    fn the_duration_is_rounded_to_whole_milliseconds() {
        for (micros, millis) in [(0, 0), (499, 0), (500, 1), (11_999, 12)] {
            assert_eq!(whole_millis(Duration::from_micros(micros)), millis);
        }
    }
}
