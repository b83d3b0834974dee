//! Console lines arrive while the function runs, in order and complete.

use serde_json::json;

use super::super::support::{TestServer, messages};

#[tokio::test]
async fn each_line_arrives_while_the_function_still_runs() {
    let server = TestServer::start(&[]);
    let code = "export async function slow() {
        for (let i = 0; i < 4; i++) { console.log('line', i, Date.now()); await new Promise((r) => setTimeout(r, 300)); }
        return 'done';
    }";
    let id = server.deploy(code).await;
    let mut events = server.stream(&id, "slow", &json!({})).await;
    let mut arrivals = Vec::new();
    while let Some(event) = events.next().await {
        arrivals.push((event.name, std::time::Instant::now()));
    }
    let names: Vec<_> = arrivals.iter().map(|(name, _)| name.as_str()).collect();
    assert_eq!(names, ["log", "log", "log", "log", "result"]);
    // Lines that were held back would arrive together; the function waits 300 ms between two lines.
    for pair in arrivals.windows(2) {
        assert!(pair[1].1 - pair[0].1 > std::time::Duration::from_millis(100), "{arrivals:?}");
    }
}

#[tokio::test]
async fn stdout_and_stderr_keep_their_order() {
    let server = TestServer::start(&[]);
    let code = "export function both() { for (let i = 0; i < 500; i++) { console.log(i); console.error(-i); } }";
    let id = server.deploy(code).await;
    let events = server.stream(&id, "both", &json!({})).await.all().await;
    let expected: Vec<_> =
        (0..500).flat_map(|i: i32| [(i.to_string(), "stdout"), ((-i).to_string(), "stderr")]).collect();
    let printed: Vec<_> = events[..1000]
        .iter()
        .map(|event| (event.data["message"].as_str().unwrap().to_owned(), event.data["stream"].as_str().unwrap()))
        .collect();
    // JavaScript prints -0 as `-0`.
    assert_eq!(printed[2..], expected[2..]);
}

#[tokio::test]
async fn everything_printed_before_an_exit_arrives() {
    let server = TestServer::start(&[]);
    let code = "export function flood() { for (let i = 0; i < 20000; i++) console.log('line ' + i); process.exit(3); }";
    let id = server.deploy(code).await;
    let events = server.stream(&id, "flood", &json!({})).await.all().await;
    let expected: Vec<_> = (0..20000).map(|i| format!("line {i}")).collect();
    assert_eq!(messages(&events), expected);
    let last = events.last().unwrap();
    assert_eq!((last.name.as_str(), last.data["code"].as_str()), ("error", Some("process_exit")));
}

#[tokio::test]
async fn every_event_has_an_id_of_invocation_and_number() {
    let server = TestServer::start(&[]);
    let id = server.deploy("export function f() { console.log(1); console.log(2); return 3 }").await;
    let events = server.stream(&id, "f", &json!({})).await.all().await;
    let invocation = events.last().unwrap().data["invocationId"].as_str().unwrap().to_owned();
    let ids: Vec<_> = events.iter().map(|event| event.id.clone()).collect();
    assert_eq!(ids, (1..=3).map(|number| format!("{invocation}:{number}")).collect::<Vec<_>>());
}

#[tokio::test]
async fn what_the_caps_cut_is_reported() {
    let server = TestServer::start(&["--max-log", "10KiB", "--max-log-line", "1KiB"]);
    let id = server
        .deploy("export function f() { for (let i = 0; i < 100; i++) console.log('x'.repeat(2000)); return 1 }")
        .await;
    let events = server.stream(&id, "f", &json!({})).await.all().await;
    let notices: Vec<_> = events.iter().filter(|event| !event.data["dropped"].is_null()).collect();
    assert_eq!(notices.len(), 1);
    let said = notices[0].data["message"].as_str().unwrap();
    assert!(said.contains("10 lines were cut, 90 lines were dropped"), "{said}");
    assert_eq!(events.iter().filter(|event| event.data["cut"] == true).count(), 10);
    let kept: usize =
        messages(&events).iter().filter(|message| message.starts_with('x')).map(|message| message.len()).sum();
    assert_eq!(notices[0].data["dropped"]["bytes"].as_u64().unwrap() + kept as u64, 200_000);
    assert_eq!(events.last().unwrap().data["result"], 1);
}
