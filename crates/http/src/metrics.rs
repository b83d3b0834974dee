//! Prometheus metrics.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use prometheus::core::{Collector, Desc};
use prometheus::proto::MetricFamily;
use prometheus::{
    Encoder as _, HistogramOpts, HistogramVec, IntCounter, IntCounterVec, IntGauge, IntGaugeVec, Opts, Registry,
    TextEncoder,
};
use workers_domain::ports::{KeptStep, NetworkObserver, SandboxObserver};
use workers_domain::{FailureCode, InvocationReport, NetworkDenial, Outcome, Part};
use workers_service::{InvocationObserver, Load};
use workers_web::{RequestMetrics, SECONDS};

/// The outcome label of an invocation whose caller disconnected.
const CANCELLED: &str = "cancelled";
/// The outcome label of an invocation that has a result.
const RETURNED: &str = "result";
/// The verdict label of a connection or a lookup that was not denied.
const ALLOWED: &str = "allowed";

/// The metrics of a server. Cheap to clone; all clones share their counters. Pass a clone to the platform as its
/// observer, and one to the sandbox provider as its network observer.
#[derive(Clone)]
pub struct Metrics(Arc<Inner>);

struct Inner {
    registry: Registry,
    requests: RequestMetrics,
    invocations: IntCounterVec,
    phase_seconds: HistogramVec,
    running: IntGauge,
    queued: IntGauge,
    unread: IntGauge,
    dropped_lines: IntCounter,
    dropped_bytes: IntCounter,
    connections: IntCounterVec,
    lookups: IntCounterVec,
    set_aside: IntGauge,
    set_aside_total: IntCounter,
    kept: IntCounterVec,
    parts: IntGaugeVec,
}

impl Default for Metrics {
    fn default() -> Self {
        Self::new()
    }
}

impl Metrics {
    /// Creates the metrics in a new registry, with all values at zero.
    #[must_use]
    pub fn new() -> Self {
        let registry = Registry::new();
        let inner = Inner {
            requests: RequestMetrics::register(&registry, "workers_http").expect("no two of our names are equal"),
            invocations: counters(&registry, "workers_invocations_total", "Invocations that ended", &["outcome"]),
            phase_seconds: histograms(
                &registry,
                "workers_invocation_phase_seconds",
                "How long each phase of an invocation took",
                &["phase"],
            ),
            running: gauge(&registry, "workers_invocations_running", "Invocations that run now"),
            queued: gauge(&registry, "workers_invocations_queued", "Invocations that wait in the queue now"),
            unread: gauge(&registry, "workers_unread_bytes", "Bytes of long answers that wait for their readers now"),
            dropped_lines: counter(&registry, "workers_log_dropped_lines_total", "Lines of log that the caps have cut"),
            dropped_bytes: counter(&registry, "workers_log_dropped_bytes_total", "Bytes of log that the caps have cut"),
            connections: counters(
                &registry,
                "workers_network_connections_total",
                "Connections that invocations asked for, allowed or denied for a reason",
                &["verdict"],
            ),
            lookups: counters(
                &registry,
                "workers_network_lookups_total",
                "Questions of invocations for names; a lookup mostly asks two, one for each kind of address",
                &["verdict"],
            ),
            set_aside: gauge(
                &registry,
                "workers_sandboxes_set_aside",
                "Sandboxes that were killed and have not ended yet",
            ),
            set_aside_total: counter(
                &registry,
                "workers_sandboxes_set_aside_total",
                "Sandboxes that did not end in time when they were killed",
            ),
            kept: counters(
                &registry,
                "workers_sandboxes_kept_total",
                "Steps of sandboxes that are kept for invocations of one worker",
                &["step"],
            ),
            parts: gauges(
                &registry,
                "workers_part_up",
                "Whether a part of the platform works, as it was when it was last looked at: 1 or 0",
                &["part"],
            ),
            registry,
        };
        // A part counts as working until a check says otherwise: a 0 at the start would raise alarms.
        for part in Part::ALL {
            inner.parts.with_label_values(&[part.as_str()]).set(1);
        }
        // Create all series now, because alerts can only use series that exist.
        for outcome in FailureCode::ALL.map(FailureCode::as_str).into_iter().chain([RETURNED, CANCELLED]) {
            inner.invocations.with_label_values(&[outcome]);
        }
        for verdict in NetworkDenial::ALL.map(NetworkDenial::as_str).into_iter().chain([ALLOWED]) {
            inner.connections.with_label_values(&[verdict]);
        }
        for step in KeptStep::ALL {
            inner.kept.with_label_values(&[step.as_str()]);
        }
        for verdict in [ALLOWED, NetworkDenial::Policy.as_str()] {
            inner.lookups.with_label_values(&[verdict]);
        }
        Self(Arc::new(inner))
    }

    /// Adds the number of lost lines of the server's own log. It is counted elsewhere and only shown here.
    ///
    /// # Panics
    ///
    /// If it is called twice.
    #[must_use]
    pub fn with_lost_log_lines(self, count: Arc<AtomicU64>) -> Self {
        let lines = LostLogLines { none: lost_log_lines(), count };
        self.0.registry.register(Box::new(lines)).expect("it is registered once");
        self
    }

    /// Returns the registry. Further collectors can be added to it, such as that of the process.
    #[must_use]
    pub fn registry(&self) -> &Registry {
        &self.0.registry
    }

    /// Returns the metrics about requests.
    pub(crate) fn requests(&self) -> &RequestMetrics {
        &self.0.requests
    }

    /// Returns all metrics in the text format. `load` and `unread` are the current load and the current number of
    /// unread bytes.
    pub(crate) fn render(&self, load: Load, unread: u64) -> Result<Vec<u8>, prometheus::Error> {
        self.0.running.set(i64::try_from(load.running).unwrap_or(i64::MAX));
        self.0.queued.set(i64::try_from(load.queued).unwrap_or(i64::MAX));
        self.0.unread.set(i64::try_from(unread).unwrap_or(i64::MAX));
        let mut text = Vec::new();
        TextEncoder::new().encode(&self.0.registry.gather(), &mut text)?;
        Ok(text)
    }
}

impl InvocationObserver for Metrics {
    fn finished(&self, report: &InvocationReport) {
        let outcome = match &report.outcome {
            Outcome::Returned { .. } => RETURNED,
            Outcome::Failed(failure) => failure.code.as_str(),
        };
        self.0.invocations.with_label_values(&[outcome]).inc();
        let timings = report.timings;
        for (phase, took) in
            [("queue", timings.queue), ("sandbox", timings.sandbox), ("load", timings.load), ("run", timings.run)]
        {
            self.0.phase_seconds.with_label_values(&[phase]).observe(took.as_secs_f64());
        }
    }

    fn cancelled(&self) {
        self.0.invocations.with_label_values(&[CANCELLED]).inc();
    }

    fn log_dropped(&self, lines: u64, bytes: u64) {
        self.0.dropped_lines.inc_by(lines);
        self.0.dropped_bytes.inc_by(bytes);
    }

    fn part(&self, part: Part, works: bool) {
        self.0.parts.with_label_values(&[part.as_str()]).set(works.into());
    }
}

impl NetworkObserver for Metrics {
    fn connection(&self, verdict: Result<(), NetworkDenial>) {
        let verdict = verdict.map_or_else(NetworkDenial::as_str, |()| ALLOWED);
        self.0.connections.with_label_values(&[verdict]).inc();
    }

    fn lookup(&self, permitted: bool) {
        let verdict = if permitted { ALLOWED } else { NetworkDenial::Policy.as_str() };
        self.0.lookups.with_label_values(&[verdict]).inc();
    }
}

impl SandboxObserver for Metrics {
    fn set_aside(&self) {
        self.0.set_aside.inc();
        self.0.set_aside_total.inc();
    }

    fn ended_after_all(&self) {
        self.0.set_aside.dec();
    }

    fn kept(&self, step: KeptStep) {
        self.0.kept.with_label_values(&[step.as_str()]).inc();
    }
}

/// A collector for lost lines of the server's own log. The log itself counts them.
struct LostLogLines {
    /// Describes the metric. Its value is never increased.
    none: IntCounter,
    count: Arc<AtomicU64>,
}

impl Collector for LostLogLines {
    fn desc(&self) -> Vec<&Desc> {
        self.none.desc()
    }

    fn collect(&self) -> Vec<MetricFamily> {
        // A counter of this library can only be increased. A new one for each scrape shows the count of the log as it
        // is.
        let lines = lost_log_lines();
        lines.inc_by(self.count.load(Ordering::Relaxed));
        lines.collect()
    }
}

fn lost_log_lines() -> IntCounter {
    let help = "Lines of the server's own log that were lost, because standard error was not read in time";
    IntCounter::new("workers_log_lines_lost_total", help).expect("the name is valid")
}

fn counters(registry: &Registry, name: &str, help: &str, labels: &[&str]) -> IntCounterVec {
    let counters = IntCounterVec::new(Opts::new(name, help), labels).expect("the name and labels are valid");
    registry.register(Box::new(counters.clone())).expect("no two of our names are equal");
    counters
}

fn histograms(registry: &Registry, name: &str, help: &str, labels: &[&str]) -> HistogramVec {
    let options = HistogramOpts::new(name, help).buckets(SECONDS.to_vec());
    let histograms = HistogramVec::new(options, labels).expect("the name and labels are valid");
    registry.register(Box::new(histograms.clone())).expect("no two of our names are equal");
    histograms
}

fn gauges(registry: &Registry, name: &str, help: &str, labels: &[&str]) -> IntGaugeVec {
    let gauges = IntGaugeVec::new(Opts::new(name, help), labels).expect("the name and labels are valid");
    registry.register(Box::new(gauges.clone())).expect("no two of our names are equal");
    gauges
}

fn counter(registry: &Registry, name: &str, help: &str) -> IntCounter {
    let counter = IntCounter::new(name, help).expect("the name is valid");
    registry.register(Box::new(counter.clone())).expect("no two of our names are equal");
    counter
}

fn gauge(registry: &Registry, name: &str, help: &str) -> IntGauge {
    let gauge = IntGauge::new(name, help).expect("the name is valid");
    registry.register(Box::new(gauge.clone())).expect("no two of our names are equal");
    gauge
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use workers_domain::{Failure, InvocationId, JsonText, ResourceUsage, Timings};

    use super::*;

    fn report(outcome: Outcome) -> InvocationReport {
        InvocationReport {
            invocation_id: InvocationId::from(uuid::Uuid::nil()),
            outcome,
            timings: Timings { run: Duration::from_millis(12), ..Timings::default() },
            usage: ResourceUsage::default(),
            isolation: workers_domain::Isolation::Sandbox,
            is_reused: false,
        }
    }

    fn text(metrics: &Metrics) -> String {
        String::from_utf8(metrics.render(Load { running: 2, queued: 3 }, 4096).unwrap()).unwrap()
    }

    #[test]
    fn invocations_are_counted_by_outcome() {
        let metrics = Metrics::new();
        metrics.finished(&report(Outcome::Returned { result: JsonText::parse("1".into()).unwrap(), warnings: vec![] }));
        metrics.finished(&report(Outcome::Failed(Failure::new(FailureCode::Timeout, "too slow"))));
        metrics.cancelled();
        let text = text(&metrics);
        for outcome in [RETURNED, "timeout", CANCELLED] {
            assert!(text.contains(&format!("workers_invocations_total{{outcome=\"{outcome}\"}} 1")), "{text}");
        }
        assert!(text.contains("workers_invocations_total{outcome=\"thrown\"} 0"));
    }

    #[test]
    fn the_phases_of_an_invocation_are_measured() {
        let metrics = Metrics::new();
        metrics.finished(&report(Outcome::Failed(Failure::new(FailureCode::Thrown, "no"))));
        assert!(text(&metrics).contains("workers_invocation_phase_seconds_sum{phase=\"run\"} 0.012"));
    }

    #[test]
    fn the_load_is_shown_as_it_is_now() {
        let text = text(&Metrics::new());
        assert!(text.contains("workers_invocations_running 2"));
        assert!(text.contains("workers_invocations_queued 3"));
    }

    #[test]
    fn connections_and_names_are_counted_by_verdict() {
        let metrics = Metrics::new();
        metrics.connection(Ok(()));
        metrics.connection(Err(NetworkDenial::ClosedAddress));
        metrics.lookup(false);
        let text = text(&metrics);
        for line in [
            "workers_network_connections_total{verdict=\"allowed\"} 1",
            "workers_network_connections_total{verdict=\"closed_address\"} 1",
            "workers_network_connections_total{verdict=\"policy\"} 0",
            "workers_network_lookups_total{verdict=\"allowed\"} 0",
            "workers_network_lookups_total{verdict=\"policy\"} 1",
        ] {
            assert!(text.contains(line), "{line}: {text}");
        }
    }

    #[test]
    fn cut_log_is_counted() {
        let metrics = Metrics::new();
        metrics.log_dropped(3, 4096);
        assert!(text(&metrics).contains("workers_log_dropped_bytes_total 4096"));
        assert!(text(&metrics).contains("workers_log_dropped_lines_total 3"));
    }

    #[test]
    fn lost_lines_of_the_servers_own_log_are_shown_as_the_log_counts_them() {
        let count = Arc::new(AtomicU64::new(2));
        let metrics = Metrics::new().with_lost_log_lines(Arc::clone(&count));
        assert!(text(&metrics).contains("workers_log_lines_lost_total 2"));
        count.store(7, Ordering::Relaxed);
        for _ in 0..2 {
            assert!(text(&metrics).contains("workers_log_lines_lost_total 7"));
        }
    }
}
