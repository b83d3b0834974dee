//! Tests within one group, without a clock: which caller gets a permit and when. Then many random steps, after which
//! nothing may be lost.

mod groups;
mod properties;
mod random;

use std::ops::Deref;
use std::pin::{Pin, pin};

use futures_util::FutureExt as _;

use super::*;

type Permit<K> = super::Permit<(), K>;

/// A queue with one group, which may have everything.
struct OneGroup {
    queue: Arc<FairQueue<(), char>>,
    limits: Limits,
}

impl OneGroup {
    fn new(limits: Limits) -> Self {
        Self { queue: Arc::new(FairQueue::new(limits)), limits }
    }

    async fn enter(&self, key: char) -> Result<Permit<char>, Refusal> {
        self.queue.enter((), key, self.limits).await
    }

    fn wait(&self, key: char) -> Duration {
        self.queue.wait((), key)
    }
}

impl Deref for OneGroup {
    type Target = FairQueue<(), char>;

    fn deref(&self) -> &Self::Target {
        &self.queue
    }
}

/// Creates a queue in which one key may hold all permits.
fn queue(permits: usize, max_waiting: usize) -> OneGroup {
    shared_queue(permits, permits, max_waiting)
}

fn shared_queue(permits: usize, permits_per_key: usize, max_waiting: usize) -> OneGroup {
    OneGroup::new(Limits { permits, permits_per_key, max_waiting })
}

type Entering<'a> = Pin<Box<dyn Future<Output = Result<Permit<char>, Refusal>> + 'a>>;

/// Enters the queue as a caller that has to wait.
fn waiting(queue: &OneGroup, key: char) -> Entering<'_> {
    let mut entering: Entering<'_> = Box::pin(queue.enter(key));
    assert!((&mut entering).now_or_never().is_none(), "{key} waits");
    entering
}

/// Enters the queue as a caller that finds a free permit.
fn entered(queue: &OneGroup, key: char) -> Permit<char> {
    queue.enter(key).now_or_never().unwrap().ok().unwrap()
}

/// Returns the result of a caller; `None` while it waits.
fn polled(entering: &mut Entering<'_>) -> Option<Result<Permit<char>, Refusal>> {
    entering.now_or_never()
}

fn refused(answer: impl Into<Option<Result<Permit<char>, Refusal>>>) -> bool {
    matches!(answer.into(), Some(Err(Refusal::Full { .. })))
}

#[tokio::test]
async fn a_permit_that_is_released_goes_to_the_caller_that_waited() {
    let queue = queue(1, 1);
    let permit = queue.enter('a').await.ok().unwrap();
    let mut waiting = pin!(queue.enter('a'));
    assert!(waiting.as_mut().now_or_never().is_none());
    assert_eq!(queue.counts(), (1, 1));
    drop(permit);
    assert!(waiting.now_or_never().unwrap().is_ok());
    assert_eq!(queue.counts(), (0, 0));
}

#[tokio::test]
async fn a_key_with_many_waiting_callers_delays_another_key_by_one_permit_at_most() {
    let queue = queue(1, 1000);
    let mut permit = queue.enter('a').await.ok();
    let mut crowd: Vec<_> = (0..900).map(|_| Box::pin(queue.enter('a'))).collect();
    for one in &mut crowd {
        assert!(one.now_or_never().is_none());
    }
    let mut other = Box::pin(queue.enter('b'));
    assert!((&mut other).now_or_never().is_none());
    drop(permit.take());
    let first = (&mut crowd[0]).now_or_never().unwrap();
    assert!((&mut other).now_or_never().is_none());
    drop(first);
    assert!(other.now_or_never().unwrap().is_ok());
}

#[tokio::test]
async fn within_a_key_it_is_first_come_first_served() {
    let queue = queue(1, 10);
    let permit = queue.enter('a').await.ok();
    let (mut first, mut second) = (Box::pin(queue.enter('a')), Box::pin(queue.enter('a')));
    assert!((&mut first).now_or_never().is_none() && (&mut second).now_or_never().is_none());
    drop(permit);
    assert!((&mut second).now_or_never().is_none());
    assert!(first.now_or_never().unwrap().is_ok());
}

#[tokio::test]
async fn a_caller_that_stops_waiting_leaves_the_queue() {
    let queue = queue(1, 1);
    let _permit = queue.enter('a').await.ok();
    let mut waiting = Box::pin(queue.enter('a'));
    assert!((&mut waiting).now_or_never().is_none());
    drop(waiting);
    assert_eq!(queue.counts(), (1, 0));
}

#[tokio::test]
async fn a_caller_that_stops_waiting_when_it_gets_a_permit_hands_it_on() {
    let queue = queue(1, 2);
    let permit = queue.enter('a').await.ok();
    let (mut gone, mut waiting) = (Box::pin(queue.enter('a')), Box::pin(queue.enter('b')));
    assert!((&mut gone).now_or_never().is_none() && (&mut waiting).now_or_never().is_none());
    drop(permit);
    drop(gone);
    assert!(waiting.now_or_never().unwrap().is_ok());
    assert_eq!(queue.counts(), (0, 0));
}

#[tokio::test]
async fn no_caller_enters_a_closed_queue_and_permits_stay_valid() {
    let queue = queue(1, 1);
    let permit = queue.enter('a').await.ok();
    let mut waiting = Box::pin(queue.enter('a'));
    assert!((&mut waiting).now_or_never().is_none());
    queue.close();
    assert_eq!(waiting.now_or_never().unwrap().err(), Some(Refusal::Closed));
    assert_eq!(queue.enter('a').await.err(), Some(Refusal::Closed));
    assert_eq!(queue.counts(), (1, 0));
    drop(permit);
    assert_eq!(queue.counts(), (0, 0));
}

#[test]
fn a_key_that_holds_its_share_leaves_the_rest_to_others() {
    let queue = shared_queue(8, 6, 1000);
    let held: Vec<_> = (0..6).map(|_| entered(&queue, 'a')).collect();
    let crowd: Vec<_> = (0..300).map(|_| waiting(&queue, 'a')).collect();
    assert_eq!(queue.counts(), (6, 300));
    for _ in 0..100 {
        drop(entered(&queue, 'b'));
    }
    drop((crowd, held));
    assert_eq!(queue.counts(), (0, 0));
}

#[test]
fn a_key_that_holds_its_share_goes_on_with_its_next_caller_when_it_releases_a_permit() {
    let queue = shared_queue(4, 1, 10);
    let permit = entered(&queue, 'a');
    let (mut first, mut second) = (waiting(&queue, 'a'), waiting(&queue, 'a'));
    drop(permit);
    let permit = polled(&mut first).unwrap();
    assert!(polled(&mut second).is_none());
    drop(permit);
    assert!(polled(&mut second).unwrap().is_ok());
}

#[test]
fn a_permit_that_the_next_key_may_not_have_goes_to_the_key_after_it() {
    let queue = shared_queue(3, 2, 10);
    let (first, _second) = (entered(&queue, 'a'), entered(&queue, 'a'));
    let other = entered(&queue, 'b');
    let (mut a, mut b) = (waiting(&queue, 'a'), waiting(&queue, 'b'));
    drop(other);
    assert!(polled(&mut a).is_none());
    let _other = polled(&mut b).unwrap();
    drop(first);
    assert!(polled(&mut a).unwrap().is_ok());
}

#[test]
fn a_share_is_at_least_one_permit_and_at_most_all() {
    for (share, all) in [(0, 1), (1, 1), (9, 3)] {
        let queue = shared_queue(3, share, 10);
        let held: Vec<_> = (0..all).map(|_| entered(&queue, 'a')).collect();
        let _next = waiting(&queue, 'a');
        drop(held);
    }
}

#[test]
fn a_newcomer_displaces_the_last_of_the_longest_queue() {
    let queue = queue(1, 4);
    let permit = entered(&queue, 'a');
    let mut b = waiting(&queue, 'b');
    let (mut first, mut second, mut third) = (waiting(&queue, 'a'), waiting(&queue, 'a'), waiting(&queue, 'a'));
    let mut c = waiting(&queue, 'c');
    assert!(refused(polled(&mut third)), "it is refused at once");
    assert_eq!(queue.counts(), (1, 4));
    drop(permit);
    for (name, caller) in [("b", &mut b), ("a", &mut first), ("c", &mut c), ("a", &mut second)] {
        assert!(polled(caller).is_some_and(|answer| answer.is_ok()), "{name}");
    }
    assert_eq!(queue.counts(), (0, 0));
}

#[test]
fn a_newcomer_whose_own_queue_would_be_as_long_is_refused_itself() {
    let queue = queue(1, 4);
    let _permit = entered(&queue, 'a');
    let mut all = [waiting(&queue, 'a'), waiting(&queue, 'a'), waiting(&queue, 'b'), waiting(&queue, 'b')];
    for key in ['a', 'b'] {
        assert!(refused(queue.enter(key).now_or_never()), "{key}");
    }
    let _c = waiting(&queue, 'c');
    assert!(refused(polled(&mut all[3])), "of two equal queues, the one with the latest newcomer");
    assert!(refused(queue.enter('c').now_or_never()), "two queues of one and one of two");
    assert_eq!(all[..3].iter_mut().filter_map(polled).count(), 0);
}

#[test]
fn a_queue_that_one_key_has_filled_is_shared_out_evenly_in_the_end() {
    let queue = queue(1, 9);
    let _permit = entered(&queue, 'a');
    let mut crowd: Vec<_> = (0..9).map(|_| waiting(&queue, 'a')).collect();
    let others: Vec<_> = "bbbccc".chars().map(|key| waiting(&queue, key)).collect();
    assert_eq!(crowd.iter_mut().filter_map(polled).count(), 6);
    for key in "abcd".chars() {
        assert_eq!(refused(queue.enter(key).now_or_never()), key != 'd', "{key}");
    }
    drop(others);
}

#[test]
fn a_caller_that_was_displaced_and_has_gone_gives_up_nothing_twice() {
    let queue = queue(1, 2);
    let permit = entered(&queue, 'a');
    let (_first, displaced) = (waiting(&queue, 'a'), waiting(&queue, 'a'));
    let _b = waiting(&queue, 'b');
    drop(displaced);
    assert_eq!(queue.counts(), (1, 2));
    drop(permit);
    assert_eq!(queue.counts(), (1, 1));
}

#[tokio::test(start_paused = true)]
async fn the_wait_is_the_time_between_releases_for_as_many_as_are_ahead() {
    let queue = queue(1, 100);
    let second = Duration::from_secs(1);
    let mut permit = entered(&queue, 'a');
    for _ in 0..5 {
        tokio::time::advance(second).await;
        drop(permit);
        permit = entered(&queue, 'a');
    }
    let crowd: Vec<_> = (0..50).map(|_| waiting(&queue, 'a')).collect();
    assert_eq!(queue.wait('a'), 51 * second);
    assert_eq!(queue.wait('b'), 2 * second, "behind one of the other key, however many of them wait");
    drop(crowd);
    assert_eq!(queue.wait('a'), second);
    drop(permit);
    assert_eq!(queue.wait('a'), Duration::ZERO);
}

#[tokio::test(start_paused = true)]
async fn a_key_that_holds_its_share_waits_for_its_own_permits() {
    let queue = shared_queue(4, 2, 100);
    let held = (entered(&queue, 'a'), entered(&queue, 'a'));
    let _next = waiting(&queue, 'a');
    for _ in 0..50 {
        tokio::time::advance(Duration::from_millis(200)).await;
        drop((entered(&queue, 'b'), entered(&queue, 'b')));
    }
    assert_eq!(queue.wait('a'), Duration::from_secs(20), "ten seconds without one, and one ahead");
    assert_eq!(queue.wait('b'), Duration::ZERO);
    drop(held);
}
