//! The files that the page loads.

use reqwest::{Method, Response};
use workers_http::{Branding, Logo};

use super::app;
use crate::support::TestApp;

/// Returns the path of the page's script.
async fn script(app: &TestApp) -> String {
    let page = app.get("/").await.text().await.unwrap();
    let (_, rest) = page.split_once(" src=\".").unwrap();
    rest.split('"').next().unwrap().to_owned()
}

async fn get(app: &TestApp, path: &str, header: &str, value: &str) -> Response {
    app.request(Method::GET, path).header(header, value).send().await.unwrap()
}

#[tokio::test]
async fn a_file_named_after_its_content_may_be_kept_for_ever() {
    let app = app();
    let response = app.get(&script(&app).await).await;
    assert_eq!(response.status(), 200);
    let headers = response.headers();
    for (name, value) in [
        ("content-type", "text/javascript; charset=utf-8"),
        ("cache-control", "public, max-age=31536000, immutable"),
        ("vary", "accept-encoding"),
        ("x-content-type-options", "nosniff"),
        ("cross-origin-resource-policy", "same-origin"),
    ] {
        assert_eq!(headers[name], value, "{name}");
    }
}

#[tokio::test]
async fn a_browser_gets_the_shortest_coding_that_it_takes() {
    let app = app();
    let script = script(&app).await;
    let plain = app.get(&script).await.bytes().await.unwrap().len();
    for (accepted, coding) in [
        ("gzip, deflate, br, zstd", Some("br")),
        ("gzip, deflate", Some("gzip")),
        ("br;q=0, gzip", Some("gzip")),
        ("identity", None),
        ("zstd", None),
        ("*;q=0", None),
    ] {
        let response = get(&app, &script, "accept-encoding", accepted).await;
        assert_eq!(
            response.headers().get("content-encoding").map(|coding| coding.to_str().unwrap()),
            coding,
            "{accepted}"
        );
        let length = response.bytes().await.unwrap().len();
        assert_eq!(length < plain, coding.is_some(), "{accepted}");
    }
}

#[tokio::test]
async fn what_a_browser_has_is_not_sent_again() {
    let app = app();
    for path in [&*script(&app).await, "/licenses.md", "/branding/logo"] {
        let etag = app.get(path).await.headers()["etag"].to_str().unwrap().to_owned();
        for known in [&*etag, "*", &format!("\"other\", {etag}")] {
            let response = get(&app, path, "if-none-match", known).await;
            assert_eq!(
                (response.status().as_u16(), response.headers()["etag"].to_str().unwrap()),
                (304, &*etag),
                "{path}"
            );
            assert!(response.headers().contains_key("cache-control"), "{path}");
            assert_eq!(response.bytes().await.unwrap().len(), 0, "{path}");
        }
        assert_eq!(get(&app, path, "if-none-match", "\"other\"").await.status(), 200, "{path}");
    }
}

#[tokio::test]
async fn the_licences_of_what_is_bundled_are_shown_as_text() {
    let response = app().get("/licenses.md").await;
    assert_eq!(response.headers()["content-type"], "text/plain; charset=utf-8");
    assert_eq!(response.headers()["cache-control"], "no-cache");
    assert!(response.text().await.unwrap().contains("preact"));
}

#[tokio::test]
async fn a_logo_is_an_image_and_never_a_document_with_scripts() {
    let response = app().get("/branding/logo").await;
    assert_eq!(response.headers()["content-type"], "image/svg+xml");
    assert_eq!(response.headers()["content-security-policy"], "default-src 'none'; style-src 'unsafe-inline'; sandbox");
    assert!(response.text().await.unwrap().starts_with("<svg"));
}

#[tokio::test]
async fn a_vendors_logo_is_served_as_it_is() {
    let logo = Logo::new(&b"\x89PNG\r\n\x1a\nrest"[..]).unwrap();
    let app = TestApp::builder().http(|options| options.console = Some(Branding::default().with_logo(logo))).start();
    let response = app.get("/branding/logo").await;
    assert_eq!(response.headers()["content-type"], "image/png");
    assert_eq!(&response.bytes().await.unwrap()[..], b"\x89PNG\r\n\x1a\nrest");
}
