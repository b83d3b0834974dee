//! A user of the server: the operations, and how long each takes.

use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};

use serde_json::{Value, json};
use workers_vercel::{Client, CreateSandbox, Credentials, RetryPolicy, RunCommand, StreamEvent};

use super::server::Server;

/// Longer than any operation of a victim takes. One that takes longer stalls.
pub(super) const STALL: Duration = Duration::from_secs(5);

/// The victim's operations.
pub(super) const OPERATIONS: [&str; 6] = ["deploy", "invocation", "connect", "container", "command", "snapshot"];

/// A worker with a function that connects to itself.
const CODE: &str = "import net from 'node:net';
    export const one = () => 1;
    export async function connect() {
        const server = net.createServer((socket) => socket.end()); await new Promise((done) => server.listen(0, '127.0.0.1', done));
        const times = [];
        for (let i = 0; i < 15; i++) {
            const began = performance.now();
            await new Promise((done, fail) => net.connect(server.address().port, '127.0.0.1', function () { this.destroy(); done() }).on('error', fail));
            times.push(performance.now() - began);
        }
        server.close();
        return times.sort((one, other) => one - other)[7];
    }";

/// A user with a worker and a container.
pub(super) struct Victim {
    url: String,
    http: reqwest::Client,
    client: Client,
    worker: String,
    session: String,
}

/// How long each operation took, in the order of [`OPERATIONS`], or why it failed.
pub(super) type Sample = Vec<Result<Duration, String>>;

/// Returns a client of the Vercel API that does not retry.
pub(super) fn client(api: &str) -> Client {
    let credentials = Credentials::access_token("token", "team_ours", "prj_ours");
    Client::builder(credentials)
        .base_url(api)
        .retry(RetryPolicy { attempts: 1, ..RetryPolicy::default() })
        .build()
        .unwrap()
}

impl Victim {
    pub(super) async fn new(server: &Server) -> Self {
        let (url, http, client) = (server.url.clone(), workers_testing::http_client(), client(&server.api));
        let mut victim = Self { url, http, client, worker: String::new(), session: String::new() };
        victim.worker = victim.deploy(CODE).await.unwrap();
        victim.session = victim.container().await.unwrap();
        // The first call of each operation takes longer, so it is not measured.
        for operation in OPERATIONS {
            victim.operate(operation).await.unwrap();
        }
        victim
    }

    /// Does every operation once.
    pub(super) async fn sample(&self) -> Sample {
        let mut sample = Sample::new();
        for operation in OPERATIONS {
            let done = tokio::time::timeout(STALL, self.operate(operation)).await;
            sample.push(done.unwrap_or_else(|_| Err(format!("stalls for {STALL:?}"))));
        }
        sample
    }

    async fn operate(&self, operation: &str) -> Result<Duration, String> {
        let began = Instant::now();
        match operation {
            "deploy" => drop(self.deploy(&format!("export const number = () => {}", unique())).await?),
            "invocation" => drop(self.call("one").await?),
            "connect" => {
                let milliseconds = self.call("connect").await?;
                let milliseconds = milliseconds.as_f64().ok_or_else(|| milliseconds.to_string())?;
                return Ok(Duration::from_secs_f64(milliseconds / 1000.0));
            }
            "container" => {
                let session = self.container().await?;
                let taken = began.elapsed();
                // The room of this container is free for the next one.
                self.client.stop_session(&session).await.map_err(|error| error.to_string())?;
                return Ok(taken);
            }
            "command" => self.run(&self.session).await?,
            _ => {
                let session = self.container().await?;
                let began = Instant::now();
                self.client.make_snapshot(&session, None).await.map_err(|error| error.to_string())?;
                return Ok(began.elapsed());
            }
        }
        Ok(began.elapsed())
    }

    async fn deploy(&self, code: &str) -> Result<String, String> {
        let deploy = self.http.post(format!("{}/api/workers", self.url)).json(&json!({"name": "victim", "code": code}));
        let body = answered(deploy).await?;
        body["id"].as_str().map(str::to_owned).ok_or_else(|| body.to_string())
    }

    async fn call(&self, function: &str) -> Result<Value, String> {
        let path = format!("{}/api/workers/{}/functions/{function}", self.url, self.worker);
        let mut body = answered(self.http.post(path).json(&json!({}))).await?;
        Ok(body["result"].take())
    }

    async fn container(&self) -> Result<String, String> {
        let name = Some(format!("victim-{}", unique()));
        let container = CreateSandbox { name, persistent: Some(false), vcpus: Some(1), ..CreateSandbox::default() };
        Ok(self.client.create_sandbox(&container).await.map_err(|error| error.to_string())?.session.id)
    }

    async fn run(&self, session: &str) -> Result<(), String> {
        let command = RunCommand { program: "true".to_owned(), ..RunCommand::default() };
        let mut running = self.client.run_command(session, &command).await.map_err(|error| error.to_string())?;
        while let Some(event) = running.events.next().await.map_err(|error| error.to_string())? {
            if let StreamEvent::Finished(end) = event
                && end.exit_code != Some(0)
            {
                return Err(format!("{end:?}"));
            }
        }
        Ok(())
    }
}

async fn answered(request: reqwest::RequestBuilder) -> Result<Value, String> {
    let response = request.send().await.map_err(|error| error.to_string())?;
    let status = response.status();
    let body: Value = response.json().await.map_err(|error| error.to_string())?;
    if status.is_success() { Ok(body) } else { Err(format!("{status}: {body}")) }
}

pub(super) fn unique() -> u32 {
    static COUNT: AtomicU32 = AtomicU32::new(0);
    COUNT.fetch_add(1, Ordering::Relaxed)
}
