//! The same server over Postgres.

use serde_json::json;
use workers_testing::ThrowAwayPostgres;

use crate::support::local::{TestServer, status_and_body};

#[tokio::test]
async fn the_whole_path_works_over_postgres() {
    let postgres = ThrowAwayPostgres::start();
    let url = postgres.create_database().await;
    let server = TestServer::start(&["--database-url", &url]);
    let id = server.deploy("export const f = (p) => { console.log('hi'); return p }").await;
    let (status, body) = server.call(&id, "f", &json!([1])).await;
    assert_eq!((status, &body["result"], &body["logs"][0]["message"]), (200, &json!([1]), &json!("hi")));
    let (_, list) = status_and_body(server.get("/api/workers").send().await.unwrap()).await;
    assert_eq!(list[0]["id"], id);
    let response = server.http.delete(format!("{}/api/workers/{id}", server.url)).send().await.unwrap();
    assert_eq!(response.status(), 200);
}
