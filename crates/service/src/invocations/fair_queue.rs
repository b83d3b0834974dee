//! A number of places with a bounded queue in front of them, fair between keys: each key that waits gets every n-th free place, where
//! n is the number of keys that wait, however many of its callers wait. Within a key it is first come, first served.

use std::collections::{HashMap, VecDeque};
use std::hash::Hash;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::oneshot;

/// Places and the queue in front of them.
pub(super) struct FairQueue<K: Copy + Eq + Hash> {
    state: Mutex<State<K>>,
    capacity: usize,
    seats: usize,
}

struct State<K> {
    taken: usize,
    waiting: usize,
    closed: bool,
    next_ticket: u64,
    /// Whoever waits, by key; no key has an empty line.
    lines: HashMap<K, VecDeque<(u64, oneshot::Sender<()>)>>,
    /// The keys that wait, the one whose turn it is first.
    turns: VecDeque<K>,
}

/// Why there is no place.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Refusal {
    /// Every seat in the queue is taken.
    Full,
    /// Nobody is let in any more.
    Closed,
}

/// A place; given up when it is dropped.
pub(super) struct Place<K: Copy + Eq + Hash>(Arc<FairQueue<K>>);

/// A seat in the queue; given up when it is dropped, with the place that it may have got by then.
struct Seat<K: Copy + Eq + Hash> {
    queue: Arc<FairQueue<K>>,
    key: K,
    ticket: u64,
    called: oneshot::Receiver<()>,
    over: bool,
}

impl<K: Copy + Eq + Hash> FairQueue<K> {
    pub(super) fn new(capacity: usize, seats: usize) -> Self {
        let state = State {
            taken: 0,
            waiting: 0,
            closed: false,
            next_ticket: 0,
            lines: HashMap::new(),
            turns: VecDeque::new(),
        };
        Self { state: Mutex::new(state), capacity: capacity.max(1), seats }
    }

    /// Waits for a place. Whoever stops waiting loses the seat.
    pub(super) async fn enter(self: &Arc<Self>, key: K) -> Result<Place<K>, Refusal> {
        let Some(mut seat) = self.sit_down(key)? else { return Ok(Place(Arc::clone(self))) };
        let called = (&mut seat.called).await;
        seat.over = true;
        // Only closing drops the other end.
        called.map(|()| Place(Arc::clone(self))).map_err(|_| Refusal::Closed)
    }

    /// Places taken, and callers waiting.
    pub(super) fn occupied(&self) -> (usize, usize) {
        let state = self.lock();
        (state.taken, state.waiting)
    }

    /// Lets nobody in any more, those who wait included.
    pub(super) fn close(&self) {
        let mut state = self.lock();
        state.closed = true;
        state.waiting = 0;
        state.turns.clear();
        state.lines.clear();
    }

    /// A seat, or nothing if a place is free.
    fn sit_down(self: &Arc<Self>, key: K) -> Result<Option<Seat<K>>, Refusal> {
        let mut state = self.lock();
        if state.closed {
            return Err(Refusal::Closed);
        }
        if state.taken < self.capacity {
            state.taken += 1;
            return Ok(None);
        }
        if state.waiting >= self.seats {
            return Err(Refusal::Full);
        }
        let (call, called) = oneshot::channel();
        let ticket = state.next_ticket;
        state.next_ticket += 1;
        state.waiting += 1;
        let line = state.lines.entry(key).or_default();
        line.push_back((ticket, call));
        if line.len() == 1 {
            state.turns.push_back(key);
        }
        Ok(Some(Seat { queue: Arc::clone(self), key, ticket, called, over: false }))
    }

    /// Hands a place on to whoever's turn it is.
    fn release(&self) {
        let mut state = self.lock();
        while let Some(call) = state.next() {
            // Whoever has just stopped waiting cannot be called.
            if call.send(()).is_ok() {
                return;
            }
        }
        state.taken -= 1;
    }

    fn lock(&self) -> MutexGuard<'_, State<K>> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl<K: Copy + Eq + Hash> State<K> {
    /// Takes the first of the key whose turn it is out of the queue; that key is last then.
    fn next(&mut self) -> Option<oneshot::Sender<()>> {
        let key = self.turns.pop_front()?;
        let line = self.lines.get_mut(&key)?;
        let (_, call) = line.pop_front()?;
        self.waiting -= 1;
        if line.is_empty() {
            self.lines.remove(&key);
        } else {
            self.turns.push_back(key);
        }
        Some(call)
    }

    /// Takes a ticket out of the queue; says whether it was still there.
    fn leave(&mut self, key: K, ticket: u64) -> bool {
        let Some(line) = self.lines.get_mut(&key) else { return false };
        let Some(position) = line.iter().position(|(other, _)| *other == ticket) else { return false };
        line.remove(position);
        self.waiting -= 1;
        if line.is_empty() {
            self.lines.remove(&key);
            self.turns.retain(|other| *other != key);
        }
        true
    }
}

impl<K: Copy + Eq + Hash> Drop for Place<K> {
    fn drop(&mut self) {
        self.0.release();
    }
}

impl<K: Copy + Eq + Hash> Drop for Seat<K> {
    fn drop(&mut self) {
        if !self.over && !self.queue.lock().leave(self.key, self.ticket) && self.called.try_recv().is_ok() {
            // Called in the moment in which it stopped waiting.
            self.queue.release();
        }
    }
}

#[cfg(test)]
mod tests {
    use std::pin::pin;

    use futures_util::FutureExt as _;

    use super::*;

    fn queue(capacity: usize, seats: usize) -> Arc<FairQueue<char>> {
        Arc::new(FairQueue::new(capacity, seats))
    }

    #[tokio::test]
    async fn a_place_that_becomes_free_goes_to_who_waited() {
        let queue = queue(1, 1);
        let place = queue.enter('a').await.ok().unwrap();
        let mut waiting = pin!(queue.enter('a'));
        assert!(waiting.as_mut().now_or_never().is_none());
        assert_eq!(queue.occupied(), (1, 1));
        drop(place);
        assert!(waiting.now_or_never().unwrap().is_ok());
        assert_eq!(queue.occupied(), (0, 0));
    }

    #[tokio::test]
    async fn a_key_with_many_who_wait_delays_another_key_by_one_place_at_most() {
        let queue = queue(1, 1000);
        let mut place = queue.enter('a').await.ok();
        let mut crowd: Vec<_> = (0..900).map(|_| Box::pin(queue.enter('a'))).collect();
        for one in &mut crowd {
            assert!(one.now_or_never().is_none());
        }
        let mut other = Box::pin(queue.enter('b'));
        assert!((&mut other).now_or_never().is_none());
        drop(place.take());
        let first = (&mut crowd[0]).now_or_never().unwrap();
        assert!((&mut other).now_or_never().is_none());
        drop(first);
        assert!(other.now_or_never().unwrap().is_ok());
    }

    #[tokio::test]
    async fn within_a_key_it_is_first_come_first_served() {
        let queue = queue(1, 10);
        let place = queue.enter('a').await.ok();
        let (mut first, mut second) = (Box::pin(queue.enter('a')), Box::pin(queue.enter('a')));
        assert!((&mut first).now_or_never().is_none() && (&mut second).now_or_never().is_none());
        drop(place);
        assert!((&mut second).now_or_never().is_none());
        assert!(first.now_or_never().unwrap().is_ok());
    }

    #[tokio::test]
    async fn whoever_stops_waiting_gives_up_the_seat() {
        let queue = queue(1, 1);
        let _place = queue.enter('a').await.ok();
        let mut waiting = Box::pin(queue.enter('a'));
        assert!((&mut waiting).now_or_never().is_none());
        drop(waiting);
        assert_eq!(queue.occupied(), (1, 0));
    }

    #[tokio::test]
    async fn whoever_stops_waiting_when_called_hands_the_place_on() {
        let queue = queue(1, 2);
        let place = queue.enter('a').await.ok();
        let (mut gone, mut waiting) = (Box::pin(queue.enter('a')), Box::pin(queue.enter('b')));
        assert!((&mut gone).now_or_never().is_none() && (&mut waiting).now_or_never().is_none());
        drop(place);
        drop(gone);
        assert!(waiting.now_or_never().unwrap().is_ok());
        assert_eq!(queue.occupied(), (0, 0));
    }

    #[tokio::test]
    async fn nobody_enters_a_closed_queue_and_those_inside_stay() {
        let queue = queue(1, 1);
        let place = queue.enter('a').await.ok();
        let mut waiting = Box::pin(queue.enter('a'));
        assert!((&mut waiting).now_or_never().is_none());
        queue.close();
        assert_eq!(waiting.now_or_never().unwrap().err(), Some(Refusal::Closed));
        assert_eq!(queue.enter('a').await.err(), Some(Refusal::Closed));
        assert_eq!(queue.occupied(), (1, 0));
        drop(place);
        assert_eq!(queue.occupied(), (0, 0));
    }
}
