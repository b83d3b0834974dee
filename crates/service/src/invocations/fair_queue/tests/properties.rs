//! What holds after any sequence of operations.

use proptest::prelude::*;
use tokio::sync::oneshot;
use tokio::time::Instant;

use super::super::Limits;
use super::super::called::Called;
use super::super::state::{Entry, State};

/// Number of groups, and of keys in each.
const GROUPS: u8 = 3;
const KEYS: u8 = 3;

#[derive(Debug, Clone)]
enum Operation {
    /// A caller comes.
    Enter { group: u8, key: u8 },
    /// A caller gives its place back; which one, modulo their number.
    Release(usize),
    /// A caller stops waiting; which one, modulo their number.
    Leave(usize),
}

fn operations() -> impl Strategy<Value = Vec<Operation>> {
    let operation = prop_oneof![
        4 => (0..GROUPS, 0..KEYS).prop_map(|(group, key)| Operation::Enter { group, key }),
        3 => any::<usize>().prop_map(Operation::Release),
        1 => any::<usize>().prop_map(Operation::Leave),
    ];
    prop::collection::vec(operation, 0..200)
}

fn limits(most: usize) -> impl Strategy<Value = Limits> {
    (1..=most, 1..=most, 0..=most).prop_map(|(places, places_per_key, seats)| Limits { places, places_per_key, seats })
}

/// A caller that waits.
struct Waiting {
    group: u8,
    key: u8,
    ticket: u64,
    called: oneshot::Receiver<Called>,
}

/// The callers as a caller of the queue sees them.
struct Callers {
    all: Limits,
    own: Limits,
    holding: Vec<(u8, u8)>,
    waiting: Vec<Waiting>,
}

impl Callers {
    fn apply(&mut self, state: &mut State<u8, u8>, operation: &Operation, now: Instant) {
        match *operation {
            Operation::Enter { group, key } => match state.enter(group, key, self.own, now) {
                Ok(Entry::Place) => self.holding.push((group, key)),
                Ok(Entry::Seat { ticket, called }) => self.waiting.push(Waiting { group, key, ticket, called }),
                Err(_) => {}
            },
            Operation::Release(which) if !self.holding.is_empty() => {
                let (group, key) = self.holding.swap_remove(which % self.holding.len());
                state.release(group, key, now);
            }
            Operation::Leave(which) if !self.waiting.is_empty() => {
                let gone = self.waiting.swap_remove(which % self.waiting.len());
                assert!(state.leave(gone.group, gone.key, gone.ticket), "a caller that waits is in the queue");
            }
            Operation::Release(_) | Operation::Leave(_) => {}
        }
        for mut caller in std::mem::take(&mut self.waiting) {
            match caller.called.try_recv() {
                Ok(Ok(())) => self.holding.push((caller.group, caller.key)),
                Ok(Err(_)) => {}
                Err(oneshot::error::TryRecvError::Empty) => self.waiting.push(caller),
                Err(oneshot::error::TryRecvError::Closed) => panic!("a caller was dropped without an answer"),
            }
        }
    }

    fn held(&self, is_counted: impl Fn(&(u8, u8)) -> bool) -> usize {
        self.holding.iter().filter(|caller| is_counted(caller)).count()
    }

    /// Returns whether one more place for this key would keep within all limits.
    fn may_hold_more(&self, group: u8, key: u8) -> bool {
        let per_key = self.own.places_per_key.min(self.all.places_per_key);
        self.holding.len() < self.all.places
            && self.held(|holder| holder.0 == group) < self.own.places
            && self.held(|holder| *holder == (group, key)) < per_key
    }

    fn check(&self, state: &State<u8, u8>) {
        assert_eq!(state.occupied(), (self.holding.len(), self.waiting.len()));
        assert!(self.holding.len() <= self.all.places && self.waiting.len() <= self.all.seats);
        let per_key = self.own.places_per_key.min(self.all.places_per_key);
        for group in 0..GROUPS {
            assert!(self.held(|holder| holder.0 == group) <= self.own.places, "places of group {group}");
            for key in 0..KEYS {
                assert!(self.held(|holder| *holder == (group, key)) <= per_key, "places of key {key}");
            }
        }
        for caller in &self.waiting {
            let waits_for_nothing = self.may_hold_more(caller.group, caller.key);
            assert!(!waits_for_nothing, "key {} of group {} waits beside a free place", caller.key, caller.group);
        }
    }
}

proptest! {
    #[test]
    fn no_limit_is_passed_no_caller_is_lost_and_none_waits_beside_a_free_place(
        all in limits(6), own in limits(6), operations in operations(),
    ) {
        let now = Instant::now();
        let mut state = State::new(all, now);
        let mut callers = Callers { all, own, holding: Vec::new(), waiting: Vec::new() };
        for operation in &operations {
            callers.apply(&mut state, operation, now);
            callers.check(&state);
        }
        while !callers.waiting.is_empty() || !callers.holding.is_empty() {
            callers.apply(&mut state, &Operation::Release(0), now);
            callers.check(&state);
        }
        prop_assert!(state.is_empty());
    }
}
