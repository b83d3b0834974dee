//! `POST /api/setup`

use serde_json::json;
use workers_http::{Access, AdminToken};
use workers_testing::FakeStore;

use crate::support::TestApp;

#[tokio::test]
async fn it_creates_the_schema() {
    let app = TestApp::builder().store(FakeStore::without_schema()).start();
    let answer = app.post_json("/api/setup", "").await;
    assert_eq!(answer, (200, json!({ "success": true, "created": true, "removedWorkers": 0 })));
    app.deploy().await;
}

/// The confirmation as documented.
const CONFIRMED: &str = r#"{"confirm":"remove all workers"}"#;

#[tokio::test]
async fn it_empties_a_database_that_has_workers_only_if_asked_for_that_by_name() {
    let app = TestApp::start();
    for body in ["", "{}", r#"{"confirm":null}"#] {
        let answer = app.post_json("/api/setup", body).await;
        assert_eq!(answer, (200, json!({ "success": true, "created": false, "removedWorkers": 0 })));
    }
    let path = format!("/api/workers/{}", app.deploy().await);
    for body in ["", " ", "{}", r#"{"confirm":null}"#] {
        let (status, body) = app.post_json("/api/setup", body).await;
        assert_eq!((status, &body["code"]), (400, &json!("confirmation_required")));
        assert_eq!((&body["workers"], &body["confirm"]), (&json!(1), &json!("remove all workers")));
        assert!(body["error"].as_str().unwrap().contains(CONFIRMED), "{body}");
    }
    for (body, code) in [
        (r#"{"confirm":"Remove all workers"}"#, "invalid_confirmation"),
        (r#"{"confirm":""}"#, "invalid_confirmation"),
        (r#"{"confirm":true}"#, "invalid_body"),
        (r#"["remove all workers"]"#, "invalid_body"),
        ("remove all workers", "invalid_json"),
    ] {
        let (status, answer) = app.post_json("/api/setup", body).await;
        assert_eq!((status, &answer["code"]), (400, &json!(code)), "{body}");
    }
    assert_eq!(app.get(&path).await.status(), 200);
    assert_eq!(app.sandboxes.snapshot_count(), 1);
    let answer = app.post_json("/api/setup", CONFIRMED).await;
    assert_eq!(answer, (200, json!({ "success": true, "created": false, "removedWorkers": 1 })));
    assert_eq!(app.get("/api/workers").await.text().await.unwrap(), "[]");
    assert_eq!(app.sandboxes.snapshot_count(), 0);
}

#[tokio::test]
async fn without_the_token_nothing_is_destroyed() {
    let token = AdminToken::new("s3cret").unwrap();
    let app = TestApp::builder().http(|options| options.access = Access::Token(token)).start();
    assert_eq!(app.post_json("/api/setup", CONFIRMED).await.0, 401);
}

#[tokio::test]
async fn a_web_page_of_another_site_destroys_nothing() {
    let app = TestApp::start();
    let path = format!("/api/workers/{}", app.deploy().await);
    let request =
        app.request(reqwest::Method::POST, "/api/setup").header("origin", "https://evil.example").body(CONFIRMED);
    assert_eq!(request.send().await.unwrap().status(), 403);
    assert_eq!(app.get(&path).await.status(), 200);
}

#[tokio::test]
async fn it_is_closed_where_another_application_mounts_the_routes() {
    let app = TestApp::builder().http(|options| options.access = Access::Embedded).start();
    let (status, body) = app.post_json("/api/setup", CONFIRMED).await;
    assert_eq!((status, &body["code"]), (403, &json!("setup_not_allowed")));
}
