//! Health of the components that deploys and invocations depend on. They are checked on each probe, and repeatedly
//! while a fault lasts.

use std::collections::BTreeMap;
use std::error::Error;
use std::fmt::Display;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::time::{Duration, Instant};

use workers_domain::ports::{SandboxProvider, Store};
use workers_domain::{Fault, Part, error_chain};

use crate::{Compiler, FaultLog, InvocationObserver, LogDecision};

/// How long one check may take. Probes commonly give up after a few seconds.
const PATIENCE: Duration = Duration::from_millis(2200);

/// How often the checks are repeated while there is a fault, and how often ended failures are removed.
const WATCH_INTERVAL: Duration = Duration::from_secs(1);
const SETTLE_INTERVAL: Duration = Duration::from_secs(10);

/// How often the log repeats that a fault still exists.
const REMINDER: Duration = Duration::from_mins(1);

/// The checked components and the results of the last checks.
pub(crate) struct Health {
    store: Arc<dyn Store>,
    sandboxes: Arc<dyn SandboxProvider>,
    compiler: Arc<dyn Compiler>,
    observer: Arc<dyn InvocationObserver>,
    failures: FaultLog,
    /// Only one task runs the checks at a time. Tasks that wait for it use its result.
    checking: tokio::sync::Mutex<()>,
    results: Mutex<CheckResults>,
    /// Whether the last check found that file descriptors were short. Read for every response.
    short_of_descriptors: AtomicBool,
    /// Wakes the task that repeats the checks.
    recheck: Arc<tokio::sync::Notify>,
}

#[derive(Default)]
struct CheckResults {
    /// When the last checks began.
    began: Option<Instant>,
    faults: BTreeMap<Part, LoggedFault>,
}

/// A fault that was logged.
#[derive(Clone)]
struct LoggedFault {
    fault: Fault,
    since: Instant,
    logged: Instant,
}

impl Health {
    pub(crate) fn start(
        store: Arc<dyn Store>,
        sandboxes: Arc<dyn SandboxProvider>,
        compiler: Arc<dyn Compiler>,
        observer: Arc<dyn InvocationObserver>,
    ) -> Arc<Self> {
        let health = Arc::new(Self {
            store,
            sandboxes,
            compiler,
            observer,
            failures: FaultLog::default(),
            checking: tokio::sync::Mutex::default(),
            results: Mutex::default(),
            short_of_descriptors: AtomicBool::new(false),
            recheck: Arc::default(),
        });
        tokio::spawn(watch(Arc::downgrade(&health), Arc::clone(&health.recheck)));
        health
    }

    /// Checks all parts and returns the current faults, at most one per part.
    pub(crate) async fn faults(&self) -> Vec<Fault> {
        let came = Instant::now();
        let _checking = self.checking.lock().await;
        let results = {
            let results = self.lock();
            // A check that began earlier may have missed what has broken, or was mended, since then.
            let is_fresh = results.began.is_some_and(|began| began >= came);
            is_fresh.then(|| results.faults.values().map(|fault| fault.fault.clone()).collect())
        };
        match results {
            Some(faults) => faults,
            None => self.check_all().await,
        }
    }

    /// Returns whether the last check found that file descriptors were short.
    pub(crate) fn is_short_of_descriptors(&self) -> bool {
        self.short_of_descriptors.load(Ordering::Relaxed)
    }

    /// Records a failure of the platform and returns what to log about it. Starts checks that find out whether it
    /// lasts.
    pub(crate) fn failed(&self, kind: &str) -> LogDecision {
        // `notify_one` keeps the request if the task is not waiting at this moment.
        self.recheck.notify_one();
        self.failures.failed(kind)
    }

    /// Records a failure of the platform and logs it as a warning. For failures that do not change any response.
    pub(crate) fn warn(&self, kind: &str, error: &(dyn Error + 'static), what: impl Display) {
        match self.failed(kind) {
            LogDecision::First => tracing::warn!(error, "{what}"),
            LogDecision::Count(failures) => {
                tracing::warn!(failures, error, "{what}; this is the latest of such failures");
            }
            LogDecision::Suppress => {}
        }
    }

    async fn check_all(&self) -> Vec<Fault> {
        let began = Instant::now();
        // Side by side, so that three slow parts still leave the response within the three seconds that
        // `Platform::faults` promises.
        let (database, sandboxes, compiler) =
            tokio::join!(self.check_database(), self.check_sandboxes(), self.check_compiler());
        let mut found = BTreeMap::new();
        // For each part, the first fault is kept: the sandboxes' own reports are the most specific.
        for fault in sandboxes.into_iter().chain(database).chain(compiler) {
            found.entry(fault.part).or_insert(fault);
        }
        self.record(began, &found);
        found.into_values().collect()
    }

    async fn check_database(&self) -> Option<Fault> {
        let failed = |message: String| Fault::fatal(Part::Database, message);
        match tokio::time::timeout(PATIENCE, self.store.schema().check()).await {
            Ok(Ok(())) => None,
            Ok(Err(error)) => Some(failed(error_chain(&error))),
            Err(_) => Some(failed("the database does not answer in time".to_owned())),
        }
    }

    async fn check_sandboxes(&self) -> Vec<Fault> {
        let checked = tokio::time::timeout(PATIENCE, self.sandboxes.faults()).await;
        checked.unwrap_or_else(|_| vec![Fault::fatal(Part::Sandboxes, "no sandbox can be made in time")])
    }

    async fn check_compiler(&self) -> Option<Fault> {
        let failed = |message: String| Fault::fatal(Part::Compiler, message);
        match tokio::time::timeout(PATIENCE, self.compiler.check()).await {
            Ok(Ok(())) => None,
            Ok(Err(error)) => Some(failed(error.to_string())),
            Err(_) => Some(failed("no compiler answers in time".to_owned())),
        }
    }

    /// Stores the results and logs which faults have begun and which have ended.
    fn record(&self, began: Instant, found: &BTreeMap<Part, Fault>) {
        let (mut results, now) = (self.lock(), Instant::now());
        results.began = Some(began);
        // Nothing else is read together with this flag, so no stronger ordering is needed.
        self.short_of_descriptors.store(found.contains_key(&Part::Descriptors), Ordering::Relaxed);
        for part in Part::ALL {
            self.observer.part(part, !found.contains_key(&part));
        }
        for (part, fault) in results.faults.extract_if(.., |part, _| !found.contains_key(part)) {
            let seconds = fault.since.elapsed().as_secs_f64();
            tracing::info!(part = %part, seconds, "this part of the platform works again");
        }
        for (part, fault) in found {
            match results.faults.get_mut(part) {
                None => {
                    let (message, advice) = (&fault.message, part.advice());
                    if fault.is_fatal {
                        tracing::error!(part = %part, error = message, advice, "a part of the platform fails");
                    } else {
                        tracing::warn!(part = %part, error = message, advice, "a part of the platform is slow");
                    }
                    let fault = LoggedFault { fault: fault.clone(), since: now, logged: now };
                    results.faults.insert(*part, fault);
                }
                Some(known) => {
                    if known.logged.elapsed() >= REMINDER {
                        known.logged = now;
                        let seconds = known.since.elapsed().as_secs();
                        tracing::warn!(part = %part, error = fault.message, seconds, "a part of the platform still fails");
                    }
                    known.fault = fault.clone();
                }
            }
        }
        // Asks for another check, so that the log has the end of the fault even if no probe comes.
        if !results.faults.is_empty() {
            self.recheck.notify_one();
        }
    }

    fn lock(&self) -> MutexGuard<'_, CheckResults> {
        // A poisoned lock is safe to use: no code that holds it panics half way.
        self.results.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Repeats the checks while there is a fault, so that its end is logged. Otherwise waits.
async fn watch(health: Weak<Health>, recheck: Arc<tokio::sync::Notify>) {
    loop {
        let is_requested = tokio::time::timeout(SETTLE_INTERVAL, recheck.notified()).await.is_ok();
        let Some(health) = health.upgrade() else { return };
        health.failures.log_ended();
        if is_requested {
            health.faults().await;
        }
        // Kept during the pause, it would keep the store and the provider of a platform that was dropped.
        drop(health);
        // Also limits the checks to one a second, however many failures ask for one.
        tokio::time::sleep(WATCH_INTERVAL).await;
    }
}
