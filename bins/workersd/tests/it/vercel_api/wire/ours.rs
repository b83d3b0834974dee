//! The operations of `tests/vercel/wire/operations.mjs`, done with our client.

use std::collections::BTreeMap;
use std::time::Duration;

use workers_vercel::{
    Client, CreateSandbox, Credentials, ListSandboxes, ListSnapshots, NetworkRules, RunCommand, SnapshotInfo,
    SortOrder, Source, SubnetRules, UploadFile,
};

use super::recorder::Recorder;

const DAY: Duration = Duration::from_hours(24);

/// Does all operations.
pub(super) async fn operate(recorder: &Recorder) {
    let clients = Clients(recorder);
    let made = clients.during("create").create_sandbox(&full()).await.unwrap();
    let session = &made.session.id;
    files(clients, session, &made.session.cwd).await;
    commands(clients, session).await;
    settings(clients, session).await;
    let plain = CreateSandbox { persistent: Some(false), ..named("wire-plain") };
    let plain = clients.during("create-plain").create_sandbox(&plain).await.unwrap();
    lookups(clients).await;
    let snapshot = snapshots(clients, session).await;
    let source = Some(Source::Snapshot { snapshot_id: snapshot.id.clone() });
    let copy = CreateSandbox { source, persistent: Some(false), vcpus: Some(1), ..named("wire-copy") };
    let copy = clients.during("create-from-snapshot").create_sandbox(&copy).await.unwrap();
    clients.during("stop").stop_session(&copy.session.id).await.unwrap();
    let kept = clients.during("snapshot-for-ever").make_snapshot(&plain.session.id, None).await.unwrap();
    clients.during("delete-snapshot").delete_snapshot(&snapshot.id).await.unwrap();
    clients.during("delete-kept-snapshot").delete_snapshot(&kept.id).await.unwrap();
    for name in ["wire-builder", "wire-copy", "wire-plain"] {
        clients.during(&format!("delete-{name}")).delete_sandbox(name).await.unwrap();
    }
}

/// Creates clients whose requests are recorded.
#[derive(Clone, Copy)]
struct Clients<'a>(&'a Recorder);

impl Clients<'_> {
    /// Returns a client for an operation.
    fn during(self, operation: &str) -> Client {
        let credentials = Credentials::access_token("token", "team_ours", "prj_ours");
        Client::builder(credentials).base_url(self.0.api(operation)).build().unwrap()
    }
}

fn named(name: &str) -> CreateSandbox {
    CreateSandbox { name: Some(name.to_owned()), ..CreateSandbox::default() }
}

/// Returns a request for a sandbox with every member set.
fn full() -> CreateSandbox {
    CreateSandbox {
        runtime: Some("node24".to_owned()),
        timeout: Some(Duration::from_mins(10)),
        vcpus: Some(1),
        persistent: Some(false),
        ports: vec![3000],
        env: map(&[("WORD", "hello"), ("EMPTY", "")]),
        tags: map(&[("wire", "test"), ("kind", "builder")]),
        network_policy: Some(some()),
        region: Some("iad1".to_owned()),
        snapshot_expiration: Some(DAY),
        ..named("wire-builder")
    }
}

fn some() -> NetworkRules {
    let owned = |all: &[&str]| all.iter().map(ToString::to_string).collect();
    NetworkRules::Custom {
        domains: owned(&["packages.example.com", "*.example.net"]),
        subnets: SubnetRules { allow: owned(&["192.0.2.0/24"]), deny: owned(&["10.0.0.0/8"]) },
    }
}

fn map(pairs: &[(&str, &str)]) -> BTreeMap<String, String> {
    pairs.iter().map(|(key, value)| (key.to_string(), value.to_string())).collect()
}

async fn files(clients: Clients<'_>, session: &str, cwd: &str) {
    let long = format!("{cwd}/{}/far.txt", "x".repeat(140));
    let written = vec![
        UploadFile::new(format!("{cwd}/hello.txt"), "hello"),
        UploadFile { mode: 0o755, ..UploadFile::new(format!("{cwd}/deep/er/run.sh"), "#!/bin/sh\necho run\n") },
        UploadFile::new("/tmp/outside", ""),
        UploadFile::new(long, "far"),
        UploadFile::new(format!("{cwd}/grüße.txt"), "ä"),
    ];
    clients.during("write-files").write_files(session, written).await.unwrap();
    clients.during("make-directory").make_directory(session, "made").await.unwrap();
    let read = clients.during("read-file").read_file(session, "hello.txt", 100).await.unwrap();
    assert_eq!(read.unwrap(), b"hello");
    assert_eq!(clients.during("read-missing-file").read_file(session, "/none", 100).await.unwrap(), None);
}

fn sh(script: &str) -> RunCommand {
    RunCommand { program: "sh".to_owned(), args: vec!["-c".to_owned(), script.to_owned()], ..RunCommand::default() }
}

async fn commands(clients: Clients<'_>, session: &str) {
    let command = RunCommand {
        cwd: Some("/tmp".to_owned()),
        env: map(&[("MORE", "a b")]),
        timeout: Some(Duration::from_mins(1)),
        ..sh("echo $MORE; exit 3")
    };
    for (operation, command) in [("run", command), ("run-as-root", RunCommand { sudo: true, ..sh("id -u") })] {
        let mut running = clients.during(operation).run_command(session, &command).await.unwrap();
        while running.events.next().await.unwrap().is_some() {}
    }
    let started = clients.during("start").start_command(session, &sh("echo one; exit 4")).await.unwrap();
    let mut logs = clients.during("logs").command_logs(session, &started.id).await.unwrap();
    while logs.next().await.unwrap().is_some() {}
    let ended = clients.during("wait").wait_for_command(session, &started.id, Duration::from_mins(1)).await.unwrap();
    assert_eq!(ended.exit_code, Some(4));
    clients.during("get-command").command(session, &started.id).await.unwrap();
    let sleep = RunCommand { program: "sleep".to_owned(), args: vec!["1000".to_owned()], ..RunCommand::default() };
    let sleep = clients.during("start-sleeping").start_command(session, &sleep).await.unwrap();
    clients.during("kill").kill_command(session, &sleep.id, 9).await.unwrap();
}

async fn settings(clients: Clients<'_>, session: &str) {
    clients.during("extend-timeout").extend_timeout(session, Duration::from_mins(1)).await.unwrap();
    for (operation, rules) in
        [("allow-all", NetworkRules::AllowAll), ("deny-all", NetworkRules::DenyAll), ("allow-some", some())]
    {
        clients.during(operation).set_network_policy(session, &rules).await.unwrap();
    }
}

async fn lookups(clients: Clients<'_>) {
    clients.during("get").sandbox("wire-builder").await.unwrap();
    clients.during("resume").resume_sandbox("wire-builder").await.unwrap();
    clients.during("list").list_sandboxes(&ListSandboxes::default()).await.unwrap();
    let tag = Some(("wire".to_owned(), "test".to_owned()));
    clients.during("list-by-tag").list_sandboxes(&ListSandboxes { tag, ..ListSandboxes::default() }).await.unwrap();
    let mut list = ListSandboxes {
        name_prefix: Some("wire-".to_owned()),
        limit: Some(1),
        order: Some(SortOrder::Ascending),
        ..ListSandboxes::default()
    };
    list.cursor = clients.during("list-by-name").list_sandboxes(&list).await.unwrap().next;
    clients.during("list-next-page").list_sandboxes(&list).await.unwrap();
}

async fn snapshots(clients: Clients<'_>, session: &str) -> SnapshotInfo {
    let made = clients.during("snapshot").make_snapshot(session, Some(7 * DAY)).await.unwrap();
    clients.during("get-snapshot").snapshot(&made.id).await.unwrap();
    let list = ListSnapshots {
        sandbox: Some("wire-builder".to_owned()),
        limit: Some(10),
        order: Some(SortOrder::Descending),
        ..ListSnapshots::default()
    };
    clients.during("list-snapshots").list_snapshots(&list).await.unwrap();
    made
}
