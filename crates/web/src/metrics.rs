//! Prometheus metrics about requests.

use std::time::Duration;

use actix_web::http::Method;
use prometheus::{HistogramOpts, HistogramVec, IntCounterVec, Opts, Registry};

/// Histogram buckets for durations in seconds: from one millisecond (the time of a forked sandbox) to half a minute
/// (the default limit of a run) and above.
pub const SECONDS: &[f64] = &[0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1.0, 2.0, 5.0, 10.0, 30.0, 60.0];

/// The request metrics of one server. Cheap to clone; all clones share their counters.
#[derive(Debug, Clone)]
pub struct RequestMetrics {
    requests: IntCounterVec,
    seconds: HistogramVec,
}

impl RequestMetrics {
    /// Registers `<prefix>_requests_total` and `<prefix>_request_duration_seconds`.
    ///
    /// # Errors
    ///
    /// If the registry already has metrics with this prefix, or the prefix is not valid in a metric name.
    pub fn register(registry: &Registry, prefix: &str) -> Result<Self, prometheus::Error> {
        let requests = Opts::new(format!("{prefix}_requests_total"), "Requests answered");
        let requests = IntCounterVec::new(requests, &["method", "route", "status"])?;
        let name = format!("{prefix}_request_duration_seconds");
        let seconds = HistogramOpts::new(name, "From a request's head to its answer's head").buckets(SECONDS.to_vec());
        let seconds = HistogramVec::new(seconds, &["method", "route"])?;
        registry.register(Box::new(requests.clone()))?;
        registry.register(Box::new(seconds.clone()))?;
        Ok(Self { requests, seconds })
    }

    pub(crate) fn count(&self, method: &str, route: &str, status: u16, took: Duration) {
        self.requests.with_label_values(&[method, route, &status.to_string()]).inc();
        self.seconds.with_label_values(&[method, route]).observe(took.as_secs_f64());
    }
}

/// Returns the metric label of a method. Clients may send any word as a method, so unknown ones share the label
/// `OTHER`.
pub(crate) fn method_label(method: &Method) -> &'static str {
    match *method {
        Method::GET => "GET",
        Method::HEAD => "HEAD",
        Method::POST => "POST",
        Method::PUT => "PUT",
        Method::PATCH => "PATCH",
        Method::DELETE => "DELETE",
        Method::OPTIONS => "OPTIONS",
        _ => "OTHER",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn two_servers_count_in_one_registry_under_names_of_their_own() {
        let registry = Registry::new();
        let one = RequestMetrics::register(&registry, "one").unwrap();
        let _two = RequestMetrics::register(&registry, "two").unwrap();
        assert!(RequestMetrics::register(&registry, "one").is_err());
        one.count("GET", "/a", 200, Duration::ZERO);
        let families: Vec<String> = registry.gather().iter().map(|family| family.name().to_owned()).collect();
        assert_eq!(families, ["one_request_duration_seconds", "one_requests_total"]);
    }
}
