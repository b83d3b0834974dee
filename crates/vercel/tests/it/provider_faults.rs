//! The provider over an API that fails: every failure has the right kind, and nothing is left running.

use std::sync::Arc;
use std::time::Instant;

use serde_json::{Value, json};
use tokio::sync::Semaphore;
use workers_domain::SnapshotId;
use workers_domain::ports::{
    Command, CommandEvent, ExitStatus, KillReason, Sandbox, SandboxError, SandboxErrorKind, SandboxProvider as _,
    SandboxSource,
};
use workers_testing::TestClock;
use workers_vercel::{Client, Credentials, VercelProvider};

use crate::support::{
    FakeApi, PATIENCE, Reply, Route, events, exit, finished, hasty_client, hasty_spec, node, options, output, printed,
    provider, sandbox, snapshot, spec, started,
};

fn from_snapshot() -> SandboxSource {
    SandboxSource::Snapshot(SnapshotId::new("snap_1"))
}

/// Reads the events up to the expected error.
async fn failure(command: &mut dyn Command) -> SandboxError {
    loop {
        match command.next_event().await {
            Ok(Some(CommandEvent::Output { .. })) => {}
            Ok(other) => panic!("it did not fail: {other:?}"),
            Err(error) => return error,
        }
    }
}

/// Returns a stream that is reset once the gate is opened. The test opens the gate when the command is known to have
/// started, because data sent before a reset may get lost.
fn reset_later(lines: &[Value]) -> (Arc<Semaphore>, Reply) {
    let gate = Arc::new(Semaphore::new(0));
    let reply = Reply::stream(lines).gate(&gate).then_reset();
    (gate, reply)
}

async fn run(api: &FakeApi) -> (VercelProvider, Box<dyn Sandbox>, Box<dyn Command>) {
    let provider = provider(api);
    let sandbox = sandbox(&provider).await;
    let command = sandbox.run(node()).await.unwrap();
    (provider, sandbox, command)
}

#[tokio::test]
async fn a_lost_snapshot_is_reported_as_such() {
    for (status, code) in [
        (410, "snapshot_not_found"),
        (410, "gone"),
        (404, "not_found"),
        (400, "snapshot_not_found"),
        (422, "snapshot_region_mismatch"),
    ] {
        let api = FakeApi::with(Route::Create, [Reply::error(status, code)]).await;
        let error = provider(&api).create(spec(from_snapshot())).await.err().unwrap();
        assert_eq!(error.kind, SandboxErrorKind::SnapshotNotFound, "{status} {code}");
    }
}

#[tokio::test]
async fn an_api_that_makes_no_sandbox_now_is_unavailable_and_keeps_none() {
    for reply in [
        Reply::error(401, "unauthorized"),
        Reply::error(402, "payment_required"),
        Reply::error(429, "rate_limited").header("retry-after", "100"),
        Reply::error(500, "internal").with_effect(),
        Reply::error(502, "bad_gateway").with_effect(),
        Reply::reset().with_effect(),
        Reply::json(200, &json!({})).half().then_cut(),
    ] {
        let api = FakeApi::with(Route::Create, [reply.clone(), reply.clone(), reply]).await;
        let provider = provider(&api);
        let error = provider.create(spec(from_snapshot())).await.err().unwrap();
        assert_eq!(error.kind, SandboxErrorKind::Unavailable, "{error:?}");
        api.nothing_is_left().await;
        provider.shutdown(PATIENCE).await;
    }
}

#[tokio::test]
async fn a_sandbox_whose_making_takes_too_long_is_not_left() {
    let silence = || Reply::silence().with_effect();
    let api = FakeApi::with(Route::Create, [silence(), silence(), silence()]).await;
    let provider = VercelProvider::new(hasty_client(&api), options());
    let began = Instant::now();
    let error = provider.create(spec(from_snapshot())).await.err().unwrap();
    assert_eq!(error.kind, SandboxErrorKind::Unavailable);
    assert!(began.elapsed() < PATIENCE);
    api.nothing_is_left().await;
}

#[tokio::test]
async fn a_refusal_after_a_lost_answer_does_not_hide_that_there_may_be_a_sandbox() {
    let replies = [Reply::reset().with_effect(), Reply::error(429, "rate_limited").header("retry-after", "100")];
    let api = FakeApi::with(Route::Create, replies).await;
    assert!(provider(&api).create(spec(from_snapshot())).await.is_err());
    api.nothing_is_left().await;
}

#[tokio::test]
async fn a_request_of_the_wrong_form_is_a_failure() {
    let api = FakeApi::with(Route::Create, [Reply::error(400, "bad_request")]).await;
    let error = provider(&api).create(spec(SandboxSource::Empty)).await.err().unwrap();
    assert_eq!(error.kind, SandboxErrorKind::Failed);
    assert_eq!(api.routes(), [Route::Create], "there is nothing to delete");
}

#[tokio::test]
async fn an_api_that_is_not_there_and_a_token_that_has_ended_are_unavailable() {
    let credentials = Credentials::access_token("t", "team", "project");
    let client = Client::builder(credentials).base_url("http://no-such-host.invalid/api").build().unwrap();
    let error = VercelProvider::new(client, options()).create(spec(SandboxSource::Empty)).await.err().unwrap();
    assert_eq!(error.kind, SandboxErrorKind::Unavailable);

    let api = FakeApi::start().await;
    let payload = "eyJvd25lcl9pZCI6InQiLCJwcm9qZWN0X2lkIjoicCIsImV4cCI6MX0";
    let credentials = Credentials::oidc(format!("e30.{payload}.x")).unwrap();
    let client =
        Client::builder(credentials).base_url(api.base_url()).clock(Arc::new(TestClock::default())).build().unwrap();
    let error = VercelProvider::new(client, options()).create(spec(SandboxSource::Empty)).await.err().unwrap();
    assert_eq!(error.kind, SandboxErrorKind::Unavailable);
    let cause = error.source.unwrap().to_string();
    assert!(cause.contains("expired at 1970-01-01"), "{cause}");
    assert_eq!(api.routes(), []);
}

#[tokio::test]
async fn a_session_that_has_ended_by_itself_is_stopped() {
    for (status, code) in
        [(410, "sandbox_stopped"), (422, "sandbox_stopping"), (422, "sandbox_snapshotting"), (404, "not_found")]
    {
        let api = FakeApi::with(Route::Run, [Reply::error(status, code)]).await;
        let provider = provider(&api);
        let sandbox = sandbox(&provider).await;
        let error = sandbox.run(node()).await.err().unwrap();
        assert_eq!(error.kind, SandboxErrorKind::Stopped, "{status} {code}");
        drop(sandbox);
        api.nothing_is_left().await;
    }
}

#[tokio::test]
async fn a_program_that_is_not_there_is_reported_as_such() {
    let api = FakeApi::with(Route::Run, [Reply::error(400, "executable_not_found")]).await;
    let provider = provider(&api);
    let error = sandbox(&provider).await.run(node()).await.err().unwrap();
    assert_eq!(error.kind, SandboxErrorKind::CommandNotFound);
}

#[tokio::test]
async fn a_command_whose_start_is_uncertain_has_failed_and_is_not_started_again() {
    for reply in [
        Reply::error(500, "internal"),
        Reply::error(502, "bad_gateway"),
        Reply::reset(),
        Reply::stream(&[]),
        Reply::stream(&[]).then_reset(),
    ] {
        let api = FakeApi::with(Route::Run, [reply]).await;
        let provider = provider(&api);
        let sandbox = sandbox(&provider).await;
        let error = sandbox.run(node()).await.err().unwrap();
        assert_eq!(error.kind, SandboxErrorKind::Failed, "{error:?}");
        assert_eq!(api.count(Route::Run), 1);
        drop(sandbox);
        api.nothing_is_left().await;
    }
}

#[tokio::test]
async fn a_stream_that_is_cut_is_resumed_without_a_gap_or_a_repetition() {
    let before = [started(), output("stdout", "grü"), output("stderr", "E"), output("stdout", "ße ")];
    let logs = [output("stdout", "grüß"), output("stderr", "EFG"), output("stdout", "e 😀")];
    let (gate, reset) = reset_later(&before);
    for cut in [reset, Reply::stream(&before), Reply::stream(&before).then_cut()] {
        let api = FakeApi::with(Route::Run, [cut]).await;
        api.script(Route::Command, [Reply::json(200, &finished(5))]);
        api.script(Route::Logs, [Reply::stream(&logs)]);
        let (_provider, sandbox, mut command) = run(&api).await;
        gate.add_permits(1);
        let found = events(&mut *command).await;
        assert_eq!(printed(&found), "grüße 😀|EFG");
        assert_eq!(exit(&found).status, ExitStatus::Code(5));
        sandbox.stop().await.unwrap();
        let expected = [Route::Create, Route::Run, Route::Command, Route::Logs, Route::Delete];
        assert_eq!(api.routes(), expected);
    }
}

#[tokio::test]
async fn logs_that_end_while_the_command_runs_are_read_again_when_it_has_ended() {
    let (gate, reset) = reset_later(&[started(), output("stdout", "1")]);
    let api = FakeApi::with(Route::Run, [reset]).await;
    api.script(Route::Command, [Reply::json(200, &started())]);
    api.script(
        Route::Logs,
        [Reply::stream(&[output("stdout", "12")]), Reply::stream(&[output("stdout", "12"), output("stdout", "3")])],
    );
    api.script(Route::Wait, [Reply::json(200, &finished(0))]);
    let (_provider, _sandbox, mut command) = run(&api).await;
    gate.add_permits(1);
    let found = events(&mut *command).await;
    assert_eq!((printed(&found).as_str(), exit(&found).status), ("123", ExitStatus::Code(0)));
    let expected = [Route::Create, Route::Run, Route::Command, Route::Logs, Route::Wait, Route::Logs];
    assert_eq!(api.routes(), expected);
}

#[tokio::test]
async fn a_stream_that_is_cut_again_and_again_is_a_failure() {
    let cut = || Reply::stream(&[output("stdout", "1")]).then_cut();
    let (gate, reset) = reset_later(&[started(), output("stdout", "1")]);
    let api = FakeApi::with(Route::Run, [reset]).await;
    api.script(Route::Command, [(); 9].map(|()| Reply::json(200, &started())));
    api.script(Route::Logs, [(); 9].map(|()| cut()));
    let (_provider, sandbox, mut command) = run(&api).await;
    gate.add_permits(1);
    assert_eq!(failure(&mut *command).await.kind, SandboxErrorKind::Failed);
    assert!((2..9).contains(&api.count(Route::Logs)), "{}", api.count(Route::Logs));
    drop((command, sandbox));
    api.nothing_is_left().await;
}

#[tokio::test]
async fn a_sandbox_that_ends_under_its_command_is_a_failure() {
    let closed = json!({"stream": "error", "data": {"code": "sandbox_stream_closed", "message": "Closed."}});
    let api = FakeApi::with(Route::Run, [Reply::stream(&[started(), closed])]).await;
    api.script(Route::Command, [Reply::error(410, "sandbox_stopped")]);
    let (_provider, sandbox, mut command) = run(&api).await;
    let error = failure(&mut *command).await;
    assert_eq!((error.kind, error.message.contains("sandbox ended")), (SandboxErrorKind::Failed, true), "{error:?}");
    assert_eq!(command.next_event().await.unwrap(), None);
    drop((command, sandbox));
    api.nothing_is_left().await;
}

#[tokio::test]
async fn a_stream_that_is_nonsense_is_a_failure_at_once() {
    let api = FakeApi::with(Route::Run, [Reply::stream(&[started()]).raw_line("<html>")]).await;
    let (_provider, sandbox, mut command) = run(&api).await;
    assert_eq!(failure(&mut *command).await.kind, SandboxErrorKind::Failed);
    assert_eq!(api.count(Route::Logs), 0);
    drop((command, sandbox));
    api.nothing_is_left().await;
}

#[tokio::test]
async fn a_stream_that_stalls_beyond_the_deadline_is_looked_for_elsewhere() {
    let stalled = Reply::stream(&[started(), output("stdout", "1")]).then_stall();
    let api = FakeApi::with(Route::Run, [stalled]).await;
    api.script(Route::Wait, [Reply::json(200, &finished(0))]);
    api.script(Route::Logs, [Reply::stream(&[output("stdout", "123")])]);
    let provider = provider(&api);
    let sandbox = provider.create(hasty_spec()).await.unwrap();
    let mut command = sandbox.run(node()).await.unwrap();
    let found = events(&mut *command).await;
    assert_eq!((printed(&found).as_str(), exit(&found).status), ("123", ExitStatus::Code(0)), "it had ended in time");
    assert_eq!(api.count(Route::Kill), 1, "the provider could not know that it had ended");
}

#[tokio::test]
async fn a_command_that_the_api_forgets_to_end_is_killed() {
    let api = FakeApi::with(Route::Run, [Reply::stream(&[started()]).then_stall()]).await;
    api.script(Route::Wait, [Reply::json(200, &finished(137))]);
    let provider = provider(&api);
    let sandbox = provider.create(hasty_spec()).await.unwrap();
    let found = events(&mut *sandbox.run(node()).await.unwrap()).await;
    assert_eq!((exit(&found).status, exit(&found).killed), (ExitStatus::Signal(9), Some(KillReason::Timeout)));
    assert_eq!(api.count(Route::Kill), 1);
}

#[tokio::test]
async fn a_command_that_does_not_even_end_then_is_a_failure() {
    let api = FakeApi::with(Route::Run, [Reply::stream(&[started()]).then_stall()]).await;
    api.script(Route::Wait, [(); 9].map(|()| Reply::silence()));
    api.script(Route::Logs, [Reply::stream(&[]).then_stall()]);
    let provider = provider(&api);
    let sandbox = provider.create(hasty_spec()).await.unwrap();
    let mut command = sandbox.run(node()).await.unwrap();
    let began = Instant::now();
    assert_eq!(failure(&mut *command).await.kind, SandboxErrorKind::Failed);
    assert!(began.elapsed() < PATIENCE);
    drop((command, sandbox));
    api.nothing_is_left().await;
}

#[tokio::test]
async fn a_snapshot_whose_answer_got_lost_is_found_by_its_sandbox() {
    let found = Reply::json(200, &json!({"snapshots": [snapshot("snap_7")], "pagination": {"count": 1, "next": null}}));
    for lost in [Reply::reset(), Reply::error(502, "bad_gateway")] {
        let api = FakeApi::with(Route::MakeSnapshot, [lost.with_effect()]).await;
        api.script(Route::ListSnapshots, [found.clone()]);
        let provider = provider(&api);
        let sandbox = sandbox(&provider).await;
        assert_eq!(sandbox.snapshot(None).await.unwrap().id.as_str(), "snap_7");
        let asked = api.last(Route::ListSnapshots).query;
        assert!(asked.contains(&format!("name={}", sandbox.id())), "{asked}");
        assert_eq!(api.count(Route::MakeSnapshot), 1);
        drop(sandbox);
        provider.shutdown(PATIENCE).await;
        assert_eq!(api.count(Route::Delete), 1, "the record is not left either");
    }
}

#[tokio::test]
async fn a_snapshot_that_was_not_made_leaves_nothing_running() {
    let api = FakeApi::with(Route::MakeSnapshot, [Reply::error(500, "internal")]).await;
    let provider = provider(&api);
    let sandbox = sandbox(&provider).await;
    assert_eq!(sandbox.snapshot(None).await.unwrap_err().kind, SandboxErrorKind::Failed);
    sandbox.stop().await.unwrap();
    assert_eq!(api.living(), 0);
}

#[tokio::test]
async fn a_stop_is_tried_again_and_what_could_not_be_stopped_is_tried_when_it_is_dropped() {
    let api = FakeApi::with(Route::Delete, [Reply::reset(), Reply::error(500, "internal")]).await;
    let provider = provider(&api);
    let first = sandbox(&provider).await;
    first.stop().await.unwrap();
    assert_eq!((api.living(), api.count(Route::Delete)), (0, 3));

    api.script(Route::Delete, [(); 3].map(|()| Reply::error(503, "unavailable")));
    let second = sandbox(&provider).await;
    assert_eq!(second.stop().await.unwrap_err().kind, SandboxErrorKind::Failed);
    drop(second);
    api.nothing_is_left().await;
}

#[tokio::test]
async fn a_sandbox_that_has_gone_already_is_stopped() {
    for (status, code) in [(404, "not_found"), (410, "sandbox_stopped")] {
        let api = FakeApi::with(Route::Delete, [Reply::error(status, code)]).await;
        let provider = provider(&api);
        let sandbox = sandbox(&provider).await;
        sandbox.stop().await.unwrap();
        drop(sandbox);
        provider.shutdown(PATIENCE).await;
        assert_eq!(api.count(Route::Delete), 1);
    }
}

#[tokio::test]
async fn a_kill_that_fails_is_reported_and_one_that_comes_too_late_is_not() {
    let gate = Arc::new(Semaphore::new(0));
    let run_reply = Reply::stream(&[started()]).gate(&gate).lines(&[finished(0)]);
    let api = FakeApi::with(Route::Run, [run_reply]).await;
    let kill = [Reply::error(403, "forbidden"), Reply::error(404, "not_found"), Reply::error(410, "sandbox_stopped")];
    api.script(Route::Kill, kill);
    let (_provider, _sandbox, mut command) = run(&api).await;
    assert_eq!(command.kill().await.unwrap_err().kind, SandboxErrorKind::Failed);
    command.kill().await.unwrap();
    command.kill().await.unwrap();
    gate.add_permits(1);
    assert_eq!(exit(&events(&mut *command).await).status, ExitStatus::Code(0));
}
