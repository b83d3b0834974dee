//! Lists in pages.

use chrono::TimeDelta;
use serde_json::{Value, json};

use crate::support::{TestServer, code};

fn names(answer: &Value) -> Vec<&str> {
    answer["sandboxes"].as_array().unwrap().iter().map(|sandbox| sandbox["name"].as_str().unwrap()).collect()
}

async fn with_four() -> TestServer {
    let server = TestServer::start().await;
    for (name, tag) in [("b", "x"), ("a", "y"), ("c-1", "x"), ("c-2", "y")] {
        server.create(json!({ "name": name, "persistent": false, "tags": { "kind": tag } })).await;
        server.clock.advance(TimeDelta::seconds(1));
    }
    server
}

#[tokio::test]
async fn sandboxes_are_listed_newest_first_with_filters_and_orders() {
    let server = with_four().await;
    for (query, expected) in [
        ("", &["c-2", "c-1", "a", "b"][..]),
        ("sortOrder=asc", &["b", "a", "c-1", "c-2"]),
        ("sortBy=name&sortOrder=asc", &["a", "b", "c-1", "c-2"]),
        ("sortBy=name&namePrefix=c-", &["c-2", "c-1"]),
        ("tags=kind:x", &["c-1", "b"]),
        ("tags=kind:z", &[]),
        ("status=stopped", &[]),
        ("limit=2", &["c-2", "c-1"]),
    ] {
        let (status, answer) = server.get(&format!("/v2/sandboxes?{query}")).await;
        assert_eq!(status, 200);
        assert_eq!(names(&answer), expected, "{query}");
        assert_eq!(answer["pagination"]["count"], expected.len());
    }
}

#[tokio::test]
async fn pages_lead_through_the_whole_list_though_it_changes() {
    let server = with_four().await;
    let (_, first) = server.get("/v2/sandboxes?limit=1").await;
    assert_eq!(names(&first), ["c-2"]);
    server.delete("/v2/sandboxes/c-2").await;
    let mut next = first["pagination"]["next"].clone();
    let mut seen = Vec::new();
    while let Some(cursor) = next.as_str() {
        let (_, page) = server.get(&format!("/v2/sandboxes?limit=1&cursor={cursor}")).await;
        seen.extend(names(&page).into_iter().map(str::to_owned));
        next = page["pagination"]["next"].clone();
    }
    assert_eq!(seen, ["c-1", "a", "b"]);
}

#[tokio::test]
async fn what_cannot_be_asked_is_refused() {
    let server = TestServer::start().await;
    for query in [
        "limit=0",
        "limit=51",
        "limit=x",
        "cursor=x",
        "sortBy=x",
        "sortOrder=x",
        "namePrefix=a",
        "tags=a",
        "tags=a:b&tags=c:d",
    ] {
        let (status, answer) = server.get(&format!("/v2/sandboxes?{query}")).await;
        assert_eq!((status, code(&answer)), (400, "bad_request"), "{query}");
    }
}

#[tokio::test]
async fn sessions_of_a_sandbox_are_listed_in_pages() {
    let server = TestServer::start().await;
    let session = server.session("demo", true).await;
    server.session("other", true).await;
    server.post(&format!("{session}/stop"), json!({})).await;
    server.clock.advance(TimeDelta::seconds(1));
    server.get("/v2/sandboxes/demo?resume=true").await;
    let (_, all) = server.get("/v2/sandboxes/sessions?project=prj_a&name=demo").await;
    let statuses: Vec<_> = all["sessions"].as_array().unwrap().iter().map(|session| &session["status"]).collect();
    assert_eq!(statuses, ["running", "stopped"]);
    let (_, page) = server.get("/v2/sandboxes/sessions?project=prj_a&name=demo&limit=1").await;
    assert_eq!(page["pagination"]["count"], 1);
    assert!(page["pagination"]["next"].is_string());
}
