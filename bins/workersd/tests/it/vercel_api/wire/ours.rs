//! The operations of `tests/vercel/wire/operations.mjs`, by our client.

use std::collections::BTreeMap;
use std::time::Duration;

use workers_vercel::{
    Client, CreateSandbox, Credentials, ListSandboxes, ListSnapshots, NetworkRules, RunCommand, SnapshotInfo,
    SortOrder, Source, SubnetRules, UploadFile,
};

use super::recorder::Recorder;

const DAY: Duration = Duration::from_hours(24);

/// Does them all.
pub(super) async fn operate(recorder: &Recorder) {
    let during = During(recorder);
    let made = during.the("create").create_sandbox(&full()).await.unwrap();
    let session = &made.session.id;
    files(during, session, &made.session.cwd).await;
    commands(during, session).await;
    settings(during, session).await;
    let plain = CreateSandbox { persistent: Some(false), ..named("wire-plain") };
    let plain = during.the("create-plain").create_sandbox(&plain).await.unwrap();
    lookups(during).await;
    let snapshot = snapshots(during, session).await;
    let source = Some(Source::Snapshot { snapshot_id: snapshot.id.clone() });
    let copy = CreateSandbox { source, persistent: Some(false), vcpus: Some(1), ..named("wire-copy") };
    let copy = during.the("create-from-snapshot").create_sandbox(&copy).await.unwrap();
    during.the("stop").stop_session(&copy.session.id).await.unwrap();
    let kept = during.the("snapshot-for-ever").make_snapshot(&plain.session.id, None).await.unwrap();
    during.the("delete-snapshot").delete_snapshot(&snapshot.id).await.unwrap();
    during.the("delete-kept-snapshot").delete_snapshot(&kept.id).await.unwrap();
    for name in ["wire-builder", "wire-copy", "wire-plain"] {
        during.the(&format!("delete-{name}")).delete_sandbox(name).await.unwrap();
    }
}

/// Clients whose requests are recorded.
#[derive(Clone, Copy)]
struct During<'a>(&'a Recorder);

impl During<'_> {
    /// One for an operation.
    fn the(self, operation: &str) -> Client {
        let credentials = Credentials::access_token("token", "team_ours", "prj_ours");
        Client::builder(credentials).base_url(self.0.api(operation)).build().unwrap()
    }
}

fn named(name: &str) -> CreateSandbox {
    CreateSandbox { name: Some(name.to_owned()), ..CreateSandbox::default() }
}

/// A sandbox of which everything is said.
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

async fn files(during: During<'_>, session: &str, cwd: &str) {
    let long = format!("{cwd}/{}/far.txt", "x".repeat(140));
    let written = vec![
        UploadFile::new(format!("{cwd}/hello.txt"), "hello"),
        UploadFile { mode: 0o755, ..UploadFile::new(format!("{cwd}/deep/er/run.sh"), "#!/bin/sh\necho run\n") },
        UploadFile::new("/tmp/outside", ""),
        UploadFile::new(long, "far"),
        UploadFile::new(format!("{cwd}/grüße.txt"), "ä"),
    ];
    during.the("write-files").write_files(session, written).await.unwrap();
    during.the("make-directory").make_directory(session, "made").await.unwrap();
    let read = during.the("read-file").read_file(session, "hello.txt", 100).await.unwrap();
    assert_eq!(read.unwrap(), b"hello");
    assert_eq!(during.the("read-missing-file").read_file(session, "/none", 100).await.unwrap(), None);
}

fn sh(script: &str) -> RunCommand {
    RunCommand { program: "sh".to_owned(), args: vec!["-c".to_owned(), script.to_owned()], ..RunCommand::default() }
}

async fn commands(during: During<'_>, session: &str) {
    let command = RunCommand {
        cwd: Some("/tmp".to_owned()),
        env: map(&[("MORE", "a b")]),
        timeout: Some(Duration::from_mins(1)),
        ..sh("echo $MORE; exit 3")
    };
    for (operation, command) in [("run", command), ("run-as-root", RunCommand { sudo: true, ..sh("id -u") })] {
        let mut running = during.the(operation).run_command(session, &command).await.unwrap();
        while running.events.next().await.unwrap().is_some() {}
    }
    let started = during.the("start").start_command(session, &sh("echo one; exit 4")).await.unwrap();
    let mut logs = during.the("logs").command_logs(session, &started.id).await.unwrap();
    while logs.next().await.unwrap().is_some() {}
    let ended = during.the("wait").wait_for_command(session, &started.id, Duration::from_mins(1)).await.unwrap();
    assert_eq!(ended.exit_code, Some(4));
    during.the("get-command").command(session, &started.id).await.unwrap();
    let sleep = RunCommand { program: "sleep".to_owned(), args: vec!["1000".to_owned()], ..RunCommand::default() };
    let sleep = during.the("start-sleeping").start_command(session, &sleep).await.unwrap();
    during.the("kill").kill_command(session, &sleep.id, 9).await.unwrap();
}

async fn settings(during: During<'_>, session: &str) {
    during.the("extend-timeout").extend_timeout(session, Duration::from_mins(1)).await.unwrap();
    for (operation, rules) in
        [("allow-all", NetworkRules::AllowAll), ("deny-all", NetworkRules::DenyAll), ("allow-some", some())]
    {
        during.the(operation).set_network_policy(session, &rules).await.unwrap();
    }
}

async fn lookups(during: During<'_>) {
    during.the("get").sandbox("wire-builder").await.unwrap();
    during.the("resume").resume_sandbox("wire-builder").await.unwrap();
    during.the("list").list_sandboxes(&ListSandboxes::default()).await.unwrap();
    let tag = Some(("wire".to_owned(), "test".to_owned()));
    during.the("list-by-tag").list_sandboxes(&ListSandboxes { tag, ..ListSandboxes::default() }).await.unwrap();
    let mut list = ListSandboxes {
        name_prefix: Some("wire-".to_owned()),
        limit: Some(1),
        order: Some(SortOrder::Ascending),
        ..ListSandboxes::default()
    };
    list.cursor = during.the("list-by-name").list_sandboxes(&list).await.unwrap().next;
    during.the("list-next-page").list_sandboxes(&list).await.unwrap();
}

async fn snapshots(during: During<'_>, session: &str) -> SnapshotInfo {
    let made = during.the("snapshot").make_snapshot(session, Some(7 * DAY)).await.unwrap();
    during.the("get-snapshot").snapshot(&made.id).await.unwrap();
    let list = ListSnapshots {
        sandbox: Some("wire-builder".to_owned()),
        limit: Some(10),
        order: Some(SortOrder::Descending),
        ..ListSnapshots::default()
    };
    during.the("list-snapshots").list_snapshots(&list).await.unwrap();
    made
}
