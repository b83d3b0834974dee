//! A server that offers the Vercel API.

use std::net::SocketAddr;
use std::process::Command;

use anyhow::Context as _;
use tempfile::TempDir;

use crate::platform::Setup;
use crate::process::Process;

pub(super) const TEAM: &str = "team";
pub(super) const PROJECT: &str = "project";
pub(super) const TOKEN: &str = "token";

/// A server that offers the API, with an empty data directory.
pub(super) struct ApiServer {
    pub(super) address: SocketAddr,
    _process: Process,
    _data: TempDir,
}

impl ApiServer {
    pub(super) fn start(setup: &Setup) -> anyhow::Result<Self> {
        let data = tempfile::tempdir()?;
        let mut command = Command::new(&setup.program);
        command.args(["serve", "--listen", "127.0.0.1:0", "--vercel-api", "127.0.0.1:0"]);
        command.args(["--vercel-api-token", &format!("{TEAM}={TOKEN}")]);
        // Each of many clients has a container of at least 2 GiB, and uses little of it.
        command.args(["--overcommit-memory", "16"]);
        command.arg("--data-dir").arg(data.path()).arg("--node").arg(&setup.node);
        let words = ["listening on http://", "vercel api on http://"];
        let (process, [_, address]) = Process::start_all(&mut command, words)
            .context("the server of the API does not start; `workersd doctor` says what it lacks")?;
        Ok(Self { address, _process: process, _data: data })
    }
}

/// Returns the base URL that clients use for the API at this address.
pub(super) fn base_url(address: SocketAddr) -> String {
    format!("http://{address}/api")
}

/// Returns the clients' credentials as environment variables.
pub(super) fn credentials() -> [(&'static str, &'static str); 3] {
    [("VERCEL_TOKEN", TOKEN), ("VERCEL_TEAM_ID", TEAM), ("VERCEL_PROJECT_ID", PROJECT)]
}
