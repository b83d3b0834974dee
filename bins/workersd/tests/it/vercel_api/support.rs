//! A server that offers the Vercel API, and the clients, which `./just setup-test` installs.

use std::ffi::OsStr;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output};

use tempfile::TempDir;

use crate::support::{command, end, spawn};

/// An unsigned token for the team `team_ours` and the project `prj_ours`, valid until the year 2100.
pub(crate) const OIDC_TOKEN: &str =
    "eyJhbGciOiJub25lIn0.eyJvd25lcl9pZCI6InRlYW1fb3VycyIsInByb2plY3RfaWQiOiJwcmpfb3VycyIsImV4cCI6NDEwMjQ0NDgwMH0.none";

/// A server that offers the API, stopped when this value is dropped.
pub(crate) struct Offered {
    process: Child,
    /// The URL of the API.
    pub(crate) api: String,
    /// The server's data and the clients' home, removed after the server has stopped.
    pub(crate) directory: TempDir,
}

impl Offered {
    /// Starts a server that offers the API. Skips the test unless root runs it.
    pub(crate) fn start(arguments: &[&str]) -> Self {
        workers_testing::skip_unless_root("containers need root");
        let directory = tempfile::tempdir().unwrap();
        std::fs::create_dir(directory.path().join("home")).unwrap();
        let mut command = command();
        command
            .args(["serve", "--listen", "127.0.0.1:0", "--vercel-api", "127.0.0.1:0", "--data-dir"])
            .arg(directory.path().join("data"))
            .args(arguments);
        let (process, [_, api]) = spawn(command, ["listening on ", "vercel api on "]);
        Self { process, api, directory }
    }

    /// Returns a program that finds the clients and the server, with nothing of this process's environment.
    pub(crate) fn client(&self, program: impl AsRef<OsStr>) -> Command {
        let mut command = Command::new(program);
        command
            .env_clear()
            .env("PATH", std::env::var_os("PATH").unwrap_or_default())
            .env("HOME", self.directory.path().join("home"))
            .env("TMPDIR", self.directory.path())
            // Without it, a client without credentials asks the user to log in.
            .env("CI", "1")
            .env("VERCEL_TELEMETRY_DISABLED", "1")
            .env("SANDBOX_SKIP_VERSION_CHECK", "1")
            .env("SANDBOX_BASE_URL", &self.api)
            .env("VERCEL_CLIENTS", clients())
            .current_dir(self.directory.path());
        command
    }

    pub(crate) fn node(&self) -> Command {
        self.client(node())
    }

    /// Returns Node.js with the preload that points every JavaScript client at the server.
    pub(crate) fn pointed_node(&self) -> Command {
        let mut command = self.node();
        command.arg("--import").arg(ours("point.mjs"));
        command
    }
}

impl Drop for Offered {
    fn drop(&mut self) {
        end(&mut self.process);
    }
}

/// Runs a client that must succeed, and returns its output.
pub(crate) fn succeed(mut command: Command) -> String {
    let output = command.output().unwrap();
    assert!(output.status.success(), "{}", reported(&command, &output));
    String::from_utf8(output.stdout).unwrap()
}

/// Formats a command, how it ended and what it printed, for messages.
pub(crate) fn reported(command: &Command, output: &Output) -> String {
    let arguments: Vec<_> = command.get_args().map(OsStr::to_string_lossy).collect();
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    format!("{}: {}\n{}{}", arguments.join(" "), output.status, text(&output.stdout), text(&output.stderr))
}

/// Returns the path of one of our files beside the clients' lock files.
pub(crate) fn ours(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/vercel").join(name)
}

/// Returns the directory of the clients.
pub(crate) fn clients() -> PathBuf {
    let installed = in_tools("vercel");
    assert!(installed.exists(), "the clients are not installed: `./just setup-test` does it");
    installed
}

fn node() -> PathBuf {
    std::env::var_os("WORKERS_NODE").map_or_else(|| in_tools("node/bin/node"), PathBuf::from)
}

fn in_tools(path: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../.tools").join(path)
}
