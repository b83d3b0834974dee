//! The database is damaged, replaced, read-only or emptied.

use std::collections::HashSet;
use std::os::unix::fs::FileExt as _;
use std::path::Path;
use std::process::Output;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use serde_json::{Value, json};
use workers_testing::{ThrowAwayPostgres, skip_unless_root};

use crate::support::command;
use crate::support::local::{TestServer, status_and_body};

const CODE: &str = "export const ok = () => 1";

/// The time within which everything must work again after a fault has ended.
const SOON: Duration = Duration::from_secs(5);

/// Deploys a worker. Returns status and body of the response.
async fn try_deploy(server: &TestServer) -> (u16, Value) {
    status_and_body(server.post("/api/workers").json(&json!({"name": "w", "code": CODE})).send().await.unwrap()).await
}

/// Lists the workers. Returns status and body of the response.
async fn try_list(server: &TestServer) -> (u16, Value) {
    status_and_body(server.get("/api/workers").send().await.unwrap()).await
}

/// Waits until a deploy succeeds and the server is ready.
async fn await_whole(server: &TestServer) {
    let began = Instant::now();
    while try_deploy(server).await.0 != 201 || !is_ready(server).await {
        assert!(began.elapsed() < SOON, "not whole after {SOON:?}");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

async fn is_ready(server: &TestServer) -> bool {
    server.get("/readyz").send().await.unwrap().status() == 200
}

/// Runs `workersd` until it exits.
fn run(subcommand: &str, data_dir: &Path, arguments: &[&str]) -> Output {
    command().args([subcommand, "--data-dir"]).arg(data_dir).args(arguments).output().unwrap()
}

/// Starts a server that must refuse to start, and returns its message.
pub(super) fn refused_start(data_dir: &Path, arguments: &[&str]) -> String {
    let output = run("serve", data_dir, &[&["--listen", "127.0.0.1:0"], arguments].concat());
    assert!(!output.status.success());
    String::from_utf8(output.stderr).unwrap()
}

/// Runs the doctor, which must find something missing, and returns its output.
fn alarmed_doctor(data_dir: &Path, arguments: &[&str]) -> String {
    let output = run("doctor", data_dir, arguments);
    let said = String::from_utf8(output.stdout).unwrap();
    assert!(!output.status.success(), "{said}");
    said
}

#[tokio::test]
async fn a_broken_page_is_reported_by_every_answer_by_readiness_by_doctor_and_by_the_next_start() {
    let directory = tempfile::tempdir().unwrap();
    let server = TestServer::start_in(directory.path(), &[]);
    server.deploy(CODE).await;
    drop(server);
    let server = TestServer::start_in(directory.path(), &[]);
    assert!(is_ready(&server).await);
    let path = directory.path().join("workers.sqlite3");
    // The list of migrations and its index are pages 2 and 3; the table comes next.
    let file = std::fs::OpenOptions::new().write(true).open(&path).unwrap();
    file.write_all_at(&[0x55; 4096], 3 * 4096).unwrap();
    assert!(!is_ready(&server).await);
    for (status, body) in [try_list(&server).await, try_deploy(&server).await] {
        assert_eq!((status, &body["code"]), (503, &json!("database_damaged")), "{body}");
        assert!(!body["error"].as_str().unwrap().contains("sqlite3"), "{body}");
    }
    let said = alarmed_doctor(directory.path(), &[]);
    assert!(said.contains(path.to_str().unwrap()) && said.contains("restore a backup"), "{said}");
    drop(server);
    for arguments in [&[][..], &["--no-migrate"]] {
        let said = refused_start(directory.path(), arguments);
        assert!(said.contains(path.to_str().unwrap()) && said.contains("restore it from a backup"), "{said}");
    }
}

#[tokio::test]
async fn an_older_copy_in_the_place_of_the_database_is_noticed_and_does_not_meet_the_log() {
    for in_place in [false, true] {
        let directory = tempfile::tempdir().unwrap();
        let at = |name: &str| directory.path().join(name);
        let server = TestServer::start_in(directory.path(), &[]);
        let id = server.deploy(CODE).await;
        drop(server);
        std::fs::copy(at("workers.sqlite3"), at("copy")).unwrap();
        let mut server = TestServer::start_in(directory.path(), &[]);
        server.deploy(CODE).await;
        std::fs::copy(at("workers.sqlite3"), at("original")).unwrap();
        if in_place {
            std::fs::copy(at("copy"), at("workers.sqlite3")).unwrap();
        } else {
            std::fs::rename(at("copy"), at("workers.sqlite3")).unwrap();
        }
        assert!(!is_ready(&server).await);
        for (status, body) in [try_deploy(&server).await, try_list(&server).await] {
            assert_eq!((status, &body["code"]), (503, &json!("database_unavailable")), "{body}");
        }
        if in_place {
            // A server that is stopped in order must not touch the log either.
            drop(server);
        } else {
            server.kill();
        }
        let said = refused_start(directory.path(), &[]);
        assert!(said.contains("workers.sqlite3-wal") && said.contains("Put the other file back"), "{said}");
        assert!(alarmed_doctor(directory.path(), &[]).contains("workers.sqlite3-wal"));
        // All data is still there.
        std::fs::rename(at("original"), at("workers.sqlite3")).unwrap();
        let server = TestServer::start_in(directory.path(), &[]);
        assert_eq!(server.call(&id, "ok", &json!({})).await.0, 200);
        assert_eq!(ids(&server).await.len(), 2);
    }
}

/// A small file system of its own. Only root can mount one.
struct SmallDisk(tempfile::TempDir);

impl SmallDisk {
    fn mount(options: &str) -> Self {
        skip_unless_root("a file system of its own");
        let directory = tempfile::tempdir().unwrap();
        let target = directory.path().to_str().unwrap();
        let mounted =
            std::process::Command::new("mount").args(["-t", "tmpfs", "-o", options, "tmpfs", target]).status();
        assert!(mounted.unwrap().success());
        Self(directory)
    }

    fn path(&self) -> &Path {
        self.0.path()
    }

    /// Fills the file system until no block and no inode is left.
    fn fill(&self) {
        std::fs::create_dir(self.path().join("filler")).unwrap();
        for number in 0..1000 {
            if std::fs::write(self.path().join(format!("filler/{number}")), vec![1; 65_536]).is_err() {
                return;
            }
        }
    }

    fn empty(&self) {
        std::fs::remove_dir_all(self.path().join("filler")).unwrap();
    }
}

impl Drop for SmallDisk {
    fn drop(&mut self) {
        let _ = std::process::Command::new("umount").arg("--lazy").arg(self.path()).status();
    }
}

#[tokio::test]
async fn a_full_disk_under_the_database_keeps_what_is_there_in_use_and_leaves_nothing_half_made() {
    for options in ["size=4m", "nr_inodes=50,size=64m"] {
        let disk = SmallDisk::mount(options);
        let url = format!("sqlite://{}/data/workers.sqlite3", disk.path().display());
        let server = TestServer::start(&["--database-url", &url]);
        await_whole(&server).await;
        let id = server.deploy(CODE).await;
        let before = ids(&server).await;
        disk.fill();
        assert!(!is_ready(&server).await);
        assert!(alarmed_doctor(&server.data_dir, &["--database-url", &url]).contains("make room"));
        assert_eq!(ids(&server).await, before);
        assert_eq!(server.call(&id, "ok", &json!({})).await.0, 200);
        if options.starts_with("size") {
            let code = format!("{CODE};/*{}*/", "x".repeat(1 << 20));
            let new = json!({"name": "w", "code": code});
            let (status, body) = status_and_body(server.post("/api/workers").json(&new).send().await.unwrap()).await;
            assert_eq!((status, &body["code"]), (507, &json!("storage_full")), "{body}");
            assert_eq!(ids(&server).await, before);
        }
        disk.empty();
        await_whole(&server).await;
        assert!(before.is_subset(&ids(&server).await));
    }
}

/// Starts a server with a new database in the shared Postgres. Returns the server and the database's URL.
async fn over_postgres(arguments: &[&str]) -> (TestServer, String) {
    let url = ThrowAwayPostgres::shared().create_database().await;
    let server = TestServer::start(&[&["--database-url", &url], arguments].concat());
    (server, url)
}

#[tokio::test]
async fn a_postgres_that_takes_no_writes_for_a_while_is_reported_by_its_code_and_followed_when_it_does_again() {
    let (server, url) = over_postgres(&[]).await;
    await_whole(&server).await;
    let id = server.deploy(CODE).await;
    let postgres = ThrowAwayPostgres::shared();
    let name = url.rsplit('/').next().unwrap();
    let administration = postgres.url("postgres");
    let end = format!("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = '{name}'");
    postgres.execute(&administration, &format!("ALTER DATABASE {name} SET default_transaction_read_only = on")).await;
    postgres.execute(&administration, &end).await;
    assert!(!is_ready(&server).await);
    for _ in 0..20 {
        let (status, body) = try_deploy(&server).await;
        assert_eq!((status, &body["code"]), (503, &json!("storage_read_only")), "{body}");
        assert_eq!(try_list(&server).await.0, 200);
        assert_eq!(server.call(&id, "ok", &json!({})).await.0, 200);
    }
    let said = alarmed_doctor(&server.data_dir, &["--database-url", &url]);
    assert!(said.contains("takes no writes"), "{said}");
    postgres.execute(&administration, &format!("ALTER DATABASE {name} RESET default_transaction_read_only")).await;
    await_whole(&server).await;
    let (_, listed) = try_list(&server).await;
    let unsettled = listed.as_array().unwrap().iter().filter(|worker| worker["status"] != "ready").count();
    assert_eq!(unsettled, 0, "{listed}");
}

#[tokio::test]
async fn a_table_that_is_locked_renamed_or_forbidden_is_reported_by_every_answer_and_by_readiness() {
    let (server, url) = over_postgres(&["--database-timeout", "500ms"]).await;
    await_whole(&server).await;
    let postgres = ThrowAwayPostgres::shared();
    let lock = postgres.hold(&url, "LOCK TABLE workers").await;
    let began = Instant::now();
    let (status, body) = try_deploy(&server).await;
    assert_eq!((status, &body["code"]), (503, &json!("database_unavailable")), "{body}");
    assert!(began.elapsed() < SOON && !is_ready(&server).await);
    drop(lock);
    await_whole(&server).await;

    postgres.execute(&url, "ALTER TABLE workers RENAME TO elsewhere").await;
    assert!(!is_ready(&server).await);
    let (status, body) = try_deploy(&server).await;
    assert_eq!((status, &body["code"]), (503, &json!("schema_missing")), "{body}");
    let arguments = ["--database-url", url.as_str()];
    assert!(alarmed_doctor(&server.data_dir, &arguments).contains("`workers`"));
    let migrated = run("migrate", &server.data_dir, &arguments);
    let said = String::from_utf8(migrated.stderr).unwrap();
    assert!(!migrated.status.success() && said.contains("put it back under its name"), "{said}");
    postgres.execute(&url, "ALTER TABLE elsewhere RENAME TO workers").await;
    await_whole(&server).await;
}

#[tokio::test]
async fn rights_that_are_revoked_are_reported_by_their_code_and_a_pool_that_is_too_large_by_doctor() {
    let postgres = ThrowAwayPostgres::start_with(&[("max_connections", "12")], &[]);
    let url = postgres.create_database().await;
    postgres.execute(&url, "CREATE ROLE ordinary LOGIN; GRANT ALL ON SCHEMA public TO ordinary").await;
    let own = url.replace("postgres@", "ordinary@");
    let server = TestServer::start(&["--database-url", &own]);
    await_whole(&server).await;
    let doctor = run("doctor", &server.data_dir, &["--database-url", &own]);
    let said = String::from_utf8(doctor.stdout).unwrap();
    assert!(said.contains("may have 10 connections, but Postgres allows 9"), "{said}");
    postgres.execute(&url, "ALTER TABLE workers OWNER TO postgres; REVOKE ALL ON workers FROM ordinary").await;
    assert!(!is_ready(&server).await);
    for (status, body) in [try_deploy(&server).await, try_list(&server).await] {
        assert_eq!((status, &body["code"]), (503, &json!("database_denied")), "{body}");
    }
    let said = alarmed_doctor(&server.data_dir, &["--database-url", &own]);
    assert!(said.contains("grant the server's user"), "{said}");
    postgres.execute(&url, "GRANT ALL ON workers TO ordinary").await;
    await_whole(&server).await;
}

#[tokio::test]
async fn a_postgres_that_is_restarted_under_deploys_loses_nothing_and_leaves_nothing_half_made() {
    let mut postgres = ThrowAwayPostgres::start();
    let url = postgres.create_database().await;
    let server = Arc::new(TestServer::start(&["--database-url", &url]));
    let stop = Arc::new(AtomicBool::new(false));
    let clients: Vec<_> = (0..4)
        .map(|_| {
            let (server, stop) = (Arc::clone(&server), Arc::clone(&stop));
            tokio::spawn(async move {
                let mut acknowledged = Vec::new();
                while !stop.load(Ordering::Relaxed) {
                    match try_deploy(&server).await {
                        (201, body) => acknowledged.push(body["id"].as_str().unwrap().to_owned()),
                        (status, body) => assert_eq!((status, &body["code"]), (503, &json!("database_unavailable"))),
                    }
                }
                acknowledged
            })
        })
        .collect();
    for _ in 0..4 {
        postgres = tokio::task::spawn_blocking(move || {
            postgres.restart();
            postgres
        })
        .await
        .unwrap();
        await_whole(&server).await;
    }
    stop.store(true, Ordering::Relaxed);
    let mut acknowledged = Vec::new();
    for client in clients {
        acknowledged.extend(client.await.unwrap());
    }
    let began = Instant::now();
    let listed = loop {
        let (_, listed) = try_list(&server).await;
        let listed = listed.as_array().unwrap().clone();
        if listed.iter().all(|worker| worker["status"] == "ready") {
            break listed;
        }
        assert!(began.elapsed() < SOON, "{listed:?}");
        tokio::time::sleep(Duration::from_millis(50)).await;
    };
    let listed: HashSet<_> = listed.iter().map(|worker| worker["id"].as_str().unwrap()).collect();
    assert!(!acknowledged.is_empty() && acknowledged.iter().all(|id| listed.contains(id.as_str())));
}

#[tokio::test]
async fn a_deploy_whose_server_was_killed_is_ended_by_whatever_server_runs() {
    let (server, url) = over_postgres(&[]).await;
    let insert = |id: &str, seconds: u32| {
        format!(
            "INSERT INTO workers (id, name, snapshot_id, functions, status, source_code, created_at) \
             VALUES ('{id}', 'w', '', '{{ok}}', 'creating', '', now() AT TIME ZONE 'UTC' - interval '{seconds} s')"
        )
    };
    let (dead, at_work) = ("00000000-0000-0000-0000-000000000001", "00000000-0000-0000-0000-000000000002");
    let postgres = ThrowAwayPostgres::shared();
    postgres.execute(&url, &insert(dead, 46)).await;
    postgres.execute(&url, &insert(at_work, 1)).await;
    let status = async |id: &str| {
        status_and_body(server.get(&format!("/api/workers/{id}")).send().await.unwrap()).await.1["status"].clone()
    };
    let began = Instant::now();
    while status(dead).await != "error" {
        assert!(began.elapsed() < Duration::from_secs(15), "it is not ended");
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    assert_eq!(status(at_work).await, "creating");
}

/// Returns the commands of docs/operations.md that make and restore a backup: two of SQLite, then two of Postgres.
fn documented_commands() -> [String; 4] {
    let page = include_str!("../../../../../docs/operations.md");
    let section = page.split("### Backup and restore").nth(1).unwrap().split("\n## ").next().unwrap();
    let blocks = section.split("```sh\n").skip(1).map(|block| block.split("```").next().unwrap().to_owned());
    // Blocks that export the reader's own paths are left out; the test sets these variables itself.
    let blocks: Vec<_> = blocks.filter(|block| !block.starts_with("export ")).collect();
    blocks.try_into().unwrap()
}

/// Runs commands in a shell that has `workersd` in its `PATH`.
fn shell(commands: &str, variables: &[(&str, &str)]) {
    let program = Path::new(env!("CARGO_BIN_EXE_workersd"));
    let path = format!("{}:{}", program.parent().unwrap().display(), std::env::var("PATH").unwrap());
    let output = std::process::Command::new("sh")
        .args(["-euc", commands])
        .env("PATH", path)
        .envs(variables.iter().copied())
        .output()
        .unwrap();
    assert!(output.status.success(), "{commands}: {}", String::from_utf8_lossy(&output.stderr));
}

async fn ids(server: &TestServer) -> HashSet<String> {
    let (status, listed) = try_list(server).await;
    assert_eq!(status, 200, "{listed}");
    listed.as_array().unwrap().iter().map(|worker| worker["id"].as_str().unwrap().to_owned()).collect()
}

#[tokio::test]
async fn a_backup_of_sqlite_is_made_and_restored_as_documented_while_the_server_runs_or_not() {
    let [back_up, restore, ..] = documented_commands();
    for is_stopped in [true, false] {
        let (directory, backups) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        let copy = backups.path().join("workers.sqlite3");
        let variables = [("DATA", directory.path().to_str().unwrap()), ("BACKUP", copy.to_str().unwrap())];
        let mut server = TestServer::start_in(directory.path(), &[]);
        let kept = server.deploy(CODE).await;
        shell(&back_up, &variables);
        let late = server.deploy(CODE).await;
        if is_stopped {
            drop(server);
            shell(&restore, &variables);
        } else {
            shell(&restore, &variables);
            // The server notices the replacement, and acknowledges nothing that would be lost.
            assert_eq!((try_deploy(&server).await.0, try_list(&server).await.0), (503, 503));
            assert!(!is_ready(&server).await);
            server.kill();
        }
        let server = TestServer::start_in(directory.path(), &[]);
        assert_eq!(ids(&server).await, HashSet::from([kept.clone()]));
        assert_eq!(server.call(&kept, "ok", &json!({})).await.0, 200);
        await_whole(&server).await;
        drop(server);
        // The files from before the restoration are complete, too.
        shell("rm \"$DATA\"/workers.sqlite3*; mv \"$DATA\"/before-restore-*/* \"$DATA\"", &variables);
        let server = TestServer::start_in(directory.path(), &[]);
        assert_eq!(ids(&server).await, HashSet::from([kept, late]));
    }
}

#[tokio::test]
async fn a_backup_of_postgres_is_made_and_restored_as_documented_under_a_running_server() {
    let [.., back_up, restore] = documented_commands();
    let (server, url) = over_postgres(&[]).await;
    let backups = tempfile::tempdir().unwrap();
    let dump = backups.path().join("workers.dump");
    let variables = [("DATABASE_URL", url.as_str()), ("BACKUP", dump.to_str().unwrap())];
    let kept = server.deploy(CODE).await;
    shell(&back_up, &variables);
    server.deploy(CODE).await;
    shell(&restore, &variables);
    assert_eq!(ids(&server).await, HashSet::from([kept.clone()]));
    assert_eq!(server.call(&kept, "ok", &json!({})).await.0, 200);
    await_whole(&server).await;
}

#[tokio::test]
async fn a_doctor_changes_nothing_of_a_database_whether_its_server_runs_or_was_killed() {
    let directory = tempfile::tempdir().unwrap();
    let mut server = TestServer::start_in(directory.path(), &[]);
    server.deploy(CODE).await;
    let files = || {
        let names = std::fs::read_dir(directory.path()).unwrap().map(|entry| entry.unwrap().path());
        let ours = names.filter(|path| path.file_name().unwrap().to_str().unwrap().starts_with("workers.sqlite3"));
        // The index of the log contains locks of the processes that have it open, so it may change.
        let content = |path: &Path| {
            if path.to_str().unwrap().ends_with("-shm") { Vec::new() } else { std::fs::read(path).unwrap() }
        };
        ours.map(|path| (content(&path), path)).collect::<HashSet<_>>()
    };
    for _ in 0..2 {
        let before = files();
        let doctor = run("doctor", directory.path(), &[]);
        let said = String::from_utf8(doctor.stdout).unwrap();
        assert!(said.contains("schema is current, it can be read and written"), "{said}");
        assert_eq!(files(), before);
        server.kill();
    }
}
