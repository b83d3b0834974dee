//! One attacker and one victim: measures the users of a server alone and beside each attack of the engine's tests
//! (`crates/engine/tests/attack`). Each attack's test checks that no request of the victim fails or stalls meanwhile,
//! and that the server stops in time. `./just attack` prints how much longer the victim waits.

mod attacker;
mod measure;
#[path = "../../../../../crates/engine/tests/attack/programs.rs"]
mod programs;
mod server;
mod victim;

use self::attacker::Attacker;
use self::measure::beside;

/// Declares attacks: one test for each, and a list of all.
macro_rules! attacks {
    ($($(#[$attribute:meta])* $name:ident: $attacker:expr;)*) => {
        $($(#[$attribute])* #[test] fn $name() { beside(stringify!($name), &$attacker); })*

        /// Returns every attack with the name of its test.
        fn all() -> Vec<(&'static str, Attacker)> {
            vec![$((stringify!($name), $attacker)),*]
        }
    };
}

attacks! {
    nobody_at_all: Attacker::worker("no-attack");
    a_sibling_of_the_forked_node: Attacker::library("clone-parent 0");
    a_sibling_that_has_one_itself: Attacker::library("clone-parent-twice 34");
    a_fork_bomb: Attacker::worker("fork-bomb");
    a_parent_that_waits_for_a_child_that_does_nothing: Attacker::worker("vfork");
    processes_that_stand_still: Attacker::worker("stopped");
    pipes_held_with_splice: Attacker::worker("splice-outputs stream");
    pipes_held_with_sendfile: Attacker::worker("sendfile-outputs datagram 1");
    pipes_that_change_their_size: Attacker::worker("outputs-resized");
    pipes_full_of_output: Attacker::worker("outputs-flood 1").copies(1);
    a_local_listener_with_a_full_queue: Attacker::worker("toggle-local stream file");
    a_tcp_listener_with_a_full_queue: Attacker::worker("toggle-tcp 3600");
    connections_that_wait: Attacker::worker("connects-wait 40");
    sockets_that_linger: Attacker::worker("linger-connecting 3600");
    sockets_that_linger_in_queues: Attacker::worker("linger-nested 3600").copies(2);
    addresses_that_cannot_be_read: Attacker::worker("bad-addresses").copies(1);
    threads_that_ask_in_a_loop: Attacker::worker("asking 40 127.0.0.1 9").copies(1);
    threads_that_ask_for_what_is_denied: Attacker::worker("asking 40 10.1.2.3 80").copies(1);
    threads_that_ask_and_die: Attacker::worker("asking-and-dying").copies(1);
    signals_that_wait: Attacker::worker("fill signals 6000");
    memory_at_its_limit: Attacker::worker("fill-memory 150");
    a_container_with_descriptors_in_flight: Attacker::container("fill in-flight 4200").copies(1);
    a_container_with_many_pipes: Attacker::container("fill pipe-pages 20000").copies(1);
    a_container_with_a_full_queue: Attacker::container("toggle-local stream file");
    a_container_that_holds_its_pipes: Attacker::container("splice-outputs stream");
    a_container_whose_sockets_linger: Attacker::container("linger-connecting 3600");
    a_container_that_stops_whatever_starts: Attacker::container("stop-others").copies(1);
    a_container_that_moves_its_directories: Attacker::container("renamed-directories /vercel").copies(1);
}

/// Prints the table of docs/security.md: a victim's median times alone and beside each attack.
#[test]
#[ignore = "measures for minutes: `./just attack`"]
fn what_a_victim_has_beside_each_attack() {
    measure::table(&all());
}
