//! What a sandbox takes while it runs: many of them wait at the same time, and are looked at.

use std::collections::BTreeSet;
use std::net::SocketAddr;
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

/// Does the work, says so, and waits.
const WAIT: &str = include_str!("../../peers/wait.mjs");

/// How long it waits, which must do for looking at all of them.
const PAYLOAD: &str = r#"{"text":"hello","milliseconds":60000}"#;

/// What it prints before.
const WAITS: &str = "waiting";

/// How long what was begun may take to come to rest.
const REST: Duration = Duration::from_secs(1);

/// How long all may take to begin.
const PATIENCE: Duration = Duration::from_secs(50);

/// What sandboxes take.
#[derive(Debug)]
pub(crate) struct Sandboxes {
    /// Each of those that run.
    pub(crate) running: Vec<Memory>,
    /// How many more stand ready.
    pub(crate) spare: usize,
    /// Memory of the kernel, a running one.
    pub(crate) kernel: u64,
}

/// What sandboxes of a server of its own take.
pub(crate) async fn of_platform(setup: &Setup, number: usize) -> anyhow::Result<Sandboxes> {
    let number_of_places = number.to_string();
    let places = ["--concurrency", &number_of_places, "--max-concurrent-per-worker", &number_of_places];
    let server = Server::start(setup, &[&places[..], &["--timeout", "120s"]].concat())?;
    let worker = server.deploy(WAIT).await?;
    warm_up(&server, &worker).await?;
    let request = || server.invocation(&worker, "text/event-stream", PAYLOAD);
    look(server.address, number, request, || namespaces(server.id())).await
}

/// What the processes take that a peer spawns.
pub(crate) async fn of_peer(program: Program, programs: &Programs, number: usize) -> anyhow::Result<Sandboxes> {
    let peer = Spawned::start(program, programs, WAIT)?;
    let body = || Full::new(Bytes::from_static(PAYLOAD.as_bytes()));
    let request = || Ok(post(peer.address, "/", "*/*")?.map(|()| body()));
    look(peer.address, number, request, || families(peer.id())).await
}

async fn look(
    server: SocketAddr,
    number: usize,
    request: impl Fn() -> anyhow::Result<Request<Full<Bytes>>>,
    sandboxes: impl Fn() -> Vec<BTreeSet<u32>>,
) -> anyhow::Result<Sandboxes> {
    tokio::time::sleep(REST).await;
    let before = kernel_memory();
    let waiting = try_join_all((0..number).map(|_| wait(server, request())));
    // They run for as long as their connections are held.
    let held = tokio::time::timeout(PATIENCE, waiting).await.context("they do not all begin in time")??;
    tokio::time::sleep(REST).await;
    let kernel = kernel_memory().saturating_sub(before) / u64::try_from(number.max(1))?;
    let mut found: Vec<_> = sandboxes().into_iter().map(|group| (memory(group.iter().copied()), group)).collect();
    anyhow::ensure!(found.len() >= number, "{} sandboxes run instead of {number}", found.len());
    // What stands ready has run nothing yet, and is smaller than what runs.
    found.sort_unstable_by_key(|(memory, _)| std::cmp::Reverse(memory.pss));
    let spare = found.split_off(number).len();
    drop(held);
    // What goes on waiting would share its pages with whatever is looked at next.
    let runs = || sandboxes().iter().any(|group| found.iter().any(|(_, known)| !known.is_disjoint(group)));
    let ended = async {
        while runs() {
            tokio::time::sleep(REST / 20).await;
        }
    };
    tokio::time::timeout(PATIENCE, ended).await.context("they do not end when nobody waits for them")?;
    let running = found.into_iter().map(|(memory, _)| memory).collect();
    Ok(Sandboxes { running, spare, kernel })
}

/// Sends a request, and reads until the function waits.
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
