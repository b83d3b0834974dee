//! Which requests may use the API.

use std::sync::Arc;

use async_trait::async_trait;
use reqwest::Method;
use serde_json::json;
use uuid::Uuid;
use workers_domain::TenantId;
use workers_domain::access::{
    AccessError, Action, AuthenticationError, Authenticator, CallContext, Identity, Policy, Principal, RequestHead,
    Resource,
};
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

/// An application's own API keys, each of which belongs to one tenant.
struct Keys;

#[async_trait]
impl Authenticator for Keys {
    async fn authenticate(&self, head: &RequestHead<'_>) -> Result<Identity, AuthenticationError> {
        let tenant = match head.headers.values("x-api-key").as_slice() {
            [b"of-the-default-tenant"] => TenantId::DEFAULT,
            [b"of-another-tenant"] => TenantId::from(Uuid::from_u128(7)),
            _ => return Err(AuthenticationError::Unauthorized("send a key that we know".to_owned())),
        };
        Ok(Identity { principal: Principal::Embedder, tenant })
    }
}

fn with_keys() -> TestApp {
    TestApp::builder().http(|options| options.access = Access::Custom(Arc::new(Keys))).start()
}

#[tokio::test]
async fn an_application_brings_its_own_credentials_and_a_credential_names_the_tenant() {
    let app = with_keys();
    let request = |method: Method, path: &str, key: &str| app.request(method, path).header("x-api-key", key);
    let refused = status_and_json(app.get("/api/workers").await).await;
    assert_eq!((refused.0, &refused.1["error"]), (401, &json!("send a key that we know")));
    let code = json!({ "name": "w", "code": crate::support::CODE }).to_string();
    let deployed = request(Method::POST, "/api/workers", "of-the-default-tenant").body(code).send().await.unwrap();
    let (status, worker) = status_and_json(deployed).await;
    assert_eq!(status, 201);
    let own = format!("/api/workers/{}", worker["id"].as_str().unwrap());
    let unknown = "/api/workers/019ab0f0-5e80-7000-8000-000000000000";
    assert_eq!(request(Method::GET, &own, "of-the-default-tenant").send().await.unwrap().status(), 200);

    let list = request(Method::GET, "/api/workers", "of-another-tenant").header("x-tenant", Uuid::nil().to_string());
    assert_eq!(status_and_json(list.send().await.unwrap()).await, (200, json!([])), "a header names no tenant");
    for (method, below) in [
        (Method::GET, ""),
        (Method::GET, "/source"),
        (Method::DELETE, ""),
        (Method::POST, "/redeploy"),
        (Method::POST, "/invoke/greet"),
        (Method::POST, "/functions/nope"),
    ] {
        let ask = async |worker: &str| {
            let path = format!("{worker}{below}");
            let (status, body) =
                status_and_json(request(method.clone(), &path, "of-another-tenant").send().await.unwrap()).await;
            (status, body.to_string().replace(worker.rsplit('/').next().unwrap(), "ID"))
        };
        assert_eq!(ask(&own).await, ask(unknown).await, "a foreign id is as an unknown one: {method} {below}");
    }
    let reset = request(Method::POST, "/api/setup", "of-the-default-tenant").send().await.unwrap();
    assert_eq!(status_and_json(reset).await.1["code"], "setup_not_allowed");
    assert_eq!(request(Method::GET, &own, "of-the-default-tenant").send().await.unwrap().status(), 200, "it is there");
}

/// Permits only reads, and checks that each call has the id of its request.
struct ReadOnly;

impl Policy for ReadOnly {
    fn permit(&self, call: &CallContext, action: Action, _resource: Resource) -> Result<(), AccessError> {
        assert_eq!((call.request_id().as_str(), call.principal()), ("test", &Principal::Loopback));
        let may = matches!(action, Action::ListWorkers | Action::ReadLimits | Action::WatchWorkers);
        if may { Ok(()) } else { Err(AccessError::Forbidden(action)) }
    }
}

#[tokio::test]
async fn a_caller_that_may_not_do_something_reads_what_it_would_need() {
    let app = TestApp::builder().policy(ReadOnly).start();
    assert_eq!(app.get("/api/workers").await.status(), 200);
    assert_eq!(app.get("/api/limits").await.status(), 200);
    assert_eq!(app.get("/readyz").await.status(), 200, "no policy is asked about a probe");
    let id = "/api/workers/019ab0f0-5e80-7000-8000-000000000000";
    for (method, path, required) in [
        (Method::POST, "/api/workers".to_owned(), "workers:deploy"),
        (Method::POST, format!("{id}/redeploy"), "workers:deploy"),
        (Method::DELETE, id.to_owned(), "workers:delete"),
        (Method::GET, format!("{id}/source"), "workers:read"),
        (Method::GET, "/metrics".to_owned(), "platform:read"),
        (Method::POST, format!("{id}/invoke/greet"), "workers:invoke"),
        (Method::POST, format!("{id}/functions/greet"), "workers:invoke"),
    ] {
        let request = app.request(method, &path).body(json!({ "name": "w", "code": crate::support::CODE }).to_string());
        let (status, body) = status_and_json(request.send().await.unwrap()).await;
        assert_eq!((status, &body["code"]), (403, &json!("insufficient_scope")), "{path}");
        assert_eq!(body["required"], required, "{path}");
    }
    let (status, body) = app.post_json("/api/setup", "not even JSON").await;
    assert_eq!((status, &body["code"]), (403, &json!("setup_not_allowed")), "nothing of the body is read");
}
