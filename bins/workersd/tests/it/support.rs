//! Starts a server with an empty data directory, and sends requests to it.

pub(crate) mod cloud;
pub(crate) mod document;

use std::io::{BufRead as _, BufReader};
use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use futures_util::StreamExt as _;
use reqwest::header::ACCEPT;
use reqwest::{RequestBuilder, Response};
use serde_json::{Value, json};
use tempfile::TempDir;

use self::cloud::{CREDENTIALS, Cloud};

/// For suites that run twice: here over our own engine.
pub(crate) mod local {
    pub(crate) use super::{messages, status_and_body};

    /// A server that makes its own sandboxes.
    pub(crate) type TestServer = super::Server<false>;
}

/// For the same suites over the cloud's API.
pub(crate) mod vercel {
    pub(crate) use super::{messages, status_and_body};

    /// A server whose sandboxes are on another server, which stands in for the cloud.
    pub(crate) type TestServer = super::Server<true>;
}

/// Removes a directory in which a server may be creating files at the same time.
pub(crate) fn remove_tree(directory: &Path) {
    let began = Instant::now();
    while let Err(error) = std::fs::remove_dir_all(directory) {
        let is_in_use = error.kind() == std::io::ErrorKind::DirectoryNotEmpty;
        assert!(is_in_use && began.elapsed() < Duration::from_secs(5), "{}: {error}", directory.display());
    }
}

/// Returns the entries two levels below a directory of snapshots. Empty if the directory does not exist.
pub(crate) fn in_levels(directory: &Path) -> Vec<PathBuf> {
    let paths = |directory: &Path| {
        let listed = std::fs::read_dir(directory).into_iter().flatten();
        listed.map(|item| item.unwrap().path()).collect::<Vec<_>>()
    };
    paths(directory).iter().flat_map(|level| paths(level)).collect()
}

/// A server in a process of its own, stopped when this value is dropped.
pub(crate) struct Server<const CLOUD: bool> {
    process: Child,
    /// Dropped after the server has stopped.
    cloud: Option<Box<Cloud>>,
    pub(crate) url: String,
    pub(crate) data_dir: PathBuf,
    /// Removed after the server has stopped.
    directory: Option<TempDir>,
    pub(crate) http: reqwest::Client,
}

/// An event of a stream.
#[derive(Debug, Clone)]
pub(crate) struct Event {
    pub(crate) name: String,
    pub(crate) id: String,
    pub(crate) data: Value,
}

impl<const CLOUD: bool> Server<CLOUD> {
    /// Whether the server's sandboxes are in the cloud.
    pub(crate) const IS_CLOUD: bool = CLOUD;

    /// Starts a server with an empty data directory.
    pub(crate) fn start(arguments: &[&str]) -> Self {
        let directory = tempfile::tempdir().unwrap();
        let mut server = Self::start_in(directory.path(), arguments);
        server.directory = Some(directory);
        server
    }

    /// Starts a server with this data directory.
    pub(crate) fn start_in(data_dir: &Path, arguments: &[&str]) -> Self {
        Self::start_program(Path::new(env!("CARGO_BIN_EXE_workersd")), data_dir, arguments)
    }

    /// Tries a start with this data directory. Returns the running server, or the message of one that does not start.
    pub(crate) fn try_start_in(data_dir: &Path, arguments: &[&str]) -> Result<Self, String> {
        let mut trial = command();
        trial.args(["serve", "--listen", "127.0.0.1:0", "--data-dir"]).arg(data_dir).args(arguments);
        let mut process = trial.stdout(Stdio::piped()).stderr(Stdio::piped()).process_group(0).spawn().unwrap();
        let mut line = String::new();
        BufReader::new(process.stdout.take().unwrap()).read_line(&mut line).unwrap();
        end(&mut process);
        if line.is_empty() {
            return Err(std::io::read_to_string(process.stderr.take().unwrap()).unwrap());
        }
        Ok(Self::start_in(data_dir, arguments))
    }

    /// Starts a server from this program.
    pub(crate) fn start_program(program: &Path, data_dir: &Path, arguments: &[&str]) -> Self {
        let cloud = CLOUD.then(|| Box::new(Cloud::start_in(&data_dir.join("cloud"))));
        let mut command = command_of(program);
        command.args(["serve", "--listen", "127.0.0.1:0", "--data-dir"]).arg(data_dir).args(arguments);
        if let Some(cloud) = &cloud {
            command.args(["--sandbox", "vercel", "--vercel-base-url", &cloud.api]).envs(CREDENTIALS);
        }
        let (process, [url]) = spawn(command, ["listening on "]);
        // Each server has its own client: a pooled connection must not outlive the server.
        let http = workers_testing::http_client();
        Self { process, cloud, url, data_dir: data_dir.to_owned(), directory: None, http }
    }

    /// Removes every snapshot without the platform's knowledge.
    pub(crate) async fn lose_snapshots(&self) {
        match &self.cloud {
            Some(cloud) => cloud.lose_snapshots(&self.http).await,
            None => remove_tree(&self.data_dir.join("snapshots")),
        }
    }

    pub(crate) fn process_id(&self) -> u32 {
        self.process.id()
    }

    /// Kills the server.
    pub(crate) fn kill(&mut self) {
        self.process.kill().unwrap();
        self.process.wait().unwrap();
    }

    pub(crate) fn get(&self, path: &str) -> RequestBuilder {
        self.http.get(format!("{}{path}", self.url))
    }

    pub(crate) fn post(&self, path: &str) -> RequestBuilder {
        self.http.post(format!("{}{path}", self.url))
    }

    /// Deploys a bundle and returns the worker's id.
    pub(crate) async fn deploy(&self, code: &str) -> String {
        let response = self.post("/api/workers").json(&json!({"name": "test", "code": code})).send().await.unwrap();
        let (status, body) = status_and_body(response).await;
        assert_eq!(status, 201, "{body}");
        body["id"].as_str().unwrap().to_owned()
    }

    /// Invokes a function and waits for the whole response.
    pub(crate) async fn call(&self, id: &str, function: &str, payload: &Value) -> (u16, Value) {
        let path = format!("/api/workers/{id}/functions/{function}");
        status_and_body(self.post(&path).json(payload).send().await.unwrap()).await
    }

    /// Invokes a function and returns its events as they arrive.
    pub(crate) async fn stream(&self, id: &str, function: &str, payload: &Value) -> Events {
        let path = format!("/api/workers/{id}/invoke/{function}");
        let response = self.post(&path).header(ACCEPT, "text/event-stream").json(payload).send().await.unwrap();
        assert_eq!(response.status(), 200);
        Events {
            body: Box::pin(response.bytes_stream().map(|chunk| chunk.unwrap().to_vec())),
            text: String::new(),
            cut: Vec::new(),
        }
    }
}

impl<const CLOUD: bool> Drop for Server<CLOUD> {
    fn drop(&mut self) {
        end(&mut self.process);
    }
}

/// Starts a server. Returns what follows these words on the first lines that it prints.
pub(crate) fn spawn<const N: usize>(mut command: Command, words: [&str; N]) -> (Child, [String; N]) {
    let mut process = command
        .stdout(Stdio::piped())
        // A process group of its own, as a terminal makes it: signals that a test sends to the group do not reach the
        // test.
        .process_group(0)
        .spawn()
        .unwrap();
    let mut lines = BufReader::new(process.stdout.take().unwrap()).lines();
    let said = words.map(|words| {
        let line = lines.next().expect("the server ended before it listened; its log says why").unwrap();
        line.strip_prefix(words).unwrap_or_else(|| panic!("{line}")).to_owned()
    });
    (process, said)
}

/// Stops a server with SIGTERM, so that it removes what it made. Kills it after 10 seconds, because a test that fails
/// must not wait for ever.
pub(crate) fn end(process: &mut Child) {
    let _ = Command::new("kill").args(["-TERM", &process.id().to_string()]).status();
    let deadline = std::time::Instant::now() + Duration::from_secs(10);
    while matches!(process.try_wait(), Ok(None)) {
        if std::time::Instant::now() > deadline {
            let _ = process.kill();
        }
        std::thread::yield_now();
    }
}

/// The events of an invocation, as they arrive.
pub(crate) struct Events {
    body: std::pin::Pin<Box<dyn futures_util::Stream<Item = Vec<u8>> + Send>>,
    text: String,
    /// The bytes at the end of the last chunk that are the beginning of a character.
    cut: Vec<u8>,
}

impl Events {
    /// Returns the next event, or `None` when the stream was closed.
    pub(crate) async fn next(&mut self) -> Option<Event> {
        loop {
            if let Some(end) = self.text.find("\n\n") {
                let event = parse(&self.text[..end]);
                self.text.drain(..end + 2);
                if event.is_some() {
                    return event;
                }
                continue;
            }
            self.cut.extend(self.body.next().await?);
            let whole = std::str::from_utf8(&self.cut).map_or_else(|error| error.valid_up_to(), str::len);
            self.text.push_str(std::str::from_utf8(&self.cut[..whole]).unwrap());
            self.cut.drain(..whole);
        }
    }

    /// Returns all events up to the end of the stream.
    pub(crate) async fn all(mut self) -> Vec<Event> {
        let mut events = Vec::new();
        while let Some(event) = self.next().await {
            events.push(event);
        }
        events
    }
}

/// Parses a block. Returns `None` for a block with only comments and settings.
fn parse(block: &str) -> Option<Event> {
    let field = |name: &str| {
        block
            .lines()
            .find_map(|line| line.strip_prefix(name)?.strip_prefix(':').map(|value| value.trim_start().to_owned()))
    };
    let data = serde_json::from_str(&field("data")?).unwrap();
    Some(Event { name: field("event")?, id: field("id")?, data })
}

/// Returns status and body of a response.
pub(crate) async fn status_and_body(response: Response) -> (u16, Value) {
    let status = response.status().as_u16();
    let text = response.text().await.unwrap();
    (status, serde_json::from_str(&text).unwrap_or_else(|_| panic!("{status}: not JSON: {text}")))
}

/// Returns a command for the server's program, without this process's configuration.
pub(crate) fn command() -> Command {
    command_of(Path::new(env!("CARGO_BIN_EXE_workersd")))
}

fn command_of(program: &Path) -> Command {
    let mut command = Command::new(program);
    for (name, _) in std::env::vars() {
        let is_ours = ["WORKERS_", "VERCEL_"].iter().any(|start| name.starts_with(start)) && name != "WORKERS_NODE";
        if is_ours || name == "DATABASE_URL" {
            command.env_remove(name);
        }
    }
    command
}

/// Returns the messages of the log events.
pub(crate) fn messages(events: &[Event]) -> Vec<&str> {
    events.iter().filter(|event| event.name == "log").map(|event| event.data["message"].as_str().unwrap()).collect()
}
