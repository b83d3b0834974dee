//! The use cases inside an axum application: one route responds with what a function returns, the other one streams
//! what it prints.
//!
//! `cargo run --package workersd --example embed_axum`, then `curl http://127.0.0.1:8080/run/greet -d '{"name":"Ada"}'`
//! or `curl -N http://127.0.0.1:8080/log/greet -d '{"name":"Ada"}'`. With `--self-test` it sends requests to itself and
//! exits.

use std::convert::Infallible;
use std::sync::Arc;

use axum::Router;
use axum::body::{Body, Bytes};
use axum::extract::{Path, State};
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::post;
use futures_util::StreamExt as _;
use workers_compiler::{CompilerOptions, ProcessCompiler};
use workers_domain::access::{CallContext, RequestId};
use workers_domain::{InvocationEventKind, Outcome, WorkerId};
use workers_engine::{Engine, EngineOptions};
use workers_service::{CancellationToken, Invocation, InvokeError, Platform};
use workers_storage::Database;

const CODE: &str = "
export async function greet({ name }: { name: string }) {
  console.log('greeting', name);
  return `hello ${name}`;
}
";

/// The state that every request uses.
#[derive(Clone)]
struct Greeter {
    platform: Platform,
    worker: WorkerId,
}

impl Greeter {
    async fn invoke(&self, function: &str, payload: &[u8]) -> Result<Invocation, Response> {
        // An application with users sets here which of its tenants makes the call.
        let call = CallContext::embedder(RequestId::generate(self.platform.clock().now()));
        let begun = self.platform.invocations().invoke(&call, self.worker, function, payload).await;
        begun.map_err(|error| {
            let status = match error {
                InvokeError::FunctionNotFound { .. } => StatusCode::NOT_FOUND,
                InvokeError::PayloadTooLarge { .. } => StatusCode::PAYLOAD_TOO_LARGE,
                InvokeError::Busy { .. } => StatusCode::TOO_MANY_REQUESTS,
                _ => StatusCode::SERVICE_UNAVAILABLE,
            };
            (status, error.to_string()).into_response()
        })
    }
}

/// Responds once, with the result.
async fn run(
    State(greeter): State<Greeter>,
    Path(function): Path<String>,
    payload: Bytes,
) -> Result<Response, Response> {
    let mut invocation = greeter.invoke(&function, &payload).await?;
    while let Some(event) = invocation.next().await {
        if let InvocationEventKind::Finished(report) = event.kind {
            return match report.outcome {
                Outcome::Returned { result, .. } => {
                    Ok(([(header::CONTENT_TYPE, "application/json")], result.into_string()).into_response())
                }
                Outcome::Failed(failure) => Err((StatusCode::UNPROCESSABLE_ENTITY, failure.message).into_response()),
            };
        }
    }
    Err(StatusCode::INTERNAL_SERVER_ERROR.into_response())
}

/// Sends each line when it is printed. When the client disconnects, the invocation is dropped, which ends its sandbox.
async fn log(State(greeter): State<Greeter>, Path(function): Path<String>, payload: Bytes) -> Result<Body, Response> {
    let invocation = greeter.invoke(&function, &payload).await?;
    let lines = invocation.map(|event| match event.kind {
        InvocationEventKind::Log(entry) => Ok::<_, Infallible>(format!("{}\n", entry.message)),
        InvocationEventKind::Finished(report) => Ok(match report.outcome {
            Outcome::Returned { .. } => "returned\n".to_owned(),
            Outcome::Failed(failure) => format!("failed: {}\n", failure.message),
        }),
    });
    Ok(Body::from_stream(lines))
}

fn main() -> anyhow::Result<()> {
    // The engine's launcher and the compiler's processes also run this program. They must branch off here, before there
    // is a second thread.
    workers_engine::run_launcher_if_asked();
    workers_compiler::run_compiler_if_asked();
    tokio::runtime::Runtime::new()?.block_on(serve())
}

#[expect(clippy::print_stdout, reason = "it is an example")]
async fn serve() -> anyhow::Result<()> {
    let data = tempfile::tempdir()?;
    let node = std::env::var("WORKERS_NODE").unwrap_or_else(|_| ".tools/node/bin/node".to_owned());
    let database = Database::sqlite_file(data.path().join("workers.sqlite3")).await?;
    let engine = Engine::start(EngineOptions::new(data.path(), std::path::absolute(node)?)).await?;
    let compiler = ProcessCompiler::start(CompilerOptions::default()).await?;
    let platform = Platform::builder(database.store(), Arc::new(engine.clone())).compiler(Arc::new(compiler)).build();
    let stop = CancellationToken::new();
    // Expires workers, and ends deploys whose server has stopped.
    let background = tokio::spawn(platform.run_background(stop.clone()));

    let call = CallContext::embedder(RequestId::generate(platform.clock().now()));
    let worker = platform.workers().deploy(&call, "greeter".to_owned(), CODE.into()).await?.id;
    let routes = Router::new().route("/run/{function}", post(run)).route("/log/{function}", post(log));
    let routes = routes.with_state(Greeter { platform: platform.clone(), worker });

    let self_test = std::env::args().any(|argument| argument == "--self-test");
    let listener = tokio::net::TcpListener::bind(("127.0.0.1", if self_test { 0 } else { 8080 })).await?;
    let address = listener.local_addr()?;
    println!("listening on http://{address}");
    let server = axum::serve(listener, routes).with_graceful_shutdown(stop.clone().cancelled_owned());
    let server = tokio::spawn(server.into_future());
    if self_test {
        for path in ["/run/greet", "/log/greet", "/run/grete"] {
            let request = workers_testing::http_client().post(format!("http://{address}{path}"));
            let response = request.body(r#"{"name":"Ada"}"#).send().await?;
            println!("POST {path} -> {} {}", response.status().as_u16(), response.text().await?);
        }
    } else {
        tokio::signal::ctrl_c().await?;
    }
    stop.cancel();
    server.await??;
    platform.invocations().drain(std::time::Duration::from_secs(10)).await;
    background.await?;
    engine.shutdown().await;
    Ok(())
}
