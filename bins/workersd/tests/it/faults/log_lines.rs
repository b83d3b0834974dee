//! How many lines the log has about a fault while clients send requests without a pause: its begin, counts, and its
//! end.

use std::fs;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, Instant};

use tempfile::TempDir;
use workers_testing::{ThrowAwayPostgres, skip_unless_root};

use super::engine::{CODE, await_whole, call, deploy, launcher_of, signal};
use super::groups::starter;
use super::load::Load;
use super::readonly::ReadOnly;
use crate::support::local::TestServer;
use crate::support::remove_tree;

/// How long a fault lasts at least, and at most while requests have not failed yet.
const FAULT: Duration = Duration::from_secs(2);
const PATIENCE: Duration = Duration::from_secs(20);

/// The most lines that a fault and its end may have, however many requests fail: one for each part and one for each
/// kind of failure.
const MOST_LINES: usize = 12;

/// More failures than lines.
const MANY: usize = MOST_LINES * 2;

/// A server whose log goes to a file.
pub(super) struct Logged {
    pub(super) server: Arc<TestServer>,
    pub(super) id: String,
    log: PathBuf,
    /// Removed after the server has stopped.
    directory: TempDir,
}

impl Logged {
    pub(super) async fn start(arguments: &[&str]) -> Self {
        let directory = tempfile::tempdir().unwrap();
        let log = directory.path().join("log");
        let program = starter(directory.path(), "", &format!("2>{}", log.display()));
        let server = Arc::new(TestServer::start_program(&program, &directory.path().join("data"), arguments));
        let id = server.deploy(CODE).await;
        assert!(call(&server, &id).await);
        Self { server, id, log, directory }
    }

    /// Returns the warnings and errors in the log.
    pub(super) fn lines(&self) -> Vec<String> {
        let log = fs::read_to_string(&self.log).unwrap();
        let is_told = |line: &&str| line.contains(" WARN ") || line.contains(" ERROR ");
        log.lines().filter(is_told).map(str::to_owned).collect()
    }

    /// Causes a fault while clients send requests without a pause, and ends it after `failures` of their requests have
    /// failed.
    async fn under_fault<H>(
        &self,
        name: &str,
        failures: usize,
        harm: impl AsyncFnOnce() -> H,
        undo: impl AsyncFnOnce(H),
    ) {
        let before = self.lines().len();
        let harmed = harm().await;
        let deployer = Arc::clone(&self.server);
        let load = Load::new().callers(4, &self.server, &self.id).clients(2, move || {
            let server = Arc::clone(&deployer);
            async move { deploy(&server).await.0 == 201 }
        });
        tokio::time::sleep(FAULT).await;
        let began = Instant::now();
        while load.failed() < failures as u64 {
            assert!(began.elapsed() < PATIENCE, "{name}: only {} requests have failed", load.failed());
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        undo(harmed).await;
        let failed = load.stop().await;
        await_whole(&self.server, &self.id).await;
        let lines = &self.lines()[before..];
        assert!(lines.len() <= MOST_LINES, "{name}: {} lines for {failed} failures: {lines:#?}", lines.len());
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_fault_of_files_is_reported_in_few_lines_however_many_requests_fail() {
    skip_unless_root("a directory that takes no writes");
    let logged = Logged::start(&[]).await;
    let data = logged.server.data_dir.clone();
    for name in ["runtime", "node", "template", "snapshots", "sandboxes"] {
        let harm = async || {
            remove_tree(&data.join(name));
            fs::write(data.join(name), "in the way").unwrap();
            ReadOnly::new(&data)
        };
        logged.under_fault(name, MANY, harm, async |harmed| drop(harmed)).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_directory_that_is_away_is_logged_in_few_lines_however_many_requests_fail() {
    let logged = Logged::start(&[]).await;
    let data = logged.server.data_dir.clone();
    let (database, away) = (data.join("workers.sqlite3"), logged.directory.path().join("away"));
    for path in [&data, &database] {
        let harm = async || fs::rename(path, &away).unwrap();
        let name = path.to_str().unwrap();
        logged.under_fault(name, MANY, harm, async |()| fs::rename(&away, path).unwrap()).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_launcher_that_is_stopped_or_killed_is_reported_in_few_lines() {
    let logged = Logged::start(&[]).await;
    let launcher = || launcher_of(logged.server.process_id());
    logged.under_fault("stopped", 0, async || signal("STOP", launcher()), async |()| ()).await;
    logged.under_fault("killed", 0, async || signal("KILL", launcher()), async |()| ()).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_database_that_takes_no_writes_is_reported_in_few_lines_however_many_deploys_fail() {
    let postgres = ThrowAwayPostgres::shared();
    let url = postgres.create_database().await;
    let logged = Logged::start(&["--database-url", &url]).await;
    let name = url.rsplit('/').next().unwrap();
    let administration = postgres.url("postgres");
    let end = format!("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = '{name}'");
    let writes = format!("ALTER DATABASE {name} SET default_transaction_read_only = on");
    let reset = format!("ALTER DATABASE {name} RESET default_transaction_read_only");
    let harm = async || {
        postgres.execute(&administration, &writes).await;
        postgres.execute(&administration, &end).await;
    };
    let undo = async |()| {
        postgres.execute(&administration, &reset).await;
        postgres.execute(&administration, &end).await;
    };
    logged.under_fault("read-only", MANY, harm, undo).await;
}
