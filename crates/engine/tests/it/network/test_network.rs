//! The test network: two network namespaces with a wire between them. In one, the engine runs as on a host. The other
//! one has every address that is not the host's, public and private, and servers on them. Nothing in it leads to a
//! network of the real host.

use std::collections::HashMap;
use std::fs::File;
use std::io::{BufRead as _, BufReader};
use std::net::{IpAddr, SocketAddr};
use std::os::fd::AsFd as _;
use std::process::{Child, Command, Stdio};
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;

use rustix::thread::{LinkNameSpaceType, move_into_link_name_space};
use tokio::sync::oneshot;

use super::servers;

/// A public address of each kind, with servers.
pub(super) const PUBLIC: &str = "93.184.216.34";
pub(super) const PUBLIC_V6: &str = "2606:2800:220:1::34";
/// A public address that does not respond.
pub(super) const SILENT: &str = "93.184.216.99";
/// A public address of the host itself.
pub(super) const OWN: &str = "93.184.216.1";
/// The address of the resolver.
pub(super) const RESOLVER: &str = "93.184.216.53";
/// Addresses that are closed to sandboxes, with the same servers.
pub(super) const PRIVATE: &str = "10.1.2.3";
const CLOSED: [&str; 7] =
    [PRIVATE, "192.168.7.7", "172.16.5.5", "169.254.169.254", "100.64.0.9", "fd00:ec2::254", "64:ff9b::a01:203"];

/// The two namespaces and the servers.
pub(super) struct TestNetwork {
    /// The namespace of the host, and the one at the other end of the wire.
    _namespaces: [Namespace; 2],
    servers: Option<Servers>,
    /// How many connections each address has accepted.
    accepted: Accepted,
}

/// How many connections each address has accepted.
pub(super) type Accepted = Arc<Mutex<HashMap<IpAddr, usize>>>;

struct Servers {
    stop: oneshot::Sender<()>,
    thread: JoinHandle<()>,
}

/// A network namespace. A process that does nothing holds it open.
struct Namespace {
    holder: Child,
}

impl Namespace {
    fn new() -> Self {
        let mut holder = Command::new("unshare")
            .args(["--net", "sh", "-c", "echo ready; exec cat"])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut line = String::new();
        BufReader::new(holder.stdout.take().unwrap()).read_line(&mut line).unwrap();
        assert_eq!(line, "ready\n", "a test of the network needs root");
        Self { holder }
    }

    fn path(&self) -> String {
        format!("/proc/{}/ns/net", self.holder.id())
    }

    fn run(&self, script: &str) {
        let inside = format!("--net={}", self.path());
        let status = Command::new("nsenter").args([&inside, "sh", "-ec", script]).status().unwrap();
        assert!(status.success(), "{script}");
    }

    /// Moves this thread, and the threads that it starts from now on, into the namespace.
    fn enter(&self) {
        let file = File::open(self.path()).unwrap();
        move_into_link_name_space(file.as_fd(), Some(LinkNameSpaceType::Network)).unwrap();
    }
}

impl Drop for Namespace {
    fn drop(&mut self) {
        // The process exits when its input is closed.
        drop(self.holder.stdin.take());
        let _ = self.holder.wait();
    }
}

impl TestNetwork {
    /// Builds the network and moves this thread into the host's namespace.
    pub(super) fn enter() -> Self {
        let [host, beyond] = [Namespace::new(), Namespace::new()];
        host.run(&format!(
            "PATH=$PATH:/usr/sbin:/sbin
             ip link set lo up
             ip link add wire type veth peer name wire netns {}
             ip addr add 198.18.0.2/30 dev wire; ip addr add fd77::2/64 dev wire nodad; ip addr add {OWN}/32 dev wire
             ip link set wire up
             ip route add default via 198.18.0.1; ip -6 route add default via fd77::1",
            beyond.holder.id()
        ));
        let addresses: Vec<_> = [PUBLIC, PUBLIC_V6, RESOLVER].into_iter().chain(CLOSED).collect();
        let add = |address: &&str| {
            let bits = if address.contains(':') { 128 } else { 32 };
            format!("ip addr add {address}/{bits} dev lo")
        };
        beyond.run(&format!(
            "PATH=$PATH:/usr/sbin:/sbin
             ip link set lo up
             ip addr add 198.18.0.1/30 dev wire; ip addr add fd77::1/64 dev wire nodad
             ip link set wire up
             ip route add default via 198.18.0.2; ip -6 route add default via fd77::2
             {}",
            addresses.iter().map(add).collect::<Vec<_>>().join("\n")
        ));
        let accepted = Accepted::default();
        let servers = Some(Servers::start(&beyond, Arc::clone(&accepted)));
        host.enter();
        Self { _namespaces: [host, beyond], servers, accepted }
    }

    /// Returns the address of the resolver.
    pub(super) fn resolver() -> SocketAddr {
        SocketAddr::new(RESOLVER.parse().unwrap(), 53)
    }

    /// Returns how many connections were accepted at an address.
    pub(super) fn accepted_at(&self, address: &str) -> usize {
        self.accepted.lock().unwrap().get(&address.parse().unwrap()).copied().unwrap_or_default()
    }
}

impl Drop for TestNetwork {
    fn drop(&mut self) {
        let Servers { stop, thread } = self.servers.take().unwrap();
        drop(stop);
        thread.join().unwrap();
    }
}

impl Servers {
    fn start(beyond: &Namespace, accepted: Accepted) -> Self {
        let (stop, stopped) = oneshot::channel();
        let (ready, is_ready) = std::sync::mpsc::channel();
        let path = beyond.path();
        let thread = std::thread::spawn(move || {
            let file = File::open(path).unwrap();
            move_into_link_name_space(file.as_fd(), Some(LinkNameSpaceType::Network)).unwrap();
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
            runtime.block_on(async {
                servers::start(accepted).await;
                ready.send(()).unwrap();
                let _ = stopped.await;
            });
        });
        is_ready.recv().unwrap();
        Self { stop, thread }
    }
}
