//! The state of the queue: which callers hold permits and which wait. Nothing in here blocks.
//!
//! The cost of an operation grows with the logarithm of the number of waiting callers, and not with the number of
//! groups and keys. Estimating a caller's wait costs time that grows with the callers ahead of it in its own group,
//! which the length of the queue limits.

use std::collections::{BTreeMap, HashMap, VecDeque};
use std::hash::Hash;
use std::time::Duration;

use tokio::sync::oneshot;
use tokio::time::Instant;

use super::group::{Group, KeyState, LengthKey, Position, QueuedWaiter};
use super::lengths::Lengths;
use super::limits::Limits;
use super::refusal::{Refusal, WaitResult};
use super::wait_estimator::WaitEstimator;

/// The result for a caller that is not refused.
pub(super) enum Entry {
    Permit,
    Waiting { id: u64, result: oneshot::Receiver<WaitResult> },
}

pub(super) struct State<G, K> {
    limits: Limits,
    in_use: usize,
    waiting: usize,
    closed: bool,
    next_waiter: u64,
    next_position: u64,
    /// The groups that hold a permit or wait, and no others.
    groups: HashMap<G, Group<K>>,
    /// The keys that hold a permit or wait, and no others.
    keys: HashMap<(G, K), KeyState>,
    /// The eligible groups: those with a key that waits and may have one more permit, next one first. If there is one,
    /// no permit is free.
    eligible: BTreeMap<Position, G>,
    /// The groups that wait, the one with the most callers last.
    longest: BTreeMap<LengthKey, G>,
    /// The number of waiting callers of each group.
    group_lengths: Lengths,
    /// Estimates the time until permits of any group are released.
    estimator: WaitEstimator,
}

impl<G: Copy + Eq + Hash, K: Copy + Eq + Hash> State<G, K> {
    pub(super) fn new(limits: Limits, now: Instant) -> Self {
        Self {
            limits: Limits { permits: limits.permits.max(1), ..limits },
            in_use: 0,
            waiting: 0,
            closed: false,
            next_waiter: 0,
            next_position: 0,
            groups: HashMap::new(),
            keys: HashMap::new(),
            eligible: BTreeMap::new(),
            longest: BTreeMap::new(),
            group_lengths: Lengths::new(),
            estimator: WaitEstimator::new(now),
        }
    }

    /// Returns the number of permits in use and the number of waiting callers.
    pub(super) const fn counts(&self) -> (usize, usize) {
        (self.in_use, self.waiting)
    }

    /// Returns whether no state of any key is left.
    #[cfg(test)]
    pub(super) fn is_empty(&self) -> bool {
        let nothing_waits = self.eligible.is_empty() && self.longest.is_empty() && self.group_lengths == Lengths::new();
        self.keys.is_empty() && self.groups.is_empty() && nothing_waits
    }

    /// Returns the limits of a group that holds a permit or waits.
    #[cfg(test)]
    pub(super) fn limits_of(&self, group: G) -> Option<Limits> {
        self.groups.get(&group).map(|own| own.limits)
    }

    /// Takes a permit if the key may have one now, otherwise joins the queue. `limits` are those of its group from now
    /// on.
    pub(super) fn enter(&mut self, group: G, key: K, limits: Limits, now: Instant) -> Result<Entry, Refusal> {
        if self.closed {
            return Err(Refusal::Closed);
        }
        self.limit(group, limits.within(self.limits), now);
        let entered = self.enter_limited(group, key, now);
        // `limit` has made an entry for the group, which must not stay for a tenant that holds nothing and does not
        // wait.
        if entered.is_err() {
            self.forget_if_idle(group, key);
        }
        entered
    }

    fn enter_limited(&mut self, group: G, key: K, now: Instant) -> Result<Entry, Refusal> {
        let may_hold = self.in_use < self.limits.permits && self.may_hold_more(group, key);
        if may_hold {
            self.take(group, key, now);
            return Ok(Entry::Permit);
        }
        let displaced = if self.waiting >= self.limits.max_waiting || !self.may_wait_more(group) {
            Some(self.displace_for(group, key).ok_or_else(|| Refusal::Full { wait: self.wait(group, key, now) })?)
        } else {
            None
        };
        let (sender, result) = oneshot::channel();
        let id = self.next_waiter;
        self.next_waiter += 1;
        self.keys.entry((group, key)).or_insert_with(|| KeyState::new(now));
        self.change_queue(group, key, |queue| queue.push_back(QueuedWaiter { id, sender }));
        self.update_eligibility(group, key);
        // After the newcomer has joined, because it is ahead of the displaced caller now and counts in the estimate.
        if let Some((group, key, sender)) = displaced {
            // If the displaced caller has just stopped waiting, the message is not needed.
            let _ = sender.send(Err(Refusal::Full { wait: self.wait(group, key, now) }));
        }
        Ok(Entry::Waiting { id, result })
    }

    /// Takes a permit back from a key, and gives it to the next key.
    pub(super) fn release(&mut self, group: G, key: K, now: Instant) {
        if self.in_use == self.limits.permits {
            self.estimator.released(now);
        }
        self.in_use -= 1;
        if let Some(own) = self.groups.get_mut(&group) {
            // Not `==`: the limit may have been lowered below what the group holds. The same is true of keys.
            if own.held >= own.limits.permits {
                own.estimator.released(now);
            }
            own.held -= 1;
            if let Some(key_state) = self.keys.get_mut(&(group, key)) {
                if key_state.held >= own.limits.permits_per_key {
                    key_state.estimator.released(now);
                }
                key_state.held -= 1;
            }
        }
        self.update_eligibility(group, key);
        self.forget_if_idle(group, key);
        self.fill(now);
    }

    /// Removes a waiter from the queue. Returns whether it was still there.
    pub(super) fn leave(&mut self, group: G, key: K, id: u64) -> bool {
        self.remove(group, key, id).is_some()
    }

    /// Lets no more callers in, and refuses those that wait.
    pub(super) fn close(&mut self) {
        self.closed = true;
        self.waiting = 0;
        self.eligible.clear();
        self.longest.clear();
        self.group_lengths = Lengths::new();
        for key_state in self.keys.values_mut() {
            // This drops the senders, which ends the waits with `Refusal::Closed`.
            key_state.queue.clear();
            key_state.position = None;
        }
        // What holds permits stays until `release` has taken them back.
        self.keys.retain(|_, key_state| !key_state.is_idle());
        for group in self.groups.values_mut() {
            group.waiting = 0;
            group.position = None;
            group.eligible.clear();
            group.longest.clear();
            group.queue_lengths = Lengths::new();
        }
        self.groups.retain(|_, group| !group.is_idle());
    }

    /// Returns the estimated wait for a new caller of this key.
    pub(super) fn wait(&self, group: G, key: K, now: Instant) -> Duration {
        let key_state = self.keys.get(&(group, key));
        let length = key_state.map_or(0, |key_state| key_state.queue.len());
        let own = self.groups.get(&group);
        // Keys are served round robin: until our caller is next, no other queue gets more permits than our own queue
        // has callers.
        let ahead = own.map_or(0, |own| own.queue_lengths.sum_up_to(length + 1));
        let of_all = if self.in_use < self.limits.permits {
            Duration::ZERO
        } else {
            // The same holds between groups.
            let waiting = own.map_or(0, |own| own.waiting);
            // The sum contains the own group, which `ahead` counts already.
            let of_others = self.group_lengths.sum_up_to(ahead + 1) - waiting.min(ahead + 1);
            self.estimator.time_for(ahead + of_others + 1, now)
        };
        let of_group = own
            .filter(|own| own.held >= own.limits.permits)
            .map_or(Duration::ZERO, |own| own.estimator.time_for(ahead + 1, now));
        let of_key = key_state
            .filter(|key_state| own.is_some_and(|own| key_state.held >= own.limits.permits_per_key))
            .map_or(Duration::ZERO, |key_state| key_state.estimator.time_for(length + 1, now));
        of_all.max(of_group).max(of_key)
    }

    /// Sets the limits of a group. Callers that may have a permit under the new limits get it.
    fn limit(&mut self, group: G, limits: Limits, now: Instant) {
        let own = self.groups.entry(group).or_insert_with(|| Group::new(limits, now));
        if own.limits == limits {
            return;
        }
        own.limits = limits;
        // Limits change rarely, so the cost of checking each waiting key of the group is acceptable.
        let waiting: Vec<_> = own.longest.values().copied().collect();
        for key in waiting {
            self.update_eligibility(group, key);
        }
        self.fill(now);
    }

    fn may_hold_more(&self, group: G, key: K) -> bool {
        let held = self.keys.get(&(group, key)).map_or(0, |key_state| key_state.held);
        self.groups.get(&group).is_some_and(|own| own.held < own.limits.permits && held < own.limits.permits_per_key)
    }

    fn may_wait_more(&self, group: G) -> bool {
        self.groups.get(&group).is_some_and(|own| own.waiting < own.limits.max_waiting)
    }

    fn take(&mut self, group: G, key: K, now: Instant) {
        let Some(own) = self.groups.get_mut(&group) else { return };
        let key_state = self.keys.entry((group, key)).or_insert_with(|| KeyState::new(now));
        key_state.held += 1;
        if key_state.held == own.limits.permits_per_key {
            key_state.estimator.exhausted(now);
        }
        own.held += 1;
        if own.held == own.limits.permits {
            own.estimator.exhausted(now);
        }
        self.in_use += 1;
        if self.in_use == self.limits.permits {
            self.estimator.exhausted(now);
        }
    }

    /// Gives free permits to waiting callers, as long as there are both.
    fn fill(&mut self, now: Instant) {
        while self.in_use < self.limits.permits && self.grant_next(now) {}
    }

    /// Gives a free permit to the first caller of the next key in the next group. Both then move to the end. Returns
    /// whether there was one.
    fn grant_next(&mut self, now: Instant) -> bool {
        let Some((_, group)) = self.eligible.pop_first() else { return false };
        let Some(own) = self.groups.get_mut(&group) else { return true };
        // Without positions, `update_eligibility` below puts the group and the key behind the others: the round robin.
        own.position = None;
        let Some((_, key)) = own.eligible.pop_first() else { return true };
        if let Some(key_state) = self.keys.get_mut(&(group, key)) {
            key_state.position = None;
        }
        if let Some(first) = self.change_queue(group, key, VecDeque::pop_front).flatten() {
            // The caller may have just stopped waiting; then the permit stays free.
            if first.sender.send(Ok(())).is_ok() {
                self.take(group, key, now);
            }
        }
        self.update_eligibility(group, key);
        self.forget_if_idle(group, key);
        true
    }

    /// Makes room for a caller of this key: removes another caller from the queue. The returned sender must be used to
    /// refuse that caller. It is the last caller of the longest queue of the group with the most callers. If our own
    /// group, including the newcomer, would have as many callers, it is the last caller of our own group's longest
    /// queue. Returns `None` if our own queue, including the newcomer, would be as long as that queue.
    fn displace_for(&mut self, group: G, key: K) -> Option<(G, K, oneshot::Sender<WaitResult>)> {
        let own = self.groups.get(&group)?;
        let larger = self.longest.last_key_value().filter(|((waiting, _), _)| *waiting > own.waiting + 1);
        let (from, (_, id), other) = if let Some((_, other)) = larger.filter(|_| self.may_wait_more(group)) {
            let (length, key) = self.groups.get(other)?.longest.last_key_value()?;
            (*other, *length, *key)
        } else {
            let own_length = self.keys.get(&(group, key)).map_or(0, |key_state| key_state.queue.len());
            let (length, key) = own.longest.last_key_value().filter(|((length, _), _)| *length > own_length + 1)?;
            (group, *length, *key)
        };
        Some((from, other, self.remove(from, other, id)?))
    }

    fn remove(&mut self, group: G, key: K, id: u64) -> Option<oneshot::Sender<WaitResult>> {
        let queue = &self.keys.get(&(group, key))?.queue;
        // The queue is in the order of ids, because ids grow and callers join at the end.
        let position = queue.binary_search_by_key(&id, |waiter| waiter.id).ok()?;
        let waiter = self.change_queue(group, key, |queue| queue.remove(position))??;
        self.update_eligibility(group, key);
        self.forget_if_idle(group, key);
        Some(waiter.sender)
    }

    /// Changes a key's queue, and updates all stored lengths.
    fn change_queue<R>(
        &mut self,
        group: G,
        key: K,
        change: impl FnOnce(&mut VecDeque<QueuedWaiter>) -> R,
    ) -> Option<R> {
        let own = self.groups.get_mut(&group)?;
        let key_state = self.keys.get_mut(&(group, key))?;
        if let Some(length) = key_state.length() {
            own.longest.remove(&length);
        }
        if let Some(length) = own.length() {
            self.longest.remove(&length);
        }
        let (waiting, length) = (own.waiting, key_state.queue.len());
        let changed = change(&mut key_state.queue);
        own.queue_lengths.change(length, key_state.queue.len());
        own.waiting = own.waiting - length + key_state.queue.len();
        self.waiting = self.waiting - length + key_state.queue.len();
        self.group_lengths.change(waiting, own.waiting);
        if let Some(length) = key_state.length() {
            own.longest.insert(length, key);
            own.newest = own.newest.max(length.1);
        }
        if let Some(length) = own.length() {
            self.longest.insert(length, group);
        }
        Some(changed)
    }

    /// Adds a key and its group to the eligible ones, or removes them.
    fn update_eligibility(&mut self, group: G, key: K) {
        let Some(own) = self.groups.get_mut(&group) else { return };
        if let Some(key_state) = self.keys.get_mut(&(group, key)) {
            let may = !key_state.queue.is_empty() && key_state.held < own.limits.permits_per_key;
            if let Some(position) = key_state.position.take_if(|_| !may) {
                own.eligible.remove(&position);
            } else if may && key_state.position.is_none() {
                own.eligible.insert(self.next_position, key);
                key_state.position = Some(self.next_position);
                self.next_position += 1;
            }
        }
        let may = !own.eligible.is_empty() && own.held < own.limits.permits;
        // The group is put in again even if it stays eligible, because the order depends on `held`, which may have
        // changed. It keeps its number, and so its place among groups that hold as many.
        let before = own.position.take();
        if let Some(position) = before {
            self.eligible.remove(&position);
        }
        if may {
            let number = before.map_or(self.next_position, |position| position.number);
            if before.is_none() {
                self.next_position += 1;
            }
            let position = Position { held: own.held, number };
            own.position = Some(position);
            self.eligible.insert(position, group);
        }
    }

    fn forget_if_idle(&mut self, group: G, key: K) {
        if self.keys.get(&(group, key)).is_some_and(KeyState::is_idle) {
            self.keys.remove(&(group, key));
        }
        if self.groups.get(&group).is_some_and(Group::is_idle) {
            self.groups.remove(&group);
        }
    }
}
