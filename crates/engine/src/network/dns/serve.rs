//! The name server's two interfaces to the sandbox: datagrams, and connections.

use std::io;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use rustix::rand::{GetRandomFlags, getrandom};
use tokio::net::{TcpListener, TcpStream, UdpSocket};
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep_until, timeout};

use super::message::{Parsed, Query, addresses, failure, no_such_name};
use super::resolvers::{Resolvers, read, write};
use crate::network::egress_policy::EgressPolicy;
use crate::network::rate_limiter::RateLimiter;

/// How many queries, and connections, are handled at a time; further ones wait.
const MOST_QUERIES: usize = 32;
const MOST_CONNECTIONS: usize = 8;

/// How long a connection may be idle.
const IDLE: Duration = Duration::from_secs(10);

/// The longest query in bytes: a name, and options that we do not pass on.
const LONGEST: usize = 4096;

/// The rate of one sandbox's queries, in datagrams and on all its connections together: otherwise each further
/// connection would permit as many queries again.
#[derive(Debug, Clone)]
pub(super) struct QueryLimit(Arc<Mutex<RateLimiter>>);

impl QueryLimit {
    pub(super) fn new() -> Self {
        Self(Arc::new(Mutex::new(RateLimiter::new())))
    }

    /// Waits until another query may be served.
    async fn wait(&self) {
        let now = Instant::now();
        let ready_at = self.0.lock().unwrap_or_else(PoisonError::into_inner).reserve(now);
        if ready_at > now {
            sleep_until(ready_at).await;
        }
    }
}

/// Responds to queries in datagrams. Does not return.
pub(super) async fn datagrams(socket: UdpSocket, policy: Arc<EgressPolicy>, limit: QueryLimit) {
    let socket = Arc::new(socket);
    let resolvers = Resolvers::find(&policy.host().resolvers).await;
    let mut bytes = vec![0; LONGEST];
    let mut open = JoinSet::new();
    loop {
        // A `JoinSet` keeps tasks that have ended until they are joined.
        while open.try_join_next().is_some() {}
        if open.len() >= MOST_QUERIES {
            open.join_next().await;
        }
        if let Ok((length, from)) = socket.recv_from(&mut bytes).await {
            let query = bytes.get(..length).unwrap_or_default().to_vec();
            open.spawn(serve_datagram(Arc::clone(&socket), from, query, resolvers.clone(), Arc::clone(&policy)));
        }
        // Also after an error, so that one that repeats makes no busy loop.
        limit.wait().await;
    }
}

async fn serve_datagram(
    socket: Arc<UdpSocket>,
    from: SocketAddr,
    query: Vec<u8>,
    resolvers: Resolvers,
    policy: Arc<EgressPolicy>,
) {
    if let Some(response) = respond(&query, &resolvers, &policy, false).await {
        // If this fails, the client repeats the query.
        let _ = socket.send_to(&response, from).await;
    }
}

/// Responds to queries on connections. Does not return.
pub(super) async fn connections(listener: TcpListener, policy: Arc<EgressPolicy>, limit: QueryLimit) {
    let resolvers = Resolvers::find(&policy.host().resolvers).await;
    let mut open = JoinSet::new();
    loop {
        while open.try_join_next().is_some() {}
        if open.len() >= MOST_CONNECTIONS {
            open.join_next().await;
        }
        if let Ok((stream, _)) = listener.accept().await {
            open.spawn(serve_connection(stream, resolvers.clone(), Arc::clone(&policy), limit.clone()));
        }
        // Also after an error, such as a lack of descriptors, so that there is no busy loop.
        limit.wait().await;
    }
}

async fn serve_connection(
    mut stream: TcpStream,
    resolvers: Resolvers,
    policy: Arc<EgressPolicy>,
    limit: QueryLimit,
) -> io::Result<()> {
    while let Ok(query) = timeout(IDLE, read(&mut stream)).await {
        let Some(response) = respond(&query?, &resolvers, &policy, true).await else { break };
        timeout(IDLE, write(&mut stream, &response)).await??;
        limit.wait().await;
    }
    Ok(())
}

/// Returns the response to a query; `None` if the message gets no response.
async fn respond(bytes: &[u8], resolvers: &Resolvers, policy: &EgressPolicy, over_tcp: bool) -> Option<Vec<u8>> {
    let mut id = [0; 2];
    // A sandbox must not choose the id of the query to the resolver: with the source port (`query_over_udp`), it is
    // what makes a response hard to forge.
    getrandom(&mut id, GetRandomFlags::empty()).ok()?;
    let query = match Query::parse(bytes, u16::from_ne_bytes(id)) {
        Parsed::Query(query) => query,
        Parsed::Refused(refusal) => return Some(refusal),
        Parsed::Ignored => return None,
    };
    if !policy.check_lookup(query.name.as_ref()) {
        return no_such_name(bytes);
    }
    let Some(response) = resolvers.query(&query, over_tcp).await else { return failure(bytes) };
    // Before the sandbox has the response, because it connects at once.
    if let Some(name) = &query.name {
        policy.add_resolved(name, addresses(&response));
    }
    Some(query.response_from(response))
}
