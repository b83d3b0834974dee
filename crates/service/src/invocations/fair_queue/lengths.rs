//! The lengths of many queues, kept to compute one number: how many callers are served before one at the end of a
//! queue.

/// The lengths of queues, without their identities. The cost of a change by one caller does not depend on the number of
/// queues.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Lengths {
    /// For each index, the number of queues with more callers than the index.
    longer_than: Vec<usize>,
}

impl Lengths {
    pub(super) const fn new() -> Self {
        Self { longer_than: Vec::new() }
    }

    /// Records that the length of one queue has changed.
    pub(super) fn change(&mut self, from: usize, to: usize) {
        for index in from..to {
            if index == self.longer_than.len() {
                self.longer_than.push(0);
            }
            self.longer_than[index] += 1;
        }
        for index in to..from {
            self.longer_than[index] -= 1;
        }
        while self.longer_than.last() == Some(&0) {
            self.longer_than.pop();
        }
    }

    /// Returns the number of callers in all queues, counting at most `most` per queue. The cost grows with `most` and
    /// not with the number of queues.
    pub(super) fn sum_up_to(&self, most: usize) -> usize {
        self.longer_than.iter().take(most).sum()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_sum_is_that_of_all_queues_each_cut_to_the_length() {
        let mut lengths = Lengths::default();
        let queues = [0, 1, 1, 3, 7, 200];
        for queue in queues {
            for length in 0..queue {
                lengths.change(length, length + 1);
            }
        }
        for most in [0, 1, 2, 3, 5, 7, 100, 200, 201, usize::MAX] {
            let expected: usize = queues.iter().map(|queue| queue.min(&most)).sum();
            assert_eq!(lengths.sum_up_to(most), expected, "{most}");
        }
        for queue in queues {
            lengths.change(queue, 0);
        }
        assert_eq!(lengths, Lengths::default());
    }
}
