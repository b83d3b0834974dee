//! The HTTP API inside an actix application of your own, beside its routes and behind its authentication.
//!
//! Fakes stand in for a database and a sandbox provider; `workers-storage` and `workers-engine` have the real ones.

use std::sync::Arc;

use actix_web::web::{self, ServiceConfig};
use actix_web::{App, HttpServer};
use workers_domain::ports::SystemClock;
use workers_http::{Access, Api, HttpOptions, Metrics};
use workers_service::{Platform, ServiceOptions};
use workers_testing::{FakeWorkerRepository, ScriptedSandboxProvider, Step};

/// The platform, and our routes over it.
pub(crate) fn api() -> Api {
    let repository = Arc::new(FakeWorkerRepository::new());
    let sandboxes = Arc::new(ScriptedSandboxProvider::new(|call| vec![Step::Return(call.payload.clone())]));
    let metrics = Metrics::new();
    let observer = Arc::new(metrics.clone());
    let options = ServiceOptions::default();
    let platform = Platform::with_observer(repository, sandboxes, Arc::new(SystemClock), observer, options);
    // This application decides who gets as far as our routes.
    let http = HttpOptions { access: Access::Embedded, ..HttpOptions::default() };
    Api::new(platform, http, metrics)
}

/// The application's routes: its own, and ours below a path of its choice.
pub(crate) fn routes(api: &Api) -> impl FnOnce(&mut ServiceConfig) + use<> {
    let ours = api.routes();
    |config| {
        config
            .route("/hello", web::get().to(|| async { "hello" }))
            .service(web::scope("/tenants/acme").configure(ours));
    }
}

#[actix_web::main]
async fn main() -> std::io::Result<()> {
    let api = api();
    HttpServer::new(move || App::new().configure(routes(&api)))
        // So that a client which goes away is noticed at once, and its invocation cancelled.
        .h1_allow_half_closed(false)
        .bind(("127.0.0.1", 3000))?
        .run()
        .await
}
