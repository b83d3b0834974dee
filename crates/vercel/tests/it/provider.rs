//! The provider over an API without failures.

use std::sync::Arc;
use std::time::{Duration, Instant};

use chrono::{DateTime, TimeDelta, Utc};
use serde_json::{Value, json};
use tokio::sync::Semaphore;
use workers_domain::ports::{
    Clock as _, CommandEvent, CommandSpec, ExitStatus, KillReason, SandboxErrorKind, SandboxFile, SandboxPath,
    SandboxProvider as _, SandboxSource, SandboxSpec,
};
use workers_domain::{LogStream, NetworkPolicy, ResourceLimits, SnapshotId};
use workers_testing::TestClock;
use workers_vercel::VercelProvider;

use crate::support::{
    FakeApi, PATIENCE, Reply, Route, client, events, exit, finished, hasty_spec, node, options, output, printed,
    provider, sandbox, snapshot, spec, started,
};

fn file(path: &str) -> SandboxFile {
    SandboxFile { path: SandboxPath::parse(path).unwrap(), contents: b"contents".to_vec() }
}

fn now() -> DateTime<Utc> {
    TestClock::default().now()
}

#[tokio::test]
async fn a_deploy_costs_three_requests_and_one_that_no_caller_waits_for() {
    let api = FakeApi::start().await;
    let provider = provider(&api);
    let sandbox = sandbox(&provider).await;
    sandbox.write_files(vec![file("worker.mjs")]).await.unwrap();
    let snapshot = sandbox.snapshot(Some(now() + TimeDelta::days(7))).await.unwrap();
    assert_eq!((snapshot.id.as_str(), snapshot.size_bytes), ("snap_1", 17));
    drop(sandbox);
    provider.shutdown(PATIENCE).await;
    assert_eq!(api.routes(), [Route::Create, Route::Write, Route::MakeSnapshot, Route::Delete]);
    assert_eq!(api.last(Route::MakeSnapshot).json(), json!({"expiration": 604_800_000}));
}

#[tokio::test]
async fn an_invocation_costs_three_requests() {
    let api = FakeApi::start().await;
    let provider = provider(&api);
    let sandbox = provider.create(spec(SandboxSource::Snapshot(SnapshotId::new("snap_1")))).await.unwrap();
    let mut command = sandbox.run(node()).await.unwrap();
    assert_eq!(printed(&events(&mut *command).await), "hello\n");
    drop(command);
    sandbox.stop().await.unwrap();
    sandbox.stop().await.unwrap();
    drop(sandbox);
    provider.shutdown(PATIENCE).await;
    assert_eq!(api.routes(), [Route::Create, Route::Run, Route::Delete]);
}

#[tokio::test]
async fn a_sandbox_is_asked_for_with_a_name_a_tag_limits_and_an_early_end() {
    let api = FakeApi::start().await;
    let mut options = options();
    options.region = Some("fra1".to_owned());
    let provider = VercelProvider::new(client(&api), options);
    let limits =
        ResourceLimits { memory_bytes: 3 << 30, wall_clock: Duration::from_secs(10), ..ResourceLimits::default() };
    let network = "example.com,*.example.com".parse().unwrap();
    let sandbox =
        provider.create(SandboxSpec { source: SandboxSource::Empty, limits, network, kept_for: None }).await.unwrap();
    let request = api.only();
    assert_eq!(request.line(), "POST /api/v2/sandboxes?teamId=team_local");
    let name = request.json()["name"].as_str().unwrap().to_owned();
    assert!(name.starts_with("workers-") && name == sandbox.id().as_str(), "{name}");
    assert_eq!(
        request.json(),
        json!({"projectId": "prj_local", "name": name, "runtime": "node24", "timeout": 100_000, "ports": [],
            "resources": {"vcpus": 2}, "persistent": false, "region": "fra1",
            "tags": {"workers-platform": "test-installation"},
            "networkPolicy": {"allow": ["example.com", "*.example.com"]}})
    );
}

#[tokio::test]
async fn a_sandbox_from_a_snapshot_brings_its_runtime_along() {
    let api = FakeApi::start().await;
    let source = SandboxSource::Snapshot(SnapshotId::new("snap_1"));
    let _sandbox = provider(&api).create(spec(source)).await.unwrap();
    let request = api.only();
    assert_eq!(request.line(), "POST /api/v3/sandboxes?teamId=team_local");
    assert_eq!(request.json()["source"], json!({"type": "snapshot", "snapshotId": "snap_1"}));
    assert_eq!(request.json()["runtime"], Value::Null);
}

#[tokio::test]
async fn a_policy_that_needs_ports_makes_no_sandbox() {
    let api = FakeApi::start().await;
    let network: NetworkPolicy = "db.example.com:5432".parse().unwrap();
    let spec = SandboxSpec { network, ..spec(SandboxSource::Empty) };
    let error = provider(&api).create(spec).await.err().unwrap();
    assert_eq!(error.kind, SandboxErrorKind::Failed);
    assert_eq!(api.routes(), []);
}

#[tokio::test]
async fn a_command_is_run_with_the_limit_of_its_sandbox() {
    let api = FakeApi::start().await;
    let provider = provider(&api);
    let sandbox = sandbox(&provider).await;
    let env = vec![("GREETING".to_owned(), "hello".to_owned())];
    sandbox.run(CommandSpec { env, ..node() }).await.unwrap();
    assert_eq!(
        api.last(Route::Run).json(),
        json!({"command": "node", "args": ["worker.mjs"], "env": {"GREETING": "hello"}, "sudo": false,
            "wait": true, "logs": true, "timeout": 30_000})
    );
}

#[tokio::test]
async fn files_are_written_below_the_working_directory() {
    let api = FakeApi::start().await;
    let provider = provider(&api);
    let sandbox = sandbox(&provider).await;
    sandbox.write_files(vec![file("a/b.txt")]).await.unwrap();
    let body = api.last(Route::Write).body;
    let mut archive = tar::Archive::new(flate2::read::GzDecoder::new(&*body));
    let entry = archive.entries().unwrap().next().unwrap().unwrap();
    assert_eq!(&*entry.path_bytes(), b"vercel/a/b.txt");
}

#[tokio::test]
async fn both_outputs_arrive_in_order_and_then_the_exit_code() {
    let lines = [started(), output("stdout", "1"), output("stderr", "2"), output("stdout", "3"), finished(7)];
    let api = FakeApi::with(Route::Run, [Reply::stream(&lines)]).await;
    let provider = provider(&api);
    let sandbox = sandbox(&provider).await;
    let mut command = sandbox.run(node()).await.unwrap();
    let found = events(&mut *command).await;
    let text = |stream, text: &str| CommandEvent::Output { stream, bytes: text.as_bytes().to_vec() };
    let (out, err) = (LogStream::Stdout, LogStream::Stderr);
    assert_eq!(found[..3], [text(out, "1"), text(err, "2"), text(out, "3")]);
    assert_eq!((exit(&found).status, exit(&found).killed), (ExitStatus::Code(7), None));
    assert_eq!(command.next_event().await.unwrap(), None);
}

#[tokio::test]
async fn exit_codes_above_128_are_signals() {
    for (code, status) in [(143, ExitStatus::Signal(15)), (128, ExitStatus::Code(128)), (160, ExitStatus::Code(160))] {
        let api = FakeApi::with(Route::Run, [Reply::stream(&[started(), finished(code)])]).await;
        let provider = provider(&api);
        let sandbox = sandbox(&provider).await;
        let found = events(&mut *sandbox.run(node()).await.unwrap()).await;
        assert_eq!((exit(&found).status, exit(&found).killed), (status, None));
    }
}

#[tokio::test]
async fn a_command_that_the_api_ended_at_its_deadline_timed_out() {
    let mut end = finished(137);
    end["command"]["durationMs"] = json!(30_001);
    let api = FakeApi::with(Route::Run, [Reply::stream(&[started(), end])]).await;
    let provider = provider(&api);
    let sandbox = sandbox(&provider).await;
    let found = events(&mut *sandbox.run(node()).await.unwrap()).await;
    assert_eq!((exit(&found).status, exit(&found).killed), (ExitStatus::Signal(9), Some(KillReason::Timeout)));
}

#[tokio::test]
async fn a_command_that_something_else_killed_did_not_time_out() {
    let mut end = finished(137);
    end["command"]["durationMs"] = json!(200);
    let api = FakeApi::with(Route::Run, [Reply::stream(&[started(), end])]).await;
    let provider = provider(&api);
    let sandbox = sandbox(&provider).await;
    let found = events(&mut *sandbox.run(node()).await.unwrap()).await;
    assert_eq!((exit(&found).status, exit(&found).killed), (ExitStatus::Signal(9), None));
}

#[tokio::test]
async fn a_command_is_killed_when_asked() {
    let gate = Arc::new(Semaphore::new(0));
    let run = Reply::stream(&[started(), output("stdout", "up")]).gate(&gate).lines(&[finished(137)]);
    let api = FakeApi::with(Route::Run, [run]).await;
    let provider = provider(&api);
    let sandbox = sandbox(&provider).await;
    let mut command = sandbox.run(node()).await.unwrap();
    command.next_event().await.unwrap();
    command.kill().await.unwrap();
    assert_eq!(api.last(Route::Kill).json(), json!({"signal": 9}));
    gate.add_permits(1);
    let found = events(&mut *command).await;
    assert_eq!(exit(&found).killed, Some(KillReason::Requested));
    command.kill().await.unwrap();
    assert_eq!(api.count(Route::Kill), 1, "there was nothing to kill any more");
}

#[tokio::test]
async fn a_command_ends_when_its_sandbox_is_stopped() {
    let closed = json!({"stream": "error", "data": {"code": "sandbox_stream_closed", "message": "Closed."}});
    let gate = Arc::new(Semaphore::new(0));
    for run in [
        Reply::stream(&[started()]).gate(&gate).lines(&[closed]),
        Reply::stream(&[started()]).gate(&gate).then_reset(),
        Reply::stream(&[started()]).then_stall(),
    ] {
        let api = FakeApi::with(Route::Run, [run]).await;
        let provider = provider(&api);
        let sandbox = sandbox(&provider).await;
        let mut command = sandbox.run(node()).await.unwrap();
        sandbox.stop().await.unwrap();
        gate.add_permits(1);
        assert_eq!(exit(&events(&mut *command).await).killed, Some(KillReason::Requested));
        assert_eq!(api.routes(), [Route::Create, Route::Run, Route::Delete]);
    }
}

#[tokio::test]
async fn an_abandoned_command_hands_over_what_came_and_costs_no_request() {
    let lines = [started(), output("stdout", "outcome"), output("stderr", "and more")];
    let api = FakeApi::with(Route::Run, [Reply::stream(&lines).then_stall()]).await;
    let provider = provider(&api);
    let sandbox = sandbox(&provider).await;
    let mut command = sandbox.run(node()).await.unwrap();
    let first = command.next_event().await.unwrap();
    assert!(matches!(first, Some(CommandEvent::Output { bytes, .. }) if bytes == b"outcome"));
    let began = Instant::now();
    let drained = command.kill_and_drain().await.unwrap();
    assert!(drained.output.iter().all(|(_, bytes)| bytes == b"and more"), "{drained:?}");
    assert_eq!(command.next_event().await.unwrap(), None);
    drop(command);
    sandbox.stop().await.unwrap();
    assert!(began.elapsed() < Duration::from_millis(400), "nothing was waited for");
    drop(sandbox);
    assert_eq!(api.routes(), [Route::Create, Route::Run, Route::Delete]);
}

#[tokio::test]
async fn a_dropped_command_is_killed_if_its_sandbox_goes_on() {
    let api = FakeApi::with(Route::Run, [Reply::stream(&[started()]).then_stall()]).await;
    let provider = provider(&api);
    let sandbox = sandbox(&provider).await;
    drop(sandbox.run(node()).await.unwrap());
    api.asked(Route::Kill).await;
    assert_eq!(api.count(Route::Delete), 0);
}

#[tokio::test]
async fn a_slow_reader_is_waited_for() {
    let data = "x".repeat(64 << 10);
    let mut lines = vec![started()];
    lines.extend((0..64).map(|_| output("stdout", &data)));
    lines.push(finished(0));
    let api = FakeApi::with(Route::Run, [Reply::stream(&lines)]).await;
    let provider = provider(&api);
    let sandbox = provider.create(hasty_spec()).await.unwrap();
    let mut command = sandbox.run(node()).await.unwrap();
    // Longer than the command may run, and longer than the provider waits for a silent stream.
    tokio::time::sleep(Duration::from_secs(1)).await;
    let found = events(&mut *command).await;
    assert_eq!(printed(&found).len(), 4 << 20);
    assert_eq!(exit(&found).status, ExitStatus::Code(0));
    assert_eq!(api.count(Route::Logs), 0, "its stream was whole");
}

#[tokio::test]
async fn a_stopped_sandbox_says_so_without_asking() {
    let api = FakeApi::start().await;
    let provider = provider(&api);
    let sandbox = sandbox(&provider).await;
    sandbox.stop().await.unwrap();
    let kinds = [
        sandbox.run(node()).await.err().map(|error| error.kind),
        sandbox.write_files(Vec::new()).await.err().map(|error| error.kind),
        sandbox.snapshot(None).await.err().map(|error| error.kind),
    ];
    assert_eq!(kinds, [Some(SandboxErrorKind::Stopped); 3]);
    assert_eq!(api.routes(), [Route::Create, Route::Delete]);
}

#[tokio::test]
async fn a_dropped_sandbox_is_deleted() {
    let api = FakeApi::start().await;
    let provider = provider(&api);
    drop(sandbox(&provider).await);
    api.nothing_is_left().await;
}

#[tokio::test]
async fn a_sandbox_that_no_caller_waits_for_any_more_is_deleted_when_it_is_there() {
    let gate = Arc::new(Semaphore::new(0));
    let body = json!({"sandbox": {"name": "x", "currentSessionId": "sbx_1", "status": "running", "createdAt": 1},
        "session": {"id": "sbx_1", "status": "running", "cwd": "/vercel"}});
    let api = FakeApi::with(Route::Create, [Reply::json(200, &body).gate_first(&gate)]).await;
    let provider = provider(&api);
    tokio::select! {
        _ = provider.create(spec(SandboxSource::Empty)) => panic!("it is not there yet"),
        () = api.asked(Route::Create) => {}
    }
    assert_eq!(api.living(), 1);
    gate.add_permits(1);
    api.nothing_is_left().await;
}

#[tokio::test]
async fn a_snapshot_that_no_caller_waits_for_any_more_is_deleted() {
    let gate = Arc::new(Semaphore::new(0));
    let reply = Reply::json(201, &json!({"snapshot": snapshot("snap_9")})).gate_first(&gate);
    let api = FakeApi::with(Route::MakeSnapshot, [reply]).await;
    let provider = provider(&api);
    let sandbox = sandbox(&provider).await;
    tokio::select! {
        _ = sandbox.snapshot(None) => panic!("it is not there yet"),
        () = api.asked(Route::MakeSnapshot) => {}
    }
    gate.add_permits(1);
    api.asked(Route::DeleteSnapshot).await;
    assert!(api.last(Route::DeleteSnapshot).path.ends_with("/snap_9"));
}

#[tokio::test]
async fn a_snapshot_is_found_while_it_can_be_used() {
    let api = FakeApi::start().await;
    let provider = provider(&api);
    let id = SnapshotId::new("snap_1");
    let found = provider.find_snapshot(&id).await.unwrap().unwrap();
    assert_eq!((found.id, found.size_bytes, found.expires_at), (id.clone(), 17, None));
    let with = |key: &str, value: Value| {
        let mut body = json!({"snapshot": snapshot("snap_1")});
        body["snapshot"][key] = value;
        Reply::json(200, &body)
    };
    let later = now() + TimeDelta::hours(1);
    api.script(Route::GetSnapshot, [with("expiresAt", json!(later.timestamp_millis()))]);
    assert_eq!(provider.find_snapshot(&id).await.unwrap().unwrap().expires_at, Some(later));
    for reply in [
        with("expiresAt", json!((now() - TimeDelta::hours(1)).timestamp_millis())),
        with("status", json!("deleted")),
        with("status", json!("failed")),
        Reply::error(404, "not_found"),
        Reply::error(410, "snapshot_not_found"),
        Reply::error(400, "bad_request"),
    ] {
        api.script(Route::GetSnapshot, [reply]);
        assert_eq!(provider.find_snapshot(&id).await.unwrap(), None);
    }
    api.script(Route::GetSnapshot, [Reply::error(403, "forbidden")]);
    assert!(provider.find_snapshot(&id).await.is_err(), "this says nothing about the snapshot");
}

#[tokio::test]
async fn a_snapshot_that_ends_within_a_day_is_gone_then() {
    let api = FakeApi::start().await;
    let clock = Arc::new(TestClock::default());
    let mut options = options();
    options.clock = Arc::<TestClock>::clone(&clock);
    let provider = VercelProvider::new(client(&api), options);
    let sandbox = sandbox(&provider).await;
    let end = clock.now() + TimeDelta::hours(1);
    let made = sandbox.snapshot(Some(end)).await.unwrap();
    assert_eq!(made.expires_at, Some(end));
    assert_eq!(api.last(Route::MakeSnapshot).json(), json!({"expiration": 86_400_000}), "as short as the API can");
    assert_eq!(provider.find_snapshot(&made.id).await.unwrap(), Some(made.clone()));
    assert!(api.last(Route::GetSnapshot).path.ends_with("/snapshots/snap_1"));
    clock.advance(TimeDelta::hours(1));
    assert_eq!(provider.find_snapshot(&made.id).await.unwrap(), None);
    let error = provider.create(spec(SandboxSource::Snapshot(made.id.clone()))).await.err().unwrap();
    assert_eq!(error.kind, SandboxErrorKind::SnapshotNotFound);
    provider.delete_snapshot(&made.id).await.unwrap();
    assert!(api.last(Route::DeleteSnapshot).path.ends_with("/snapshots/snap_1"));
}

#[tokio::test]
async fn an_id_that_the_api_never_gave_out_is_no_snapshot() {
    let api = FakeApi::start().await;
    let provider = provider(&api);
    for id in ["../../etc", "", "snap_1@x"].map(SnapshotId::new) {
        assert_eq!(provider.find_snapshot(&id).await.unwrap(), None);
        provider.delete_snapshot(&id).await.unwrap();
        let error = provider.create(spec(SandboxSource::Snapshot(id))).await.err().unwrap();
        assert_eq!(error.kind, SandboxErrorKind::SnapshotNotFound);
    }
    assert_eq!(api.routes(), []);
}

#[tokio::test]
async fn deleting_a_snapshot_twice_is_no_error() {
    let api = FakeApi::start().await;
    let provider = provider(&api);
    api.script(Route::DeleteSnapshot, [Reply::error(404, "not_found"), Reply::error(410, "snapshot_not_found")]);
    for _ in 0..3 {
        provider.delete_snapshot(&SnapshotId::new("snap_1")).await.unwrap();
    }
}

#[tokio::test]
async fn the_check_costs_one_small_request() {
    let api = FakeApi::start().await;
    let provider = provider(&api);
    provider.check().await.unwrap();
    assert_eq!(api.only().line(), "GET /api/v2/sandboxes?teamId=team_local&project=prj_local&limit=1");
    api.script(Route::ListSandboxes, [Reply::error(401, "unauthorized")]);
    assert_eq!(provider.check().await.unwrap_err().kind, SandboxErrorKind::Unavailable);
}

#[tokio::test]
async fn what_a_dead_server_left_is_found_by_its_tag_and_deleted() {
    let sandbox = |name: &str, installation: &str, status: &str, age: TimeDelta| {
        json!({"name": name, "currentSessionId": "sbx_1", "status": status, "timeout": 120_000,
            "createdAt": (now() - age).timestamp_millis(), "tags": {"workers-platform": installation}})
    };
    let (old, young) = (TimeDelta::minutes(4), TimeDelta::minutes(2));
    let ours = "test-installation";
    let page = |next: Option<&str>, sandboxes: &[Value]| {
        Reply::json(200, &json!({"sandboxes": sandboxes, "pagination": {"count": sandboxes.len(), "next": next}}))
    };
    let first = page(Some("C"), &[sandbox("overdue", ours, "running", old), sandbox("fresh", ours, "running", young)]);
    let second = page(None, &[sandbox("ended", ours, "stopped", young), sandbox("foreign", "other", "running", old)]);
    let api = FakeApi::with(Route::ListSandboxes, [first, second]).await;
    assert_eq!(provider(&api).sweep_orphans().await.unwrap(), 2);
    assert_eq!(
        api.routes(),
        [Route::ListSandboxes, Route::ListSandboxes, Route::Delete, Route::Delete],
        "one page after the other, and then the orphans"
    );
    assert_eq!(
        api.last(Route::ListSandboxes).query,
        "teamId=team_local&project=prj_local&limit=50&cursor=C&tags=workers-platform%3Atest-installation"
    );
    assert!(api.last(Route::Delete).path.ends_with("/ended"));
}
