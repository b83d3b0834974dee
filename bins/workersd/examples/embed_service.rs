//! Deploys a worker and invokes it, without HTTP: the use cases as a library.
//!
//! `cargo run --package workersd --example embed_service`

use std::sync::Arc;

use workers_domain::access::{CallContext, RequestId};
use workers_engine::{Engine, EngineOptions};
use workers_service::{CancellationToken, Platform};
use workers_storage::Database;

const CODE: &str = "
export async function greet({ name }: { name: string }) {
  console.log('greeting', name);
  return `hello ${name}`;
}
";

#[expect(clippy::print_stdout, reason = "it is an example")]
fn main() -> anyhow::Result<()> {
    // The engine's launcher also runs this program. It must branch off here, before there is a second thread.
    workers_engine::run_launcher_if_asked();
    tokio::runtime::Runtime::new()?.block_on(async {
        let data = tempfile::tempdir()?;
        let node = std::env::var("WORKERS_NODE").unwrap_or_else(|_| ".tools/node/bin/node".to_owned());
        let database = Database::sqlite_file(data.path().join("workers.sqlite3")).await?;
        let engine = Engine::start(EngineOptions::new(data.path(), std::path::absolute(node)?)).await?;
        // Untrusted code needs a compiler in a process of its own; see `embed_http.rs`.
        let platform = Platform::builder(database.store(), Arc::new(engine.clone())).build();
        // Expires workers, and ends deploys whose server has stopped.
        let token = CancellationToken::new();
        let background = tokio::spawn(platform.run_background(token.clone()));

        // Every use case takes the call context as its first argument.
        let call = CallContext::embedder(RequestId::generate(platform.clock().now()));
        let worker = platform.workers().deploy(&call, "greeter".to_owned(), CODE.into()).await?;
        println!("deployed {} with {:?}", worker.name, worker.functions);
        // Prints the log while the function runs, and how the invocation ended.
        let mut invocation = platform.invocations().invoke(&call, worker.id, "greet", br#"{"name":"Ada"}"#).await?;
        while let Some(event) = invocation.next().await {
            println!("{:?}", event.kind);
        }

        token.cancel();
        background.await?;
        engine.shutdown().await;
        Ok(())
    })
}
