//! The use cases in a program of their own, as in `embed_service.rs`, behind a minimal HTTP server. It shows what an
//! invocation costs an embedder, beside one of `workersd`. The bench starts itself again as this program.

use std::convert::Infallible;
use std::net::{Ipv4Addr, SocketAddr};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Arc;

use anyhow::Context as _;
use bytes::Bytes;
use http_body_util::{BodyExt as _, Full};
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper::{Request, Response, StatusCode};
use hyper_util::rt::TokioIo;
use tempfile::TempDir;
use tokio::net::{TcpListener, TcpStream};
use workers_domain::access::{CallContext, RequestId};
use workers_domain::{InvocationEventKind, Outcome, WorkerId};
use workers_engine::{Engine, EngineOptions};
use workers_service::{CancellationToken, Platform};
use workers_storage::Database;

use crate::process::Process;
use crate::target::WORK;

/// The first argument of the embedding program. The data directory and Node.js's path follow it.
const ARGUMENT: &str = "__embedded";

/// Starts the embedding program with an empty data directory.
pub(crate) fn start(node: &Path) -> anyhow::Result<(Process, SocketAddr, TempDir)> {
    let data = tempfile::tempdir()?;
    let mut command = Command::new(std::env::current_exe()?);
    let (process, address) = Process::start(command.arg(ARGUMENT).arg(data.path()).arg(node))?;
    Ok((process, address, data))
}

/// Returns the data directory and Node.js's path if this process was started as the embedding program.
pub(crate) fn requested() -> Option<(PathBuf, PathBuf)> {
    let mut arguments = std::env::args_os().skip(1);
    let is_asked = arguments.next()? == ARGUMENT;
    is_asked.then(|| Some((arguments.next()?.into(), arguments.next()?.into()))).flatten()
}

/// Deploys the work and responds to each request with the result of an invocation, until the process is ended.
#[expect(clippy::print_stdout, reason = "the line says where it listens")]
pub(crate) async fn serve(data: PathBuf, node: PathBuf) -> anyhow::Result<()> {
    let database = Database::sqlite_file(data.join("workers.sqlite3")).await?;
    let engine = Engine::start(EngineOptions::new(&data, node)).await?;
    let platform = Platform::builder(database.store(), Arc::new(engine)).build();
    tokio::spawn(platform.run_background(CancellationToken::new()));
    let worker = platform.workers().deploy(&call(&platform), "bench".to_owned(), WORK.into()).await?;
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await?;
    println!("listening on http://{}", listener.local_addr()?);
    loop {
        let (stream, _) = listener.accept().await?;
        tokio::spawn(answer(stream, platform.clone(), worker.id));
    }
}

/// Serves the requests of one connection.
async fn answer(stream: TcpStream, platform: Platform, worker: WorkerId) {
    let _ = stream.set_nodelay(true);
    let service = service_fn(|request: Request<Incoming>| {
        let platform = platform.clone();
        async move {
            let (status, text) = match invoke(&platform, worker, request).await {
                Ok(result) => (StatusCode::OK, result),
                Err(error) => (StatusCode::BAD_GATEWAY, format!("{error:#}")),
            };
            let mut response = Response::new(Full::new(Bytes::from(text)));
            *response.status_mut() = status;
            Ok::<_, Infallible>(response)
        }
    });
    // If the client closes the connection, there is nothing left to do.
    let _ = http1::Builder::new().serve_connection(TokioIo::new(stream), service).await;
}

async fn invoke(platform: &Platform, worker: WorkerId, request: Request<Incoming>) -> anyhow::Result<String> {
    let payload = request.into_body().collect().await?.to_bytes();
    let mut invocation = platform.invocations().invoke(&call(platform), worker, "run", &payload).await?;
    while let Some(event) = invocation.next().await {
        if let InvocationEventKind::Finished(report) = event.kind {
            return match report.outcome {
                Outcome::Returned { result, .. } => Ok(result.into_string()),
                Outcome::Failed(failure) => anyhow::bail!("the function did not return: {failure:?}"),
            };
        }
    }
    None.context("the invocation had no end")
}

fn call(platform: &Platform) -> CallContext {
    CallContext::embedder(RequestId::generate(platform.clock().now()))
}
