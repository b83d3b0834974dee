//! Connections that the server makes for a sandbox, on sockets that the sandbox changes meanwhile. The defence: the
//! server connects and closes them where a wait delays only that sandbox.

use workers_domain::ResourceLimits;

use super::support::{Attack, refuse, withstand};
use super::target::{ContainerTarget, Forked, Spawned};

/// Runs the attack from more sandboxes than the engine has threads.
fn from_many(words: &str) {
    withstand::<Forked>(&[Attack::new(words).in_many()]);
}

#[test]
fn a_local_listener_with_a_full_queue_holds_up_no_other() {
    from_many("toggle-local stream file");
}

#[test]
fn a_local_listener_without_a_file_and_with_a_full_queue_holds_up_no_other() {
    from_many("toggle-local stream name");
}

#[test]
fn a_listener_for_packets_with_a_full_queue_holds_up_no_other() {
    from_many("toggle-local seqpacket file");
}

#[test]
fn a_local_socket_with_a_queue_full_of_datagrams_holds_up_no_other() {
    from_many("toggle-local datagram file");
}

#[test]
fn a_tcp_listener_with_a_full_queue_holds_up_no_other() {
    from_many("toggle-tcp");
}

#[test]
fn a_tcp_listener_with_a_full_queue_and_a_client_with_patience_hold_up_no_other() {
    from_many("toggle-tcp 3600");
}

#[test]
fn a_program_of_the_init_with_a_full_queue_holds_up_no_other() {
    withstand::<Spawned>(&[Attack::new("toggle-local stream file").in_many()]);
}

#[test]
fn a_container_with_a_full_queue_holds_up_no_other() {
    withstand::<ContainerTarget>(&[Attack::new("toggle-local stream file").in_many().by_root()]);
}

#[test]
fn connections_that_wait_for_an_hour_are_forgotten_with_their_sandbox() {
    withstand::<Forked>(&[Attack::new("connects-wait 40").in_many()]);
}

#[test]
fn a_closed_socket_that_lingers_holds_up_no_other() {
    from_many("linger-in-use");
}

#[test]
fn a_socket_that_lingers_and_is_closed_while_it_is_connected_holds_up_no_other() {
    from_many("linger-connecting");
}

#[test]
fn a_socket_that_lingers_in_the_queue_of_another_holds_up_no_other() {
    from_many("linger-nested");
}

#[test]
fn a_container_whose_sockets_linger_holds_up_no_other() {
    withstand::<ContainerTarget>(&[Attack::new("linger-connecting").in_many().by_root()]);
}

#[test]
fn no_ring_of_sockets_that_linger_is_left_to_the_kernel() {
    refuse::<Forked>(&[Attack::new("linger-cycle 2")]);
}

#[test]
fn names_and_addresses_that_change_or_cannot_be_read_hold_up_no_other() {
    withstand::<Forked>(&["swapped-names", "bad-addresses"].map(|words| Attack::new(words).in_many()));
}

#[test]
fn memory_that_is_never_free_to_be_read_holds_up_no_other() {
    from_many("held-addresses");
}

#[test]
fn addresses_in_memory_at_its_limit_hold_up_no_other() {
    let limits = ResourceLimits { memory_bytes: 96 << 20, ..Attack::new("").limits };
    withstand::<Forked>(&[Attack { limits, ..Attack::new("connect-at-the-limit 80").in_many() }]);
}

#[test]
fn threads_that_connect_in_a_loop_hold_up_no_other() {
    let limits = ResourceLimits { processes: 300, ..Attack::new("").limits };
    let attacks = [
        Attack { limits, ..Attack::new("connecting 250 127.0.0.1 9") },
        Attack { limits, ..Attack::new("connecting 250 127.0.0.1 0") },
        Attack { limits, ..Attack::new("connecting 250 10.1.2.3 80") },
        Attack { network: "allow-all", limits, ..Attack::new("connecting 250 169.254.169.254 80") },
        Attack::new("connecting-and-dying 40"),
        Attack::new("connecting-and-killed 1"),
    ];
    withstand::<Forked>(&attacks);
}
