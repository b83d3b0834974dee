//! The name server's two interfaces to the sandbox: datagrams, and connections.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use rustix::rand::{GetRandomFlags, getrandom};
use tokio::net::{TcpListener, TcpStream, UdpSocket};
use tokio::task::JoinSet;
use tokio::time::timeout;

use super::message::{Query, Received, addresses, failure, no_such_name};
use super::resolvers::{Resolvers, read, write};
use crate::network::judge::Judge;
use crate::network::pace::Pace;

/// How many queries, and connections, are handled at a time; further ones wait.
const MOST_QUESTIONS: usize = 32;
const MOST_CONNECTIONS: usize = 8;

/// How long a connection may be idle.
const IDLE: Duration = Duration::from_secs(10);

/// The longest query in bytes: a name, and options that we do not pass on.
const LONGEST: usize = 4096;

/// Answers datagrams. Does not return.
pub(super) async fn datagrams(socket: UdpSocket, judge: Arc<Judge>) {
    let socket = Arc::new(socket);
    let resolvers = Resolvers::find(&judge.uplink().resolvers).await;
    let mut bytes = vec![0; LONGEST];
    let mut pace = Pace::new();
    let mut open = JoinSet::new();
    loop {
        while open.try_join_next().is_some() {}
        if open.len() >= MOST_QUESTIONS {
            open.join_next().await;
        }
        if let Ok((length, from)) = socket.recv_from(&mut bytes).await {
            let question = bytes.get(..length).unwrap_or_default().to_vec();
            open.spawn(answer_datagram(Arc::clone(&socket), from, question, resolvers.clone(), Arc::clone(&judge)));
        }
        pace.next().await;
    }
}

async fn answer_datagram(
    socket: Arc<UdpSocket>,
    from: SocketAddr,
    question: Vec<u8>,
    resolvers: Resolvers,
    judge: Arc<Judge>,
) {
    if let Some(answer) = answer(&question, &resolvers, &judge, false).await {
        // If this fails, the client asks again.
        let _ = socket.send_to(&answer, from).await;
    }
}

/// Answers connections. Does not return.
pub(super) async fn connections(listener: TcpListener, judge: Arc<Judge>) {
    let resolvers = Resolvers::find(&judge.uplink().resolvers).await;
    let mut pace = Pace::new();
    let mut open = JoinSet::new();
    loop {
        while open.try_join_next().is_some() {}
        if open.len() >= MOST_CONNECTIONS {
            open.join_next().await;
        }
        if let Ok((stream, _)) = listener.accept().await {
            open.spawn(answer_connection(stream, resolvers.clone(), Arc::clone(&judge)));
        }
        pace.next().await;
    }
}

async fn answer_connection(mut stream: TcpStream, resolvers: Resolvers, judge: Arc<Judge>) -> io::Result<()> {
    let mut pace = Pace::new();
    while let Ok(question) = timeout(IDLE, read(&mut stream)).await {
        let Some(answer) = answer(&question?, &resolvers, &judge, true).await else { break };
        timeout(IDLE, write(&mut stream, &answer)).await??;
        pace.next().await;
    }
    Ok(())
}

/// Returns the response to a query; `None` if the message gets no response.
async fn answer(bytes: &[u8], resolvers: &Resolvers, judge: &Judge, over_tcp: bool) -> Option<Vec<u8>> {
    let mut id = [0; 2];
    getrandom(&mut id, GetRandomFlags::empty()).ok()?;
    let query = match Query::read(bytes, u16::from_ne_bytes(id)) {
        Received::Query(query) => query,
        Received::Refused(refusal) => return Some(refusal),
        Received::Nonsense => return None,
    };
    if !judge.lookup(query.name.as_ref()) {
        return no_such_name(bytes);
    }
    let Some(answer) = resolvers.ask(&query, over_tcp).await else { return failure(bytes) };
    // Before the sandbox has the response, because it connects at once.
    if let Some(name) = &query.name {
        judge.learn(name, addresses(&answer));
    }
    Some(query.passed_on(answer))
}
