//! Who may use the API.

use reqwest::Method;
use serde_json::json;
use workers_http::{Access, AdminToken};

use crate::support::{TestApp, status_and_json};

fn with_token() -> TestApp {
    let token = AdminToken::new("s3cret").unwrap();
    TestApp::builder().http(|options| options.access = Access::Token(token)).start()
}

#[tokio::test]
async fn with_a_token_every_route_but_the_health_checks_asks_for_it() {
    let app = with_token();
    for path in ["/api/workers", "/api/workers/x", "/api/openapi.json", "/api/nope", "/metrics"] {
        let response = app.get(path).await;
        assert_eq!(response.headers()["www-authenticate"], "Bearer realm=\"workers\"", "{path}");
        let (status, body) = status_and_json(response).await;
        assert_eq!(
            (status, &body["code"], &body["requestId"]),
            (401, &json!("unauthorized"), &json!("test")),
            "{path}"
        );
    }
    for path in ["/healthz", "/readyz"] {
        assert_eq!(app.get(path).await.status(), 200, "{path}");
    }
}

#[tokio::test]
async fn with_the_token_the_doors_open() {
    let app = with_token();
    for path in ["/api/workers", "/api/openapi.json", "/metrics"] {
        assert_eq!(app.request(Method::GET, path).bearer_auth("s3cret").send().await.unwrap().status(), 200, "{path}");
        assert_eq!(app.request(Method::GET, path).bearer_auth("s3cres").send().await.unwrap().status(), 401, "{path}");
    }
}

#[tokio::test]
async fn with_a_token_any_host_name_will_do() {
    let app = with_token();
    let request = app.request(Method::GET, "/api/workers").header("host", "workers.example.com").bearer_auth("s3cret");
    assert_eq!(request.send().await.unwrap().status(), 200);
}

#[tokio::test]
async fn without_a_token_another_host_name_is_refused() {
    let app = TestApp::start();
    let response = app.request(Method::GET, "/api/workers").header("host", "evil.example").send().await.unwrap();
    let (status, body) = status_and_json(response).await;
    assert_eq!((status, &body["code"]), (403, &json!("host_not_allowed")));
    assert!(body["error"].as_str().unwrap().contains("`--admin-token`"), "{body}");
}

#[tokio::test]
async fn a_web_page_of_another_site_cannot_deploy_and_is_shown_both_remedies() {
    let app = TestApp::start();
    for (name, value) in
        [("sec-fetch-site", "cross-site"), ("origin", "https://workers.example.com"), ("origin", "null")]
    {
        let request = app.request(Method::POST, "/api/workers").header(name, value).body("{}");
        let (status, body) = status_and_json(request.send().await.unwrap()).await;
        assert_eq!((status, &body["code"]), (403, &json!("origin_not_allowed")), "{name}: {value}");
        let message = body["error"].as_str().unwrap();
        assert!(message.contains("`Host`") && message.contains("`--cors-origin`"), "{message}");
    }
}

#[tokio::test]
async fn cross_origin_answers_are_off_unless_origins_are_named() {
    let app = TestApp::start();
    let response = app.get("/api/workers").await;
    assert!(response.headers().get("access-control-allow-origin").is_none());
}

#[tokio::test]
async fn a_named_origin_may_ask_first_and_then_use_the_api() {
    let app = TestApp::builder()
        .http(|options| options.cors_origins = vec!["http://localhost:5173".parse().unwrap()])
        .start();
    let preflight = app
        .request(Method::OPTIONS, "/api/workers")
        .header("origin", "http://localhost:5173")
        .header("access-control-request-method", "POST")
        .header("access-control-request-headers", "authorization, content-type");
    let response = preflight.send().await.unwrap();
    assert_eq!(response.status(), 200);
    assert_eq!(response.headers()["access-control-allow-origin"], "http://localhost:5173");
    let response =
        app.request(Method::GET, "/api/workers").header("origin", "http://localhost:5173").send().await.unwrap();
    assert_eq!(
        (response.status().as_u16(), &response.headers()["access-control-allow-origin"]),
        (200, &"http://localhost:5173".parse().unwrap())
    );
    let readable = response.headers()["access-control-expose-headers"].to_str().unwrap();
    assert!(
        readable.split(", ").any(|name| name == "link"),
        "without it a page of that origin sees one page only: {readable}"
    );
}

#[tokio::test]
async fn a_named_origin_can_read_errors_too() {
    let token = AdminToken::new("s3cret").unwrap();
    let app = TestApp::builder()
        .http(|options| {
            options.access = Access::Token(token);
            options.cors_origins = vec!["https://console.example".parse().unwrap()];
        })
        .start();
    let response =
        app.request(Method::GET, "/api/workers").header("origin", "https://console.example").send().await.unwrap();
    assert_eq!(response.headers()["access-control-allow-origin"], "https://console.example");
    let (status, body) = status_and_json(response).await;
    assert_eq!((status, &body["requestId"]), (401, &json!("test")), "{body}");
}

#[tokio::test]
async fn an_origin_that_is_not_named_gets_no_permission() {
    let app = TestApp::builder()
        .http(|options| options.cors_origins = vec!["http://localhost:5173".parse().unwrap()])
        .start();
    let response =
        app.request(Method::GET, "/api/workers").header("origin", "http://localhost:9999").send().await.unwrap();
    assert_eq!(response.status(), 403);
    assert!(response.headers().get("access-control-allow-origin").is_none());
}

#[tokio::test]
async fn a_named_origin_may_send_whatever_headers_it_asks_for() {
    let app =
        TestApp::builder().http(|options| options.cors_origins = vec!["https://app.example/".parse().unwrap()]).start();
    let ask = |origin: &str, method: &str, headers: &str| {
        app.request(Method::OPTIONS, "/api/workers/x/invoke/f")
            .header("origin", origin)
            .header("access-control-request-method", method)
            .header("access-control-request-headers", headers)
            .send()
    };
    for headers in [
        "sentry-trace,baggage",
        "last-event-id",
        "traceparent, tracestate",
        "authorization, content-type, x-request-id, x-anything",
    ] {
        for method in ["POST", "GET", "HEAD", "DELETE"] {
            let response = ask("https://app.example", method, headers).await.unwrap();
            assert_eq!(response.status(), 200, "{method} {headers}");
            assert_eq!(response.headers()["access-control-allow-headers"], headers);
            assert_eq!(response.headers()["access-control-allow-origin"], "https://app.example");
        }
    }
    let refused = ask("https://other.example", "POST", "sentry-trace").await.unwrap();
    assert_eq!(refused.status(), 400);
    assert!(refused.headers().get("access-control-allow-headers").is_none());
}
