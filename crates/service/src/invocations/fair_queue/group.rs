//! The state of one group, and of one of its keys.

use std::collections::{BTreeMap, VecDeque};

use tokio::sync::oneshot;
use tokio::time::Instant;

use super::called::Called;
use super::lengths::Lengths;
use super::limits::Limits;
use super::pace::Pace;

/// A line's length and the ticket of its last caller: the sort key of lines, longest last. Of two lines of equal
/// length, the one with the later newcomer counts as longer. Keys are unique, because tickets are.
pub(super) type Length = (usize, u64);

/// The state of one group.
pub(super) struct Group<K> {
    pub(super) limits: Limits,
    pub(super) held: usize,
    pub(super) waiting: usize,
    /// The ticket of the group's latest newcomer.
    pub(super) newest: u64,
    /// The group's position among the groups that may have one more place; `None` if it may not.
    pub(super) turn: Option<Turn>,
    /// The keys that wait and may have one more place (if the group may), next one first.
    pub(super) turns: BTreeMap<u64, K>,
    /// The group's lines that are not empty, longest last.
    pub(super) longest: BTreeMap<Length, K>,
    /// The lengths of these lines.
    pub(super) lines: Lengths,
    /// The pace at which places of this group become free.
    pub(super) pace: Pace,
}

/// The order of groups that may have one more place: first the group that holds the fewest places; among several such
/// groups, the one that has waited longest for its turn.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Turn {
    pub(super) held: usize,
    pub(super) number: u64,
}

/// The state of one key.
pub(super) struct Share {
    pub(super) held: usize,
    /// The waiting callers of the key, by ascending ticket.
    pub(super) line: VecDeque<Waiting>,
    /// The key's number among the turns of its group, if it waits and may have one more place.
    pub(super) turn: Option<u64>,
    /// The pace at which places of this key become free.
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

    /// Returns the group's sort key among the groups that wait; `None` if it has no waiting callers.
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

    /// Returns the sort key of the key's line among those of its group; `None` if the line is empty.
    pub(super) fn length(&self) -> Option<Length> {
        self.line.back().map(|last| (self.line.len(), last.ticket))
    }
}
