//! Waits for a compiler process and watches what it does meanwhile.
//!
//! Elapsed time alone proves nothing: a process that was stopped, frozen or left without a processor takes long,
//! whatever the source. The cost of a source is the processor time that the process has used for it.

use std::time::Duration;

use tokio::time::{Instant, MissedTickBehavior, interval_at, timeout_at};

use super::proc_stat::ProcStat;

/// How often a process that has not answered is checked.
const CHECK_INTERVAL: Duration = Duration::from_millis(200);
/// Number of checks after which a process that a signal has stopped counts as stopped: a debugger may hold one for a
/// moment.
const STOPPED_CHECKS: u32 = 2;

/// Limits for waiting.
#[derive(Debug, Clone, Copy)]
pub(super) struct Bounds {
    /// Processor time that the process may use from now on.
    pub(super) processor_time: Duration,
    /// How long the process may use no processor time before it counts as stalled.
    pub(super) stall_timeout: Duration,
    /// When to give up, whatever the process does.
    pub(super) until: Instant,
}

/// How the wait ended.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum WatchOutcome<T> {
    /// The work is done.
    Done(T),
    /// The process has used up its processor time.
    OverProcessorTime,
    /// The process has stalled; the text says how that was noticed.
    Stalled(String),
    /// The time is over, although the process has not used up its processor time.
    DeadlinePassed,
}

/// Waits for `work`, which the process does.
pub(super) async fn watch<T>(proc_stat: &ProcStat, bounds: Bounds, work: impl Future<Output = T>) -> WatchOutcome<T> {
    tokio::select! {
        // Check the work first: what is done was done in time.
        biased;
        done = timeout_at(bounds.until, work) => done.map_or(WatchOutcome::DeadlinePassed, WatchOutcome::Done),
        ended = monitor(proc_stat, bounds) => ended,
    }
}

/// Checks the process repeatedly until there is a reason to give up. Counts checks instead of time, because a stop of
/// the server itself proves nothing about the process.
async fn monitor<T>(proc_stat: &ProcStat, bounds: Bounds) -> WatchOutcome<T> {
    let begin = proc_stat.read().map(|reading| reading.used);
    let mut used_before = begin;
    let (mut still, mut stopped) = (0, 0);
    let mut checks = interval_at(Instant::now() + CHECK_INTERVAL, CHECK_INTERVAL);
    // After a stop of the server, the default would make up for all missed checks at once, and they would find no
    // progress.
    checks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        checks.tick().await;
        let reading = proc_stat.read();
        let used = reading.map(|reading| reading.used);
        if let (Some(begin), Some(used)) = (begin, used)
            && used.saturating_sub(begin) >= bounds.processor_time
        {
            return WatchOutcome::OverProcessorTime;
        }
        stopped = if reading.is_some_and(super::proc_stat::Reading::is_stopped) { stopped + 1 } else { 0 };
        // A process that cannot be read counts as one without progress (`None` equals `None`).
        still = if used == used_before { still + 1 } else { 0 };
        used_before = used;
        if stopped >= STOPPED_CHECKS {
            return WatchOutcome::Stalled("a signal has stopped it".to_owned());
        }
        if CHECK_INTERVAL * still >= bounds.stall_timeout {
            let state = reading.map_or('?', |reading| reading.state);
            return WatchOutcome::Stalled(format!(
                "it used no processor time for {:?}; its state is {state}",
                bounds.stall_timeout
            ));
        }
    }
}
