//! The memory of a running sandbox: many functions wait at the same time while the memory of their sandboxes is read.

use std::collections::BTreeSet;
use std::net::SocketAddr;
use std::path::Path;
use std::time::Duration;

use anyhow::Context as _;
use bytes::Bytes;
use futures_util::future::try_join_all;
use http_body_util::{BodyExt as _, Full};
use hyper::Request;
use hyper::body::Incoming;

use crate::client::Client;
use crate::machine::kernel_memory;
use crate::peers::{Program, Programs, Spawned};
use crate::platform::{Server, Setup, warm_up};
use crate::proc::{Memory, families, memory, namespaces};
use crate::target::post;

/// A worker that does the work, prints a line, and waits.
const WAIT: &str = include_str!("../../peers/wait.mjs");

/// The payload. It holds how long the worker waits: long enough to measure all sandboxes.
const PAYLOAD: &str = r#"{"text":"hello","milliseconds":60000}"#;

/// The line that the worker prints before it waits.
const WAITS: &str = "waiting";

/// How long processes may take to settle after they start.
const SETTLE_TIME: Duration = Duration::from_secs(1);

/// How long all invocations may take to begin.
const PATIENCE: Duration = Duration::from_secs(50);

/// The memory that sandboxes take.
#[derive(Debug)]
pub(crate) struct Sandboxes {
    /// The memory of each running sandbox.
    pub(crate) running: Vec<Memory>,
    /// How many further sandboxes are kept ready.
    pub(crate) spare: usize,
    /// Kernel memory for each running sandbox, in bytes.
    pub(crate) kernel: u64,
}

/// Measures the sandboxes of a new server.
pub(crate) async fn of_platform(setup: &Setup, number: usize) -> anyhow::Result<Sandboxes> {
    let concurrency = number.to_string();
    // By default one worker may hold three quarters of the permits only, and here all are of one worker.
    let arguments = ["--concurrency", &concurrency, "--max-concurrent-per-worker", &concurrency];
    // The functions wait for 60 s, which the default timeout does not allow.
    let server = Server::start(setup, &[&arguments[..], &["--timeout", "120s"]].concat())?;
    let worker = server.deploy(WAIT).await?;
    warm_up(&server, &worker).await?;
    let request = || server.invocation(&worker, "text/event-stream", PAYLOAD);
    let measured = measure(server.address, number, request, || namespaces(server.id())).await;
    // Sandboxes that are kept end with the server only.
    drop(server);
    ended(measured?).await
}

/// Measures the processes that a peer spawns.
pub(crate) async fn of_peer(program: Program, programs: &Programs, number: usize) -> anyhow::Result<Sandboxes> {
    let peer = Spawned::start(program, programs, WAIT)?;
    let body = || Full::new(Bytes::from_static(PAYLOAD.as_bytes()));
    let request = || Ok(post(peer.address, "/", "*/*")?.map(|()| body()));
    let measured = measure(peer.address, number, request, || families(peer.id())).await;
    drop(peer);
    ended(measured?).await
}

/// Waits until the processes that were measured are gone: one that is still there would share its pages with those of
/// the next measurement.
async fn ended((sandboxes, processes): (Sandboxes, BTreeSet<u32>)) -> anyhow::Result<Sandboxes> {
    let gone = async {
        while processes.iter().any(|id| Path::new(&format!("/proc/{id}")).exists()) {
            tokio::time::sleep(SETTLE_TIME / 20).await;
        }
    };
    tokio::time::timeout(PATIENCE, gone).await.context("they do not end after their server has ended")?;
    Ok(sandboxes)
}

async fn measure(
    server: SocketAddr,
    number: usize,
    request: impl Fn() -> anyhow::Result<Request<Full<Bytes>>>,
    sandboxes: impl Fn() -> Vec<BTreeSet<u32>>,
) -> anyhow::Result<(Sandboxes, BTreeSet<u32>)> {
    tokio::time::sleep(SETTLE_TIME).await;
    let before = kernel_memory();
    let waiting = try_join_all((0..number).map(|_| wait(server, request())));
    // The functions run as long as their connections are open.
    let held = tokio::time::timeout(PATIENCE, waiting).await.context("they do not all begin in time")??;
    tokio::time::sleep(SETTLE_TIME).await;
    let kernel = kernel_memory().saturating_sub(before) / u64::try_from(number.max(1))?;
    let mut found: Vec<_> = sandboxes().into_iter().map(|group| (memory(group.iter().copied()), group)).collect();
    anyhow::ensure!(found.len() >= number, "{} sandboxes run instead of {number}", found.len());
    // A sandbox that is kept ready has run nothing yet, and is smaller than one that runs.
    found.sort_unstable_by_key(|(memory, _)| std::cmp::Reverse(memory.pss));
    let spare = found.split_off(number).len();
    drop(held);
    let processes = found.iter().flat_map(|(_, group)| group.iter().copied()).collect();
    let running = found.into_iter().map(|(memory, _)| memory).collect();
    Ok((Sandboxes { running, spare, kernel }, processes))
}

/// Sends a request and reads the response until the function waits.
async fn wait(server: SocketAddr, request: anyhow::Result<Request<Full<Bytes>>>) -> anyhow::Result<(Client, Incoming)> {
    let mut client = Client::new(server);
    let mut body = client.begin(request?).await?.into_body();
    let mut text = String::new();
    while !text.contains(WAITS) {
        let frame = body.frame().await.with_context(|| format!("it does not wait: {text}"))??;
        text.push_str(&String::from_utf8_lossy(frame.data_ref().map_or(&[], |data| data)));
    }
    Ok((client, body))
}
