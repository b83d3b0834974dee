//! Waiting for a compiler process, with an eye on what it does meanwhile.
//!
//! The clock alone proves nothing: a process that was stopped, frozen or left without a processor takes long, whatever
//! the source. What a source costs shows in the processor time that the process has used for it.

use std::time::Duration;

use tokio::time::{Instant, MissedTickBehavior, interval_at, timeout_at};

use super::vitals::Vitals;

/// How often a process that has not answered is looked at.
const LOOK_INTERVAL: Duration = Duration::from_millis(200);
/// Looks after which a process that a signal has stopped counts as stopped: a debugger may hold one for a moment.
const STOPPED_LOOKS: u32 = 2;

/// How long to wait.
#[derive(Debug, Clone, Copy)]
pub(super) struct Bounds {
    /// Processor time that the process may use from now on.
    pub(super) processor_time: Duration,
    /// A process that uses no processor time for so long stands still.
    pub(super) stillness: Duration,
    /// When there is no time left, whatever the process does.
    pub(super) until: Instant,
}

/// How the wait ended.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Watched<T> {
    /// With what was waited for.
    Done(T),
    /// The process has used up its processor time.
    Expensive,
    /// The process stands still, and how that shows.
    Still(String),
    /// There is no time left, though the process has not used up its processor time.
    Late,
}

/// Waits for `work`, which a process does.
pub(super) async fn watch<T>(vitals: &Vitals, bounds: Bounds, work: impl Future<Output = T>) -> Watched<T> {
    tokio::select! {
        // What has been done was done in time.
        biased;
        done = timeout_at(bounds.until, work) => done.map_or(Watched::Late, Watched::Done),
        ended = look(vitals, bounds) => ended,
    }
}

/// Looks until there is a reason to give up. Counts looks and not time: when this server itself was stopped, that
/// proves nothing.
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
