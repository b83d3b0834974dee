//! How the client handles failures of the API.

use std::sync::Arc;
use std::time::{Duration, Instant};

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use chrono::TimeDelta;
use serde_json::json;
use tokio::sync::Semaphore;
use workers_domain::ports::Clock as _;
use workers_testing::TestClock;
use workers_vercel::{
    Client, CreateSandbox, Credentials, RunCommand, StreamError, StreamEvent, UploadFile, VercelError,
};

use crate::support::{
    FakeApi, PATIENCE, Reply, Route, SHORT, builder, client, finished, hasty_client, output, started, timeouts,
};

fn named() -> CreateSandbox {
    CreateSandbox { name: Some("mine".to_owned()), ..CreateSandbox::default() }
}

fn node() -> RunCommand {
    RunCommand { program: "node".to_owned(), ..RunCommand::default() }
}

#[tokio::test]
async fn a_busy_api_is_given_the_time_that_it_asks_for() {
    let busy = Reply::error(429, "rate_limited").header("retry-after", "1");
    let api = FakeApi::with(Route::Run, [busy]).await;
    let began = Instant::now();
    client(&api).run_command("sbx_1", &node()).await.unwrap();
    assert!(began.elapsed() >= Duration::from_secs(1));
    assert_eq!(api.count(Route::Run), 2);
}

#[tokio::test]
async fn an_api_that_asks_for_too_much_patience_is_given_up_at_once() {
    let api = FakeApi::with(Route::Create, [Reply::error(429, "rate_limited").header("Retry-After", "60")]).await;
    let began = Instant::now();
    let error = client(&api).create_sandbox(&named()).await.unwrap_err();
    assert!(error.is_rate_limited() && error.had_no_effect(), "{error}");
    assert_eq!(error.api().unwrap().retry_after, Some(Duration::from_mins(1)));
    assert!(began.elapsed() < PATIENCE && api.count(Route::Create) == 1);
}

#[tokio::test]
async fn reading_is_tried_three_times() {
    for reply in [Reply::error(500, "internal"), Reply::error(502, "bad_gateway"), Reply::reset()] {
        let api = FakeApi::with(Route::GetSnapshot, [reply.clone(), reply.clone()]).await;
        client(&api).snapshot("snap_1").await.unwrap();
        assert_eq!(api.count(Route::GetSnapshot), 3);
        api.script(Route::GetSnapshot, [reply.clone(), reply.clone(), reply]);
        assert!(client(&api).snapshot("snap_1").await.unwrap_err().is_transient());
        assert_eq!(api.count(Route::GetSnapshot), 6);
    }
}

#[tokio::test]
async fn a_command_is_never_sent_twice_once_it_may_have_started() {
    for reply in [Reply::error(500, "internal"), Reply::error(502, "bad_gateway"), Reply::reset()] {
        let api = FakeApi::with(Route::Run, [reply]).await;
        let error = client(&api).run_command("sbx_1", &node()).await.unwrap_err();
        assert!(!error.had_no_effect(), "{error}");
        assert_eq!(api.count(Route::Run), 1);
    }
}

#[tokio::test]
async fn files_are_written_again_after_a_failure() {
    let api = FakeApi::with(Route::Write, [Reply::reset(), Reply::error(503, "unavailable")]).await;
    client(&api).write_files("sbx_1", vec![UploadFile::new("a", "1")]).await.unwrap();
    assert_eq!(api.count(Route::Write), 3);
}

#[tokio::test]
async fn a_sandbox_whose_making_got_lost_is_found_again_by_its_name() {
    let taken = json!({"error": {"code": "bad_request",
        "message": "A sandbox with the name 'mine' already exists for this project."}});
    let api = FakeApi::with(Route::Create, [Reply::reset().with_effect(), Reply::json(400, &taken)]).await;
    let made = client(&api).create_sandbox(&named()).await.unwrap();
    assert_eq!(made.sandbox.name, "mine");
    assert_eq!(api.routes(), [Route::Create, Route::Create, Route::GetSandbox]);
}

#[tokio::test]
async fn a_sandbox_of_another_owner_is_not_taken_over() {
    let taken = json!({"error": {"code": "bad_request", "message": "The name 'mine' already exists."}});
    let api = FakeApi::with(Route::Create, [Reply::json(400, &taken)]).await;
    let error = client(&api).create_sandbox(&named()).await.unwrap_err();
    assert!(error.is_name_taken(), "{error}");
    assert_eq!(api.routes(), [Route::Create], "nothing of ours was there before");
}

#[tokio::test]
async fn a_sandbox_without_a_name_is_asked_for_once() {
    let api = FakeApi::with(Route::Create, [Reply::error(500, "internal").with_effect()]).await;
    assert!(client(&api).create_sandbox(&CreateSandbox::default()).await.is_err());
    assert_eq!(api.count(Route::Create), 1);
}

#[tokio::test]
async fn an_api_that_says_nothing_is_given_up_in_time() {
    let silence = || [Reply::silence(), Reply::silence(), Reply::silence()];
    let api = FakeApi::with(Route::GetSnapshot, silence()).await;
    api.script(Route::Run, silence());
    let began = Instant::now();
    let error = hasty_client(&api).snapshot("snap_1").await.unwrap_err();
    assert!(matches!(error, VercelError::Timeout(SHORT)), "{error}");
    assert_eq!(api.count(Route::GetSnapshot), 3);
    let error = hasty_client(&api).run_command("sbx_1", &node()).await.unwrap_err();
    assert!(matches!(error, VercelError::Timeout(SHORT)), "{error}");
    assert_eq!(api.count(Route::Run), 1);
    assert!(began.elapsed() < PATIENCE);
}

#[tokio::test]
async fn a_body_that_stalls_is_given_up_in_time() {
    let body = json!({"snapshot": {}});
    let stalled = || Reply::json(200, &body).half().then_stall();
    let api = FakeApi::with(Route::GetSnapshot, [stalled(), stalled(), stalled()]).await;
    let error = hasty_client(&api).snapshot("snap_1").await.unwrap_err();
    assert!(matches!(error, VercelError::Timeout(SHORT)), "{error}");
}

#[tokio::test]
async fn a_body_that_is_cut_is_asked_for_again() {
    let body = json!({"snapshot": {}});
    let api = FakeApi::with(Route::GetSnapshot, [Reply::json(200, &body).half().then_cut()]).await;
    assert_eq!(client(&api).snapshot("snap_1").await.unwrap().id, "snap_1");
}

#[tokio::test]
async fn a_body_of_another_form_is_an_error_and_no_endless_one_is_read() {
    let api = FakeApi::with(Route::GetSnapshot, [Reply::json(200, &json!({"snapshots": []}))]).await;
    let error = client(&api).snapshot("snap_1").await.unwrap_err();
    assert!(matches!(error, VercelError::Decode(_)), "{error}");
    api.script(Route::GetSnapshot, [Reply::json(200, &json!("x".repeat(5 << 20)))]);
    let error = client(&api).snapshot("snap_1").await.unwrap_err();
    assert!(matches!(error, VercelError::TooLong(_)), "{error}");
}

#[tokio::test]
async fn a_stream_that_breaks_off_is_an_error_and_what_came_before_is_kept() {
    let lines = [started(), output("stdout", "before")];
    let closed = json!({"stream": "error", "data": {"code": "sandbox_stream_closed", "message": "Closed."}});
    let whole = Reply::stream(&lines);
    // Data sent before a reset may get lost unless the client has read it.
    let gate = Arc::new(Semaphore::new(0));
    for (reply, is_expected) in [
        (
            whole.clone().gate(&gate).then_reset(),
            (|error| matches!(error, VercelError::Connection(_))) as fn(&_) -> bool,
        ),
        (whole.clone(), |error| matches!(error, VercelError::Stream(StreamError::EndedEarly))),
        (whole.clone().then_cut(), |error| matches!(error, VercelError::Connection(_))),
        (
            whole.clone().lines(&[closed]),
            |error| matches!(error, VercelError::Stream(StreamError::Closed { code, .. }) if code == "sandbox_stream_closed"),
        ),
        (whole.raw_line("<html>"), |error| matches!(error, VercelError::Stream(StreamError::Malformed(_)))),
    ] {
        let api = FakeApi::with(Route::Run, [reply]).await;
        let mut running = client(&api).run_command("sbx_1", &node()).await.unwrap();
        let first = running.events.next().await.unwrap();
        assert!(matches!(first, Some(StreamEvent::Output(output)) if output.text == "before"));
        gate.add_permits(1);
        let error = running.events.next().await.unwrap_err();
        assert!(is_expected(&error), "{error:?}");
    }
}

#[tokio::test]
async fn a_stream_that_ends_before_it_began_is_no_command() {
    let api = FakeApi::with(Route::Run, [Reply::stream(&[]), Reply::stream(&[]).then_stall()]).await;
    let error = client(&api).run_command("sbx_1", &node()).await.unwrap_err();
    assert!(matches!(error, VercelError::Stream(StreamError::EndedEarly)), "{error}");
    let error = hasty_client(&api).run_command("sbx_1", &node()).await.unwrap_err();
    assert!(matches!(error, VercelError::Timeout(SHORT)), "{error}");
}

#[tokio::test]
async fn an_event_that_no_caller_waited_for_is_not_lost() {
    let gate = Arc::new(Semaphore::new(0));
    let reply = Reply::stream(&[started()]).gate(&gate).lines(&[output("stdout", "late"), finished(0)]);
    let api = FakeApi::with(Route::Run, [reply]).await;
    let mut running = client(&api).run_command("sbx_1", &node()).await.unwrap();
    assert!(tokio::time::timeout(SHORT, running.events.next()).await.is_err(), "nothing is there yet");
    gate.add_permits(1);
    let event = running.events.next().await.unwrap();
    assert!(matches!(event, Some(StreamEvent::Output(output)) if output.text == "late"));
}

#[tokio::test]
async fn an_api_that_is_not_there_is_reported_as_such() {
    let credentials = Credentials::access_token("t", "team", "project");
    let builder = Client::builder(credentials).timeouts(timeouts());
    // This host name does not exist, and no process listens on this port.
    for base_url in ["http://no-such-host.invalid/api", "http://127.0.0.1:1/api"] {
        let client = builder.clone().base_url(base_url).build().unwrap();
        let error = client.run_command("sbx_1", &node()).await.unwrap_err();
        assert!(matches!(error, VercelError::Connect(_)), "{base_url}: {error}");
        assert!(error.had_no_effect());
    }
}

#[tokio::test]
async fn a_token_that_has_ended_is_not_sent() {
    let api = FakeApi::start().await;
    let clock = Arc::new(TestClock::default());
    let end = clock.now() + TimeDelta::hours(1);
    let payload = json!({"owner_id": "team_o", "project_id": "prj_o", "exp": end.timestamp()}).to_string();
    let token = format!("e30.{}.x", URL_SAFE_NO_PAD.encode(payload));
    let credentials = Credentials::oidc(token.clone()).unwrap();
    let client = Client::builder(credentials).base_url(api.base_url()).clock(Arc::<TestClock>::clone(&clock)).build();
    let client = client.unwrap();
    client.snapshot("snap_1").await.unwrap();
    assert_eq!(api.only().header("authorization"), Some(format!("Bearer {token}").as_str()));
    assert_eq!(api.only().query, "teamId=team_o");
    clock.advance(TimeDelta::hours(1));
    let error = client.snapshot("snap_1").await.unwrap_err();
    assert!(matches!(error, VercelError::TokenExpired { expires_at } if expires_at == end), "{error}");
    assert_eq!(api.count(Route::GetSnapshot), 1, "it was not sent");
}

#[tokio::test]
async fn what_the_api_refuses_is_reported_with_its_words() {
    for (status, code) in [
        (401, "unauthorized"),
        (402, "payment_required"),
        (403, "forbidden"),
        (410, "sandbox_stopped"),
        (422, "sandbox_stopping"),
    ] {
        let api = FakeApi::with(Route::Kill, [Reply::error(status, code)]).await;
        let error = client(&api).kill_command("sbx_1", "cmd_1", 9).await.unwrap_err();
        assert_eq!(error.to_string(), format!("the sandbox API answered {status} ({code}): It is {code}."));
        assert_eq!(api.count(Route::Kill), 1, "a refusal is final");
    }
}

#[tokio::test]
async fn a_redirect_is_not_followed() {
    let elsewhere = Reply::json(307, &json!({})).header("location", "http://127.0.0.1:1/");
    let api = FakeApi::with(Route::GetSnapshot, [elsewhere]).await;
    let error = builder(&api).build().unwrap().snapshot("snap_1").await.unwrap_err();
    assert_eq!(error.api().unwrap().status, 307);
}
