//! System calls that must not work, and arguments that must not work in permitted calls. The defence: the system call
//! filter, missing capabilities, the root of the sandbox. `tests/escape` tries some of them one by one, and checks that
//! they work without isolation.

use super::support::{Attack, refuse, withstand};
use super::target::{ContainerTarget, Forked};

/// Checks that an attack gets nothing in a worker's sandbox, and nothing as a container's root.
fn refused_everywhere(words: &str) {
    refuse::<Forked>(&[Attack::new(words)]);
    refuse::<ContainerTarget>(&[Attack::new(words).by_root()]);
}

#[test]
fn there_is_no_other_way_to_call_the_kernel_and_no_call_out_of_the_sandbox() {
    refused_everywhere("other-ways");
}

#[test]
fn a_filter_of_ones_own_does_not_answer_in_the_servers_place() {
    refused_everywhere("own-filters");
}

#[test]
fn families_and_protocols_of_sockets_that_nothing_needs_are_refused() {
    refused_everywhere("families");
}

#[test]
fn options_that_change_where_packets_go_or_what_is_reported_or_held_are_refused() {
    refused_everywhere("options");
}

#[test]
fn options_that_programs_use_work() {
    refuse::<Forked>(&[Attack::new("ordinary-options")]);
}

#[test]
fn a_workers_first_process_can_be_neither_read_nor_changed() {
    refuse::<Forked>(&[Attack::new("first-process")]);
}

#[test]
fn a_containers_user_can_neither_read_nor_change_its_first_process() {
    refuse::<ContainerTarget>(&[Attack::new("first-process")]);
}

/// What the container's root changes there belongs to the container, which must still end in time.
#[test]
fn a_containers_root_that_changes_its_first_process_is_ended_like_any_other() {
    withstand::<ContainerTarget>(&[Attack::new("first-process").by_root()]);
}

#[test]
fn devices_terminals_leases_and_attributes_are_out_of_a_workers_reach() {
    refuse::<Forked>(&[Attack::new("files-and-devices")]);
}

#[test]
fn devices_terminals_leases_and_attributes_are_out_of_a_containers_reach() {
    refuse::<ContainerTarget>(&[Attack::new("files-and-devices")]);
}

#[test]
fn devices_and_masked_files_are_out_of_reach_of_a_containers_root() {
    let report = withstand::<ContainerTarget>(&[Attack::new("files-and-devices").by_root()]).concat();
    assert!(report.iter().any(|line| line == "done"), "{report:#?}");
    // A container may change its own files, but not what others share.
    let shared = ["device", "disk", "terminal", "/dev/", "bytes of /proc", "handler", "caches", "container", "tunnel"];
    let got = report.iter().filter(|line| line.starts_with("got ") && shared.iter().any(|part| line.contains(part)));
    assert_eq!(got.collect::<Vec<_>>(), Vec::<&String>::new());
}
