//! Additional routes that are mounted beside ours.

use actix_web::HttpResponse;
use actix_web::web::{self, ServiceConfig};
use serde_json::json;

use crate::support::{TestApp, status_and_json};

fn routes(config: &mut ServiceConfig) {
    config
        .route("/console", web::get().to(|| async { HttpResponse::Ok().body("console") }))
        .route("/teapot", web::get().to(|| async { HttpResponse::ImATeapot().body("short and stout") }))
        .route("/panic", web::get().to(panics));
}

async fn panics() -> HttpResponse {
    panic!("the test asked for this")
}

#[tokio::test]
async fn they_get_request_ids_and_metrics() {
    let app = TestApp::builder().mount(routes).start();
    let response = app.get("/console").await;
    assert_eq!(response.headers()["x-request-id"], "test");
    assert_eq!(response.text().await.unwrap(), "console");
    let metrics = app.get("/metrics").await.text().await.unwrap();
    assert!(metrics.contains("route=\"/console\",status=\"200\"} 1"), "{metrics}");
}

#[tokio::test]
async fn their_errors_get_our_body() {
    let app = TestApp::builder().mount(routes).start();
    let (status, body) = status_and_json(app.get("/teapot").await).await;
    assert_eq!((status, &body["code"]), (400, &json!("bad_request")));
}

#[tokio::test]
async fn a_panic_is_an_internal_error_and_the_server_goes_on() {
    let app = TestApp::builder().mount(routes).start();
    let (status, body) = status_and_json(app.get("/panic").await).await;
    let expected = json!({ "error": "internal error, request test", "code": "internal", "requestId": "test" });
    assert_eq!((status, body), (500, expected));
    assert_eq!(app.get("/healthz").await.status(), 200);
}
