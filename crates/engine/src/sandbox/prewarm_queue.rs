//! The snapshots for which sandboxes are still to be made for the warm pool, after a deploy.

use std::collections::VecDeque;
use std::sync::{Mutex, MutexGuard, PoisonError};

use workers_domain::ports::SandboxSpec;

/// How many deploys wait for their sandbox. When there are more at once, the oldest are dropped; their invocations make
/// their own sandbox.
const MOST: usize = 4;

/// The snapshots that will probably be used soon.
#[derive(Debug, Default)]
pub(crate) struct PrewarmQueue {
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    waiting: VecDeque<SandboxSpec>,
    /// Whether a task works on them.
    has_task: bool,
}

impl State {
    /// Adds one. Returns whether a task has to be started to work on them.
    fn push(&mut self, spec: SandboxSpec) -> bool {
        if self.waiting.len() >= MOST {
            self.waiting.pop_front();
        }
        self.waiting.push_back(spec);
        !std::mem::replace(&mut self.has_task, true)
    }
}

impl PrewarmQueue {
    /// Adds one. Returns whether a task has to be started to work on them.
    pub(super) fn push(&self, spec: SandboxSpec) -> bool {
        self.lock().push(spec)
    }

    /// Returns the next one. The task ends when there is none.
    pub(super) fn next(&self) -> Option<SandboxSpec> {
        let mut state = self.lock();
        let next = state.waiting.pop_front();
        // Under the same lock, so that a snapshot that is pushed after this starts another task.
        state.has_task = next.is_some();
        next
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        // No code that holds the lock panics half way.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use workers_domain::ports::SandboxSource;
    use workers_domain::{NetworkPolicy, ResourceLimits, SnapshotId};

    use super::*;

    #[test]
    fn of_many_at_once_the_newest_are_kept_and_one_task_works_on_them() {
        let prewarm_queue = PrewarmQueue::default();
        let push = |number: usize| {
            let source = SandboxSource::Snapshot(SnapshotId::new(format!("snap_{number}")));
            let limits = ResourceLimits::default();
            prewarm_queue.lock().push(SandboxSpec { source, limits, network: NetworkPolicy::default(), kept_for: None })
        };
        assert!(push(0));
        assert!(!(1..10).any(push));
        let next = || match prewarm_queue.next()?.source {
            SandboxSource::Snapshot(id) => Some(id.as_str().to_owned()),
            SandboxSource::Empty => None,
        };
        assert_eq!([next(), next()].map(Option::unwrap), ["snap_6", "snap_7"]);
        assert!(!push(10), "the task goes on");
        assert_eq!([next(), next(), next()].map(Option::unwrap), ["snap_8", "snap_9", "snap_10"]);
        assert_eq!(next(), None);
        assert!(push(11), "it has ended");
    }
}
