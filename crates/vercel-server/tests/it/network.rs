//! Network policies.

use serde_json::json;
use workers_domain::NetworkPolicy;

use crate::support::{TestServer, code, session_path};

#[tokio::test]
async fn a_policy_is_enforced_and_read_back_in_the_other_form() {
    let server = TestServer::start().await;
    let asked = json!({ "allow": ["packages.example.com"], "subnets": { "deny": ["10.0.0.0/8"] } });
    let created = server.create(json!({ "name": "demo", "networkPolicy": asked })).await;
    let back = json!({ "mode": "custom", "allowedDomains": ["packages.example.com"], "deniedCIDRs": ["10.0.0.0/8"] });
    assert_eq!((&created["sandbox"]["networkPolicy"], &created["session"]["networkPolicy"]), (&back, &back));
    assert_eq!(server.containers.specs()[0].network, "packages.example.com".parse().unwrap());
    let session = session_path(&created);
    let (_, answer) = server.post(&format!("{session}/network-policy"), json!({ "mode": "deny-all" })).await;
    assert_eq!(answer["session"]["networkPolicy"], json!({ "mode": "deny-all" }));
    assert_eq!(server.containers.networks(), [NetworkPolicy::DenyAll]);
    // The next session must not be more open than this one.
    assert_eq!(server.get("/v2/sandboxes/demo").await.1["sandbox"]["networkPolicy"], json!({ "mode": "deny-all" }));
}

#[tokio::test]
async fn a_policy_that_cannot_be_enforced_changes_nothing() {
    let server = TestServer::start().await;
    let session = server.session("demo", false).await;
    let body = json!({ "allow": { "example.com": [{ "transform": [{ "headers": { "a": "b" } }] }] } });
    let (status, answer) = server.post(&format!("{session}/network-policy"), body).await;
    assert_eq!((status, code(&answer)), (400, "not_supported"));
    let body = json!({ "allow": ["example.com"], "subnets": { "deny": ["8.8.8.8/32"] } });
    let (status, answer) = server.post(&format!("{session}/network-policy"), body).await;
    assert_eq!((status, code(&answer)), (400, "bad_request"));
    assert!(server.containers.networks().is_empty());
}
