//! The platform: a server with an empty data directory, and the requests that the bench sends to it.

use std::cell::Cell;
use std::collections::BTreeSet;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::Context as _;
use bytes::Bytes;
use http_body_util::Full;
use hyper::Request;
use serde_json::{Value, json};
use tempfile::TempDir;

use crate::client::Client;
use crate::proc::{below, children, memory, namespaces};
use crate::process::Process;
use crate::target::{PAYLOAD, Target, WORK, post};

/// How to start a server.
#[derive(Debug, Clone)]
pub(crate) struct Setup {
    pub(crate) program: PathBuf,
    pub(crate) node: PathBuf,
    /// The value of `--templates`, if the command line sets one.
    pub(crate) templates: Option<String>,
    /// The value of `--isolation`, if the command line sets one.
    pub(crate) isolation: Option<String>,
    /// Further arguments of the server.
    pub(crate) arguments: Vec<String>,
    /// Further environment variables.
    pub(crate) environment: Vec<(String, String)>,
}

impl Setup {
    /// Returns the server's name in tables.
    pub(crate) fn name(&self) -> String {
        let options = [("templates", &self.templates), ("isolation", &self.isolation)];
        let set = options.iter().filter_map(|(name, value)| Some(format!(" `--{name} {}`", value.as_ref()?)));
        ["**workersd**".to_owned()].into_iter().chain(set).collect()
    }
}

/// A running server.
pub(crate) struct Server {
    pub(crate) name: String,
    pub(crate) address: SocketAddr,
    // Dropped in this order: the process must have ended before its directory is removed.
    process: Process,
    data: TempDir,
}

impl Server {
    /// Starts a server. `more` comes after the arguments of the set-up.
    pub(crate) fn start(setup: &Setup, more: &[&str]) -> anyhow::Result<Self> {
        let data = tempfile::tempdir()?;
        let mut command = Command::new(&setup.program);
        // With the default of 10 s, requests of many clients could be refused in the queue and count as failures.
        command.args(["serve", "--listen", "127.0.0.1:0", "--queue-timeout", "60s"]);
        command.arg("--data-dir").arg(data.path()).arg("--node").arg(&setup.node);
        command.args(setup.templates.iter().flat_map(|mode| ["--templates", mode]));
        command.args(setup.isolation.iter().flat_map(|level| ["--isolation", level])).args(&setup.arguments).args(more);
        command.envs(setup.environment.iter().cloned());
        let (process, address) =
            Process::start(&mut command).context("the server does not start; `workersd doctor` says what it lacks")?;
        Ok(Self { name: setup.name(), address, process, data })
    }

    pub(crate) fn id(&self) -> u32 {
        self.process.id()
    }

    /// Fails if the process has ended.
    pub(crate) fn must_run(&self) -> anyhow::Result<()> {
        // A process that has ended and was not waited for has no memory any more.
        let runs = memory([self.id()]).pss > 0;
        anyhow::ensure!(runs, "the server has ended; its last words: {}", self.process.last_words());
        Ok(())
    }

    pub(crate) fn data(&self) -> &Path {
        self.data.path()
    }

    /// Returns the server's process and all processes outside of sandboxes: launcher, compiler, templates.
    pub(crate) fn helpers(&self) -> BTreeSet<u32> {
        let mut helpers = below(self.id());
        helpers.insert(self.id());
        for sandbox in namespaces(self.id()) {
            helpers.retain(|process| !sandbox.contains(process));
        }
        helpers
    }

    /// Returns the process that makes the sandboxes. Only the server's own children are searched, because processes
    /// below the launcher may have the same command line.
    pub(crate) fn launcher(&self) -> Option<u32> {
        let is_launcher = |process: &u32| {
            let arguments = std::fs::read(format!("/proc/{process}/cmdline")).unwrap_or_default();
            String::from_utf8_lossy(&arguments).contains("sandbox-launcher")
        };
        children(self.id()).into_iter().find(is_launcher)
    }

    /// Deploys a worker and returns its id.
    pub(crate) async fn deploy(&self, code: &str) -> anyhow::Result<String> {
        let body = Full::new(deployment(code));
        let (status, answer) =
            self.client().send(post(self.address, "/api/workers", "*/*")?.map(|()| body)).await.context("no deploy")?;
        let answer: Value = serde_json::from_slice(&answer).with_context(|| format!("a deploy answers {status}"))?;
        Ok(answer["id"].as_str().with_context(|| format!("a deploy answers {status}: {answer}"))?.to_owned())
    }

    pub(crate) fn client(&self) -> Client {
        Client::new(self.address)
    }

    /// Invokes a worker, waits for the whole response, and returns its parsed body.
    pub(crate) async fn invoke(&self, worker: &str, payload: &'static str) -> anyhow::Result<Value> {
        let request = self.invocation(worker, "*/*", payload)?;
        let (status, answer) = self.client().send(request).await?;
        let text = String::from_utf8_lossy(&answer);
        anyhow::ensure!(status.is_success(), "{status}: {text}");
        serde_json::from_str(&text).with_context(|| format!("an invocation answers {text}"))
    }

    /// Returns the request that invokes a worker.
    pub(crate) fn invocation(
        &self,
        worker: &str,
        accept: &'static str,
        payload: &'static str,
    ) -> anyhow::Result<Request<Full<Bytes>>> {
        let body = Full::new(Bytes::from_static(payload.as_bytes()));
        Ok(post(self.address, &path(worker), accept)?.map(|()| body))
    }

    /// Returns a target for invocations whose response comes as a whole.
    pub(crate) fn batch(&self, worker: &str) -> anyhow::Result<Target> {
        Target::work(batch_name(&self.name), self.address, &path(worker), "application/json")
    }

    /// Returns a target for streamed invocations.
    pub(crate) fn stream(&self, worker: &str) -> anyhow::Result<Target> {
        Target::work(stream_name(&self.name), self.address, &path(worker), "text/event-stream")
    }

    /// Returns a target for deploys, each of a different worker.
    pub(crate) fn deploys(&self) -> anyhow::Result<Target> {
        let number = Cell::new(0);
        let body = move || {
            number.set(number.get() + 1);
            deployment(&distinct("load", number.get()))
        };
        Target::new(deploy_name(&self.name), self.address, "/api/workers", "*/*", body, r#""status":"ready""#)
    }
}

/// Returns the work as a worker that differs from all others; equal programs would share their snapshot's content. A
/// statement makes the difference, because comments are not compiled. `series` keeps the numbers of different parts
/// apart, because more than one part deploys to the same server.
pub(crate) fn distinct(series: &str, number: u32) -> String {
    format!("{WORK}globalThis.worker = '{series} {number}';\n")
}

/// Invokes a worker until the server has prepared everything that it prepares in advance.
pub(crate) async fn warm_up(server: &Server, worker: &str) -> anyhow::Result<()> {
    for _ in 0..10 {
        server.invoke(worker, PAYLOAD).await?;
        tokio::time::sleep(std::time::Duration::from_millis(50)).await;
    }
    Ok(())
}

pub(crate) fn batch_name(server: &str) -> String {
    format!("{server}, batch")
}

pub(crate) fn stream_name(server: &str) -> String {
    format!("{server}, SSE")
}

pub(crate) fn deploy_name(server: &str) -> String {
    format!("{server}, deploy")
}

fn deployment(code: &str) -> Bytes {
    Bytes::from(json!({"name": "bench", "code": code}).to_string())
}

fn path(worker: &str) -> String {
    format!("/api/workers/{worker}/invoke/run")
}

#[cfg(test)]
mod tests {
    use super::distinct;

    #[test]
    fn workers_of_two_series_differ_even_at_the_same_number() {
        assert_ne!(distinct("load", 7), distinct("cold", 7));
        assert_ne!(distinct("cold", 7), distinct("cold", 8));
    }
}
