//! The scripted server: the requests it supports, and the state it keeps.

use std::collections::{BTreeSet, HashMap, VecDeque};
use std::sync::{Arc, Mutex};

use serde_json::{Value, json};
use tokio::io::BufReader;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Notify;
use tokio::task::JoinHandle;

use super::PATIENCE;
use super::reply::{Reply, finished, output, started};
use super::wire::{self, Request};

/// The kind of a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) enum Route {
    Create,
    GetSandbox,
    ListSandboxes,
    Delete,
    Stop,
    ExtendTimeout,
    NetworkPolicy,
    Run,
    Command,
    Wait,
    Kill,
    Logs,
    Write,
    Read,
    MakeDirectory,
    MakeSnapshot,
    GetSnapshot,
    DeleteSnapshot,
    ListSnapshots,
}

/// A server of the API on a port of its own.
pub(crate) struct FakeApi {
    base_url: String,
    state: Arc<State>,
    server: JoinHandle<()>,
}

#[derive(Default)]
struct State {
    memory: Mutex<Memory>,
    changed: Notify,
}

#[derive(Default)]
struct Memory {
    requests: Vec<(Route, Request)>,
    scripts: HashMap<Route, VecDeque<Reply>>,
    living: BTreeSet<String>,
}

impl FakeApi {
    /// Starts a server without failures.
    pub(crate) async fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let base_url = format!("http://{}/api", listener.local_addr().unwrap());
        let state = Arc::new(State::default());
        let shared = Arc::clone(&state);
        let server = tokio::spawn(async move {
            loop {
                let (stream, _) = listener.accept().await.unwrap();
                tokio::spawn(serve(stream, Arc::clone(&shared)));
            }
        });
        Self { base_url, state, server }
    }

    /// Starts a server that responds to requests of this kind with these replies in turn, and then normally.
    pub(crate) async fn with(route: Route, replies: impl IntoIterator<Item = Reply>) -> Self {
        let api = Self::start().await;
        api.script(route, replies);
        api
    }

    pub(crate) fn base_url(&self) -> &str {
        &self.base_url
    }

    /// Responds to requests of this kind with these replies in turn, and then normally.
    pub(crate) fn script(&self, route: Route, replies: impl IntoIterator<Item = Reply>) {
        self.state.memory.lock().unwrap().scripts.entry(route).or_default().extend(replies);
    }

    /// Returns the kinds of all requests so far.
    pub(crate) fn routes(&self) -> Vec<Route> {
        self.state.memory.lock().unwrap().requests.iter().map(|(route, _)| *route).collect()
    }

    /// Returns the number of requests of this kind.
    pub(crate) fn count(&self, route: Route) -> usize {
        self.routes().into_iter().filter(|found| *found == route).count()
    }

    /// Returns the last request of this kind.
    pub(crate) fn last(&self, route: Route) -> Request {
        let memory = self.state.memory.lock().unwrap();
        memory.requests.iter().rev().find(|(found, _)| *found == route).unwrap().1.clone()
    }

    /// Returns the only request.
    pub(crate) fn only(&self) -> Request {
        let memory = self.state.memory.lock().unwrap();
        let [(_, request)] = &memory.requests[..] else { panic!("not one request, but {:?}", memory.requests) };
        request.clone()
    }

    /// Waits until a request of this kind has arrived.
    pub(crate) async fn asked(&self, route: Route) {
        self.until(|memory| memory.requests.iter().any(|(found, _)| *found == route)).await;
    }

    /// Waits until no sandbox is running.
    pub(crate) async fn nothing_is_left(&self) {
        self.until(|memory| memory.living.is_empty()).await;
    }

    pub(crate) fn living(&self) -> usize {
        self.state.memory.lock().unwrap().living.len()
    }

    async fn until(&self, condition: impl Fn(&Memory) -> bool) {
        let wait = async {
            loop {
                let changed = self.state.changed.notified();
                tokio::pin!(changed);
                changed.as_mut().enable();
                if condition(&self.state.memory.lock().unwrap()) {
                    return;
                }
                changed.await;
            }
        };
        let waited = tokio::time::timeout(PATIENCE, wait).await;
        assert!(waited.is_ok(), "it did not come to that: {:?}", self.routes());
    }
}

impl Drop for FakeApi {
    fn drop(&mut self) {
        self.server.abort();
    }
}

async fn serve(stream: TcpStream, state: Arc<State>) {
    let mut stream = BufReader::new(stream);
    while let Some(request) = wire::read(&mut stream).await {
        let reply = state.answer(request);
        state.changed.notify_waiters();
        if !reply.send(stream.get_mut()).await {
            return;
        }
    }
}

impl State {
    fn answer(&self, request: Request) -> Reply {
        let mut memory = self.memory.lock().unwrap();
        let route = route(&request);
        let scripted = memory.scripts.get_mut(&route).and_then(VecDeque::pop_front);
        let reply = scripted.unwrap_or_else(|| usual(route, &request));
        if reply.takes_effect {
            match route {
                Route::Create => drop(memory.living.insert(name_of(&request))),
                Route::Delete => drop(memory.living.remove(*request.segments().last().unwrap())),
                // Taking a snapshot ends the session.
                Route::MakeSnapshot => memory.living.clear(),
                _ => {}
            }
        }
        memory.requests.push((route, request));
        reply
    }
}

fn route(request: &Request) -> Route {
    let segments = request.segments();
    match (request.method.as_str(), &segments[..]) {
        ("POST", []) => Route::Create,
        ("GET", []) => Route::ListSandboxes,
        ("GET", ["snapshots"]) => Route::ListSnapshots,
        ("GET", ["snapshots", _]) => Route::GetSnapshot,
        ("DELETE", ["snapshots", _]) => Route::DeleteSnapshot,
        ("GET", [_]) => Route::GetSandbox,
        ("DELETE", [_]) => Route::Delete,
        ("POST", ["sessions", _, "stop"]) => Route::Stop,
        ("POST", ["sessions", _, "extend-timeout"]) => Route::ExtendTimeout,
        ("POST", ["sessions", _, "network-policy"]) => Route::NetworkPolicy,
        ("POST", ["sessions", _, "cmd"]) => Route::Run,
        ("GET", ["sessions", _, "cmd", _]) if request.query.contains("wait=true") => Route::Wait,
        ("GET", ["sessions", _, "cmd", _]) => Route::Command,
        ("POST", ["sessions", _, "cmd", _, "kill"]) => Route::Kill,
        ("GET", ["sessions", _, "cmd", _, "logs"]) => Route::Logs,
        ("POST", ["sessions", _, "fs", "write"]) => Route::Write,
        ("POST", ["sessions", _, "fs", "read"]) => Route::Read,
        ("POST", ["sessions", _, "fs", "mkdir"]) => Route::MakeDirectory,
        ("POST", ["sessions", _, "snapshot"]) => Route::MakeSnapshot,
        _ => panic!("an unknown request: {}", request.line()),
    }
}

fn usual(route: Route, request: &Request) -> Reply {
    let session = json!({"session": session()});
    match route {
        Route::Create => Reply::json(200, &made(&request.json())),
        Route::GetSandbox | Route::Delete => {
            Reply::json(200, &made(&json!({"name": request.segments().last().unwrap()})))
        }
        Route::ListSandboxes => Reply::json(200, &json!({"sandboxes": [], "pagination": {"count": 0, "next": null}})),
        Route::ListSnapshots => Reply::json(200, &json!({"snapshots": [], "pagination": {"count": 0, "next": null}})),
        Route::Stop | Route::ExtendTimeout | Route::NetworkPolicy => Reply::json(200, &session),
        Route::Run => Reply::stream(&[started(), output("stdout", "hello\n"), finished(0)]),
        Route::Logs => Reply::stream(&[output("stdout", "hello\n")]),
        Route::Command | Route::Wait | Route::Kill => Reply::json(200, &finished(0)),
        Route::Write | Route::MakeDirectory => Reply::json(200, &json!({})),
        Route::Read => Reply::bytes(b"contents"),
        Route::MakeSnapshot => {
            Reply::json(201, &json!({"snapshot": snapshot("snap_1"), "session": session["session"]}))
        }
        Route::GetSnapshot | Route::DeleteSnapshot => {
            Reply::json(200, &json!({"snapshot": snapshot(request.segments().last().unwrap())}))
        }
    }
}

fn name_of(request: &Request) -> String {
    request.json()["name"].as_str().unwrap_or("made-up").to_owned()
}

pub(super) fn session() -> Value {
    json!({"id": "sbx_1", "status": "running", "cwd": "/vercel", "memory": 2048, "vcpus": 1, "region": "iad1",
        "timeout": 120_000, "requestedAt": 1_790_987_499_206_i64, "createdAt": 1_790_987_499_206_i64,
        "updatedAt": 1_790_987_499_255_i64})
}

fn made(asked: &Value) -> Value {
    let mut session = session();
    if let Some(id) = asked["source"]["snapshotId"].as_str() {
        session["sourceSnapshotId"] = json!(id);
    }
    json!({"sandbox": {"name": asked["name"].as_str().unwrap_or("made-up"), "currentSessionId": "sbx_1",
            "status": "running", "persistent": false, "tags": asked["tags"], "createdAt": 1_790_987_499_311_i64,
            "updatedAt": 1_790_987_499_311_i64},
        "session": session, "routes": []})
}

pub(crate) fn snapshot(id: &str) -> Value {
    json!({"id": id, "sourceSessionId": "sbx_1", "region": "iad1", "status": "created", "sizeBytes": 17,
        "createdAt": 1_790_987_510_175_i64, "updatedAt": 1_790_987_510_175_i64})
}
