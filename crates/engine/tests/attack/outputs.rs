//! The pipes that a command prints to and that the server reads. The defence against a command that blocks them: the
//! server never waits for a pipe where that would delay others.

use super::support::{Attack, Way, withstand};
use super::target::{ContainerTarget, Forked, Spawned};

/// Runs the attack from more sandboxes than the engine has threads.
fn from_many(words: &str) {
    withstand::<Forked>(&[Attack::new(words).in_many()]);
}

#[test]
fn a_sandbox_that_holds_its_pipes_with_splice_from_a_local_socket_holds_up_no_other() {
    from_many("splice-outputs stream");
}

#[test]
fn a_sandbox_that_holds_its_pipes_with_splice_from_a_local_datagram_socket_holds_up_no_other() {
    from_many("splice-outputs datagram");
}

#[test]
fn a_sandbox_that_holds_its_pipes_with_splice_from_a_tcp_socket_holds_up_no_other() {
    from_many("splice-outputs tcp");
}

#[test]
fn a_sandbox_that_holds_its_pipes_with_splice_from_a_udp_socket_holds_up_no_other() {
    from_many("splice-outputs udp");
}

#[test]
fn a_sandbox_that_holds_its_pipes_with_splice_from_netlink_holds_up_no_other() {
    from_many("splice-outputs netlink");
}

#[test]
fn a_sandbox_that_holds_its_pipes_with_splice_from_event_files_holds_up_no_other() {
    let kinds = ["event", "timer", "inotify", "signal", "pipe"];
    withstand::<Forked>(&kinds.map(|kind| Attack::new(&format!("splice-outputs {kind}")).in_many()));
}

#[test]
fn a_sandbox_that_holds_one_of_its_pipes_with_sendfile_holds_up_no_other() {
    from_many("sendfile-outputs stream 1");
}

#[test]
fn a_sandbox_that_holds_the_pipe_of_its_errors_with_splice_holds_up_no_other() {
    from_many("splice-outputs stream 2");
}

#[test]
fn a_program_of_the_init_that_holds_its_pipes_holds_up_no_other() {
    withstand::<Spawned>(&[Attack::new("splice-outputs stream").by(Way::Spawn).in_many()]);
}

#[test]
fn a_container_that_holds_its_pipes_holds_up_no_other() {
    withstand::<ContainerTarget>(&[Attack::new("splice-outputs stream").in_many().by_root()]);
}

#[test]
fn a_sandbox_that_writes_as_lazily_as_can_be_holds_up_no_other() {
    from_many("lazy-writer 2");
}

#[test]
fn a_sandbox_that_changes_resizes_reopens_or_closes_its_pipes_holds_up_no_other() {
    let attacks = ["tee-outputs", "outputs-resized", "outputs-flags", "outputs-reopened", "outputs-closed"];
    withstand::<Forked>(&attacks.map(|words| Attack::new(words).in_many()));
}

#[test]
fn a_container_that_changes_resizes_reopens_or_closes_its_pipes_holds_up_no_other() {
    let attacks = ["outputs-resized", "outputs-flags", "outputs-reopened", "outputs-closed"];
    withstand::<ContainerTarget>(&attacks.map(|words| Attack::new(words).in_many().by_root()));
}

#[test]
fn a_sandbox_that_prints_without_end_is_ended_like_any_other() {
    withstand::<Forked>(&[Attack::new("outputs-flood 2")]);
    withstand::<ContainerTarget>(&[Attack::new("outputs-flood 2")]);
}
