//! Random callers come, wait, are served and leave. After each step the queue must agree with a separate count.

use workers_testing::Random;

use super::*;

/// The callers of a queue: those with a permit and those that wait.
struct Callers<'a> {
    queue: &'a OneGroup,
    limits: Limits,
    inside: Vec<(char, Permit<char>)>,
    waiting: Vec<(char, Entering<'a>)>,
    displaced: usize,
}

impl Callers<'_> {
    fn step(&mut self, numbers: &mut Random) {
        match numbers.position(5) {
            0 | 1 => self.come(numbers),
            2 if !self.inside.is_empty() => {
                self.inside.swap_remove(numbers.position(self.inside.len()));
            }
            // By now the caller may have got a permit or been displaced, without having been polled.
            3 if !self.waiting.is_empty() => {
                drop(self.waiting.remove(numbers.position(self.waiting.len())));
            }
            _ => self.look(),
        }
    }

    fn come(&mut self, numbers: &mut Random) {
        // The first keys come more often.
        let key = ['a', 'b', 'c', 'd', 'e', 'f'][numbers.position(6).min(numbers.position(6))];
        let mut entering: Entering<'_> = Box::pin(self.queue.enter(key));
        match polled(&mut entering) {
            None => self.waiting.push((key, entering)),
            Some(Ok(permit)) => self.inside.push((key, permit)),
            Some(Err(refusal)) => assert_ne!(refusal, Refusal::Closed),
        }
    }

    /// Polls all waiting callers and records their results.
    fn look(&mut self) {
        for (key, mut entering) in std::mem::take(&mut self.waiting) {
            match polled(&mut entering) {
                None => self.waiting.push((key, entering)),
                Some(Ok(permit)) => self.inside.push((key, permit)),
                Some(Err(refusal)) => {
                    assert_ne!(refusal, Refusal::Closed);
                    self.displaced += 1;
                }
            }
        }
    }

    /// Checks that nothing is lost, nothing is given twice, and no permit is free that a waiting caller may have.
    fn check(&mut self) {
        self.look();
        assert_eq!(self.queue.counts(), (self.inside.len(), self.waiting.len()));
        assert!(self.inside.len() <= self.limits.permits && self.waiting.len() <= self.limits.max_waiting);
        let held = |key: char| self.inside.iter().filter(|(other, _)| *other == key).count();
        for (key, _) in &self.inside {
            assert!(held(*key) <= self.limits.permits_per_key, "{key} has more than its share");
        }
        if self.inside.len() < self.limits.permits {
            for (key, _) in &self.waiting {
                assert_eq!(held(*key), self.limits.permits_per_key, "{key} waits beside a free permit");
            }
        }
    }
}

#[test]
fn no_permit_and_no_caller_is_lost_or_counted_twice() {
    let mut displaced = 0;
    for (seed, (permits, permits_per_key, max_waiting)) in
        [(1, 1, 0), (1, 1, 3), (3, 2, 5), (4, 3, 12), (8, 6, 30), (8, 8, 30), (5, 1, 7)].into_iter().enumerate()
    {
        let limits = Limits { permits, permits_per_key, max_waiting };
        let queue = OneGroup::new(limits);
        let mut numbers = Random(seed as u64 + 1);
        let mut callers = Callers { queue: &queue, limits, inside: Vec::new(), waiting: Vec::new(), displaced: 0 };
        for step in 0..20_000 {
            callers.step(&mut numbers);
            // Not after each step, so that some callers have a result but have not been polled.
            if step % 3 == 0 {
                callers.check();
            }
        }
        displaced += callers.displaced;
        drop(callers);
        assert_eq!(queue.counts(), (0, 0), "{limits:?}");
        assert!(queue.lock().is_empty(), "{limits:?}");
    }
    assert!(displaced > 1000, "{displaced}");
}
