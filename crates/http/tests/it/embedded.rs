//! Our routes in another application.

use std::sync::Arc;

use actix_web::App;
use actix_web::test::{TestRequest, call_service, init_service, read_body, read_body_json};
use actix_web::web::{self, ServiceConfig};
use serde_json::{Value, json};
use workers_http::{Access, Api, Branding, HttpOptions, Metrics};
use workers_service::Platform;
use workers_testing::{FakeStore, ScriptedSandboxProvider};

fn api() -> Api {
    api_with(Some(Branding::default()))
}

fn api_with(console: Option<Branding>) -> Api {
    let metrics = Metrics::new();
    let sandboxes = ScriptedSandboxProvider::new(|_| Vec::new());
    let platform =
        Platform::builder(Arc::new(FakeStore::new()), Arc::new(sandboxes)).observer(Arc::new(metrics.clone())).build();
    let mut options = HttpOptions::default();
    (options.access, options.console) = (Access::Embedded, console);
    Api::new(platform, options, metrics)
}

/// Adds the application's own routes, and ours below a path of its choice.
fn routes(api: &Api) -> impl FnOnce(&mut ServiceConfig) + use<> {
    let ours = api.routes();
    |config| {
        config
            .route("/hello", web::get().to(|| async { "hello" }))
            .service(web::scope("/tenants/acme").configure(ours));
    }
}

#[actix_web::test]
async fn an_application_serves_both_its_own_routes_and_ours() {
    let api = api();
    let app = init_service(App::new().configure(routes(&api))).await;
    let get = async |path: &str| call_service(&app, TestRequest::get().uri(path).to_request()).await;
    assert_eq!(get("/hello").await.status(), 200);
    let workers = get("/tenants/acme/api/workers").await;
    assert_eq!(workers.headers().get("x-request-id").unwrap().len(), 36);
    assert_eq!(read_body_json::<Value, _>(workers).await, json!([]));
    for path in ["/tenants/acme/readyz", "/tenants/acme/metrics"] {
        assert_eq!(get(path).await.status(), 200, "{path}");
    }
}

#[actix_web::test]
async fn our_errors_keep_our_body_and_its_errors_are_its_own() {
    let api = api();
    let app = init_service(App::new().configure(routes(&api))).await;
    let get = async |path: &str| call_service(&app, TestRequest::get().uri(path).to_request()).await;
    let ours = read_body_json::<Value, _>(get("/tenants/acme/api/nope").await).await;
    assert_eq!(ours["code"], "not_found");
    assert!(ours["requestId"].is_string());
    let its = get("/nope").await;
    assert_eq!(its.status(), 404);
    assert!(its.headers().get("content-type").is_none());
}

#[actix_web::test]
async fn the_console_works_below_the_path_that_the_application_chose() {
    let api = api();
    let app = init_service(App::new().configure(routes(&api))).await;
    let get = async |path: &str| call_service(&app, TestRequest::get().uri(path).to_request()).await;
    let page = get("/tenants/acme/").await;
    assert_eq!(page.status(), 200);
    let page = String::from_utf8(read_body(page).await.to_vec()).unwrap();
    let (_, script) = page.split_once(" src=\".").unwrap();
    let script = script.split('"').next().unwrap();
    assert_eq!(get(&format!("/tenants/acme{script}")).await.status(), 200);
    assert_eq!(get("/tenants/acme/branding/logo").await.status(), 200);
    assert_eq!(get("/").await.status(), 404);
}

#[actix_web::test]
async fn without_its_last_slash_the_path_leads_to_the_console_by_a_relative_redirect() {
    let api = api();
    let app = init_service(App::new().configure(routes(&api))).await;
    let response = call_service(&app, TestRequest::get().uri("/tenants/acme").to_request()).await;
    assert_eq!(response.status(), 308);
    assert_eq!(response.headers().get("location").unwrap(), "./acme/");
}

#[actix_web::test]
async fn without_the_option_there_is_the_api_and_no_console() {
    assert!(HttpOptions::default().console.is_none());
    let api = api_with(None);
    let app = init_service(App::new().configure(routes(&api))).await;
    let get = async |path: &str| call_service(&app, TestRequest::get().uri(path).to_request()).await;
    for path in ["/tenants/acme", "/tenants/acme/", "/tenants/acme/branding/logo"] {
        assert_eq!(get(path).await.status(), 404, "{path}");
    }
    assert_eq!(get("/tenants/acme/api/workers").await.status(), 200);
}
