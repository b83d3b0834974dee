//! When a client disconnects, its invocation ends within a second.

use std::time::Duration;

use tokio::time::timeout;
use workers_domain::LogStream;
use workers_testing::Step;

use crate::support::{RawClient, TestApp};

const SSE: &str = "Accept: text/event-stream\r\n";
const BATCH: &str = "Accept: application/json\r\n";

/// How a client disconnects.
#[derive(Clone, Copy)]
enum Leave {
    Close,
    Reset,
}

/// Starts an invocation that never ends, and disconnects once its sandbox exists.
async fn leave(headers: &str, steps: fn() -> Vec<Step>, how: Leave) -> TestApp {
    // Comments would be written and so reveal the disconnect: there must be none.
    let app = TestApp::builder()
        .script(move |_| steps())
        .http(|options| options.sse_keep_alive = Duration::from_hours(1))
        .start();
    let path = app.deployed("invoke", "hang").await;
    let mut client = RawClient::connect(app.address).await;
    client.post(&path, headers, b"{}").await;
    app.sandboxes.wait_for_live_sandboxes(1).await;
    match how {
        Leave::Close => drop(client),
        Leave::Reset => client.reset(),
    }
    app
}

async fn assert_cancelled(app: &TestApp) {
    timeout(Duration::from_secs(1), app.sandboxes.wait_for_live_sandboxes(0))
        .await
        .expect("the sandbox is still there");
    let metrics = app.get("/metrics").await.text().await.unwrap();
    assert!(metrics.contains("workers_invocations_total{outcome=\"cancelled\"} 1"), "{metrics}");
}

#[tokio::test]
async fn a_watcher_that_hangs_up_on_a_silent_function_cancels_it() {
    assert_cancelled(&leave(SSE, || vec![Step::Hang], Leave::Close).await).await;
}

#[tokio::test]
async fn a_watcher_that_crashes_cancels_the_function() {
    assert_cancelled(&leave(SSE, || vec![Step::Hang], Leave::Reset).await).await;
}

#[tokio::test]
async fn a_caller_that_hangs_up_while_it_waits_for_the_batch_answer_cancels_the_function() {
    assert_cancelled(&leave(BATCH, || vec![Step::Hang], Leave::Close).await).await;
}

#[tokio::test]
async fn a_caller_that_crashes_while_it_waits_for_the_batch_answer_cancels_the_function() {
    assert_cancelled(&leave(BATCH, || vec![Step::Hang], Leave::Reset).await).await;
}

#[tokio::test]
async fn a_watcher_that_hangs_up_after_the_first_event_cancels_the_function() {
    let steps = || vec![Step::Log(LogStream::Stdout, "one\n"), Step::Hang];
    let app = TestApp::playing(steps);
    let path = app.deployed("invoke", "hang").await;
    let mut client = RawClient::connect(app.address).await;
    client.post(&path, SSE, b"{}").await;
    client.read_until("event: log").await;
    drop(client);
    assert_cancelled(&app).await;
}

#[tokio::test]
async fn a_watcher_that_never_reads_and_hangs_up_cancels_the_function() {
    // More than the buffers of both sides can hold.
    let steps = || {
        let line: &'static str = Box::leak(("x".repeat(16_000) + "\n").into_boxed_str());
        let mut steps = vec![Step::Log(LogStream::Stdout, line); 60];
        steps.push(Step::Hang);
        steps
    };
    assert_cancelled(&leave(SSE, steps, Leave::Close).await).await;
}

#[tokio::test]
async fn a_client_library_that_drops_its_answer_cancels_the_function() {
    let app = TestApp::playing(|| vec![Step::Hang]);
    let path = app.deployed("invoke", "hang").await;
    let request = app.request(reqwest::Method::POST, &path).header("accept", "text/event-stream").body("{}");
    let response = request.send().await.unwrap();
    drop(response);
    assert_cancelled(&app).await;
}

#[tokio::test]
async fn a_caller_that_hangs_up_while_it_waits_for_a_permit_leaves_the_queue() {
    let app = TestApp::builder()
        .script(|_| vec![Step::Hang])
        .service(|options| options.max_concurrent_invocations = 1)
        .start();
    let path = app.deployed("functions", "hang").await;
    let mut first = RawClient::connect(app.address).await;
    first.post(&path, BATCH, b"{}").await;
    app.sandboxes.wait_for_live_sandboxes(1).await;
    let mut second = RawClient::connect(app.address).await;
    second.post(&path, BATCH, b"{}").await;
    let queued = async |number: u32| {
        let line = format!("workers_invocations_queued {number}\n");
        while !app.get("/metrics").await.text().await.unwrap().contains(&line) {}
    };
    queued(1).await;
    drop(second);
    timeout(Duration::from_secs(1), queued(0)).await.expect("the waiter is still in the queue");
}
