//! Processes that try to leave their clean-up to a process outside of their sandbox, and processes that are hard to
//! end. The defence: the flags of `clone` that the policy allows, the PID namespace, and a launcher that never waits
//! without a time limit.

use super::support::{Attack, Way, refuse, withstand};
use super::target::{ContainerTarget, Forked, Spawned};

/// Checks that no attack gets a sibling. A forked node is a child of the launcher, so its sibling would be one, too.
fn no_sibling(words: &str) {
    refuse::<Forked>(&[Attack::new(words).by(Way::Library), Attack::new(words)]);
}

#[test]
fn a_forked_node_has_no_sibling_without_an_exit_signal() {
    no_sibling("clone-parent 0");
}

#[test]
fn a_forked_node_has_no_sibling_with_the_usual_exit_signal() {
    no_sibling("clone-parent 17");
}

#[test]
fn a_forked_node_has_no_sibling_with_a_real_time_exit_signal() {
    no_sibling("clone-parent 34");
}

#[test]
fn a_forked_node_has_no_sibling_whose_end_kills() {
    no_sibling("clone-parent 9 8");
}

#[test]
fn a_forked_node_has_no_sibling_that_has_one_itself() {
    no_sibling("clone-parent-twice 0");
}

#[test]
fn a_forked_node_has_no_sibling_that_ends_at_once() {
    no_sibling("clone-parent-ends 0");
}

#[test]
fn a_forked_node_has_no_sibling_that_stays_when_it_goes() {
    no_sibling("clone-parent-and-end 34");
}

#[test]
fn a_forked_node_has_no_sibling_that_shares_its_files() {
    no_sibling("clone-parent-sharing");
}

#[test]
fn a_program_of_the_init_has_no_sibling() {
    let attacks = ["clone-parent 0", "clone-parent 34", "clone-parent-twice 0", "clone-parent-and-end 34"];
    refuse::<Spawned>(&attacks.map(|words| Attack::new(words).by(Way::Library)));
}

#[test]
fn a_containers_root_has_no_sibling() {
    let attacks = ["clone-parent 0", "clone-parent 34", "clone-parent-twice 0", "clone-parent-and-end 34"];
    refuse::<ContainerTarget>(&attacks.map(|words| Attack::new(words).by_root()));
}

/// Attacks with processes that are hard to end, each in its own way.
const STUBBORN: [&str; 10] = [
    "exit-signals",
    "subreaper",
    "daemon",
    "vfork",
    "fork-bomb",
    "fork-churn",
    "own-sessions",
    "leader-ends",
    "stopped",
    "ignores-signals",
];

#[test]
fn a_forked_node_that_is_hard_to_end_ends_with_its_sandbox() {
    withstand::<Forked>(&STUBBORN.map(Attack::new));
}

#[test]
fn threads_of_a_forked_node_that_are_hard_to_end_end_with_its_sandbox() {
    withstand::<Forked>(
        &["vfork", "leader-ends", "stopped", "subreaper"].map(|words| Attack::new(words).by(Way::Library)),
    );
}

#[test]
fn a_program_that_is_hard_to_end_ends_with_its_sandbox() {
    withstand::<Spawned>(&STUBBORN.map(Attack::new));
}

#[test]
fn a_containers_processes_that_are_hard_to_end_end_with_it() {
    withstand::<ContainerTarget>(&STUBBORN.map(Attack::new));
}

#[test]
fn a_sandbox_that_stops_all_others_is_ended_like_any_other() {
    withstand::<Forked>(&[Attack::new("stop-others"), Attack::new("stop-others").by(Way::Library)]);
    withstand::<ContainerTarget>(&[Attack::new("stop-others").by_root()]);
}

#[test]
fn a_process_that_cannot_be_looked_into_is_served_like_any_other() {
    refuse::<Forked>(&[Attack::new("not-dumpable")]);
}
