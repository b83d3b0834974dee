//! Tests between groups: permits, the length of the queue, limits, and estimated waits.

use workers_testing::Random;

use super::*;

type Queue = Arc<FairQueue<char, u32>>;
type GroupPermit = super::super::Permit<char, u32>;
type GroupEntering<'a> = Pin<Box<dyn Future<Output = Result<GroupPermit, Refusal>> + 'a>>;

const WITHOUT_LIMITS: Limits = Limits { permits: usize::MAX, permits_per_key: usize::MAX, max_waiting: usize::MAX };

fn queue(permits: usize, max_waiting: usize) -> Queue {
    Arc::new(FairQueue::new(Limits { permits, permits_per_key: permits, max_waiting }))
}

fn entering(queue: &Queue, group: char, key: u32) -> GroupEntering<'_> {
    Box::pin(queue.enter(group, key, WITHOUT_LIMITS))
}

fn waiting(queue: &Queue, group: char, key: u32) -> GroupEntering<'_> {
    let mut entering = entering(queue, group, key);
    assert!((&mut entering).now_or_never().is_none(), "{key} of {group} waits");
    entering
}

fn entered(queue: &Queue, group: char, key: u32) -> GroupPermit {
    entering(queue, group, key).now_or_never().unwrap().ok().unwrap()
}

fn is_refused(answer: impl Into<Option<Result<GroupPermit, Refusal>>>) -> bool {
    matches!(answer.into(), Some(Err(Refusal::Full { .. })))
}

/// Removes the callers that have got a permit by now, and returns their permits.
fn served(callers: &mut Vec<GroupEntering<'_>>) -> Vec<GroupPermit> {
    let mut permits = Vec::new();
    callers.retain_mut(|caller| match caller.now_or_never() {
        None => true,
        Some(answer) => {
            permits.extend(answer.ok());
            false
        }
    });
    permits
}

#[test]
fn a_group_with_many_keys_delays_another_group_by_one_permit_at_most() {
    let queue = queue(1, 1000);
    let permit = entered(&queue, 'a', 0);
    let mut crowd: Vec<_> = (0..900).map(|key| waiting(&queue, 'a', key)).collect();
    let mut other = waiting(&queue, 'b', 0);
    drop(permit);
    let permit = served(&mut crowd);
    assert_eq!(permit.len(), 1);
    assert!((&mut other).now_or_never().is_none());
    drop(permit);
    assert!(other.now_or_never().unwrap().is_ok());
}

#[test]
fn a_group_whose_callers_stay_long_cannot_hold_what_another_group_waits_for() {
    let queue = queue(4, 1000);
    let mut held: Vec<_> = (0..4).map(|key| entered(&queue, 'a', key)).collect();
    let mut crowd: Vec<_> = (0..100).map(|key| waiting(&queue, 'a', key)).collect();
    let mut others: Vec<_> = (0..100).map(|key| waiting(&queue, 'b', key)).collect();
    let mut of_b = Vec::new();
    for _ in 0..2 {
        held.pop();
        of_b.extend(served(&mut others));
    }
    assert_eq!((held.len(), of_b.len(), served(&mut crowd).len()), (2, 2, 0), "half of all");
    // The callers of one group stay. The callers of the other group come and go, on the permits that their group has by
    // now.
    for _ in 0..50 {
        of_b.pop();
        of_b.extend(served(&mut others));
        assert_eq!((of_b.len(), served(&mut crowd).len()), (2, 0));
    }
    held.pop();
    assert_eq!(served(&mut crowd).len(), 1, "and the other half is the other group's");
}

#[test]
fn groups_that_hold_the_same_are_served_round_robin_and_so_are_the_keys_within_each() {
    let queue = queue(1, 100);
    let mut permit = Some(entered(&queue, 'x', 0));
    let callers = [('a', 1), ('a', 1), ('a', 2), ('b', 1), ('b', 2), ('a', 2), ('c', 1), ('b', 2)];
    let mut callers: Vec<_> =
        callers.iter().map(|(group, key)| (*group, *key, waiting(&queue, *group, *key))).collect();
    let mut order = Vec::new();
    while !callers.is_empty() {
        permit.take();
        let next = callers.iter_mut().position(|(_, _, caller)| {
            permit = caller.now_or_never().map(|answer| answer.ok().unwrap());
            permit.is_some()
        });
        let (group, key, _) = callers.remove(next.unwrap());
        order.push((group, key));
    }
    let expected = [('a', 1), ('b', 1), ('c', 1), ('a', 2), ('b', 2), ('a', 1), ('b', 2), ('a', 2)];
    assert_eq!(order, expected);
}

#[test]
fn a_newcomer_of_a_smaller_group_displaces_a_caller_of_the_group_with_the_most_callers() {
    let queue = queue(1, 9);
    let _permit = entered(&queue, 'a', 0);
    let mut crowd: Vec<_> = (0..9).map(|key| waiting(&queue, 'a', key)).collect();
    let mut others = vec![waiting(&queue, 'b', 0)];
    assert!(is_refused((&mut crowd[8]).now_or_never()), "the latest newcomer, as all queues are equal");
    others.extend((1..4).map(|key| waiting(&queue, 'b', key)));
    assert_eq!(queue.counts(), (1, 9));
    assert!(is_refused(entering(&queue, 'b', 4).now_or_never()), "five and four are even");
    assert!(is_refused(entering(&queue, 'a', 10).now_or_never()));
    let displaced = crowd.iter_mut().take(8).filter_map(futures_util::FutureExt::now_or_never);
    assert_eq!(displaced.filter(Result::is_err).count(), 3);
}

#[test]
fn a_newcomer_of_a_group_as_large_as_any_displaces_a_caller_of_its_own_group() {
    let queue = queue(1, 8);
    let _permit = entered(&queue, 'a', 0);
    let mut long: Vec<_> = (0..4).map(|_| waiting(&queue, 'a', 1)).collect();
    let mut others: Vec<_> = (0..4).map(|key| waiting(&queue, 'b', key)).collect();
    let _newcomer = waiting(&queue, 'a', 2);
    assert!(is_refused((&mut long[3]).now_or_never()), "the last of its own group's longest queue");
    assert!(others.iter_mut().all(|caller| caller.now_or_never().is_none()));
    assert!(is_refused(entering(&queue, 'b', 9).now_or_never()), "its own group has no queue of more than one");
}

#[test]
fn a_group_that_has_reached_its_limit_of_permits_leaves_the_others_free() {
    let queue = queue(8, 100);
    let limits = Limits { permits: 2, ..WITHOUT_LIMITS };
    let enter = |key| Box::pin(queue.enter('a', key, limits));
    let mut held: Vec<_> = (0..2).map(|key| enter(key).now_or_never().unwrap().ok().unwrap()).collect();
    let mut next = enter(2);
    assert!((&mut next).now_or_never().is_none());
    drop((0..6).map(|key| entered(&queue, 'b', key)).collect::<Vec<_>>());
    assert!((&mut next).now_or_never().is_none(), "free permits are not for this group");
    held.pop();
    assert!(next.now_or_never().unwrap().is_ok());
}

#[test]
fn a_group_that_has_reached_its_limit_of_waiting_callers_leaves_the_queue_to_others() {
    let queue = queue(1, 100);
    let limits = Limits { max_waiting: 2, ..WITHOUT_LIMITS };
    let enter = |key| Box::pin(queue.enter('a', key, limits));
    let _permit = entered(&queue, 'b', 0);
    let mut callers = [enter(1), enter(1)];
    assert!(callers.iter_mut().all(|caller| caller.now_or_never().is_none()));
    assert!(is_refused(enter(1).now_or_never()));
    let mut newcomer = enter(2);
    assert!((&mut newcomer).now_or_never().is_none());
    assert!(is_refused((&mut callers[1]).now_or_never()), "two may wait, one for each key");
    let _b = waiting(&queue, 'b', 1);
    assert_eq!(queue.counts(), (1, 3));
    assert!(is_refused(Box::pin(queue.enter('c', 1, Limits { max_waiting: 0, ..WITHOUT_LIMITS })).now_or_never()));
    assert_eq!(queue.lock().limits_of('c'), None, "a group that has nothing is forgotten");
}

#[test]
fn higher_limits_let_those_in_who_wait_and_lower_ones_take_nothing_away() {
    let queue = queue(8, 100);
    let with = |permits, permits_per_key| Limits { permits, permits_per_key, ..WITHOUT_LIMITS };
    let enter = |key, limits| Box::pin(queue.enter('a', key, limits));
    let mut callers: Vec<_> = (0..6).map(|_| enter(1, with(2, 1))).collect();
    let mut held: Vec<_> = callers.iter_mut().filter_map(|caller| caller.now_or_never()?.ok()).collect();
    drop(callers.remove(0));
    assert_eq!((held.len(), queue.counts()), (1, (1, 5)));
    held.extend(enter(2, with(4, 3)).now_or_never().unwrap().ok());
    assert_eq!(queue.counts(), (4, 3), "two more of the first key, and the newcomer");
    let mut lower = enter(2, with(1, 1));
    assert!((&mut lower).now_or_never().is_none());
    assert_eq!(queue.counts(), (4, 4));
    drop((held, callers));
    assert!(lower.now_or_never().unwrap().is_ok());
    assert_eq!(queue.counts(), (0, 0));
}

#[test]
fn a_key_has_a_share_of_what_its_group_may_have() {
    let queue = queue(8, 100);
    let limits = Limits { permits: 4, permits_per_key: 3, ..WITHOUT_LIMITS };
    let enter = |key| Box::pin(queue.enter('a', key, limits));
    let held: Vec<_> = (0..4).filter_map(|_| enter(1).now_or_never()?.ok()).collect();
    assert_eq!(held.len(), 3);
    assert!(enter(2).now_or_never().unwrap().is_ok());
}

#[tokio::test(start_paused = true)]
async fn the_wait_counts_what_other_groups_get_meanwhile() {
    let queue = queue(1, 1000);
    let second = Duration::from_secs(1);
    let mut permit = entered(&queue, 'a', 0);
    for _ in 0..5 {
        tokio::time::advance(second).await;
        drop(permit);
        permit = entered(&queue, 'a', 0);
    }
    let crowd: Vec<_> = (0..50).map(|key| waiting(&queue, 'a', key)).collect();
    assert_eq!(queue.wait('b', 0), 2 * second, "behind one of the other group, however many keys it has");
    assert_eq!(queue.wait('a', 99), 51 * second, "behind all keys of its own group");
    let others: Vec<_> = (0..4).map(|key| waiting(&queue, 'b', key)).collect();
    assert_eq!(queue.wait('c', 0), 3 * second);
    assert_eq!(queue.wait('b', 99), 10 * second, "four of its own group, and five of the other");
    drop((crowd, others));
}

#[tokio::test(start_paused = true)]
async fn a_group_that_holds_all_it_may_waits_for_its_own_permits() {
    let queue = queue(8, 100);
    let limits = Limits { permits: 1, ..WITHOUT_LIMITS };
    let permit = queue.enter('a', 0, limits).await.ok().unwrap();
    tokio::time::advance(Duration::from_secs(10)).await;
    assert_eq!(queue.wait('a', 1), Duration::from_secs(10));
    assert_eq!(queue.wait('b', 1), Duration::ZERO);
    drop(permit);
}

#[test]
fn no_caller_of_any_group_enters_a_closed_queue() {
    let queue = queue(1, 100);
    let permit = entered(&queue, 'a', 0);
    let callers = [waiting(&queue, 'a', 1), waiting(&queue, 'b', 0)];
    queue.close();
    for caller in callers {
        assert_eq!(caller.now_or_never().unwrap().err(), Some(Refusal::Closed));
    }
    assert_eq!(queue.counts(), (1, 0));
    drop(permit);
    assert!(queue.lock().is_empty());
}

/// A group and a key of a caller.
type Of = (char, u32);

/// The groups of [`walk`].
pub(super) const GROUPS: [char; 3] = ['a', 'b', 'c'];

/// Callers of three groups come, are served and leave, as the numbers say. After each step nothing is lost, no limit is
/// passed, and no caller waits beside a free permit that it may have. At the end nothing is left.
pub(super) fn walk(
    all: Limits,
    of_group: impl Fn(char) -> Limits,
    steps: usize,
    mut below: impl FnMut(usize) -> usize,
) {
    let queue: Queue = Arc::new(FairQueue::new(all));
    let mut inside: Vec<(Of, GroupPermit)> = Vec::new();
    let mut callers: Vec<(Of, GroupEntering<'_>)> = Vec::new();
    for _ in 0..steps {
        match below(5) {
            0 | 1 => {
                let group = GROUPS[below(GROUPS.len())];
                let key = u32::try_from(below(4)).unwrap();
                callers.push(((group, key), Box::pin(queue.enter(group, key, of_group(group)))));
            }
            2 if !inside.is_empty() => drop(inside.swap_remove(below(inside.len()))),
            3 if !callers.is_empty() => drop(callers.remove(below(callers.len()))),
            _ => {}
        }
        // Dropping a caller that got a permit in the meantime frees the permit again, so all callers are polled twice.
        for _ in 0..2 {
            for (of, mut caller) in std::mem::take(&mut callers) {
                match (&mut caller).now_or_never() {
                    None => callers.push((of, caller)),
                    Some(answer) => inside.extend(answer.ok().map(|permit| (of, permit))),
                }
            }
        }
        assert_eq!(queue.counts(), (inside.len(), callers.len()));
        assert!(inside.len() <= all.permits && callers.len() <= all.max_waiting);
        let held = |is_counted: &dyn Fn(Of) -> bool| inside.iter().filter(|(of, _)| is_counted(*of)).count();
        let of_key = |group| of_group(group).permits_per_key.min(all.permits_per_key);
        let may_hold_more = |(group, key): Of| {
            held(&|(other, _)| other == group) < of_group(group).permits
                && held(&|of| of == (group, key)) < of_key(group)
        };
        let is_full = inside.len() == all.permits;
        assert!(is_full || !callers.iter().any(|(of, _)| may_hold_more(*of)), "one waits beside a free permit");
        for group in GROUPS {
            assert!(held(&|(other, _)| other == group) <= of_group(group).permits, "permits of {group}");
        }
        assert!(inside.iter().all(|(of, _)| held(&|other| other == *of) <= of_key(of.0)), "permits of a key");
    }
    drop((inside, callers));
    assert!(queue.lock().is_empty());
}

#[test]
fn no_permit_and_no_caller_is_lost_or_counted_twice_between_groups() {
    let all = Limits { permits: 6, permits_per_key: 4, max_waiting: 20 };
    let of_group = |group| match group {
        'a' => Limits { permits: 3, permits_per_key: 2, max_waiting: 8 },
        'b' => Limits { permits: 5, ..WITHOUT_LIMITS },
        _ => WITHOUT_LIMITS,
    };
    for seed in 1..6 {
        let mut numbers = Random(seed);
        walk(all, of_group, 10_000, |bound| numbers.position(bound));
    }
}
