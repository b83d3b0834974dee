//! Invocations that do not start: the response is a status and JSON, even for a client that requests an event stream.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use chrono::TimeDelta;
use futures_util::FutureExt as _;
use futures_util::future::{join_all, select_all};
use reqwest::{Method, Response};
use serde_json::json;
use tokio::sync::Notify;
use workers_testing::Step;

use crate::support::{SseReader, TestApp, status_and_json};

async fn watch(app: &TestApp, path: &str, payload: impl Into<reqwest::Body>) -> Response {
    app.request(Method::POST, path).header("accept", "text/event-stream").body(payload).send().await.unwrap()
}

#[tokio::test]
async fn an_unknown_worker_is_not_found() {
    let app = TestApp::start();
    for how in ["invoke", "functions"] {
        for id in ["019ab0f0-5e80-7000-8000-000000000000", "nope"] {
            let response = watch(&app, &format!("/api/workers/{id}/{how}/greet"), "{}").await;
            assert_eq!(response.headers()["content-type"], "application/json");
            let (status, body) = status_and_json(response).await;
            assert_eq!((status, &body["code"]), (404, &json!("worker_not_found")));
        }
    }
}

#[tokio::test]
async fn an_unknown_function_is_not_found_and_those_there_are_named() {
    let app = TestApp::start();
    let response = watch(&app, &app.deployed("invoke", "nope").await, "{}").await;
    insta::assert_json_snapshot!(status_and_json(response).await, @r#"
    [
      404,
      {
        "available": [
          "greet",
          "hang"
        ],
        "code": "function_not_found",
        "error": "the worker has no function `nope`",
        "requestId": "test"
      }
    ]
    "#);
}

#[tokio::test]
async fn names_that_every_object_has_are_no_functions() {
    let app = TestApp::start();
    let id = app.deploy().await;
    for name in [
        "__proto__",
        "constructor",
        "toString",
        "hasOwnProperty",
        "greet%00",
        "%FF",
        "Greet",
        "greet%20",
        &"a".repeat(300),
    ] {
        let (status, body) = app.post_json(&format!("/api/workers/{id}/functions/{name}"), "{}").await;
        assert_eq!((status, &body["code"]), (404, &json!("function_not_found")), "{name}");
    }
    assert_eq!(app.sandboxes.sandboxes_made(), 1, "only the deploy made a sandbox");
}

#[tokio::test]
async fn an_expired_worker_is_gone() {
    let app = TestApp::start();
    let path = app.deployed("invoke", "greet").await;
    app.clock.advance(TimeDelta::days(7));
    let (status, body) = status_and_json(watch(&app, &path, "{}").await).await;
    assert_eq!((status, &body["code"]), (410, &json!("worker_expired")));
    assert_eq!(body["expiredAt"], "2025-11-30T09:26:40.000Z");
}

#[tokio::test]
async fn a_worker_whose_deploy_failed_is_not_ready() {
    let app = TestApp::start();
    app.sandboxes.fail_with(Some(workers_domain::ports::SandboxErrorKind::Unavailable));
    let body = json!({ "name": "n", "code": crate::support::CODE }).to_string();
    let (_, failed) = app.post_json("/api/workers", body).await;
    let path = format!("/api/workers/{}/invoke/greet", failed["workerId"].as_str().unwrap());
    let (status, body) = status_and_json(watch(&app, &path, "{}").await).await;
    assert_eq!((status, &body["code"], &body["status"]), (400, &json!("worker_not_ready"), &json!("error")));
    assert!(body["errorMessage"].is_string());
}

#[tokio::test]
async fn a_payload_over_the_limit_is_too_large() {
    let app = TestApp::start();
    let path = app.deployed("invoke", "greet").await;
    let response = watch(&app, &path, vec![b'1'; 6 * 1024 * 1024 + 1]).await;
    let (status, body) = status_and_json(response).await;
    assert_eq!((status, &body["code"], &body["limit"]), (413, &json!("payload_too_large"), &json!(6 * 1024 * 1024)));
    assert_eq!(app.post(&path, "{}").await.status(), 200);
}

#[tokio::test]
async fn a_payload_over_the_limit_whose_length_is_not_announced_is_too_large() {
    let app = TestApp::builder().service(|options| options.max_payload_bytes = 10).start();
    let path = app.deployed("functions", "greet").await;
    let chunks = (0..20).map(|_| Ok::<_, std::io::Error>("1"));
    let body = reqwest::Body::wrap_stream(futures_util::stream::iter(chunks));
    let (status, body) = app.post_json(&path, body).await;
    assert_eq!((status, &body["code"]), (413, &json!("payload_too_large")));
}

#[tokio::test]
async fn a_compressed_payload_is_refused_instead_of_counting_as_none() {
    let app = TestApp::start();
    let path = app.deployed("functions", "greet").await;
    let response = app.request(Method::POST, &path).header("content-encoding", "gzip").body("…").send().await.unwrap();
    assert_eq!(response.status(), 415);
}

#[tokio::test]
async fn a_busy_platform_says_when_to_try_again() {
    let gate = Arc::new(Notify::new());
    let held = Arc::clone(&gate);
    let app = TestApp::builder()
        .script(move |_| {
            vec![
                Step::Log(workers_domain::LogStream::Stdout, "in\n"),
                Step::WaitFor(Arc::clone(&held)),
                Step::Return("1".into()),
            ]
        })
        .service(|options| {
            options.max_concurrent_invocations = 1;
            options.max_queued_invocations = 0;
            options.queue_timeout = Duration::from_millis(1);
        })
        .start();
    let path = app.deployed("invoke", "greet").await;
    let mut first = SseReader::new(watch(&app, &path, "{}").await);
    first.next().await.unwrap();
    let second = watch(&app, &path, "{}").await;
    assert!(second.headers()["retry-after"].to_str().unwrap().parse::<u64>().unwrap() >= 1);
    let (status, body) = status_and_json(second).await;
    assert_eq!((status, &body["code"]), (429, &json!("busy")));
    gate.notify_one();
    assert_eq!(first.next().await.unwrap().event, "result");
}

#[tokio::test]
async fn a_displaced_caller_gets_the_retry_time_in_the_header_and_in_the_body() {
    let gate = Arc::new(Notify::new());
    let held = Mutex::new(Some(Arc::clone(&gate)));
    let app = TestApp::builder()
        .script(move |_| {
            // The first invocation holds the permit.
            let wait = held.lock().unwrap().take().map(Step::WaitFor);
            wait.into_iter().chain([Step::Return("1".into())]).collect()
        })
        .service(|options| {
            options.max_concurrent_invocations = 1;
            options.max_queued_invocations = 2;
            options.queue_timeout = Duration::from_mins(1);
        })
        .start();
    let (crowd, other) = (app.deployed("functions", "greet").await, app.deployed("functions", "greet").await);
    let call = |path: &str| app.request(Method::POST, path).body("{}").send();
    let all = select_all((0..3).map(|_| call(&crowd).boxed()));
    let newcomer = async {
        while !app.get("/metrics").await.text().await.unwrap().contains("workers_invocations_queued 2\n") {
            tokio::task::yield_now().await;
        }
        call(&other).await
    };
    let crowd = async {
        let (displaced, _, others) = all.await;
        gate.notify_one();
        (displaced.unwrap(), join_all(others).await)
    };
    let (newcomer, (displaced, others)) = tokio::join!(newcomer, crowd);
    let seconds: u64 = displaced.headers()["retry-after"].to_str().unwrap().parse().unwrap();
    assert!((1..=60).contains(&seconds), "{seconds}");
    let message = "the platform is busy; try again later";
    let body = json!({ "code": "busy", "error": message, "requestId": "test", "retryAfter": seconds });
    assert_eq!(status_and_json(displaced).await, (429, body));
    assert!(others.into_iter().chain([newcomer]).all(|answer| answer.unwrap().status() == 200));
}

#[tokio::test]
async fn a_database_that_is_away_is_worth_another_try() {
    let app = TestApp::start();
    let path = app.deployed("invoke", "greet").await;
    app.store.fail("the cable is out");
    let (status, body) = status_and_json(watch(&app, &path, "{}").await).await;
    assert_eq!((status, &body["code"]), (503, &json!("database_unavailable")));
}
