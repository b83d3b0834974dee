//! The state of one group, and of one of its keys.

use std::collections::{BTreeMap, VecDeque};

use tokio::sync::oneshot;
use tokio::time::Instant;

use super::lengths::Lengths;
use super::limits::Limits;
use super::refusal::WaitResult;
use super::wait_estimator::WaitEstimator;

/// The length of a queue and the id of its last waiter: the sort key of queues, longest last. Of two queues of equal
/// length, the one with the later newcomer counts as longer. Sort keys are unique, because the ids of waiters are.
pub(super) type LengthKey = (usize, u64);

/// The state of one group.
pub(super) struct Group<K> {
    pub(super) limits: Limits,
    pub(super) held: usize,
    pub(super) waiting: usize,
    /// The id of the group's latest waiter.
    pub(super) newest: u64,
    /// The group's position among the eligible groups; `None` if it is not eligible.
    pub(super) position: Option<Position>,
    /// The eligible keys: those that wait and may have one more permit (if the group may), next one first.
    pub(super) eligible: BTreeMap<u64, K>,
    /// The group's queues that are not empty, longest last.
    pub(super) longest: BTreeMap<LengthKey, K>,
    /// The lengths of these queues.
    pub(super) queue_lengths: Lengths,
    /// Estimates the time until permits of this group are released.
    pub(super) estimator: WaitEstimator,
}

/// The order of the eligible groups: first the group that holds the fewest permits; among several such groups, the one
/// that became eligible, or was last served, longest ago.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Position {
    pub(super) held: usize,
    pub(super) number: u64,
}

/// The state of one key.
pub(super) struct KeyState {
    pub(super) held: usize,
    /// The waiting callers of the key, by ascending id.
    pub(super) queue: VecDeque<QueuedWaiter>,
    /// The key's position among the eligible keys of its group; `None` if it is not eligible.
    pub(super) position: Option<u64>,
    /// Estimates the time until permits of this key are released.
    pub(super) estimator: WaitEstimator,
}

/// A waiting caller as the queue sees it.
pub(super) struct QueuedWaiter {
    pub(super) id: u64,
    pub(super) sender: oneshot::Sender<WaitResult>,
}

impl<K> Group<K> {
    pub(super) const fn new(limits: Limits, now: Instant) -> Self {
        Self {
            limits,
            held: 0,
            waiting: 0,
            newest: 0,
            position: None,
            eligible: BTreeMap::new(),
            longest: BTreeMap::new(),
            queue_lengths: Lengths::new(),
            estimator: WaitEstimator::new(now),
        }
    }

    pub(super) const fn is_idle(&self) -> bool {
        self.held == 0 && self.waiting == 0
    }

    /// Returns the group's sort key among the groups that wait; `None` if it has no waiting callers.
    pub(super) fn length(&self) -> Option<LengthKey> {
        (self.waiting > 0).then_some((self.waiting, self.newest))
    }
}

impl KeyState {
    pub(super) const fn new(now: Instant) -> Self {
        Self { held: 0, queue: VecDeque::new(), position: None, estimator: WaitEstimator::new(now) }
    }

    pub(super) fn is_idle(&self) -> bool {
        self.held == 0 && self.queue.is_empty()
    }

    /// Returns the sort key of the key's queue among those of its group; `None` if the queue is empty.
    pub(super) fn length(&self) -> Option<LengthKey> {
        self.queue.back().map(|last| (self.queue.len(), last.id))
    }
}
