//! A server for tests.

use std::sync::Arc;

use flate2::Compression;
use flate2::write::GzEncoder;
use reqwest::{Client, Method, RequestBuilder, Response};
use serde_json::{Value, json};
use tempfile::TempDir;
use tokio::sync::Notify;
use tokio::task::JoinHandle;
use workers_domain::LogStream;
use workers_domain::ports::{Clock as _, ContainerCommandSpec, ExitStatus};
use workers_testing::{ContainerStep, FakeContainerProvider, TestClock};
use workers_vercel_server::{StopHandle, VercelApplication, VercelServer, VercelServerOptions};

/// A day in milliseconds.
pub(crate) const DAY: i64 = 86_400_000;

/// A running server; each test has its own.
pub(crate) struct TestServer {
    pub(crate) base: String,
    pub(crate) client: Client,
    pub(crate) containers: FakeContainerProvider,
    pub(crate) clock: Arc<TestClock>,
    /// The command `gate` waits for this.
    pub(crate) gate: Arc<Notify>,
    pub(crate) directory: Arc<TempDir>,
    stop: StopHandle,
    running: JoinHandle<std::io::Result<()>>,
}

impl TestServer {
    pub(crate) async fn start() -> Self {
        Self::with(|_| {}).await
    }

    /// Starts a server with changed options.
    pub(crate) async fn with(change: impl FnOnce(&mut VercelServerOptions)) -> Self {
        Self::within(Arc::new(TempDir::new().unwrap()), change).await
    }

    /// Starts a server whose own directory, `sandboxes`, is in `directory`.
    pub(crate) async fn within(directory: Arc<TempDir>, change: impl FnOnce(&mut VercelServerOptions)) -> Self {
        let gate = Arc::new(Notify::new());
        let waited_for = Arc::clone(&gate);
        let containers = FakeContainerProvider::new(move |command| script(command, &waited_for));
        Self::over(containers, directory, Arc::default(), gate, change).await
    }

    async fn over(
        containers: FakeContainerProvider,
        directory: Arc<TempDir>,
        clock: Arc<TestClock>,
        gate: Arc<Notify>,
        change: impl FnOnce(&mut VercelServerOptions),
    ) -> Self {
        let mut options = VercelServerOptions::new(Arc::new(containers.clone()), directory.path().join("sandboxes"));
        options.clock = Arc::<TestClock>::clone(&clock);
        change(&mut options);
        let server = VercelServer::start(options).await.unwrap();
        let application = VercelApplication::bind("127.0.0.1:0".parse().unwrap(), server).unwrap();
        let base = format!("http://{}/api", application.local_addr());
        let stop = application.stop_handle();
        let running = tokio::spawn(application.run());
        let client = workers_testing::http_client();
        Self { base, client, containers, clock, gate, directory, stop, running }
    }

    /// Shuts the server down like a signal does, and starts another one on its directory.
    pub(crate) async fn shut_down(self) -> Self {
        self.stop.stop();
        self.running.await.unwrap().unwrap();
        Self::over(self.containers, self.directory, self.clock, self.gate, |_| {}).await
    }

    /// Aborts the server and starts another one on its directory, as after a crash.
    pub(crate) async fn crash(self, change: impl FnOnce(&mut VercelServerOptions)) -> Self {
        self.running.abort();
        let _ = self.running.await;
        Self::over(self.containers, self.directory, self.clock, self.gate, change).await
    }

    /// Returns the seconds of the server's clock since the epoch, rounded up.
    pub(crate) fn clock_seconds(&self) -> i64 {
        (self.clock.now().timestamp_millis() + 999).div_euclid(1000)
    }

    /// Creates a request in the team and project of the test.
    pub(crate) fn request(&self, method: Method, path: &str) -> RequestBuilder {
        let separator = if path.contains('?') { '&' } else { '?' };
        self.client.request(method, format!("{}{path}{separator}teamId=team_a&projectId=prj_a", self.base))
    }

    pub(crate) async fn send(&self, method: Method, path: &str, body: Option<Value>) -> Response {
        let mut request = self.request(method, path).header("content-type", "application/json");
        if let Some(body) = body {
            request = request.body(body.to_string());
        }
        request.send().await.unwrap()
    }

    pub(crate) async fn get(&self, path: &str) -> (u16, Value) {
        parsed(self.send(Method::GET, path, None).await).await
    }

    pub(crate) async fn post(&self, path: &str, body: Value) -> (u16, Value) {
        parsed(self.send(Method::POST, path, Some(body)).await).await
    }

    pub(crate) async fn patch(&self, path: &str, body: Value) -> (u16, Value) {
        parsed(self.send(Method::PATCH, path, Some(body)).await).await
    }

    pub(crate) async fn delete(&self, path: &str) -> (u16, Value) {
        parsed(self.send(Method::DELETE, path, None).await).await
    }

    /// Creates a sandbox. Returns the whole response.
    pub(crate) async fn create(&self, body: Value) -> Value {
        let mut whole = json!({ "projectId": "prj_a", "ports": [] });
        whole.as_object_mut().unwrap().extend(body.as_object().unwrap().clone());
        let (status, answer) = self.post("/v3/sandboxes", whole).await;
        assert_eq!(status, 200, "{answer}");
        answer
    }

    /// Creates a sandbox with this name. Returns the path of its session.
    pub(crate) async fn session(&self, name: &str, persistent: bool) -> String {
        session_path(&self.create(json!({ "name": name, "persistent": persistent })).await)
    }

    /// Starts a command without waiting for it. Returns its path.
    pub(crate) async fn detached(&self, session: &str, command: &str, args: &[&str]) -> String {
        let (status, answer) = self.post(&format!("{session}/cmd"), json!({ "command": command, "args": args })).await;
        assert_eq!(status, 200, "{answer}");
        format!("{session}/cmd/{}", answer["command"]["id"].as_str().unwrap())
    }

    /// Runs a command to its end. Returns the lines of its stream.
    pub(crate) async fn run(&self, session: &str, command: &str, args: &[&str]) -> Vec<Value> {
        let body = json!({ "command": command, "args": args, "env": {}, "sudo": false, "wait": true, "logs": true });
        let response = self.send(Method::POST, &format!("{session}/cmd"), Some(body)).await;
        assert_eq!(response.status(), 200);
        lines(&response.text().await.unwrap())
    }

    /// Writes a file at an absolute path.
    pub(crate) async fn write(&self, session: &str, path: &str, contents: &str) {
        let body = archive(&[(path.trim_start_matches('/'), contents)]);
        let response = self.request(Method::POST, &format!("{session}/fs/write")).body(body).send().await.unwrap();
        assert_eq!(parsed(response).await, (200, json!({})));
    }

    /// Reads a file.
    pub(crate) async fn read(&self, session: &str, path: &str) -> (u16, String) {
        let response = self.send(Method::POST, &format!("{session}/fs/read"), Some(json!({ "path": path }))).await;
        (response.status().as_u16(), response.text().await.unwrap())
    }
}

/// Returns the path of the session in a response.
pub(crate) fn session_path(answer: &Value) -> String {
    format!("/v2/sandboxes/sessions/{}", answer["session"]["id"].as_str().unwrap())
}

/// Packs regular files into a gzipped archive.
pub(crate) fn archive(files: &[(&str, &str)]) -> Vec<u8> {
    let mut archive = tar::Builder::new(GzEncoder::new(Vec::new(), Compression::fast()));
    for (path, contents) in files {
        let mut header = tar::Header::new_ustar();
        header.set_size(contents.len() as u64);
        header.set_mode(0o644);
        archive.append_data(&mut header, path, contents.as_bytes()).unwrap();
    }
    archive.into_inner().unwrap().finish().unwrap()
}

pub(crate) async fn parsed(response: Response) -> (u16, Value) {
    let status = response.status().as_u16();
    let text = response.text().await.unwrap();
    (status, serde_json::from_str(&text).unwrap_or_else(|_| panic!("not JSON: {text}")))
}

pub(crate) fn lines(text: &str) -> Vec<Value> {
    text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

/// Returns the code in the body of an error, and checks the form of the body.
pub(crate) fn code(answer: &Value) -> &str {
    assert!(answer["error"]["message"].as_str().is_some_and(|message| !message.is_empty()), "{answer}");
    answer["error"]["code"].as_str().unwrap()
}

/// Returns the paths of members that are `null`.
pub(crate) fn nulls(value: &Value) -> Vec<String> {
    fn walk(value: &Value, path: &str, found: &mut Vec<String>) {
        match value {
            Value::Null => found.push(path.to_owned()),
            Value::Array(items) => items.iter().for_each(|item| walk(item, path, found)),
            Value::Object(members) => {
                members.iter().for_each(|(name, member)| walk(member, &format!("{path}.{name}"), found));
            }
            _ => {}
        }
    }
    let mut found = Vec::new();
    walk(value, "", &mut found);
    found
}

/// Simulates the programs in the containers.
fn script(command: &ContainerCommandSpec, gate: &Arc<Notify>) -> Option<Vec<ContainerStep>> {
    let print = |text: &str| ContainerStep::Print(LogStream::Stdout, text.as_bytes().to_vec());
    let first = command.args.first().cloned().unwrap_or_default();
    Some(match command.program.as_str() {
        "echo" => vec![print(&format!("{}\n", command.args.join(" ")))],
        "exit" => vec![ContainerStep::Exit(ExitStatus::Code(first.parse().unwrap()))],
        "sleep" => vec![ContainerStep::Hang],
        "pwd" => vec![print(command.directory.as_deref().unwrap_or_default())],
        "id" => vec![print(if command.as_root { "root" } else { "user" })],
        "env" => command.env.iter().map(|(name, value)| print(&format!("{name}={value}\n"))).collect(),
        // Prints a line, waits for the test, and prints another one.
        "gate" => vec![
            print("one\n"),
            ContainerStep::WaitFor(Arc::clone(gate)),
            ContainerStep::Print(LogStream::Stderr, b"two\n".to_vec()),
            ContainerStep::Exit(ExitStatus::Code(3)),
        ],
        // Prints a text one byte at a time.
        "bytes" => first.bytes().map(|byte| ContainerStep::Print(LogStream::Stdout, vec![byte])).collect(),
        "invalid" => vec![ContainerStep::Print(LogStream::Stdout, b"a\xffb".to_vec())],
        "flood" => vec![print(&"x".repeat(1000)); first.parse().unwrap()],
        "lost" => vec![ContainerStep::Lose],
        _ => return None,
    })
}
