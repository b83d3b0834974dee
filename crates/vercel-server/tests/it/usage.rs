//! Usage of sandboxes and sessions.

use std::time::Duration;

use serde_json::{Value, json};
use workers_domain::ports::{ContainerUsage, NetworkTransfer};

use crate::support::{TestServer, nulls, session_path};

const USED: ContainerUsage = ContainerUsage {
    cpu: Some(Duration::from_micros(1_234_567)),
    network: Some(NetworkTransfer { sent: 11, received: 222 }),
};

/// Returns the total usage of the sandbox in a response: processor time, bytes in and bytes out.
fn totals(answer: &Value) -> [&Value; 3] {
    ["totalActiveCpuDurationMs", "totalIngressBytes", "totalEgressBytes"].map(|name| &answer["sandbox"][name])
}

/// Returns the usage of the session in a response.
fn of_session(answer: &Value) -> [&Value; 2] {
    ["activeCpuDurationMs", "networkTransfer"].map(|name| &answer["session"][name])
}

const UNKNOWN: &Value = &Value::Null;

#[tokio::test]
async fn a_session_says_what_it_has_used_when_it_is_over_and_its_sandbox_the_sum() {
    let server = TestServer::start().await;
    server.containers.say_used(USED);
    let made = server.create(json!({ "name": "demo" })).await;
    assert_eq!(totals(&made), [&json!(0); 3]);
    assert_eq!(of_session(&made), [UNKNOWN; 2], "it still uses some");
    for time in 1..=2_u64 {
        let session = session_path(&server.get("/v2/sandboxes/demo?resume=true").await.1);
        let (_, answer) = match time {
            1 => server.post(&format!("{session}/stop"), json!({})).await,
            _ => server.post(&format!("{session}/snapshot"), json!({})).await,
        };
        assert_eq!(of_session(&server.get(&session).await.1), [&json!(1234), &json!({ "ingress": 222, "egress": 11 })]);
        assert!(nulls(&answer).is_empty(), "{answer}");
        let view = server.get("/v2/sandboxes/demo").await.1;
        assert_eq!(totals(&view), [&json!(1234 * time), &json!(222 * time), &json!(11 * time)]);
    }
    let list = server.get("/v2/sandboxes?project=prj_a").await.1;
    assert_eq!(list["sandboxes"][0]["totalEgressBytes"], 22);
    // The usage is the same after a restart.
    let server = server.shut_down().await;
    assert_eq!(totals(&server.get("/v2/sandboxes/demo").await.1), [&json!(2468), &json!(444), &json!(22)]);
}

#[tokio::test]
async fn what_is_not_known_is_left_out_and_not_reported_as_nothing() {
    let server = TestServer::start().await;
    server.containers.say_used(ContainerUsage { network: None, ..USED });
    let session = server.session("demo", true).await;
    let (_, stopped) = server.post(&format!("{session}/stop"), json!({})).await;
    assert_eq!(of_session(&stopped), [&json!(1234), UNKNOWN]);
    assert_eq!(totals(&stopped), [&json!(1234), UNKNOWN, UNKNOWN]);
    // The usage of a session that was lost with its server is unknown.
    server.session("lost", true).await;
    let server = server.crash(|_| {}).await;
    let lost = server.get("/v2/sandboxes/lost").await.1;
    assert_eq!((of_session(&lost), totals(&lost)), ([UNKNOWN; 2], [UNKNOWN; 3]));
    assert_eq!(totals(&server.get("/v2/sandboxes/demo").await.1)[0], &json!(1234));
}

#[tokio::test]
async fn a_sandbox_that_was_written_down_before_these_were_counted_is_there_without_them() {
    let server = TestServer::start().await;
    let session = server.session("demo", true).await;
    server.post(&format!("{session}/stop"), json!({})).await;
    let records = server.directory.path().join("sandboxes/records");
    let server = server.shut_down().await;
    for (folder, member) in [("sandboxes", "total_used"), ("sessions", "used")] {
        for entry in std::fs::read_dir(records.join(folder)).unwrap() {
            let path = entry.unwrap().path();
            let mut record: Value = serde_json::from_slice(&std::fs::read(&path).unwrap()).unwrap();
            assert!(record.as_object_mut().unwrap().remove(member).is_some(), "{record}");
            std::fs::write(&path, record.to_string()).unwrap();
        }
    }
    let server = server.crash(|_| {}).await;
    server.containers.say_used(USED);
    let (status, resumed) = server.get("/v2/sandboxes/demo?resume=true").await;
    assert_eq!((status, totals(&resumed)), (200, [UNKNOWN; 3]));
    let (_, stopped) = server.post(&format!("{}/stop", session_path(&resumed)), json!({})).await;
    assert_eq!(of_session(&stopped), [&json!(1234), &json!({ "ingress": 222, "egress": 11 })]);
}
