//! `GET /metrics`

use crate::support::TestApp;

async fn metrics(app: &TestApp) -> String {
    app.get("/metrics").await.text().await.unwrap()
}

#[tokio::test]
async fn requests_are_counted_by_pattern_not_by_path() {
    let app = TestApp::start();
    for id in ["a", "b", "c"] {
        app.get(&format!("/api/workers/{id}")).await;
    }
    app.get("/some/path").await;
    let text = metrics(&app).await;
    let line = "workers_http_requests_total{method=\"GET\",route=\"/api/workers/{id}\",status=\"404\"} 3";
    assert!(text.contains(line), "{text}");
    assert!(
        text.contains("workers_http_requests_total{method=\"GET\",route=\"unmatched\",status=\"404\"} 1"),
        "{text}"
    );
}

#[tokio::test]
async fn unknown_methods_are_counted_as_one() {
    let app = TestApp::start();
    for method in ["BREW", "WHEN"] {
        app.request(method.parse().unwrap(), "/healthz").send().await.unwrap();
    }
    let text = metrics(&app).await;
    assert!(
        text.contains("workers_http_requests_total{method=\"OTHER\",route=\"/healthz\",status=\"405\"} 2"),
        "{text}"
    );
}

#[tokio::test]
async fn invocations_are_counted_by_outcome() {
    let app = TestApp::start();
    app.post(&app.deployed("functions", "greet").await, "{}").await;
    let text = metrics(&app).await;
    assert!(text.contains("workers_invocations_total{outcome=\"result\"} 1"), "{text}");
    assert!(text.contains("workers_invocation_phase_seconds_count{phase=\"run\"} 1"), "{text}");
    assert!(text.contains("workers_invocations_queued 0"), "{text}");
}

#[tokio::test]
async fn they_are_in_the_text_format() {
    let app = TestApp::start();
    let response = app.get("/metrics").await;
    assert_eq!(response.headers()["content-type"], "text/plain; version=0.0.4");
}
