//! `GET /api/limits`

use std::time::Duration;

use serde_json::json;
use workers_domain::TenantLimits;

use crate::support::{TestApp, status_and_json};

#[tokio::test]
async fn every_limit_in_force_is_reported() {
    let app = TestApp::builder()
        .service(|options| {
            options.max_code_bytes = 1000;
            options.sandbox.wall_clock = Duration::from_millis(1500);
            options.worker_lifetime = Duration::from_hours(1);
        })
        .start();
    insta::assert_json_snapshot!(status_and_json(app.get("/api/limits").await).await, @r#"
    [
      200,
      {
        "codeBytes": 1000,
        "diskBytes": 67108864,
        "lifetimeSeconds": 3600,
        "logBytes": 1048576,
        "logLineBytes": 16384,
        "memoryBytes": 268435456,
        "payloadBytes": 6291456,
        "processes": 64,
        "resultBytes": 6291456,
        "timeoutMs": 1500
      }
    ]
    "#);
}

#[tokio::test]
async fn the_limits_that_are_reported_and_hold_are_the_least_of_the_servers_and_the_tenants() {
    let limits = TenantLimits { code_bytes: Some(1), payload_bytes: Some(3), ..TenantLimits::default() };
    let app = TestApp::builder().service(|options| options.max_result_bytes = 7).tenant_limits(limits).start();
    let (_, reported) = status_and_json(app.get("/api/limits").await).await;
    assert_eq!([&reported["codeBytes"], &reported["payloadBytes"], &reported["resultBytes"]], [1, 3, 7]);
    let (status, body) = app.post_json("/api/workers", r#"{"name":"w","code":"export const f = 1;"}"#).await;
    assert_eq!((status, &body["code"], &body["limit"]), (413, &json!("code_too_large"), &json!(1)));
    let path = "/api/workers/019ab0f0-5e80-7000-8000-000000000000/invoke/f";
    let (status, body) = app.post_json(path, "1234").await;
    assert_eq!((status, &body["code"], &body["limit"]), (413, &json!("payload_too_large"), &json!(3)));
}
