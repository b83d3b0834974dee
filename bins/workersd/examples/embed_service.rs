//! Deploys a worker and invokes it, without HTTP: the use cases as a library.
//!
//! `cargo run --package workersd --example embed_service`

use std::sync::Arc;

use anyhow::Context as _;
use workers_domain::access::{CallContext, RequestId};
use workers_domain::{InvocationEvent, Outcome};
use workers_engine::{Engine, EngineOptions};
use workers_service::Platform;
use workers_storage::{Database, DatabaseUrl, StorageOptions};

const CODE: &str = "
export async function greet({ name }: { name: string }) {
  console.log('greeting', name);
  return `hello ${name}`;
}
";

fn main() -> anyhow::Result<()> {
    // This program is also the engine's launcher; it must be told apart before there is a second thread.
    workers_engine::run_launcher_if_asked();
    tokio::runtime::Runtime::new()?.block_on(run())
}

#[expect(clippy::print_stdout, reason = "it is an example")]
async fn run() -> anyhow::Result<()> {
    let data = tempfile::tempdir()?;
    let node = std::env::var("WORKERS_NODE").unwrap_or_else(|_| ".tools/node/bin/node".to_owned());
    let node = std::path::absolute(node)?;

    let url = DatabaseUrl::sqlite_file(data.path().join("workers.sqlite3"));
    let database = Database::connect(&url, &StorageOptions::default()).await?;
    database.create_if_none().await?;
    database.store().schema().apply_migrations().await?;
    let engine = Engine::start(EngineOptions::new(data.path(), node)).await?;
    // Code of strangers is for a compiler in a process of its own: see `embed_http.rs`.
    let platform = Platform::builder(database.store(), Arc::new(engine.clone())).build();
    // Every use case is told who calls.
    let call = CallContext::embedder(RequestId::generate(platform.clock().now()));

    let worker = platform.workers().deploy(&call, "greeter".to_owned(), CODE.into()).await?;
    println!("deployed {} with {}", worker.name, worker.functions.first().context("it exports a function")?);

    let mut invocation = platform.invocations().invoke(&call, worker.id, "greet", br#"{"name":"Ada"}"#).await?;
    while let Some(event) = invocation.next().await {
        match event {
            InvocationEvent::Log(entry) => println!("log: {}", entry.message),
            InvocationEvent::Finished(report) => match report.outcome {
                Outcome::Returned { result, .. } => println!("result: {}", result.as_str()),
                Outcome::Failed(failure) => println!("failed: {} ({})", failure.message, failure.code),
            },
        }
    }
    engine.shutdown().await;
    Ok(())
}
