//! Deploy, list, read, expire, delete.

use serde_json::json;

use super::super::support::{TestServer, status_and_body};

const CODE: &str = "export async function greet({ name }: { name: string }) { return `hello ${name}` }";

#[tokio::test]
async fn a_deploy_answers_ready_and_the_worker_runs() {
    let server = TestServer::start(&[]);
    let response = server.post("/api/workers").json(&json!({"name": "greeter", "code": CODE})).send().await.unwrap();
    let (status, body) = status_and_body(response).await;
    assert_eq!(status, 201);
    assert_eq!(
        (&body["name"], &body["status"], &body["functions"]),
        (&json!("greeter"), &json!("ready"), &json!(["greet"]))
    );
    assert_eq!(body["expiresInDays"], 7);
    assert!(body["snapshotId"].as_str().is_some_and(|id| !id.is_empty()));
    let id = body["id"].as_str().unwrap();
    let (status, body) = server.call(id, "greet", &json!({"name": "Ada"})).await;
    assert_eq!((status, &body["result"]), (200, &json!("hello Ada")));
}

#[tokio::test]
async fn workers_are_listed_newest_first_with_all_their_members() {
    let server = TestServer::start(&[]);
    let older = server.deploy(CODE).await;
    let newer = server.deploy(CODE).await;
    let (_, list) = status_and_body(server.get("/api/workers").send().await.unwrap()).await;
    let ids: Vec<_> = list.as_array().unwrap().iter().map(|worker| worker["id"].as_str().unwrap()).collect();
    assert_eq!(ids, [newer.as_str(), older.as_str()]);
    let members = [
        "id",
        "name",
        "snapshotId",
        "functions",
        "status",
        "errorMessage",
        "createdAt",
        "snapshotExpiresAt",
        "lastInvokedAt",
        "expiresInDays",
        "isolation",
    ];
    assert!(members.iter().all(|member| list[0].get(member).is_some()), "{list}");
}

#[tokio::test]
async fn a_deleted_worker_is_gone_even_if_another_has_the_same_code() {
    let server = TestServer::start(&[]);
    let (deleted, kept) = (server.deploy(CODE).await, server.deploy(CODE).await);
    let response = server.http.delete(format!("{}/api/workers/{deleted}", server.url)).send().await.unwrap();
    assert_eq!(status_and_body(response).await, (200, json!({"success": true})));
    assert_eq!(server.call(&deleted, "greet", &json!({})).await.0, 404);
    assert_eq!(server.call(&kept, "greet", &json!({"name": "Ada"})).await.0, 200);
}

#[tokio::test]
async fn an_expired_worker_is_gone_for_invocations_and_shown_as_expired() {
    let server = TestServer::start(&["--lifetime", "1ms"]);
    let id = server.deploy(CODE).await;
    let (status, body) = server.call(&id, "greet", &json!({})).await;
    assert_eq!((status, body["code"].as_str()), (410, Some("worker_expired")));
    let (_, worker) = status_and_body(server.get(&format!("/api/workers/{id}")).send().await.unwrap()).await;
    assert_eq!((&worker["status"], &worker["expiresInDays"]), (&json!("expired"), &json!(0)));
}

#[tokio::test]
async fn a_lost_snapshot_is_made_again_unseen() {
    let server = TestServer::start(&[]);
    let id = server.deploy(CODE).await;
    server.lose_snapshots().await;
    let (status, body) = server.call(&id, "greet", &json!({"name": "Ada"})).await;
    assert_eq!((status, &body["result"]), (200, &json!("hello Ada")), "{body}");
}

#[tokio::test]
async fn setting_up_again_empties_the_platform() {
    let server = TestServer::start(&[]);
    let id = server.deploy(CODE).await;
    assert_eq!(server.post("/api/setup").send().await.unwrap().status(), 400);
    assert_eq!(server.call(&id, "greet", &json!({"name": "Ada"})).await.0, 200);
    let confirmed = json!({"confirm": "remove all workers"});
    assert_eq!(server.post("/api/setup").json(&confirmed).send().await.unwrap().status(), 200);
    assert_eq!(server.call(&id, "greet", &json!({})).await.0, 404);
    assert_eq!(server.call(&server.deploy(CODE).await, "greet", &json!({"name": "Ada"})).await.0, 200);
}

#[tokio::test]
async fn health_and_metrics_tell_what_happened() {
    let server = TestServer::start(&[]);
    let id = server.deploy(CODE).await;
    server.call(&id, "greet", &json!({"name": "Ada"})).await;
    for path in ["/healthz", "/readyz"] {
        assert_eq!(server.get(path).send().await.unwrap().status(), 200, "{path}");
    }
    let metrics = server.get("/metrics").send().await.unwrap().text().await.unwrap();
    assert!(metrics.contains(r#"workers_invocations_total{outcome="result"} 1"#), "{metrics}");
}

#[tokio::test]
async fn a_stopped_server_goes_on_where_it_was() {
    let directory = tempfile::tempdir().unwrap();
    let server = TestServer::start_in(directory.path(), &[]);
    let id = server.deploy(CODE).await;
    drop(server);
    let server = TestServer::start_in(directory.path(), &[]);
    assert_eq!(server.call(&id, "greet", &json!({"name": "Ada"})).await.0, 200);
}
