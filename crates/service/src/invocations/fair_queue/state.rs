//! The state of the queue: which callers hold places and which wait. Nothing in here blocks.
//!
//! The cost of an operation grows with the logarithm of the number of waiting callers, and not with the number of
//! groups and keys. Estimating a caller's wait costs time that grows with the callers ahead of it in its own group,
//! which the number of seats limits.

use std::collections::{BTreeMap, HashMap, VecDeque};
use std::hash::Hash;
use std::time::Duration;

use tokio::sync::oneshot;
use tokio::time::Instant;

use super::called::{Called, Refusal};
use super::group::{Group, Length, Share, Turn, Waiting};
use super::lengths::Lengths;
use super::limits::Limits;
use super::pace::Pace;

/// The result for a caller that is not refused.
pub(super) enum Entry {
    Place,
    Seat { ticket: u64, called: oneshot::Receiver<Called> },
}

pub(super) struct State<G, K> {
    limits: Limits,
    taken: usize,
    waiting: usize,
    closed: bool,
    next_ticket: u64,
    next_turn: u64,
    /// The groups that hold a place or wait, and no others.
    groups: HashMap<G, Group<K>>,
    /// The keys that hold a place or wait, and no others.
    keys: HashMap<(G, K), Share>,
    /// The groups with a key that waits and may have one more place, next one first. If it is not empty, no place is
    /// free.
    turns: BTreeMap<Turn, G>,
    /// The groups that wait, the one with the most callers last.
    longest: BTreeMap<Length, G>,
    /// The number of waiting callers of each group.
    crowds: Lengths,
    /// The pace at which places become free, of all places.
    pace: Pace,
}

impl<G: Copy + Eq + Hash, K: Copy + Eq + Hash> State<G, K> {
    pub(super) fn new(limits: Limits, now: Instant) -> Self {
        Self {
            limits: Limits { places: limits.places.max(1), ..limits },
            taken: 0,
            waiting: 0,
            closed: false,
            next_ticket: 0,
            next_turn: 0,
            groups: HashMap::new(),
            keys: HashMap::new(),
            turns: BTreeMap::new(),
            longest: BTreeMap::new(),
            crowds: Lengths::new(),
            pace: Pace::new(now),
        }
    }

    /// Returns the number of taken places and the number of waiting callers.
    pub(super) const fn occupied(&self) -> (usize, usize) {
        (self.taken, self.waiting)
    }

    /// Returns whether no state of any key is left.
    #[cfg(test)]
    pub(super) fn is_empty(&self) -> bool {
        let nothing_waits = self.turns.is_empty() && self.longest.is_empty() && self.crowds == Lengths::new();
        self.keys.is_empty() && self.groups.is_empty() && nothing_waits
    }

    /// Returns the limits of a group that holds a place or waits.
    #[cfg(test)]
    pub(super) fn limits_of(&self, group: G) -> Option<Limits> {
        self.groups.get(&group).map(|own| own.limits)
    }

    /// Takes a place if the key may have one now, otherwise a seat. `limits` are those of its group from now on.
    pub(super) fn enter(&mut self, group: G, key: K, limits: Limits, now: Instant) -> Result<Entry, Refusal> {
        if self.closed {
            return Err(Refusal::Closed);
        }
        self.limit(group, limits.within(self.limits), now);
        let entered = self.enter_limited(group, key, now);
        if entered.is_err() {
            self.forget_if_idle(group, key);
        }
        entered
    }

    fn enter_limited(&mut self, group: G, key: K, now: Instant) -> Result<Entry, Refusal> {
        let may_hold = self.taken < self.limits.places && self.may_hold_more(group, key);
        if may_hold {
            self.take(group, key, now);
            return Ok(Entry::Place);
        }
        let displaced = if self.waiting >= self.limits.seats || !self.may_wait_more(group) {
            Some(self.displace_for(group, key).ok_or_else(|| Refusal::Full { wait: self.wait(group, key, now) })?)
        } else {
            None
        };
        let (call, called) = oneshot::channel();
        let ticket = self.next_ticket;
        self.next_ticket += 1;
        self.keys.entry((group, key)).or_insert_with(|| Share::new(now));
        self.change_line(group, key, |line| line.push_back(Waiting { ticket, call }));
        self.settle_turn(group, key);
        if let Some((group, key, call)) = displaced {
            // If the displaced caller has just stopped waiting, the message is not needed.
            let _ = call.send(Err(Refusal::Full { wait: self.wait(group, key, now) }));
        }
        Ok(Entry::Seat { ticket, called })
    }

    /// Takes a place back from a key, and gives it to the next key.
    pub(super) fn release(&mut self, group: G, key: K, now: Instant) {
        if self.taken == self.limits.places {
            self.pace.freed(now);
        }
        self.taken -= 1;
        if let Some(own) = self.groups.get_mut(&group) {
            if own.held >= own.limits.places {
                own.pace.freed(now);
            }
            own.held -= 1;
            if let Some(share) = self.keys.get_mut(&(group, key)) {
                if share.held >= own.limits.places_per_key {
                    share.pace.freed(now);
                }
                share.held -= 1;
            }
        }
        self.settle_turn(group, key);
        self.forget_if_idle(group, key);
        self.fill(now);
    }

    /// Removes a ticket from the queue. Returns whether it was still there.
    pub(super) fn leave(&mut self, group: G, key: K, ticket: u64) -> bool {
        self.remove(group, key, ticket).is_some()
    }

    /// Lets no more callers in, and refuses those that wait.
    pub(super) fn close(&mut self) {
        self.closed = true;
        self.waiting = 0;
        self.turns.clear();
        self.longest.clear();
        self.crowds = Lengths::new();
        for share in self.keys.values_mut() {
            share.line.clear();
            share.turn = None;
        }
        self.keys.retain(|_, share| !share.is_idle());
        for group in self.groups.values_mut() {
            group.waiting = 0;
            group.turn = None;
            group.turns.clear();
            group.longest.clear();
            group.lines = Lengths::new();
        }
        self.groups.retain(|_, group| !group.is_idle());
    }

    /// Returns the estimated wait for a new caller of this key.
    pub(super) fn wait(&self, group: G, key: K, now: Instant) -> Duration {
        let share = self.keys.get(&(group, key));
        let line = share.map_or(0, |share| share.line.len());
        let own = self.groups.get(&group);
        // Keys take turns: until our caller's turn comes, no other line gets more places than our own line has callers.
        let ahead = own.map_or(0, |own| own.lines.sum_up_to(line + 1));
        let of_all = if self.taken < self.limits.places {
            Duration::ZERO
        } else {
            // The same holds between groups.
            let waiting = own.map_or(0, |own| own.waiting);
            let of_others = self.crowds.sum_up_to(ahead + 1) - waiting.min(ahead + 1);
            self.pace.time_for(ahead + of_others + 1, now)
        };
        let of_group = own
            .filter(|own| own.held >= own.limits.places)
            .map_or(Duration::ZERO, |own| own.pace.time_for(ahead + 1, now));
        let of_key = share
            .filter(|share| own.is_some_and(|own| share.held >= own.limits.places_per_key))
            .map_or(Duration::ZERO, |share| share.pace.time_for(line + 1, now));
        of_all.max(of_group).max(of_key)
    }

    /// Sets the limits of a group. Callers that may have a place under the new limits get it.
    fn limit(&mut self, group: G, limits: Limits, now: Instant) {
        let own = self.groups.entry(group).or_insert_with(|| Group::new(limits, now));
        if own.limits == limits {
            return;
        }
        own.limits = limits;
        // Limits change rarely, so the cost of checking each waiting key of the group is acceptable.
        let waiting: Vec<_> = own.longest.values().copied().collect();
        for key in waiting {
            self.settle_turn(group, key);
        }
        self.fill(now);
    }

    fn may_hold_more(&self, group: G, key: K) -> bool {
        let held = self.keys.get(&(group, key)).map_or(0, |share| share.held);
        self.groups.get(&group).is_some_and(|own| own.held < own.limits.places && held < own.limits.places_per_key)
    }

    fn may_wait_more(&self, group: G) -> bool {
        self.groups.get(&group).is_some_and(|own| own.waiting < own.limits.seats)
    }

    fn take(&mut self, group: G, key: K, now: Instant) {
        let Some(own) = self.groups.get_mut(&group) else { return };
        let share = self.keys.entry((group, key)).or_insert_with(|| Share::new(now));
        share.held += 1;
        if share.held == own.limits.places_per_key {
            share.pace.filled(now);
        }
        own.held += 1;
        if own.held == own.limits.places {
            own.pace.filled(now);
        }
        self.taken += 1;
        if self.taken == self.limits.places {
            self.pace.filled(now);
        }
    }

    /// Gives free places to waiting callers, as long as there are both.
    fn fill(&mut self, now: Instant) {
        while self.taken < self.limits.places && self.call_next(now) {}
    }

    /// Gives a free place to the first caller of the next key in the next group. Both then move to the end. Returns
    /// whether there was one.
    fn call_next(&mut self, now: Instant) -> bool {
        let Some((_, group)) = self.turns.pop_first() else { return false };
        let Some(own) = self.groups.get_mut(&group) else { return true };
        own.turn = None;
        let Some((_, key)) = own.turns.pop_first() else { return true };
        if let Some(share) = self.keys.get_mut(&(group, key)) {
            share.turn = None;
        }
        if let Some(first) = self.change_line(group, key, VecDeque::pop_front).flatten() {
            // The caller may have just stopped waiting; then the place stays free.
            if first.call.send(Ok(())).is_ok() {
                self.take(group, key, now);
            }
        }
        self.settle_turn(group, key);
        self.forget_if_idle(group, key);
        true
    }

    /// Makes room for a caller of this key: removes another caller from its seat. The returned sender must be used to
    /// refuse that caller. It is the last caller of the longest line of the group with the most callers. If our own
    /// group, including the newcomer, would have as many callers, it is the last caller of our own group's longest
    /// line. Returns `None` if our own line, including the newcomer, would be as long as that line.
    fn displace_for(&mut self, group: G, key: K) -> Option<(G, K, oneshot::Sender<Called>)> {
        let own = self.groups.get(&group)?;
        let larger = self.longest.last_key_value().filter(|((waiting, _), _)| *waiting > own.waiting + 1);
        let (from, (_, ticket), other) = if let Some((_, other)) = larger.filter(|_| self.may_wait_more(group)) {
            let (length, key) = self.groups.get(other)?.longest.last_key_value()?;
            (*other, *length, *key)
        } else {
            let line = self.keys.get(&(group, key)).map_or(0, |share| share.line.len());
            let (length, key) = own.longest.last_key_value().filter(|((length, _), _)| *length > line + 1)?;
            (group, *length, *key)
        };
        Some((from, other, self.remove(from, other, ticket)?))
    }

    fn remove(&mut self, group: G, key: K, ticket: u64) -> Option<oneshot::Sender<Called>> {
        let line = &self.keys.get(&(group, key))?.line;
        let position = line.binary_search_by_key(&ticket, |waiting| waiting.ticket).ok()?;
        let waiting = self.change_line(group, key, |line| line.remove(position))??;
        self.settle_turn(group, key);
        self.forget_if_idle(group, key);
        Some(waiting.call)
    }

    /// Changes a key's line, and updates all stored lengths.
    fn change_line<R>(&mut self, group: G, key: K, change: impl FnOnce(&mut VecDeque<Waiting>) -> R) -> Option<R> {
        let own = self.groups.get_mut(&group)?;
        let share = self.keys.get_mut(&(group, key))?;
        if let Some(length) = share.length() {
            own.longest.remove(&length);
        }
        if let Some(length) = own.length() {
            self.longest.remove(&length);
        }
        let (waiting, line) = (own.waiting, share.line.len());
        let changed = change(&mut share.line);
        own.lines.change(line, share.line.len());
        own.waiting = own.waiting - line + share.line.len();
        self.waiting = self.waiting - line + share.line.len();
        self.crowds.change(waiting, own.waiting);
        if let Some(length) = share.length() {
            own.longest.insert(length, key);
            own.newest = own.newest.max(length.1);
        }
        if let Some(length) = own.length() {
            self.longest.insert(length, group);
        }
        Some(changed)
    }

    /// Adds a key and its group to those that may have one more place, or removes them.
    fn settle_turn(&mut self, group: G, key: K) {
        let Some(own) = self.groups.get_mut(&group) else { return };
        if let Some(share) = self.keys.get_mut(&(group, key)) {
            let may = !share.line.is_empty() && share.held < own.limits.places_per_key;
            if let Some(turn) = share.turn.take_if(|_| !may) {
                own.turns.remove(&turn);
            } else if may && share.turn.is_none() {
                own.turns.insert(self.next_turn, key);
                share.turn = Some(self.next_turn);
                self.next_turn += 1;
            }
        }
        let may = !own.turns.is_empty() && own.held < own.limits.places;
        let before = own.turn.take();
        if let Some(turn) = before {
            self.turns.remove(&turn);
        }
        if may {
            let number = before.map_or(self.next_turn, |turn| turn.number);
            if before.is_none() {
                self.next_turn += 1;
            }
            let turn = Turn { held: own.held, number };
            own.turn = Some(turn);
            self.turns.insert(turn, group);
        }
    }

    fn forget_if_idle(&mut self, group: G, key: K) {
        if self.keys.get(&(group, key)).is_some_and(Share::is_idle) {
            self.keys.remove(&(group, key));
        }
        if self.groups.get(&group).is_some_and(Group::is_idle) {
            self.groups.remove(&group);
        }
    }
}
