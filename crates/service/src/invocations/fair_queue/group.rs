//! What one group has, and what one of its keys has.

use std::collections::{BTreeMap, VecDeque};

use tokio::sync::oneshot;
use tokio::time::Instant;

use super::Limits;
use super::lengths::Lengths;
use super::pace::Pace;
use super::state::Called;

/// A line's length, and the ticket of its last caller: where it stands among the lines, the longest last. Of two equal
/// lines the one with the latest newcomer is the longer one. No two are the same, as no two tickets are.
pub(super) type Length = (usize, u64);

/// What one group has.
pub(super) struct Group<K> {
    pub(super) limits: Limits,
    pub(super) held: usize,
    pub(super) waiting: usize,
    /// The ticket of its latest newcomer.
    pub(super) newest: u64,
    /// Where it stands among the groups that may have one more place, if it is one.
    pub(super) turn: Option<Turn>,
    /// Its keys that wait and may have one more place, as far as the group may, the one whose turn it is first.
    pub(super) turns: BTreeMap<u64, K>,
    /// Its lines that are not empty.
    pub(super) longest: BTreeMap<Length, K>,
    /// How long they are.
    pub(super) lines: Lengths,
    /// Of the places that this group may hold.
    pub(super) pace: Pace,
}

/// Of the groups that may have one more place, first comes the one that holds the fewest; of several such, the one that
/// was passed over for the longest time.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Turn {
    pub(super) held: usize,
    pub(super) number: u64,
}

/// What one key has.
pub(super) struct Share {
    pub(super) held: usize,
    /// Its callers that wait, by ascending ticket.
    pub(super) line: VecDeque<Waiting>,
    /// Its number among the turns of its group, if it waits and may have one more place.
    pub(super) turn: Option<u64>,
    /// Of the places that this key may hold.
    pub(super) pace: Pace,
}

pub(super) struct Waiting {
    pub(super) ticket: u64,
    pub(super) call: oneshot::Sender<Called>,
}

impl<K> Group<K> {
    pub(super) const fn new(limits: Limits, now: Instant) -> Self {
        Self {
            limits,
            held: 0,
            waiting: 0,
            newest: 0,
            turn: None,
            turns: BTreeMap::new(),
            longest: BTreeMap::new(),
            lines: Lengths::new(),
            pace: Pace::new(now),
        }
    }

    pub(super) const fn is_idle(&self) -> bool {
        self.held == 0 && self.waiting == 0
    }

    /// Where it stands among the groups that wait.
    pub(super) fn length(&self) -> Option<Length> {
        (self.waiting > 0).then_some((self.waiting, self.newest))
    }
}

impl Share {
    pub(super) const fn new(now: Instant) -> Self {
        Self { held: 0, line: VecDeque::new(), turn: None, pace: Pace::new(now) }
    }

    pub(super) fn is_idle(&self) -> bool {
        self.held == 0 && self.line.is_empty()
    }

    /// Where its line stands among those of its group.
    pub(super) fn length(&self) -> Option<Length> {
        self.line.back().map(|last| (self.line.len(), last.ticket))
    }
}
