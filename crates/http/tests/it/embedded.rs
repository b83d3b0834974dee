//! Our routes in somebody else's application.

use std::sync::Arc;

use actix_web::App;
use actix_web::test::{TestRequest, call_service, init_service, read_body_json};
use actix_web::web::{self, ServiceConfig};
use serde_json::{Value, json};
use workers_domain::ports::SystemClock;
use workers_http::{Access, Api, HttpOptions, Metrics};
use workers_service::{Platform, ServiceOptions};
use workers_testing::{FakeWorkerRepository, ScriptedSandboxProvider};

fn api() -> Api {
    let metrics = Metrics::new();
    let platform = Platform::with_observer(
        Arc::new(FakeWorkerRepository::new()),
        Arc::new(ScriptedSandboxProvider::new(|_| Vec::new())),
        Arc::new(SystemClock),
        Arc::new(metrics.clone()),
        ServiceOptions::default(),
    );
    Api::new(platform, HttpOptions { access: Access::Embedded, ..HttpOptions::default() }, metrics)
}

/// The application's routes: its own, and ours below a path of its choice.
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
    assert_eq!(get("/tenants/acme/readyz").await.status(), 200);
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
