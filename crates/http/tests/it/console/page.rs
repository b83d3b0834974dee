//! The page itself.

use reqwest::Method;
use serde_json::json;
use workers_http::{Access, AdminToken, Branding};

use super::app;
use crate::support::{TestApp, status_and_json};

#[tokio::test]
async fn the_page_names_the_vendor_and_keeps_everything_foreign_out() {
    let branding = Branding::new("A & B").unwrap().with_accent("#12AB34").unwrap();
    let app = TestApp::builder().http(|options| options.console = Some(branding)).start();
    let response = app.get("/").await;
    assert_eq!(response.status(), 200);
    let headers = response.headers().clone();
    let page = response.text().await.unwrap();
    assert!(page.contains("<title>A &amp; B</title>") && page.contains("\"#12ab34\""), "{page}");
    let policy = headers["content-security-policy"].to_str().unwrap();
    let (_, rest) = policy.split_once("style-src 'self' 'nonce-").unwrap();
    let (nonce, rest) = rest.split_once("'; ").unwrap();
    assert!(page.contains(&format!("nonce=\"{nonce}\"")), "{page}");
    assert_eq!(
        (policy.split_once("; style-src").unwrap().0, rest),
        (
            "default-src 'none'; script-src 'self'",
            "img-src 'self' data:; font-src 'self'; connect-src 'self'; base-uri 'none'; form-action 'none'; \
             frame-ancestors 'none'; require-trusted-types-for 'script'"
        )
    );
    for (name, value) in [
        ("content-type", "text/html; charset=utf-8"),
        ("cache-control", "no-store"),
        ("referrer-policy", "no-referrer"),
        ("cross-origin-opener-policy", "same-origin"),
        ("x-content-type-options", "nosniff"),
        ("x-frame-options", "DENY"),
        ("x-request-id", "test"),
    ] {
        assert_eq!(headers[name], value, "{name}");
    }
    assert!(headers["permissions-policy"].to_str().unwrap().contains("camera=()"));
}

#[tokio::test]
async fn every_answer_has_a_nonce_of_its_own() {
    let app = app();
    let (one, other) = (app.get("/").await, app.get("/").await);
    assert_ne!(one.headers()["content-security-policy"], other.headers()["content-security-policy"]);
}

#[tokio::test]
async fn the_page_is_read_only() {
    let app = app();
    let head = app.request(Method::HEAD, "/").send().await.unwrap();
    assert_eq!((head.status().as_u16(), head.text().await.unwrap()), (200, String::new()));
    let (status, body) = app.post_json("/", "").await;
    assert_eq!((status, &body["code"]), (405, &json!("method_not_allowed")));
}

#[tokio::test]
async fn without_a_console_there_is_no_page_and_with_one_other_paths_stay_unknown() {
    let without = TestApp::start();
    for path in ["/", "/branding/logo", "/licenses.md"] {
        assert_eq!(without.get(path).await.status(), 404, "{path}");
    }
    let with = app();
    for path in ["/index.html", "/workers", "/assets/none.js", "/assets/", "/assets/..%2flicenses.md", "/branding"] {
        let (status, body) = status_and_json(with.get(path).await).await;
        assert_eq!((status, &body["code"]), (404, &json!("not_found")), "{path}");
    }
}

#[tokio::test]
async fn the_console_needs_no_token_and_the_api_still_does() {
    let token = AdminToken::new("s3cret").unwrap();
    let app = TestApp::builder()
        .http(|options| {
            options.access = Access::Token(token);
            options.console = Some(Branding::default());
        })
        .start();
    for path in ["/", "/branding/logo", "/licenses.md"] {
        let request = app.request(Method::GET, path).header("host", "workers.example.com");
        assert_eq!(request.send().await.unwrap().status(), 200, "{path}");
    }
    assert_eq!(app.get("/api/workers").await.status(), 401);
}

#[tokio::test]
async fn a_link_of_another_site_opens_the_console_and_a_foreign_name_does_not() {
    let app = app();
    let from_a_link = app.request(Method::GET, "/").header("sec-fetch-site", "cross-site").send().await.unwrap();
    assert_eq!(from_a_link.status(), 200);
    for path in ["/", "/licenses.md", "/branding/logo"] {
        let rebound = app.request(Method::GET, path).header("host", "evil.example").send().await.unwrap();
        let (status, body) = status_and_json(rebound).await;
        assert_eq!((status, &body["code"]), (403, &json!("host_not_allowed")), "{path}");
    }
}
