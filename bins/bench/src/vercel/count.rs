//! What a piece of work sends to the API: how many requests, over how many connections.

use crate::stats::median;

/// How often each piece of work is counted. One more run comes first, which opens connections that are kept.
pub(super) const COUNTED: usize = 5;

/// What a piece of work sends to the API.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct Count {
    pub(crate) requests: usize,
    /// Requests that had a response before there was an outcome.
    pub(crate) waited_for: usize,
    /// Connections that were opened.
    pub(crate) connections: usize,
}

impl Count {
    /// Summarizes the counts of the same work, done several times. The first one is ignored, because it opened the
    /// connections that are kept. The work does not wait for a request that had no response before the outcome at least
    /// once, even if the response was faster another time: so `waited_for` is the minimum.
    pub(super) fn of(counts: &[Self]) -> Self {
        let kept = || counts.iter().skip(1);
        Self {
            requests: median(kept().map(|count| count.requests)),
            waited_for: kept().map(|count| count.waited_for).min().unwrap_or_default(),
            connections: median(kept().map(|count| count.connections)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::Count;

    #[test]
    fn what_once_had_no_answer_is_not_waited_for() {
        let count = |requests, waited_for, connections| Count { requests, waited_for, connections };
        let counts = [count(4, 4, 2), count(3, 3, 0), count(3, 2, 0), count(4, 3, 1)];
        assert_eq!(Count::of(&counts), count(3, 2, 0));
    }
}
