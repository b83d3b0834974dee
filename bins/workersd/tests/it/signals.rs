//! Tests signals that stop the server.

use std::process::Command;

use serde_json::json;

use crate::support::local::TestServer;

/// A function that prints a line at its start and one 1.5 seconds later, and then waits for long.
const SLOW: &str = "export async function f(p) {
    console.log('begun');
    await new Promise((done) => setTimeout(done, 1500));
    console.log('later');
    await new Promise((done) => setTimeout(done, p.rest));
    return 'done';
}";

fn signal(server: &TestServer, name: &str) {
    let sent = Command::new("kill").args([name, &server.process_id().to_string()]).status().unwrap();
    assert!(sent.success());
}

#[tokio::test]
async fn signals_within_a_second_are_one_and_what_runs_ends_in_its_time() {
    let server = TestServer::start(&[]);
    let id = server.deploy(SLOW).await;
    let mut events = server.stream(&id, "f", &json!({ "rest": 1 })).await;
    assert_eq!(events.next().await.unwrap().data["message"], "begun");
    for name in ["-TERM", "-TERM", "-INT", "-HUP"] {
        signal(&server, name);
    }
    let last = events.all().await.pop().unwrap();
    assert_eq!((last.name.as_str(), &last.data["result"]), ("result", &json!("done")), "{last:?}");
}

#[tokio::test]
async fn a_signal_a_second_after_the_first_ends_what_runs() {
    let server = TestServer::start(&[]);
    let id = server.deploy(SLOW).await;
    let mut events = server.stream(&id, "f", &json!({ "rest": 25_000 })).await;
    assert_eq!(events.next().await.unwrap().data["message"], "begun");
    signal(&server, "-TERM");
    assert_eq!(events.next().await.unwrap().data["message"], "later");
    signal(&server, "-TERM");
    let last = events.all().await.pop().unwrap();
    assert_eq!(last.name, "error", "{last:?}");
}
