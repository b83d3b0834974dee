//! The platform as a target: batch and streamed invocations, deploys, delays of log lines.

use std::path::Path;
use std::process::Command;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use anyhow::Context as _;
use futures_util::StreamExt as _;
use reqwest::Client;
use reqwest::header::ACCEPT;
use serde_json::{Value, json};
use tempfile::TempDir;

use crate::memory::pss_of_tree;
use crate::process::Process;
use crate::target::{PAYLOAD, Request, Target, WORK, check};

/// Prints its own time, then waits a little, a hundred times.
const CLOCK: &str = "export async function clock() {
  for (let i = 0; i < 100; i++) {
    console.log(performance.timeOrigin + performance.now());
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
}
";

/// A server with an empty data directory and two workers.
pub(crate) struct Server {
    process: Process,
    url: String,
    work: String,
    clock: String,
    http: Client,
    _data: TempDir,
}

impl Server {
    pub(crate) async fn start(program: &Path, node: &Path) -> anyhow::Result<Self> {
        let data = tempfile::tempdir()?;
        let mut command = Command::new(program);
        command.args(["serve", "--listen", "127.0.0.1:0", "--queue-timeout", "60s", "--data-dir"]).arg(data.path());
        let (process, url) = Process::start(command.arg("--node").arg(node))?;
        let mut server =
            Self { process, url, work: String::new(), clock: String::new(), http: Client::new(), _data: data };
        server.work = server.deploy(WORK).await?;
        server.clock = server.deploy(CLOCK).await?;
        Ok(server)
    }

    async fn deploy(&self, code: &str) -> anyhow::Result<String> {
        let request = self.http.post(format!("{}/api/workers", self.url)).json(&json!({"name": "bench", "code": code}));
        let body: Value = request.send().await?.error_for_status()?.json().await?;
        Ok(body["id"].as_str().context("a worker has an id")?.to_owned())
    }

    async fn invoke(&self, accept: &str) -> anyhow::Result<()> {
        let url = format!("{}/api/workers/{}/invoke/work", self.url, self.work);
        let answer = self.http.post(url).header(ACCEPT, accept).body(PAYLOAD).send().await?.error_for_status()?;
        check(&answer.text().await?)
    }
}

/// What stands above the table.
pub(crate) fn facts(server: &Server, program: &Path) -> anyhow::Result<String> {
    let mib = |bytes: u64| format!("{:.1} MiB", Duration::from_micros(bytes).as_secs_f64() / 1.048_576);
    Ok(format!(
        "binary {}; idle memory of server and its helpers (PSS) {}\n",
        mib(program.metadata()?.len()),
        mib(pss_of_tree(server.process.id())),
    ))
}

/// How long log lines take from their printing to their arrival.
pub(crate) async fn line_delays(server: &Server) -> anyhow::Result<Vec<Duration>> {
    let url = format!("{}/api/workers/{}/invoke/clock", server.url, server.clock);
    let answer = server.http.post(url).header(ACCEPT, "text/event-stream").send().await?.error_for_status()?;
    let (mut body, mut text, mut delays) = (answer.bytes_stream(), String::new(), Vec::new());
    while let Some(chunk) = body.next().await {
        let arrived = SystemTime::now().duration_since(UNIX_EPOCH)?;
        text.push_str(std::str::from_utf8(&chunk?)?);
        while let Some((block, rest)) = text.split_once("\n\n") {
            let message = block.lines().find_map(|line| line.strip_prefix("data:"));
            let message = message.and_then(|data| serde_json::from_str::<Value>(data).ok());
            if let Some(printed) = message.and_then(|data| data["message"].as_str()?.parse::<f64>().ok()) {
                delays.push(arrived.saturating_sub(Duration::from_secs_f64(printed / 1000.0)));
            }
            text = rest.to_owned();
        }
    }
    anyhow::ensure!(delays.len() == 100, "{} of 100 lines arrived", delays.len());
    Ok(delays)
}

/// Invocations that are answered as a whole.
pub(crate) struct Batch<'a>(&'a Server);

impl<'a> Batch<'a> {
    pub(crate) const fn new(server: &'a Server) -> Self {
        Self(server)
    }
}

impl Target for Batch<'_> {
    fn name(&self) -> &'static str {
        "**workersd**, batch"
    }

    fn request(&self) -> Request<'_> {
        Box::pin(self.0.invoke("application/json"))
    }
}

/// Invocations that are streamed.
pub(crate) struct Stream<'a>(&'a Server);

impl<'a> Stream<'a> {
    pub(crate) const fn new(server: &'a Server) -> Self {
        Self(server)
    }
}

impl Target for Stream<'_> {
    fn name(&self) -> &'static str {
        "**workersd**, SSE"
    }

    fn request(&self) -> Request<'_> {
        Box::pin(self.0.invoke("text/event-stream"))
    }
}

/// Deploys.
pub(crate) struct Deploy<'a>(&'a Server);

impl<'a> Deploy<'a> {
    pub(crate) const fn new(server: &'a Server) -> Self {
        Self(server)
    }
}

impl Target for Deploy<'_> {
    fn name(&self) -> &'static str {
        "**workersd**, deploy"
    }

    fn request(&self) -> Request<'_> {
        Box::pin(async { self.0.deploy(WORK).await.map(drop) })
    }
}
