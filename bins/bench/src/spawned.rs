//! The peer that everybody would write first: an HTTP server that starts Node for each request, bare or in bubblewrap.

use std::path::Path;
use std::process::Command;

use anyhow::Context as _;
use reqwest::Client;
use tempfile::TempDir;

use crate::process::Process;
use crate::target::{PAYLOAD, Request, Target, WORK, check};

/// The peer's server.
const SERVER: &str = include_str!("../peers/spawn-server.mjs");

/// What runs the function in the process that is started.
const RUN: &str =
    "import { work } from './work.mjs';\nprocess.stdout.write(await work(JSON.parse(process.argv[2])) + '\\n');\n";

/// Starts Node for each request.
pub(crate) struct Spawned {
    _process: Process,
    url: String,
    confined: bool,
    http: Client,
    _directory: TempDir,
}

impl Spawned {
    pub(crate) async fn start(node: &Path, confined: bool) -> anyhow::Result<Self> {
        let directory = tempfile::tempdir()?;
        for (name, text) in [("server.mjs", SERVER), ("work.mjs", WORK), ("run.mjs", RUN)] {
            std::fs::write(directory.path().join(name), text)?;
        }
        let mut command = Command::new(node);
        command.arg(directory.path().join("server.mjs")).arg(if confined { "bwrap" } else { "bare" });
        let (process, url) = Process::start(&mut command)?;
        let spawned = Self { _process: process, url, confined, http: Client::new(), _directory: directory };
        spawned.request().await.context("a peer does not work; run `./just setup-bench`")?;
        Ok(spawned)
    }
}

impl Target for Spawned {
    fn name(&self) -> &'static str {
        if self.confined { "HTTP + bwrap --unshare-all + Node 24" } else { "HTTP + spawn of Node 24" }
    }

    fn request(&self) -> Request<'_> {
        Box::pin(async {
            check(&self.http.post(&self.url).body(PAYLOAD).send().await?.error_for_status()?.text().await?)
        })
    }
}
