//! Request ids in responses and in the log.

use std::sync::Arc;

use actix_web::App;
use actix_web::test::{TestRequest, call_service, init_service};
use reqwest::Method;
use serde_json::{Value, json};
use workers_domain::ports::SandboxErrorKind;
use workers_testing::{CapturedLog, FakeContainerProvider};
use workers_vercel_server::{VercelServer, VercelServerOptions};

use crate::support::TestServer;

#[tokio::test]
async fn the_clients_own_request_id_comes_back_and_a_request_without_a_sane_one_gets_one() {
    let server = TestServer::start().await;
    for url in [format!("{}/v2/sandboxes", server.base), format!("{}/nope", server.base), format!("{}x", server.base)] {
        let answer = |id| server.client.request(Method::GET, &url).header("x-request-id", id).send();
        assert_eq!(answer("client-1").await.unwrap().headers()["x-request-id"], "client-1", "{url}");
        for insane in ["", "a b"] {
            assert_eq!(answer(insane).await.unwrap().headers()["x-request-id"].len(), 36, "{url}");
        }
    }
}

#[actix_web::test]
async fn every_line_about_a_request_has_its_id_and_a_failing_sandbox_is_one_line_with_what_to_do() {
    let directory = tempfile::tempdir().unwrap();
    let containers = FakeContainerProvider::new(|_| None);
    let options = VercelServerOptions::new(Arc::new(containers.clone()), directory.path().join("sandboxes"));
    let server = VercelServer::start(options).await.unwrap();
    let service = init_service(App::new().configure(|config| server.configure(config))).await;
    let log = CapturedLog::start();
    let create = |id: &'static str, name: &str| {
        let request = TestRequest::post().uri("/api/v3/sandboxes?teamId=t&projectId=p");
        let request = request.insert_header(("host", "127.0.0.1")).insert_header(("x-request-id", id));
        call_service(&service, request.set_json(json!({ "name": name })).to_request())
    };
    assert_eq!(create("client-1", "whole").await.status(), 200);
    containers.fail_with(Some(SandboxErrorKind::Unavailable));
    assert_eq!(create("client-2", "failing").await.status(), 503);
    let lines: Vec<Value> = log.lines().iter().map(|line| serde_json::from_str(line).unwrap()).collect();
    let about = |id: &str| {
        let is_about = |line: &&Value| line["spans"].as_array().is_some_and(|all| all[0]["request.id"] == id);
        lines.iter().filter(is_about).collect::<Vec<_>>()
    };
    let messages = |id: &str| {
        let of = about(id);
        of.iter().map(|line| line["fields"]["message"].as_str().unwrap().to_owned()).collect::<Vec<_>>()
    };
    assert_eq!(messages("client-1"), ["a sandbox was created", "request answered"]);
    assert_eq!(messages("client-2"), ["containers are not available", "request answered"]);
    let failure = about("client-2")[0];
    assert_eq!((&failure["level"], &failure["span"]["sandbox.name"]), (&json!("WARN"), &json!("failing")));
    assert!(failure["fields"]["advice"].is_string() && failure["fields"]["error"].is_string(), "{failure}");
    assert_eq!(about("client-2")[1]["fields"]["http.route"], "/api/v3/sandboxes");
    server.shutdown().await;
}
