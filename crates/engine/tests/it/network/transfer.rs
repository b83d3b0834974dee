//! Tests that the bytes which a container exchanges with the outside are counted.

use std::time::Duration;

use workers_domain::NetworkPolicy;
use workers_domain::ports::{ContainerProvider as _, ContainerSpec, NetworkTransfer, SandboxSource};
use workers_engine::{ContainerEngine, ContainerOptions, NetworkOptions};

use super::test_network::{PUBLIC, TestNetwork};
use crate::containers::counted::in_container;
use crate::containers::support::{options, spec};

/// The bytes that a conversation with the database sends and receives in addition to the echoed ones.
const GREETINGS: (u64, u64) = (8 + 8, 1 + 9);

/// Returns a script that has the database echo this many bytes; the connection stays open.
fn converse(bytes: u64) -> String {
    format!(
        "use IO::Socket::INET; my $n; my $s = IO::Socket::INET->new('{PUBLIC}:5432') or die 'no connection'; $s->autoflush(1);
         print $s pack('NN', 8, 80877103); read($s, $n, 1); print $s pack('NN', 8, 0); read($s, $n, 9);
         print $s 'x' x {bytes}; read($s, $n, {bytes}) == {bytes} or die; print \"done\\n\""
    )
}

#[test]
fn what_a_container_exchanges_is_counted_while_it_runs_and_when_it_has_ended() {
    workers_testing::skip_unless_root("containers need root");
    let _world = TestNetwork::enter();
    // The runtime's threads start from this one, so they are in the host's namespace.
    tokio::runtime::Runtime::new().unwrap().block_on(async {
        let directory = tempfile::tempdir().unwrap();
        let network = NetworkOptions { resolvers: vec![TestNetwork::resolver()], ..NetworkOptions::default() };
        let engine = ContainerEngine::start(ContainerOptions { network, ..options(directory.path()) }).await.unwrap();
        let open = ContainerSpec { network: NetworkPolicy::AllowAll, ..spec(SandboxSource::Empty) };
        let (container, other) = (engine.create(open.clone()).await.unwrap(), engine.create(open).await.unwrap());
        let nothing = NetworkTransfer::default();
        assert_eq!(container.usage().await.network, Some(nothing));
        let (_open, said) = in_container(&*container, &converse(50_000)).await;
        assert_eq!(said, "done");
        let one = NetworkTransfer { sent: GREETINGS.0 + 50_000, received: GREETINGS.1 + 50_000 };
        assert_eq!(container.usage().await.network, Some(one));
        // One connection is closed, and one is open when the container ends.
        let (_closed, said) = in_container(&*container, &format!("{}; close $s", converse(7))).await;
        assert_eq!(said, "done");
        container.stop().await.unwrap();
        let used = container.usage().await;
        let all = used.network.unwrap();
        assert_eq!(all.sent, one.sent + GREETINGS.0 + 7);
        // The end of a peer's stream may count as one byte, and it may come late: the kernel may still be closing a
        // connection.
        let ends = |all: NetworkTransfer| all.received - one.received - GREETINGS.1 - 7;
        assert!((0..=2).contains(&ends(all)), "{all:?}");
        assert!(used.cpu.unwrap() > Duration::ZERO);
        let later = container.usage().await;
        let transferred = later.network.unwrap();
        assert_eq!((later.cpu, transferred.sent), (used.cpu, all.sent), "it uses no more");
        assert!((ends(all)..=2).contains(&ends(transferred)), "{transferred:?}");
        assert_eq!(other.usage().await.network, Some(nothing), "what others exchange is not its own");
        engine.shutdown().await;
    });
}
