//! Our routes inside another actix application, under a prefix and behind that application's own authentication.
//!
//! `cargo run --package workersd --example embed_http`, then `curl -H 'x-user: ada'
//! http://127.0.0.1:8080/functions/api/workers`. The console is at `/functions/`, for authenticated browsers. With
//! `--self-test` it sends requests to itself and exits.

use std::sync::Arc;

use actix_web::body::MessageBody;
use actix_web::dev::{ServiceRequest, ServiceResponse};
use actix_web::error::ErrorUnauthorized;
use actix_web::middleware::{Next, from_fn};
use actix_web::{App, Error, HttpServer, web};
use workers_compiler::{CompilerOptions, ProcessCompiler};
use workers_engine::{Engine, EngineOptions};
use workers_http::{Access, Api, Branding, HttpOptions, Metrics};
use workers_service::{CancellationToken, Platform};
use workers_storage::Database;

fn main() -> anyhow::Result<()> {
    // The engine's launcher and the compiler's processes also run this program. They must branch off here, before there
    // is a second thread.
    workers_engine::run_launcher_if_asked();
    workers_compiler::run_compiler_if_asked();
    tokio::runtime::Runtime::new()?.block_on(run())
}

#[expect(clippy::print_stdout, reason = "it is an example")]
async fn run() -> anyhow::Result<()> {
    let data = tempfile::tempdir()?;
    let node = std::env::var("WORKERS_NODE").unwrap_or_else(|_| ".tools/node/bin/node".to_owned());
    let database = Database::sqlite_file(data.path().join("workers.sqlite3")).await?;
    let engine = Engine::start(EngineOptions::new(data.path(), std::path::absolute(node)?)).await?;

    let metrics = Metrics::new();
    let platform = Platform::builder(database.store(), Arc::new(engine.clone()))
        .compiler(Arc::new(ProcessCompiler::start(CompilerOptions::default()).await?))
        .observer(Arc::new(metrics.clone()))
        .build();
    // Expires workers, and ends deploys whose server has stopped.
    let token = CancellationToken::new();
    let background = tokio::spawn(platform.run_background(token.clone()));
    // The application has authenticated its users before our routes run, so every request acts for the application, in
    // the default tenant. `Access::Custom` takes an authenticator that decides for each request for whom it acts.
    let mut options = HttpOptions::default();
    options.access = Access::Embedded;
    options.console = Some(Branding::new("Acme Functions")?);
    let api = Api::new(platform.clone(), options, metrics);

    let self_test = std::env::args().any(|argument| argument == "--self-test");
    let server = HttpServer::new(move || {
        App::new()
            .route("/", web::get().to(async || "own page"))
            .service(web::scope("/functions").configure(api.routes()).wrap(from_fn(only_users)))
    })
    // With this setting our routes notice when a client has disconnected.
    .h1_allow_half_closed(false)
    .bind(("127.0.0.1", if self_test { 0 } else { 8080 }))?;
    let address = server.addrs()[0];
    println!("listening on http://{address}");
    let server = server.run();
    let handle = server.handle();
    let task = tokio::spawn(server);
    if self_test {
        for path in ["/", "/functions/api/workers", "/functions"] {
            let request = workers_testing::http_client().get(format!("http://{address}{path}")).header("x-user", "ada");
            let response = request.send().await?;
            let place = response.url().path().to_owned();
            println!("GET {path} -> {}", response.text().await?);
            println!("from {place}");
        }
        handle.stop(true).await;
    }
    task.await??;
    platform.invocations().drain(std::time::Duration::from_secs(10)).await;
    token.cancel();
    background.await?;
    engine.shutdown().await;
    Ok(())
}

/// Stands in for the application's own authentication.
async fn only_users(
    request: ServiceRequest,
    next: Next<impl MessageBody>,
) -> Result<ServiceResponse<impl MessageBody>, Error> {
    if request.headers().contains_key("x-user") {
        next.call(request).await
    } else {
        Err(ErrorUnauthorized("say who you are"))
    }
}
