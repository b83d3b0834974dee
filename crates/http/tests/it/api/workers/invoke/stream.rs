//! The event stream.

use std::sync::Arc;
use std::time::Duration;

use reqwest::{Method, Response};
use serde_json::json;
use tokio::sync::Notify;
use workers_domain::LogStream;
use workers_testing::Step;

use crate::support::{SseReader, TestApp, events_of, status_and_json};

async fn watch(app: &TestApp, path: &str) -> Response {
    app.request(Method::POST, path).header("accept", "text/event-stream").body("{}").send().await.unwrap()
}

async fn watch_steps(steps: impl Fn() -> Vec<Step> + Send + Sync + 'static) -> Response {
    let app = TestApp::playing(steps);
    watch(&app, &app.deployed("invoke", "greet").await).await
}

#[tokio::test]
async fn logs_come_in_order_and_the_result_comes_last() {
    let response = watch_steps(|| {
        vec![
            Step::Log(LogStream::Stdout, "one\n"),
            Step::Log(LogStream::Stderr, "two\n"),
            Step::Return("{\"n\":1}".into()),
        ]
    })
    .await;
    let events = events_of(response).await;
    let names: Vec<&str> = events.iter().map(|event| event.event.as_str()).collect();
    assert_eq!(names, ["log", "log", "result"]);
    assert_eq!(events[0].data, json!({ "stream": "stdout", "message": "one", "timestamp": 1_763_890_000_000_i64 }));
    assert_eq!(events[1].data, json!({ "stream": "stderr", "message": "two", "timestamp": 1_763_890_000_000_i64 }));
    assert_eq!(
        (&events[2].data["success"], &events[2].data["result"], &events[2].data["duration"]),
        (&json!(true), &json!({ "n": 1 }), &json!(2))
    );
    assert!(events[2].data["timings"]["sandbox"].is_number());
}

#[tokio::test]
async fn every_event_has_the_id_of_the_invocation_and_a_number_from_1() {
    let response = watch_steps(|| vec![Step::Log(LogStream::Stdout, "one\n"), Step::Return("1".into())]).await;
    let invocation = response.headers()["x-invocation-id"].to_str().unwrap().to_owned();
    let events = events_of(response).await;
    assert_eq!(events[0].id, format!("{invocation}:1"));
    assert_eq!(events[1].id, format!("{invocation}:2"));
    assert_eq!(events[1].data["invocationId"], invocation);
}

#[tokio::test]
async fn a_function_that_throws_ends_with_an_error_event() {
    let events = events_of(watch_steps(|| vec![Step::Throw("no luck")]).await).await;
    let [last] = events.as_slice() else { panic!("{events:?}") };
    assert_eq!(last.event, "error");
    assert_eq!(
        (&last.data["error"], &last.data["code"], &last.data["name"]),
        (&json!("no luck"), &json!("thrown"), &json!("Error"))
    );
    assert!(last.data["invocationId"].is_string() && last.data["duration"].is_u64());
}

#[tokio::test]
async fn the_log_up_to_a_lost_sandbox_arrives() {
    let events = events_of(watch_steps(|| vec![Step::Log(LogStream::Stdout, "one\n"), Step::Lose]).await).await;
    assert_eq!(events[0].data["message"], "one");
    assert_eq!((events[1].event.as_str(), &events[1].data["code"]), ("error", &json!("sandbox_failed")));
}

#[tokio::test]
async fn nothing_on_the_way_may_keep_or_change_the_stream() {
    let response = watch_steps(|| vec![Step::Return("1".into())]).await;
    let header = |name: &str| response.headers()[name].to_str().unwrap();
    assert_eq!(header("content-type"), "text/event-stream");
    assert_eq!(header("cache-control"), "no-store, no-transform");
    assert_eq!(header("x-accel-buffering"), "no");
}

#[tokio::test]
async fn clients_are_not_invited_to_come_back() {
    let mut reader = SseReader::new(watch_steps(|| vec![Step::Return("1".into())]).await);
    reader.next().await.unwrap();
    assert_eq!(reader.next().await, None);
    assert_eq!(reader.retry, None);
}

#[tokio::test]
async fn a_client_that_connects_again_after_the_end_does_not_run_the_function_again() {
    let app = TestApp::start();
    let path = app.deployed("invoke", "greet").await;
    let last = events_of(watch(&app, &path).await).await.pop().unwrap();
    let again = |id: &str| {
        let request =
            app.request(Method::POST, &path).header("accept", "text/event-stream").header("last-event-id", id);
        request.body("{}").send()
    };
    let response = again(&last.id).await.unwrap();
    assert_eq!(response.status(), 204);
    assert_eq!(response.headers()["x-invocation-id"], last.data["invocationId"].as_str().unwrap());
    assert!(response.text().await.unwrap().is_empty());
    let invocations = app.get("/metrics").await.text().await.unwrap();
    assert!(invocations.contains("workers_invocations_total{outcome=\"result\"} 1"), "{invocations}");
    for other in ["", "7", "another:1"] {
        assert_eq!(
            events_of(again(other).await.unwrap()).await.len(),
            2,
            "`{other}` is no id of an invocation's event"
        );
    }
}

#[tokio::test]
async fn every_empty_line_ends_an_event_that_has_data() {
    let app = TestApp::builder()
        .script(|_| vec![Step::Log(LogStream::Stdout, "one\n"), Step::Hang])
        .http(|options| options.sse_keep_alive = Duration::from_millis(5))
        .start();
    // The reader fails at an empty line that does not follow an event.
    let mut reader = SseReader::new(watch(&app, &app.deployed("invoke", "hang").await).await);
    reader.comment().await;
    reader.comment().await;
    let mut workers = SseReader::new(app.get("/api/workers/events").await);
    workers.comment().await;
    workers.comment().await;
    assert_eq!(workers.retry.as_deref(), Some("1000"));
}

#[tokio::test]
async fn an_event_arrives_before_the_end_and_uncompressed_whatever_the_client_accepts() {
    let gate = Arc::new(Notify::new());
    let held = Arc::clone(&gate);
    let app = TestApp::playing(move || {
        vec![Step::Log(LogStream::Stdout, "early\n"), Step::WaitFor(Arc::clone(&held)), Step::Return("1".into())]
    });
    let path = app.deployed("invoke", "greet").await;
    let request =
        app.request(Method::POST, &path).header("accept", "text/event-stream").header("accept-encoding", "gzip, br");
    let response = request.send().await.unwrap();
    assert!(response.headers().get("content-encoding").is_none());
    let mut reader = SseReader::new(response);
    assert_eq!(reader.next().await.unwrap().data["message"], "early");
    gate.notify_one();
    assert_eq!(reader.next().await.unwrap().event, "result");
    assert_eq!(reader.next().await, None);
}

#[tokio::test]
async fn a_silent_stream_is_kept_alive_by_comments() {
    let app = TestApp::builder()
        .script(|_| vec![Step::Hang])
        .http(|options| options.sse_keep_alive = Duration::from_millis(5))
        .start();
    let mut reader = SseReader::new(watch(&app, &app.deployed("invoke", "hang").await).await);
    reader.comment().await;
    reader.comment().await;
    assert_eq!(reader.comments, 2);
}

#[tokio::test]
async fn without_the_accept_header_the_answer_is_the_batch_answer() {
    let app = TestApp::start();
    let path = app.deployed("invoke", "greet").await;
    for accept in ["*/*", "application/json", "text/event-stream;q=0", "text/event-stream;q=0.5, */*"] {
        let response = app.request(Method::POST, &path).header("accept", accept).body("7").send().await.unwrap();
        let (status, body) = status_and_json(response).await;
        assert_eq!((status, &body["result"], &body["function"]), (200, &json!(7), &json!("greet")), "{accept}");
    }
}

#[tokio::test]
async fn line_breaks_in_a_message_or_a_result_stay_within_one_line_of_data() {
    let response = watch_steps(|| {
        vec![Step::Log(LogStream::Stdout, "a\rb\u{2028}c\u{0}\n"), Step::Return("{\"text\":\"a\\nb\\u2028\"}".into())]
    })
    .await;
    let events = events_of(response).await;
    assert_eq!(events.last().unwrap().data["result"]["text"], "a\nb\u{2028}");
}
