//! A platform on fakes, and helpers for tests.

use std::num::NonZeroU32;
use std::sync::Arc;

use workers_domain::ports::{PageRequest, Store};
use workers_domain::{InvocationEventKind, InvocationReport, LogEntry, LogStream, Outcome, Worker};
use workers_service::{Invocation, Platform, PlatformBuilder, ServiceOptions};
use workers_testing::{FakeStore, ScriptedCall, ScriptedSandboxProvider, Step, TestClock, operator};

/// A bundle with two functions.
pub(crate) const BUNDLE: &str =
    "export async function greet(p) { return p } export const fail = async () => { throw 1 }";

/// A platform, with access to all fakes behind it.
pub(crate) struct TestPlatform {
    pub(crate) platform: Platform,
    pub(crate) store: Arc<FakeStore>,
    pub(crate) sandboxes: ScriptedSandboxProvider,
    pub(crate) clock: Arc<TestClock>,
}

impl TestPlatform {
    /// Creates a platform whose functions do what `script` says.
    pub(crate) fn new(script: impl Fn(&ScriptedCall) -> Vec<Step> + Send + Sync + 'static) -> Self {
        Self::with_options(|_| {}, script)
    }

    /// Creates a platform with changed options.
    pub(crate) fn with_options(
        change: impl FnOnce(&mut ServiceOptions),
        script: impl Fn(&ScriptedCall) -> Vec<Step> + Send + Sync + 'static,
    ) -> Self {
        let mut options = ServiceOptions::default();
        change(&mut options);
        Self::over(Arc::default(), Arc::default(), options, script, |builder| builder)
    }

    /// Creates a platform with further ports from the test.
    pub(crate) fn with_ports(
        change: impl FnOnce(PlatformBuilder) -> PlatformBuilder,
        script: impl Fn(&ScriptedCall) -> Vec<Step> + Send + Sync + 'static,
    ) -> Self {
        Self::over(Arc::default(), Arc::default(), ServiceOptions::default(), script, change)
    }

    /// Creates another server on the same database, with its own sandboxes.
    pub(crate) fn beside(&self, script: impl Fn(&ScriptedCall) -> Vec<Step> + Send + Sync + 'static) -> Self {
        let options = self.platform.options().clone();
        Self::over(Arc::clone(&self.store), Arc::clone(&self.clock), options, script, |builder| builder)
    }

    fn over(
        store: Arc<FakeStore>,
        clock: Arc<TestClock>,
        options: ServiceOptions,
        script: impl Fn(&ScriptedCall) -> Vec<Step> + Send + Sync + 'static,
        change: impl FnOnce(PlatformBuilder) -> PlatformBuilder,
    ) -> Self {
        let sandboxes = ScriptedSandboxProvider::new(script);
        let stored = Arc::clone(&store) as Arc<dyn Store>;
        let platform = change(Platform::builder(stored, Arc::new(sandboxes.clone())))
            .clock(Arc::clone(&clock) as _)
            .options(options)
            .build();
        Self { platform, store, sandboxes, clock }
    }

    pub(crate) async fn deploy(&self) -> Worker {
        self.platform.workers().deploy(operator(), "w".to_owned(), BUNDLE.into()).await.unwrap()
    }

    /// Returns all workers.
    pub(crate) async fn list(&self) -> Vec<Worker> {
        self.platform.workers().list_page(operator(), &PageRequest::first(NonZeroU32::MAX)).await.unwrap().items
    }

    /// Deploys, invokes `greet`, and follows it to its end.
    pub(crate) async fn run(&self, payload: &[u8]) -> (Vec<LogEntry>, InvocationReport) {
        let worker = self.deploy().await;
        follow(self.platform.invocations().invoke(operator(), worker.id, "greet", payload).await.unwrap()).await
    }
}

/// Takes every event. There must be exactly one report, at the end.
pub(crate) async fn follow(mut invocation: Invocation) -> (Vec<LogEntry>, InvocationReport) {
    let mut entries = Vec::new();
    let mut sequence = 0;
    while let Some(event) = invocation.next().await {
        assert!(event.sequence > sequence, "events are numbered in their order");
        sequence = event.sequence;
        match event.kind {
            InvocationEventKind::Log(entry) => entries.push(entry),
            InvocationEventKind::Finished(report) => {
                assert_eq!(invocation.next().await, None, "nothing follows the report");
                return (entries, *report);
            }
        }
    }
    panic!("an invocation ended without a report");
}

/// Returns the lines as `o:text` and `e:text`.
pub(crate) fn lines(entries: &[LogEntry]) -> Vec<String> {
    let line = |entry: &LogEntry| match entry.stream {
        LogStream::Stdout => format!("o:{}", entry.message),
        LogStream::Stderr => format!("e:{}", entry.message),
    };
    entries.iter().map(line).collect()
}

/// Returns the JSON that a function returned.
pub(crate) fn returned(report: &InvocationReport) -> &str {
    match &report.outcome {
        Outcome::Returned { result, .. } => result.as_str(),
        Outcome::Failed(failure) => panic!("{failure:?}"),
    }
}

/// Returns the code of a failure.
pub(crate) fn failed(report: &InvocationReport) -> &'static str {
    match &report.outcome {
        Outcome::Failed(failure) => failure.code.as_str(),
        Outcome::Returned { result, .. } => panic!("{result:?}"),
    }
}
