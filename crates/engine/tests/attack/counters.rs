//! Resources that the kernel counts for a user, for the owner of a namespace, or for the whole host. One sandbox takes
//! as much as it can get, and another one must have as much as before. The defence: ids of a sandbox's own, limits
//! inside, refused calls.

use std::sync::Arc;

use workers_domain::ports::ContainerCommandSpec;

use super::support::{Attack, Report, test_on, withstand};
use super::target::{ContainerTarget, Forked, Started, Target};
use crate::containers::support::run;

/// For each counter: its name, how much one sandbox takes, and how much must be left for another one and for the host.
const COUNTERS: [(&str, u32, u32); 4] = [
    // Name, how much is taken, how much a neighbour needs.
    ("in-flight", 4200, 50),
    ("pipe-pages", 20_000, 64),
    ("epoll-watches", 100_000, 50),
    ("inotify-instances", 200, 4),
];

async fn said(started: Started) -> Report {
    started.said.wait_for(&["ready", "done", "ended"]).await;
    let lines = started.said.lines();
    started.stop.await;
    lines
}

/// One sandbox fills a counter; then another one in the same engine and the host use it.
async fn neighbours_are_not_affected<G: Target>(target: Arc<G>, as_root: bool) {
    neighbours_have_theirs(&*target, as_root, &COUNTERS).await;
}

async fn neighbours_have_theirs<G: Target>(target: &G, as_root: bool, counters: &[(&str, u32, u32)]) {
    for (counter, taken, needed) in counters {
        let with = |words: String| Attack { as_root, ..Attack::new(&words) };
        let greedy = target.begin(&with(format!("fill {counter} {taken}")), "greedy").await;
        greedy.said.wait_for(&["ready", "ended"]).await;
        let neighbour = said(target.begin(&with(format!("use {counter} {needed}")), "neighbour").await).await;
        let taken = said(greedy).await;
        let failed: Vec<_> = neighbour.iter().filter(|line| line.starts_with("failed")).collect();
        assert!(failed.is_empty(), "{counter}: {failed:?} beside one that {taken:?}");
        assert!(neighbour.iter().any(|line| line == "done"), "{counter}: {neighbour:?}");
    }
}

#[test]
fn a_worker_takes_nothing_of_another_workers_counters() {
    test_on(|target: Arc<Forked>| neighbours_are_not_affected(target, false));
}

#[test]
fn a_containers_user_takes_nothing_of_another_containers_counters() {
    test_on(|target: Arc<ContainerTarget>| neighbours_are_not_affected(target, false));
}

#[test]
fn a_containers_root_takes_nothing_of_another_containers_counters() {
    test_on(|target: Arc<ContainerTarget>| neighbours_are_not_affected(target, true));
}

/// Returns how many signals are queued for processes of the host's root. The kernel also counts those of sandboxes that
/// root has made.
fn signals_of_root() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let queued = status.lines().find_map(|line| line.strip_prefix("SigQ:")?.trim().split('/').next()?.parse().ok());
    queued.unwrap()
}

/// Few enough that a thousand sandboxes at the same time leave the host its share.
const MOST_SIGNALS: u64 = 1200;

async fn signals_are_few<G: Target>(target: Arc<G>) {
    for counter in ["signals", "timers"] {
        let before = signals_of_root();
        let greedy = target.begin(&Attack::new(&format!("fill {counter} 6000")), "greedy").await;
        greedy.said.wait_for(&["ready", "ended"]).await;
        let taken = signals_of_root().saturating_sub(before);
        let lines = said(greedy).await;
        assert!(taken < MOST_SIGNALS, "{counter}: {taken} of the host's count: {lines:?}");
    }
}

#[test]
fn a_worker_takes_few_of_the_hosts_queued_signals_and_timers() {
    test_on(signals_are_few::<Forked>);
}

#[test]
fn a_container_takes_few_of_the_hosts_queued_signals_and_timers() {
    test_on(signals_are_few::<ContainerTarget>);
}

/// Returns how much an attack has taken, from its report.
fn taken(report: &Report) -> u64 {
    report.iter().find_map(|line| line.strip_prefix("took ")?.split(',').next()?.parse().ok()).unwrap()
}

fn host_has(name: &str) -> u64 {
    std::fs::read_to_string(format!("/proc/sys/{name}")).unwrap().trim().parse().unwrap()
}

/// Checks that a sandbox gets at most an eighth of the limit of its namespace's owner.
async fn watches_are_few<G: Target>(target: Arc<G>) {
    let wanted = host_has("fs/inotify/max_user_watches") / 8;
    let attack = Attack::new(&format!("fill inotify-watches {}", wanted.min(60_000)));
    let got = taken(&said(target.begin(&attack, "greedy").await).await);
    assert!(got < wanted, "{got} of {wanted}");
    let attack = Attack::new("fill inotify-instances 200");
    let got = taken(&said(target.begin(&attack, "greedy").await).await);
    assert!(got <= host_has("fs/inotify/max_user_instances") / 8, "{got} instances");
}

#[test]
fn a_worker_takes_few_of_the_hosts_watches_of_files() {
    test_on(watches_are_few::<Forked>);
}

/// Checks that few filters can be loaded. Their programs lie in kernel memory of the host, which no cgroup counts: a
/// filter of 4,000 instructions takes some 20 KiB.
async fn filters_are_few<G: Target>(target: Arc<G>) {
    for (counter, most) in [("socket-filters", 0), ("process-filters", 16)] {
        let report = said(target.begin(&Attack::new(&format!("fill {counter} 200")), "greedy").await).await;
        assert!(taken(&report) <= most, "{counter}: {report:?}");
    }
}

#[test]
fn a_worker_takes_little_of_the_memory_for_filters() {
    test_on(filters_are_few::<Forked>);
}

#[test]
fn a_container_takes_little_of_the_memory_for_filters() {
    test_on(filters_are_few::<ContainerTarget>);
}

#[test]
fn the_users_of_two_containers_are_not_the_same_to_the_host() {
    test_on(|target: Arc<ContainerTarget>| async move {
        let map = || ContainerCommandSpec {
            program: "cat".to_owned(),
            args: vec!["/proc/self/uid_map".to_owned()],
            ..ContainerCommandSpec::default()
        };
        let (one, other) = (target.container().await, target.container().await);
        let (first, second) = (run(&*one, map()).await.stdout, run(&*other, map()).await.stdout);
        assert_ne!(first, second);
    });
}

/// A sandbox that reaches a limit that it does not share harms only itself, and is stopped like any other.
#[test]
fn what_reaches_its_own_limits_ends_like_any_other() {
    let words =
        ["fill open-files 5000", "fill-memory 150", "fill-files", "fill in-flight 4200", "fill epoll-watches 200000"];
    withstand::<Forked>(&words.map(Attack::new));
    let words = ["fill open-files 5000", "fill-memory 400", "fill-files", "fill in-flight 4200"];
    withstand::<ContainerTarget>(&words.map(|words| Attack::new(words).by_root()));
}
