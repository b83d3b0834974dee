//! The server that is attacked.

use std::process::{Child, Command};
use std::time::{Duration, Instant};

use tempfile::TempDir;
use workers_testing::skip_unless_root;

use crate::support::{command, spawn};

/// How long the server lets running invocations continue after SIGTERM.
const DRAIN: Duration = Duration::from_secs(2);

/// How much longer the server may take to exit.
const GRACE: Duration = Duration::from_secs(10);

/// A server with the Vercel API.
pub(super) struct Server {
    process: Child,
    pub(super) url: String,
    pub(super) api: String,
    _directory: TempDir,
}

impl Server {
    pub(super) fn start() -> Self {
        skip_unless_root("containers need root");
        let directory = tempfile::tempdir().unwrap();
        let mut command = command();
        command
            .args(["serve", "--listen", "127.0.0.1:0", "--vercel-api", "127.0.0.1:0", "--data-dir"])
            .arg(directory.path())
            // The server's capacity limits are not the subject of these tests.
            .args(["--overcommit-memory", "100", "--overcommit-processors", "100"])
            .args(["--concurrency", "16", "--timeout", "60s", "--drain-timeout", &format!("{}s", DRAIN.as_secs())]);
        let (process, [url, api]) = spawn(command, ["listening on ", "vercel api on "]);
        Self { process, url, api, _directory: directory }
    }

    /// Sends SIGTERM. Returns how long the server took to exit, or an error if it took too long.
    pub(super) fn stop(mut self) -> Result<Duration, String> {
        let began = Instant::now();
        let asked = Command::new("kill").args(["-TERM", &self.process.id().to_string()]).status().unwrap();
        assert!(asked.success());
        while matches!(self.process.try_wait(), Ok(None)) {
            if began.elapsed() > DRAIN + GRACE {
                return Err(format!("the server has not ended {:?} after it was asked to", began.elapsed()));
            }
            std::thread::yield_now();
        }
        Ok(began.elapsed())
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        if matches!(self.process.try_wait(), Ok(None)) {
            let children = children_of(self.process.id());
            let _ = self.process.kill();
            let _ = self.process.wait();
            // The launchers exit with the server, unless they wait for something that never comes.
            let began = Instant::now();
            while began.elapsed() < Duration::from_secs(3) && children.iter().any(|child| is_ours(*child)) {
                std::thread::yield_now();
            }
            for child in children.into_iter().filter(|child| is_ours(*child)) {
                let _ = Command::new("kill").args(["-KILL", &child.to_string()]).status();
            }
        }
    }
}

fn children_of(process: u32) -> Vec<u32> {
    let threads = std::fs::read_dir(format!("/proc/{process}/task")).into_iter().flatten().flatten();
    let children = threads.filter_map(|thread| std::fs::read_to_string(thread.path().join("children")).ok());
    children.flat_map(|all| all.split_whitespace().filter_map(|id| id.parse().ok()).collect::<Vec<_>>()).collect()
}

/// Returns whether a process still runs the server's program. Its id may have been reused.
fn is_ours(process: u32) -> bool {
    std::fs::read_link(format!("/proc/{process}/exe"))
        .is_ok_and(|program| program.as_os_str() == env!("CARGO_BIN_EXE_workersd"))
}
