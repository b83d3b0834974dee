//! The work done with the official SDK, in a Node.js process that does many pieces of work.

use std::net::SocketAddr;
use std::process::Stdio;
use std::time::Duration;

use anyhow::Context as _;
use serde_json::{Value, json};
use tempfile::TempDir;
use tokio::io::{AsyncBufReadExt as _, AsyncWriteExt as _, BufReader, Lines};
use tokio::process::{Child, ChildStdin, ChildStdout, Command};

use super::api::{base_url, credentials};
use super::stopwatch::{Run, Stopwatch};
use super::work::{ARGUMENTS, FILE, PROGRAM, RUNTIME, SANDBOX_TIME, TAG, file};
use crate::peers::Programs;

/// The script in that process.
const SCRIPT: &str = include_str!("../../peers/vercel-sdk.mjs");

/// The SDK. Its script measures the times with its own clock.
pub(super) struct Sdk {
    input: ChildStdin,
    output: Lines<BufReader<ChildStdout>>,
    file: String,
    /// Killed when this value is dropped.
    _process: Child,
    _directory: TempDir,
}

impl Sdk {
    /// Starts Node.js with the SDK.
    pub(super) fn start(address: SocketAddr, programs: &Programs) -> anyhow::Result<Self> {
        let directory = tempfile::tempdir()?;
        std::fs::write(directory.path().join("sdk.mjs"), SCRIPT)?;
        // Node.js resolves the SDK in the directory beside the script.
        std::os::unix::fs::symlink(programs.packages.join("node_modules"), directory.path().join("node_modules"))?;
        let mut command = Command::new(&programs.node);
        command.arg("sdk.mjs").current_dir(directory.path());
        command.envs(credentials()).env("SANDBOX_BASE_URL", base_url(address));
        let mut process = command.stdin(Stdio::piped()).stdout(Stdio::piped()).kill_on_drop(true).spawn()?;
        let input = process.stdin.take().context("its input is piped")?;
        let output = BufReader::new(process.stdout.take().context("its output is piped")?).lines();
        Ok(Self { input, output, file: file(), _process: process, _directory: directory })
    }

    pub(super) async fn invoke(&mut self, snapshot: &str, stopwatch: Stopwatch<'_>) -> anyhow::Result<Run> {
        let work = json!({
            "work": "invocation", "snapshot": snapshot, "program": PROGRAM, "args": ARGUMENTS, "settings": settings(),
        });
        Ok(self.run(&work, stopwatch).await?.0)
    }

    pub(super) async fn deploy(&mut self, stopwatch: Stopwatch<'_>) -> anyhow::Result<(Run, String)> {
        let work = json!({
            "work": "deploy", "path": FILE, "content": self.file, "runtime": RUNTIME, "settings": settings(),
        });
        let (run, answer) = self.run(&work, stopwatch).await?;
        Ok((run, answer["snapshot"].as_str().context("the SDK names no snapshot")?.to_owned()))
    }

    async fn run(&mut self, work: &Value, mut stopwatch: Stopwatch<'_>) -> anyhow::Result<(Run, Value)> {
        self.input.write_all(format!("{work}\n").as_bytes()).await?;
        loop {
            let line = self.output.next_line().await?;
            let line = line.context("the SDK does not work; install it with `sh scripts/install-vercel-clients.sh`")?;
            let answer: Value = serde_json::from_str(&line)?;
            if let Some(took) = answer["outcome"].as_f64() {
                stopwatch.outcome_after(Duration::try_from_secs_f64(took / 1000.0)?);
            } else if let Some(took) = answer["end"].as_f64() {
                return Ok((stopwatch.end_after(Duration::try_from_secs_f64(took / 1000.0)?)?, answer));
            } else {
                anyhow::bail!("the SDK fails: {}", answer["error"].as_str().unwrap_or(&line));
            }
        }
    }
}

/// Returns the properties of sandboxes that all work has in common.
fn settings() -> Value {
    let (tag, value) = TAG;
    json!({
        "timeout": SANDBOX_TIME.as_millis(), "resources": {"vcpus": 1}, "persistent": false, "ports": [],
        "tags": {tag: value},
    })
}
