//! The requests that the client sends, and how it handles the responses.

use std::collections::BTreeMap;
use std::io::Read as _;
use std::time::Duration;

use flate2::read::GzDecoder;
use serde_json::json;
use workers_vercel::{
    CreateSandbox, ListSandboxes, ListSnapshots, NetworkRules, Output, OutputStream, RunCommand, SessionStatus,
    SnapshotStatus, SortOrder, Source, StreamEvent, SubnetRules, UploadFile,
};

use crate::support::{FakeApi, Reply, Route, client, finished, output, started};

#[tokio::test]
async fn every_request_says_who_asks_and_for_which_team() {
    let api = FakeApi::start().await;
    client(&api).snapshot("snap_1").await.unwrap();
    let request = api.only();
    assert_eq!(request.line(), "GET /api/v2/sandboxes/snapshots/snap_1?teamId=team_local");
    assert_eq!(request.header("authorization"), Some("Bearer token_secret"));
    assert_eq!(request.header("user-agent"), Some(concat!("workers-vercel/", env!("CARGO_PKG_VERSION"))));
}

#[tokio::test]
async fn a_sandbox_with_a_runtime_is_made_by_the_older_route() {
    let api = FakeApi::start().await;
    let sandbox = CreateSandbox {
        name: Some("drive-X-a".to_owned()),
        runtime: Some("node24".to_owned()),
        timeout: Some(Duration::from_mins(5)),
        vcpus: Some(1),
        persistent: Some(false),
        ports: vec![3000],
        env: BTreeMap::from([("DRIVE_DEFAULT".to_owned(), "from-create".to_owned())]),
        tags: BTreeMap::from([("drive".to_owned(), "X".to_owned())]),
        network_policy: Some(NetworkRules::DenyAll),
        region: Some("fra1".to_owned()),
        ..CreateSandbox::default()
    };
    let made = client(&api).create_sandbox(&sandbox).await.unwrap();
    assert_eq!((made.session.id.as_str(), made.session.cwd.as_str()), ("sbx_1", "/vercel"));
    assert_eq!(made.session.status, SessionStatus::Running);
    let request = api.only();
    assert_eq!(request.line(), "POST /api/v2/sandboxes?teamId=team_local");
    assert_eq!(request.header("content-type"), Some("application/json"));
    assert_eq!(
        request.json(),
        json!({"projectId": "prj_local", "ports": [3000], "timeout": 300_000, "resources": {"vcpus": 1},
            "name": "drive-X-a", "persistent": false, "env": {"DRIVE_DEFAULT": "from-create"}, "tags": {"drive": "X"},
            "runtime": "node24", "networkPolicy": {"mode": "deny-all"}, "region": "fra1"})
    );
}

#[tokio::test]
async fn a_sandbox_from_a_snapshot_has_no_runtime() {
    let api = FakeApi::start().await;
    let sandbox = CreateSandbox {
        name: Some("drive-X-b".to_owned()),
        source: Some(Source::Snapshot { snapshot_id: "snap_1".to_owned() }),
        vcpus: Some(1),
        persistent: Some(false),
        ..CreateSandbox::default()
    };
    let made = client(&api).create_sandbox(&sandbox).await.unwrap();
    assert_eq!(made.session.source_snapshot_id.as_deref(), Some("snap_1"));
    let request = api.only();
    assert_eq!(request.line(), "POST /api/v3/sandboxes?teamId=team_local");
    assert_eq!(
        request.json(),
        json!({"projectId": "prj_local", "ports": [], "source": {"type": "snapshot", "snapshotId": "snap_1"},
            "resources": {"vcpus": 1}, "name": "drive-X-b", "persistent": false})
    );
}

#[tokio::test]
async fn sandboxes_are_looked_up_listed_and_deleted() {
    let api = FakeApi::start().await;
    let client = client(&api);
    client.sandbox("a/b ?").await.unwrap();
    assert_eq!(
        api.last(Route::GetSandbox).line(),
        "GET /api/v2/sandboxes/a%2Fb%20%3F?teamId=team_local&projectId=prj_local"
    );
    client.resume_sandbox("a").await.unwrap();
    assert_eq!(
        api.last(Route::GetSandbox).line(),
        "GET /api/v2/sandboxes/a?teamId=team_local&projectId=prj_local&resume=true"
    );
    let list = ListSandboxes { tag: Some(("drive".to_owned(), "X".to_owned())), ..ListSandboxes::default() };
    client.list_sandboxes(&list).await.unwrap();
    assert_eq!(
        api.last(Route::ListSandboxes).line(),
        "GET /api/v2/sandboxes?teamId=team_local&project=prj_local&tags=drive%3AX"
    );
    let list = ListSandboxes {
        name_prefix: Some("drive-X-".to_owned()),
        limit: Some(1),
        cursor: Some("C".to_owned()),
        order: Some(SortOrder::Ascending),
        ..ListSandboxes::default()
    };
    client.list_sandboxes(&list).await.unwrap();
    assert_eq!(
        api.last(Route::ListSandboxes).query,
        "teamId=team_local&project=prj_local&limit=1&cursor=C&sortOrder=asc&sortBy=name&namePrefix=drive-X-"
    );
    client.delete_sandbox("a").await.unwrap();
    assert_eq!(api.last(Route::Delete).line(), "DELETE /api/v2/sandboxes/a?teamId=team_local&projectId=prj_local");
}

#[tokio::test]
async fn a_list_comes_in_pages() {
    let sandbox = json!({"name": "a", "currentSessionId": "sbx_1", "status": "stopped", "createdAt": 1});
    let body = json!({"sandboxes": [sandbox], "pagination": {"count": 1, "next": "more"}});
    let api = FakeApi::with(Route::ListSandboxes, [Reply::json(200, &body)]).await;
    let page = client(&api).list_sandboxes(&ListSandboxes::default()).await.unwrap();
    assert_eq!((page.items[0].name.as_str(), page.next.as_deref()), ("a", Some("more")));
    let last = client(&api).list_sandboxes(&ListSandboxes::default()).await.unwrap();
    assert_eq!((last.items.len(), last.next), (0, None));
}

#[tokio::test]
async fn sessions_are_stopped_prolonged_and_closed_in() {
    let api = FakeApi::start().await;
    let client = client(&api);
    client.stop_session("sbx_1").await.unwrap();
    let stop = api.last(Route::Stop);
    assert_eq!(stop.line(), "POST /api/v2/sandboxes/sessions/sbx_1/stop?teamId=team_local");
    assert!(stop.body.is_empty());
    assert_eq!(stop.header("content-length"), Some("0"));
    client.extend_timeout("sbx_1", Duration::from_mins(1)).await.unwrap();
    let extend = api.last(Route::ExtendTimeout);
    assert_eq!(extend.line(), "POST /api/v2/sandboxes/sessions/sbx_1/extend-timeout?teamId=team_local");
    assert_eq!(extend.json(), json!({"duration": 60_000}));
    let rules = NetworkRules::Custom {
        domains: vec!["packages.example.com".to_owned()],
        subnets: SubnetRules { deny: vec!["10.0.0.0/8".to_owned()], ..SubnetRules::default() },
    };
    client.set_network_policy("sbx_1", &rules).await.unwrap();
    let policy = api.last(Route::NetworkPolicy);
    assert_eq!(policy.line(), "POST /api/v2/sandboxes/sessions/sbx_1/network-policy?teamId=team_local");
    assert_eq!(policy.json(), json!({"allow": ["packages.example.com"], "subnets": {"deny": ["10.0.0.0/8"]}}));
}

#[tokio::test]
async fn a_command_is_followed_from_its_start_to_its_end() {
    let lines = [started(), output("stdout", "grüße "), output("stderr", "oops"), output("stdout", "😀"), finished(3)];
    let api = FakeApi::with(Route::Run, [Reply::stream(&lines)]).await;
    let command = RunCommand {
        program: "sleep".to_owned(),
        args: vec!["30".to_owned()],
        cwd: Some("/tmp".to_owned()),
        timeout: Some(Duration::from_millis(800)),
        ..RunCommand::default()
    };
    let mut running = client(&api).run_command("sbx_1", &command).await.unwrap();
    assert_eq!((running.info.id.as_str(), running.info.exit_code), ("cmd_1", None));
    let mut events = Vec::new();
    while let Some(event) = running.events.next().await.unwrap() {
        events.push(event);
    }
    let printed = |stream, text: &str| StreamEvent::Output(Output { stream, text: text.to_owned() });
    assert_eq!(events[0], printed(OutputStream::Stdout, "grüße "));
    assert_eq!(events[1], printed(OutputStream::Stderr, "oops"));
    assert_eq!(events[2], printed(OutputStream::Stdout, "😀"));
    assert!(matches!(&events[3..], [StreamEvent::Finished(info)] if info.exit_code == Some(3)));
    let request = api.only();
    assert_eq!(request.line(), "POST /api/v2/sandboxes/sessions/sbx_1/cmd?teamId=team_local");
    assert_eq!(
        request.json(),
        json!({"command": "sleep", "args": ["30"], "cwd": "/tmp", "env": {}, "sudo": false, "wait": true, "logs": true,
            "timeout": 800})
    );
}

#[tokio::test]
async fn a_command_can_be_left_alone_and_asked_after() {
    let api = FakeApi::with(Route::Run, [Reply::json(200, &started())]).await;
    let client = client(&api);
    let command = RunCommand { program: "sh".to_owned(), ..RunCommand::default() };
    let started = client.start_command("sbx_1", &command).await.unwrap();
    assert_eq!(api.last(Route::Run).json(), json!({"command": "sh", "args": [], "env": {}, "sudo": false}));
    let mut logs = client.command_logs("sbx_1", &started.id).await.unwrap();
    assert_eq!(api.last(Route::Logs).line(), "GET /api/v2/sandboxes/sessions/sbx_1/cmd/cmd_1/logs?teamId=team_local");
    assert_eq!(logs.next().await.unwrap().unwrap().text, "hello\n");
    assert_eq!(logs.next().await.unwrap(), None);
    let ended = client.wait_for_command("sbx_1", "cmd_1", Duration::from_secs(5)).await.unwrap();
    assert_eq!(ended.exit_code, Some(0));
    assert_eq!(
        api.last(Route::Wait).line(),
        "GET /api/v2/sandboxes/sessions/sbx_1/cmd/cmd_1?teamId=team_local&wait=true"
    );
    client.command("sbx_1", "cmd_1").await.unwrap();
    assert_eq!(api.last(Route::Command).line(), "GET /api/v2/sandboxes/sessions/sbx_1/cmd/cmd_1?teamId=team_local");
    client.kill_command("sbx_1", "cmd_1", 15).await.unwrap();
    let kill = api.last(Route::Kill);
    assert_eq!(kill.line(), "POST /api/v2/sandboxes/sessions/sbx_1/cmd/cmd_1/kill?teamId=team_local");
    assert_eq!(kill.json(), json!({"signal": 15}));
}

#[tokio::test]
async fn files_are_written_in_one_archive_from_the_root() {
    let api = FakeApi::start().await;
    let long = format!("vercel/{}/f.txt", "x".repeat(140));
    let files = vec![
        UploadFile::new("/vercel/hello.txt", "hello"),
        UploadFile { mode: 0o755, ..UploadFile::new("vercel/run.sh", "#!/bin/sh") },
        UploadFile::new(long.clone(), "far"),
    ];
    client(&api).write_files("sbx_1", files).await.unwrap();
    let request = api.only();
    assert_eq!(request.line(), "POST /api/v2/sandboxes/sessions/sbx_1/fs/write?teamId=team_local");
    assert_eq!(request.header("content-type"), Some("application/gzip"));
    assert_eq!(request.header("x-cwd"), Some("/"));
    assert_eq!(request.header("content-length").unwrap(), request.body.len().to_string());
    let mut archive = tar::Archive::new(GzDecoder::new(&*request.body));
    let mut found = Vec::new();
    for entry in archive.entries().unwrap() {
        let mut entry = entry.unwrap();
        let mut contents = String::new();
        entry.read_to_string(&mut contents).unwrap();
        let mode = entry.header().mode().unwrap();
        found.push((String::from_utf8(entry.path_bytes().into_owned()).unwrap(), mode, contents));
    }
    let expected = [
        ("vercel/hello.txt".to_owned(), 0o644, "hello".to_owned()),
        ("vercel/run.sh".to_owned(), 0o755, "#!/bin/sh".to_owned()),
        (long, 0o644, "far".to_owned()),
    ];
    assert_eq!(found, expected);
}

#[tokio::test]
async fn files_are_read_as_far_as_they_exist_and_are_not_too_long() {
    let api = FakeApi::with(Route::Read, [Reply::error(404, "not_found")]).await;
    let client = client(&api);
    assert_eq!(client.read_file("sbx_1", "missing", 100).await.unwrap(), None);
    assert_eq!(client.read_file("sbx_1", "hello.txt", 100).await.unwrap().unwrap(), b"contents");
    assert_eq!(api.last(Route::Read).json(), json!({"path": "hello.txt"}));
    assert!(client.read_file("sbx_1", "hello.txt", 7).await.is_err(), "it has 8 bytes");
    client.make_directory("sbx_1", "made-dir").await.unwrap();
    assert_eq!(
        api.last(Route::MakeDirectory).line(),
        "POST /api/v2/sandboxes/sessions/sbx_1/fs/mkdir?teamId=team_local"
    );
    assert_eq!(api.last(Route::MakeDirectory).json(), json!({"path": "made-dir", "recursive": true}));
}

#[tokio::test]
async fn snapshots_are_made_listed_and_deleted() {
    let api = FakeApi::start().await;
    let client = client(&api);
    let made = client.make_snapshot("sbx_1", Some(Duration::from_hours(7 * 24))).await.unwrap();
    assert_eq!((made.id.as_str(), made.size_bytes, made.status), ("snap_1", 17, SnapshotStatus::Created));
    let request = api.last(Route::MakeSnapshot);
    assert_eq!(request.line(), "POST /api/v2/sandboxes/sessions/sbx_1/snapshot?teamId=team_local");
    assert_eq!(request.json(), json!({"expiration": 604_800_000}));
    client.make_snapshot("sbx_1", None).await.unwrap();
    assert_eq!(api.last(Route::MakeSnapshot).json(), json!({"expiration": 0}));
    let list = ListSnapshots { sandbox: Some("drive-X-a".to_owned()), ..ListSnapshots::default() };
    client.list_snapshots(&list).await.unwrap();
    assert_eq!(
        api.last(Route::ListSnapshots).line(),
        "GET /api/v2/sandboxes/snapshots?teamId=team_local&project=prj_local&name=drive-X-a"
    );
    client.delete_snapshot("snap_1").await.unwrap();
    assert_eq!(api.last(Route::DeleteSnapshot).line(), "DELETE /api/v2/sandboxes/snapshots/snap_1?teamId=team_local");
}

#[tokio::test]
async fn what_cannot_be_an_id_is_not_sent() {
    let api = FakeApi::start().await;
    let client = client(&api);
    for id in ["", ".", ".."] {
        assert!(client.delete_sandbox(id).await.is_err());
        assert!(client.delete_snapshot(id).await.is_err());
    }
    assert_eq!(api.routes(), []);
}
