//! Who holds places and who waits, as plain bookkeeping: nothing in here waits.

use std::collections::{HashMap, VecDeque};
use std::hash::Hash;
use std::time::Duration;

use tokio::sync::oneshot;
use tokio::time::Instant;

use super::pace::Pace;
use super::{Limits, Refusal};

/// What ends a wait: a place, or the reason why there is none.
pub(super) type Called = Result<(), Refusal>;

/// What a caller gets who is not refused.
pub(super) enum Entry {
    Place,
    Seat { ticket: u64, called: oneshot::Receiver<Called> },
}

pub(super) struct State<K> {
    limits: Limits,
    taken: usize,
    waiting: usize,
    closed: bool,
    next_ticket: u64,
    /// The keys that hold a place or wait, and no others.
    keys: HashMap<K, Share>,
    /// The keys that wait and may have one more place, the one whose turn it is first. While there is one, no place is
    /// free.
    turns: VecDeque<K>,
    /// Of all places.
    pace: Pace,
}

/// What one key has.
struct Share {
    held: usize,
    /// Its callers that wait, by ascending ticket.
    line: VecDeque<Waiting>,
    /// Of the places that this key may hold.
    pace: Pace,
}

struct Waiting {
    ticket: u64,
    call: oneshot::Sender<Called>,
}

impl Share {
    const fn new(now: Instant) -> Self {
        Self { held: 0, line: VecDeque::new(), pace: Pace::new(now) }
    }

    fn is_idle(&self) -> bool {
        self.held == 0 && self.line.is_empty()
    }
}

impl<K: Copy + Eq + Hash> State<K> {
    pub(super) fn new(limits: Limits, now: Instant) -> Self {
        Self {
            limits,
            taken: 0,
            waiting: 0,
            closed: false,
            next_ticket: 0,
            keys: HashMap::new(),
            turns: VecDeque::new(),
            pace: Pace::new(now),
        }
    }

    /// Places taken, and callers waiting.
    pub(super) const fn occupied(&self) -> (usize, usize) {
        (self.taken, self.waiting)
    }

    /// Whether there is nothing left of any key.
    #[cfg(test)]
    pub(super) fn is_empty(&self) -> bool {
        self.keys.is_empty() && self.turns.is_empty()
    }

    /// A place if the key may have one now, else a seat.
    pub(super) fn enter(&mut self, key: K, now: Instant) -> Result<Entry, Refusal> {
        if self.closed {
            return Err(Refusal::Closed);
        }
        let held = self.keys.get(&key).map_or(0, |share| share.held);
        if self.taken < self.limits.places && held < self.limits.places_per_key {
            self.take(key, now);
            return Ok(Entry::Place);
        }
        let displaced = if self.waiting >= self.limits.seats {
            Some(self.displace_for(key).ok_or_else(|| Refusal::Full { wait: self.wait(key, now) })?)
        } else {
            None
        };
        let (call, called) = oneshot::channel();
        let ticket = self.next_ticket;
        self.next_ticket += 1;
        self.waiting += 1;
        let share = self.keys.entry(key).or_insert_with(|| Share::new(now));
        share.line.push_back(Waiting { ticket, call });
        if share.line.len() == 1 && held < self.limits.places_per_key {
            self.turns.push_back(key);
        }
        if let Some((other, call)) = displaced {
            // If it has just stopped waiting it need not know.
            let _ = call.send(Err(Refusal::Full { wait: self.wait(other, now) }));
        }
        Ok(Entry::Seat { ticket, called })
    }

    /// Takes a place back from a key, and hands it on to the key whose turn it is.
    pub(super) fn release(&mut self, key: K, now: Instant) {
        if self.taken == self.limits.places {
            self.pace.freed(now);
        }
        self.taken -= 1;
        if let Some(share) = self.keys.get_mut(&key) {
            if share.held == self.limits.places_per_key {
                share.pace.freed(now);
                if !share.line.is_empty() {
                    self.turns.push_back(key);
                }
            }
            share.held -= 1;
        }
        self.forget_if_idle(key);
        while self.taken < self.limits.places && self.call_next(now) {}
    }

    /// Takes a ticket out of the queue; says whether it was still there.
    pub(super) fn leave(&mut self, key: K, ticket: u64) -> bool {
        self.remove(key, ticket).is_some()
    }

    /// Lets no caller in any more, those that wait included.
    pub(super) fn close(&mut self) {
        self.closed = true;
        self.waiting = 0;
        self.turns.clear();
        for share in self.keys.values_mut() {
            share.line.clear();
        }
        self.keys.retain(|_, share| !share.is_idle());
    }

    /// About how long a caller of this key would wait for a place if it came now.
    pub(super) fn wait(&self, key: K, now: Instant) -> Duration {
        let share = self.keys.get(&key);
        let own = share.map_or(0, |share| share.line.len());
        let of_all = if self.taken < self.limits.places {
            Duration::ZERO
        } else {
            // In turn with the other keys: of a longer line, no more get a place meanwhile than of its own.
            let ahead: usize = self.keys.values().map(|share| share.line.len().min(own + 1)).sum();
            self.pace.time_for(ahead + 1, now)
        };
        let of_its_own = share
            .filter(|share| share.held >= self.limits.places_per_key)
            .map_or(Duration::ZERO, |share| share.pace.time_for(own + 1, now));
        of_all.max(of_its_own)
    }

    fn take(&mut self, key: K, now: Instant) {
        let share = self.keys.entry(key).or_insert_with(|| Share::new(now));
        share.held += 1;
        if share.held == self.limits.places_per_key {
            share.pace.filled(now);
        }
        self.taken += 1;
        if self.taken == self.limits.places {
            self.pace.filled(now);
        }
    }

    /// Gives a free place to the first caller of the key whose turn it is; that key is last then. Says whether there
    /// was one.
    fn call_next(&mut self, now: Instant) -> bool {
        let Some(key) = self.turns.pop_front() else { return false };
        let first = self.keys.get_mut(&key).and_then(|share| share.line.pop_front());
        if let Some(first) = first {
            self.waiting -= 1;
            // A caller that has just stopped waiting cannot be called.
            if first.call.send(Ok(())).is_ok() {
                self.take(key, now);
            }
        }
        let may_go_on = |share: &Share| !share.line.is_empty() && share.held < self.limits.places_per_key;
        if self.keys.get(&key).is_some_and(may_go_on) {
            self.turns.push_back(key);
        }
        self.forget_if_idle(key);
        true
    }

    /// Makes room for a caller of this key: the last caller of the longest line gives up its seat, and has to be told.
    /// `None` if the own line, with the newcomer, would be as long as the longest one.
    fn displace_for(&mut self, key: K) -> Option<(K, oneshot::Sender<Called>)> {
        let own = self.keys.get(&key).map_or(0, |share| share.line.len());
        let last = |(key, share): (&K, &Share)| Some((share.line.len(), share.line.back()?.ticket, *key));
        let longest = self.keys.iter().filter_map(last).max_by_key(|(length, ticket, _)| (*length, *ticket));
        let (_, ticket, other) = longest.filter(|(length, ..)| *length > own + 1)?;
        Some((other, self.remove(other, ticket)?))
    }

    fn remove(&mut self, key: K, ticket: u64) -> Option<oneshot::Sender<Called>> {
        let share = self.keys.get_mut(&key)?;
        let position = share.line.binary_search_by_key(&ticket, |waiting| waiting.ticket).ok()?;
        let waiting = share.line.remove(position)?;
        self.waiting -= 1;
        if share.line.is_empty() {
            self.turns.retain(|other| *other != key);
        }
        self.forget_if_idle(key);
        Some(waiting.call)
    }

    fn forget_if_idle(&mut self, key: K) {
        if self.keys.get(&key).is_some_and(Share::is_idle) {
            self.keys.remove(&key);
        }
    }
}
