//! Our routes in somebody else's application.

#[path = "../../examples/embed_http.rs"]
mod embed_http;

use actix_web::App;
use actix_web::test::{TestRequest, call_service, init_service, read_body_json};
use serde_json::{Value, json};

#[actix_web::test]
async fn the_example_serves_both_its_own_routes_and_ours() {
    let api = embed_http::api();
    let app = init_service(App::new().configure(embed_http::routes(&api))).await;
    let get = async |path: &str| call_service(&app, TestRequest::get().uri(path).to_request()).await;
    assert_eq!(get("/hello").await.status(), 200);
    let workers = get("/tenants/acme/api/workers").await;
    assert_eq!(workers.headers().get("x-request-id").unwrap().len(), 36);
    assert_eq!(read_body_json::<Value, _>(workers).await, json!([]));
    assert_eq!(get("/tenants/acme/readyz").await.status(), 200);
}

#[actix_web::test]
async fn our_errors_keep_our_body_and_its_errors_are_its_own() {
    let api = embed_http::api();
    let app = init_service(App::new().configure(embed_http::routes(&api))).await;
    let get = async |path: &str| call_service(&app, TestRequest::get().uri(path).to_request()).await;
    let ours = read_body_json::<Value, _>(get("/tenants/acme/api/nope").await).await;
    assert_eq!(ours["code"], "not_found");
    assert!(ours["requestId"].is_string());
    let its = get("/nope").await;
    assert_eq!(its.status(), 404);
    assert!(its.headers().get("content-type").is_none());
}
