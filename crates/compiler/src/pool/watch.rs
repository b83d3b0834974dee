//! Waits for a compiler process and watches what it does meanwhile.
//!
//! Elapsed time alone proves nothing: a process that was stopped, frozen or left without a processor takes long,
//! whatever the source. The cost of a source is the processor time that the process has used for it.

use std::time::Duration;

use tokio::time::{Instant, MissedTickBehavior, interval_at, timeout_at};

use super::vitals::Vitals;

/// How often a process that has not answered is checked.
const LOOK_INTERVAL: Duration = Duration::from_millis(200);
/// Number of checks after which a process that a signal has stopped counts as stopped: a debugger may hold one for a
/// moment.
const STOPPED_LOOKS: u32 = 2;

/// Limits for waiting.
#[derive(Debug, Clone, Copy)]
pub(super) struct Bounds {
    /// Processor time that the process may use from now on.
    pub(super) processor_time: Duration,
    /// How long the process may use no processor time before it counts as standing still.
    pub(super) stillness: Duration,
    /// When to give up, whatever the process does.
    pub(super) until: Instant,
}

/// How the wait ended.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Watched<T> {
    /// The work is done.
    Done(T),
    /// The process has used up its processor time.
    Expensive,
    /// The process stands still; the text says how that was noticed.
    Still(String),
    /// The time is over, although the process has not used up its processor time.
    Late,
}

/// Waits for `work`, which the process does.
pub(super) async fn watch<T>(vitals: &Vitals, bounds: Bounds, work: impl Future<Output = T>) -> Watched<T> {
    tokio::select! {
        // Check the work first: what is done was done in time.
        biased;
        done = timeout_at(bounds.until, work) => done.map_or(Watched::Late, Watched::Done),
        ended = look(vitals, bounds) => ended,
    }
}

/// Checks the process repeatedly until there is a reason to give up. Counts checks instead of time, because a stop of
/// the server itself proves nothing about the process.
async fn look<T>(vitals: &Vitals, bounds: Bounds) -> Watched<T> {
    let begin = vitals.read().map(|reading| reading.used);
    let mut used_before = begin;
    let (mut still, mut stopped) = (0, 0);
    let mut looks = interval_at(Instant::now() + LOOK_INTERVAL, LOOK_INTERVAL);
    looks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        looks.tick().await;
        let reading = vitals.read();
        let used = reading.map(|reading| reading.used);
        if let (Some(begin), Some(used)) = (begin, used)
            && used.saturating_sub(begin) >= bounds.processor_time
        {
            return Watched::Expensive;
        }
        stopped = if reading.is_some_and(super::vitals::Reading::is_stopped) { stopped + 1 } else { 0 };
        still = if used == used_before { still + 1 } else { 0 };
        used_before = used;
        if stopped >= STOPPED_LOOKS {
            return Watched::Still("a signal has stopped it".to_owned());
        }
        if LOOK_INTERVAL * still >= bounds.stillness {
            let state = reading.map_or('?', |reading| reading.state);
            return Watched::Still(format!(
                "it used no processor time for {:?}; its state is {state}",
                bounds.stillness
            ));
        }
    }
}
