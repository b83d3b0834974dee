//! `GET /api/workers`

use chrono::TimeDelta;
use serde_json::{Value, json};
use workers_testing::FakeWorkerRepository;

use crate::support::{TestApp, status_and_json};

#[tokio::test]
async fn without_workers_the_list_is_empty() {
    let app = TestApp::start();
    assert_eq!(status_and_json(app.get("/api/workers").await).await, (200, json!([])));
}

#[tokio::test]
async fn the_newest_comes_first() {
    let app = TestApp::start();
    let old = app.deploy().await;
    app.clock.advance(TimeDelta::seconds(1));
    let new = app.deploy().await;
    let (_, list) = status_and_json(app.get("/api/workers").await).await;
    let ids: Vec<&Value> = list.as_array().unwrap().iter().map(|worker| &worker["id"]).collect();
    assert_eq!(ids, [&json!(new), &json!(old)]);
}

#[tokio::test]
async fn every_member_of_the_contract_is_there() {
    let app = TestApp::start();
    app.deploy().await;
    let (_, mut list) = status_and_json(app.get("/api/workers").await).await;
    list[0]["id"] = json!("[id]");
    insta::assert_json_snapshot!(list, @r#"
    [
      {
        "createdAt": "2025-11-23T09:26:40.000Z",
        "errorMessage": null,
        "expiresInDays": 7,
        "functions": [
          "greet",
          "hang"
        ],
        "id": "[id]",
        "lastInvokedAt": null,
        "name": "greeter",
        "snapshotExpiresAt": "2025-11-30T09:26:40.000Z",
        "snapshotId": "snap_sbx_1",
        "status": "ready"
      }
    ]
    "#);
}

#[tokio::test]
async fn an_expired_worker_says_so() {
    let app = TestApp::start();
    app.deploy().await;
    app.clock.advance(TimeDelta::days(8));
    let (_, list) = status_and_json(app.get("/api/workers").await).await;
    assert_eq!((&list[0]["status"], &list[0]["expiresInDays"]), (&json!("expired"), &json!(0)));
}

#[tokio::test]
async fn without_a_schema_the_answer_says_what_to_do() {
    let app = TestApp::builder().repository(FakeWorkerRepository::without_schema()).start();
    let (status, body) = status_and_json(app.get("/api/workers").await).await;
    assert_eq!((status, &body["code"]), (503, &json!("schema_missing")));
    assert!(body["error"].as_str().unwrap().contains("workersd migrate"));
}
