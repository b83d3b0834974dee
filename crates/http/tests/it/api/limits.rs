//! `GET /api/limits`

use std::time::Duration;

use crate::support::{TestApp, status_and_json};

#[tokio::test]
async fn every_limit_in_force_is_told() {
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
