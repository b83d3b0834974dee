//! Sandboxes that are kept for runs of one script, while no run uses them.

use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use workers_domain::ports::{NodeScript, SandboxSource, SandboxSpec};
use workers_domain::{NetworkPolicy, ResourceLimits, SnapshotId};

use super::resources::SandboxResources;

/// After how many runs, and after how long, a sandbox is thrown away in any case.
const MOST_RUNS: u32 = 1_000;
const OLDEST: Duration = Duration::from_mins(10);

/// A script gets new sandboxes for [`REST`] after so many runs in a row have changed theirs, and when it has to be
/// loaded by each run.
const MOST_CHANGES: u32 = 8;
const REST: Duration = Duration::from_mins(10);

/// The time until another sandbox is made for a script after one could not be made.
const PAUSE: Duration = Duration::from_secs(1);

/// How many sandboxes wait or are being made for one script when another one is begun.
const MOST_SPARE: usize = 2;

/// How many sandboxes are made at one time, of all scripts together. A script runs while it is loaded, and no
/// invocation holds a permit for that.
const MOST_MAKING: usize = 2;

/// How long a script's sandboxes wait for a run.
const IDLE: Duration = Duration::from_mins(5);

/// How many scripts are remembered that no sandbox is kept for.
const MOST_SCRIPTS: usize = 10_000;

/// What a sandbox is kept for. A snapshot belongs to one worker of one tenant.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Purpose {
    snapshot: SnapshotId,
    limits: ResourceLimits,
    network: NetworkPolicy,
    script: NodeScript,
}

impl Purpose {
    /// Returns what such a sandbox may be kept for; `None` if it must be new.
    pub(crate) fn of(spec: &SandboxSpec) -> Option<Self> {
        let (SandboxSource::Snapshot(snapshot), Some(script)) = (&spec.source, &spec.kept_for) else { return None };
        let (snapshot, script) = (snapshot.clone(), script.clone());
        Some(Self { snapshot, limits: spec.limits, network: spec.network.clone(), script })
    }

    pub(super) const fn limits(&self) -> ResourceLimits {
        self.limits
    }

    pub(super) fn network(&self) -> &NetworkPolicy {
        &self.network
    }

    pub(super) fn script(&self) -> &NodeScript {
        &self.script
    }
}

/// A sandbox that is kept, and its use so far.
#[derive(Debug)]
pub(crate) struct KeptSandbox {
    pub(super) resources: SandboxResources,
    pub(super) runs: u32,
    pub(super) since: Instant,
}

/// The sandboxes that wait to be used again.
#[derive(Debug)]
pub(crate) struct KeptPool {
    state: Mutex<State>,
    most: usize,
}

#[derive(Debug, Default)]
struct State {
    scripts: HashMap<SnapshotId, Script>,
    /// The number of sandboxes that wait, and of those that are being made.
    waiting: usize,
    making: usize,
    is_closed: bool,
    /// Counts uses; the lowest number was used least recently.
    clock: u64,
}

/// What is known of the script in one snapshot.
#[derive(Debug)]
struct Script {
    /// Sandboxes for another purpose, with other limits, are of no use any more.
    purpose: Purpose,
    /// Those that wait. The last one was used last.
    waiting: Vec<KeptSandbox>,
    /// How many are being made.
    making: usize,
    /// Until when each run gets a new sandbox.
    unfit_until: Option<Instant>,
    /// How many runs in a row have changed their sandbox.
    changes: u32,
    used: u64,
    used_at: Instant,
}

impl Script {
    fn new(purpose: Purpose) -> Self {
        let (waiting, used_at) = (Vec::new(), Instant::now());
        Self { purpose, waiting, making: 0, unfit_until: None, changes: 0, used: 0, used_at }
    }

    fn is_unfit(&self) -> bool {
        self.unfit_until.is_some_and(|until| Instant::now() < until)
    }
}

impl KeptPool {
    /// Makes an empty pool, for at most so many waiting sandboxes.
    pub(crate) fn new(most: usize) -> Self {
        Self { state: Mutex::default(), most }
    }

    /// Takes a sandbox.
    pub(super) fn take(&self, purpose: &Purpose) -> Option<KeptSandbox> {
        let mut state = self.lock();
        let taken = state.script(purpose)?.waiting.pop()?;
        state.waiting -= 1;
        Some(taken)
    }

    /// Returns whether runs for this purpose may get sandboxes that are kept, as far as is known.
    pub(super) fn is_fit(&self, purpose: &Purpose) -> bool {
        self.most > 0 && self.lock().script(purpose).is_none_or(|script| !script.is_unfit())
    }

    /// Returns whether another one is to be made for this purpose; then [`made`](Self::made) must follow.
    pub(super) fn begin_making(&self, purpose: &Purpose) -> bool {
        let mut state = self.lock();
        if state.is_closed || self.most == 0 || state.making >= MOST_MAKING {
            return false;
        }
        if state.script(purpose).is_none() {
            if state.scripts.len() >= MOST_SCRIPTS {
                state.forget_one();
            }
            // Dropped outside of the lock, because that kills processes.
            let outdated = state.scripts.insert(purpose.snapshot.clone(), Script::new(purpose.clone()));
            state.waiting -= outdated.as_ref().map_or(0, |script| script.waiting.len());
            drop(state);
            drop(outdated);
            state = self.lock();
        }
        let Some(script) = state.script(purpose) else { return false };
        // One for each call that finds none, so that there are soon as many as there are calls at once.
        if script.is_unfit() || script.making + script.waiting.len() >= MOST_SPARE {
            return false;
        }
        script.making += 1;
        state.making += 1;
        true
    }

    /// Stores a sandbox that was made; `None` if it could not be made.
    pub(super) fn made(&self, purpose: &Purpose, made: Option<KeptSandbox>) {
        let mut state = self.lock();
        state.making -= 1;
        if let Some(script) = state.script(purpose) {
            script.making = script.making.saturating_sub(1);
        }
        let dropped = made.and_then(|made| state.store(purpose, made, self.most));
        drop(state);
        drop(dropped);
    }

    /// Takes back a sandbox that a run has left as it was.
    pub(super) fn give_back(&self, purpose: &Purpose, sandbox: KeptSandbox) {
        let mut state = self.lock();
        if let Some(script) = state.script(purpose) {
            script.changes = 0;
        }
        let is_worn = sandbox.runs >= MOST_RUNS || sandbox.since.elapsed() >= OLDEST;
        let dropped = if is_worn { Some(sandbox) } else { state.store(purpose, sandbox, self.most) };
        drop(state);
        drop(dropped);
    }

    /// Records that a run has changed its sandbox.
    pub(super) fn changed(&self, purpose: &Purpose) {
        if let Some(script) = self.lock().script(purpose) {
            script.changes += 1;
            if script.changes >= MOST_CHANGES {
                script.changes = 0;
                script.unfit_until = Some(Instant::now() + REST);
            }
        }
    }

    /// Records that each run of a script has to load it itself.
    pub(super) fn unfit(&self, purpose: &Purpose) {
        self.rest(purpose, REST);
    }

    /// Records that no sandbox could be made.
    pub(super) fn failed(&self, purpose: &Purpose) {
        self.rest(purpose, PAUSE);
    }

    fn rest(&self, purpose: &Purpose, time: Duration) {
        if let Some(script) = self.lock().script(purpose) {
            script.unfit_until = Some(Instant::now() + time);
        }
    }

    /// Drops what was made from a snapshot.
    pub(crate) fn forget(&self, snapshot: &SnapshotId) {
        let mut state = self.lock();
        let gone = state.scripts.remove(snapshot);
        state.waiting -= gone.as_ref().map_or(0, |script| script.waiting.len());
        drop(state);
        drop(gone);
    }

    /// Drops sandboxes of scripts that have not run for [`IDLE`], and half of the others if memory is short.
    pub(crate) fn tidy(&self, is_memory_short: bool) {
        let mut gone = Vec::new();
        let mut state = self.lock();
        for script in state.scripts.values_mut() {
            if script.used_at.elapsed() >= IDLE {
                gone.append(&mut script.waiting);
            }
        }
        state.waiting -= gone.len();
        if is_memory_short {
            gone.extend((0..state.waiting.div_ceil(2)).map_while(|_| state.evict()).collect::<Vec<_>>());
        }
        drop(state);
        drop(gone);
    }

    /// Drops all.
    pub(crate) fn clear(&self) {
        let mut state = self.lock();
        state.waiting = 0;
        let gone = std::mem::take(&mut state.scripts);
        drop(state);
        drop(gone);
    }

    /// Drops all, and keeps no more.
    pub(crate) fn close(&self) {
        self.lock().is_closed = true;
        self.clear();
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        // No code that holds the lock panics half way.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    /// Returns what is known of a script, and counts that as a use of it.
    fn script(&mut self, purpose: &Purpose) -> Option<&mut Script> {
        self.clock += 1;
        let script = self.scripts.get_mut(&purpose.snapshot).filter(|script| script.purpose == *purpose)?;
        (script.used, script.used_at) = (self.clock, Instant::now());
        Some(script)
    }

    /// Stores a sandbox. Returns the one that has to go: of the script that was used least recently, if there are too
    /// many, or this one.
    fn store(&mut self, purpose: &Purpose, sandbox: KeptSandbox, most: usize) -> Option<KeptSandbox> {
        let is_closed = self.is_closed;
        // The script is gone if its snapshot was deleted meanwhile.
        let Some(script) = self.script(purpose).filter(|script| !is_closed && !script.is_unfit()) else {
            return Some(sandbox);
        };
        script.waiting.push(sandbox);
        self.waiting += 1;
        if self.waiting <= most { None } else { self.evict() }
    }

    /// Takes out the sandbox that was used least recently.
    fn evict(&mut self) -> Option<KeptSandbox> {
        let waiting = self.scripts.values_mut().filter(|script| !script.waiting.is_empty());
        let oldest = waiting.min_by_key(|script| script.used)?;
        self.waiting -= 1;
        Some(oldest.waiting.remove(0))
    }

    /// Forgets the script that was used least recently of those that no sandbox is kept for.
    fn forget_one(&mut self) {
        let idle = self.scripts.iter().filter(|(_, script)| script.waiting.is_empty() && script.making == 0);
        if let Some(snapshot) = idle.min_by_key(|(_, script)| script.used).map(|(snapshot, _)| snapshot.clone()) {
            self.scripts.remove(&snapshot);
        }
    }
}

#[cfg(test)]
mod tests {
    use workers_domain::SandboxId;

    use super::*;
    use crate::sandbox::resources::SandboxState;

    fn purpose(snapshot: &str, memory_bytes: u64) -> Purpose {
        let script = NodeScript { path: "worker.mjs".to_owned(), heap_mib: None, env: Vec::new() };
        let limits = ResourceLimits { memory_bytes, ..ResourceLimits::default() };
        let source = SandboxSource::Snapshot(SnapshotId::new(snapshot.to_owned()));
        let spec = SandboxSpec { source, limits, network: NetworkPolicy::default(), kept_for: Some(script) };
        Purpose::of(&spec).unwrap()
    }

    fn sandbox(name: &str, runs: u32) -> KeptSandbox {
        let (limits, network) = (ResourceLimits::default(), NetworkPolicy::default());
        let id = SandboxId::new(name.to_owned());
        let resources = SandboxResources::new(id, "none".into(), limits, network, SandboxState::Stopped);
        KeptSandbox { resources, runs, since: Instant::now() }
    }

    fn name(taken: Option<KeptSandbox>) -> Option<String> {
        taken.map(|taken| taken.resources.id.as_str().to_owned())
    }

    /// Stores a sandbox as if it had just been made.
    fn make(pool: &KeptPool, purpose: &Purpose, name: &str) {
        assert!(pool.begin_making(purpose), "{name}");
        pool.made(purpose, Some(sandbox(name, 0)));
    }

    #[test]
    fn a_sandbox_serves_its_own_purpose_only() {
        let pool = KeptPool::new(8);
        let (one, larger, other) = (purpose("a", 1 << 28), purpose("a", 1 << 29), purpose("b", 1 << 28));
        make(&pool, &one, "first");
        assert!(pool.take(&larger).is_none() && pool.take(&other).is_none());
        assert_eq!(name(pool.take(&one)).as_deref(), Some("first"));
        assert!(pool.take(&one).is_none());
        // Of one snapshot only the purpose that was asked for last counts.
        make(&pool, &one, "second");
        make(&pool, &larger, "third");
        assert!(pool.take(&one).is_none());
    }

    #[test]
    fn the_sandbox_that_was_used_last_is_used_first_and_a_worn_one_no_more() {
        let pool = KeptPool::new(8);
        let purpose = purpose("a", 1 << 28);
        make(&pool, &purpose, "made");
        pool.give_back(&purpose, sandbox("used", 1));
        pool.give_back(&purpose, sandbox("worn", MOST_RUNS));
        assert_eq!(name(pool.take(&purpose)).as_deref(), Some("used"));
        assert_eq!(name(pool.take(&purpose)).as_deref(), Some("made"));
        assert!(pool.take(&purpose).is_none());
    }

    #[test]
    fn the_script_that_was_used_least_recently_loses_its_sandbox_first() {
        let pool = KeptPool::new(2);
        let purposes = ["a", "b", "c"].map(|snapshot| purpose(snapshot, 1 << 28));
        for (purpose, name) in purposes.iter().zip(["of a", "of b", "of c"]) {
            make(&pool, purpose, name);
        }
        let left = purposes.each_ref().map(|purpose| name(pool.take(purpose)).is_some());
        assert_eq!(left, [false, true, true]);
    }

    #[test]
    fn a_script_gets_new_sandboxes_after_too_many_changes_and_when_it_is_unfit() {
        let pool = KeptPool::new(8);
        let [changing, unfit] = ["a", "b"].map(|snapshot| purpose(snapshot, 1 << 28));
        make(&pool, &changing, "made");
        for _ in 1..MOST_CHANGES {
            pool.changed(&changing);
        }
        // One that left its sandbox as it was begins the count anew.
        pool.give_back(&changing, sandbox("used", 1));
        pool.changed(&changing);
        assert!(pool.is_fit(&changing));
        for _ in 1..MOST_CHANGES {
            pool.changed(&changing);
        }
        assert!(!pool.is_fit(&changing) && !pool.begin_making(&changing));
        assert!(pool.begin_making(&unfit));
        pool.unfit(&unfit);
        pool.made(&unfit, None);
        assert!(!pool.is_fit(&unfit) && !pool.begin_making(&unfit));
    }

    #[test]
    fn what_is_given_back_after_the_end_of_its_snapshot_or_of_the_pool_is_dropped() {
        let pool = KeptPool::new(8);
        let purpose = purpose("a", 1 << 28);
        make(&pool, &purpose, "made");
        pool.forget(&purpose.snapshot);
        pool.give_back(&purpose, sandbox("late", 1));
        assert!(pool.take(&purpose).is_none());
        make(&pool, &purpose, "again");
        pool.close();
        pool.give_back(&purpose, sandbox("late", 1));
        assert!(pool.take(&purpose).is_none() && !pool.begin_making(&purpose));
    }

    #[test]
    fn half_of_them_go_when_memory_is_short() {
        let pool = KeptPool::new(8);
        let purpose = purpose("a", 1 << 28);
        make(&pool, &purpose, "first");
        for name in ["second", "third", "fourth"] {
            pool.give_back(&purpose, sandbox(name, 1));
        }
        pool.tidy(false);
        pool.tidy(true);
        let left = [pool.take(&purpose), pool.take(&purpose), pool.take(&purpose)].map(name);
        assert_eq!(left.iter().flatten().collect::<Vec<_>>(), ["fourth", "third"]);
    }

    #[test]
    fn only_a_few_are_made_at_one_time() {
        let pool = KeptPool::new(8);
        let [one, two, three] = ["a", "b", "c"].map(|snapshot| purpose(snapshot, 1 << 28));
        assert!(pool.begin_making(&one) && pool.begin_making(&two) && !pool.begin_making(&three));
        pool.made(&one, None);
        assert!(pool.begin_making(&three));
    }

    #[test]
    fn a_pool_without_places_makes_none() {
        let pool = KeptPool::new(0);
        let purpose = purpose("a", 1 << 28);
        assert!(!pool.is_fit(&purpose) && !pool.begin_making(&purpose));
    }
}
