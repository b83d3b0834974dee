//! `workersd serve`: starts the adapters, use cases, HTTP servers and background tasks, and shuts them down in order.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

use anyhow::Context as _;
use workers_compiler::{CompilerOptions, ProcessCompiler};
use workers_domain::ports::{SandboxProvider, Store};
use workers_http::{Api, Application, HttpOptions, Metrics};
use workers_service::{CancellationToken, Platform};

use crate::capacity::Plan;
use crate::config::{ServeOptions, Settings};
use crate::listening::Listening;
use crate::sandboxes::{BesideContainers, Sandboxes};
use crate::vercel_api::VercelApi;
use crate::{memory, migrate, output, signals, telemetry};

pub(crate) async fn run(options: Box<ServeOptions>) -> anyhow::Result<ExitCode> {
    telemetry::start(options.log_format)?;
    let mut settings = Settings::new(*options)?;
    let plan = Plan::make(&settings).await?;
    plan.apply(&mut settings);
    let database = if settings.migrate {
        migrate::bring_up_to_date(&settings.database).await?.0
    } else {
        let database = migrate::connect(&settings.database).await?;
        migrate::verify(&database).await?;
        database
    };
    let store = database.store();
    store.schema().check().await.context("the database is not ready")?;
    let metrics = Metrics::new().with_lost_log_lines(telemetry::lost_lines());
    let network_observer = Arc::new(metrics.clone());
    let sandbox_observer = Arc::clone(&network_observer);
    let sandboxes = Sandboxes::start(&settings, network_observer, sandbox_observer).await?;
    let mut http = settings.http.clone();
    http.weaker_isolation = sandboxes.weaker();
    if !http.weaker_isolation.is_empty() {
        tracing::warn!(missing = ?http.weaker_isolation, "sandboxes lack a part of the isolation, as --allow-weaker permits");
    }
    let compiler = CompilerOptions { newer_node: sandboxes.may_have_newer_node(), ..CompilerOptions::default() };
    let served = serve(&settings, http, &plan, store, sandboxes.provider(), compiler, metrics).await;
    // After an error, too: sandboxes in the cloud would otherwise run until their own timeout.
    sandboxes.shut_down().await;
    served.map(|()| ExitCode::SUCCESS)
}

async fn serve(
    settings: &Settings,
    mut http: HttpOptions,
    plan: &Plan,
    store: Arc<dyn Store>,
    sandboxes: Arc<dyn SandboxProvider>,
    compiler: CompilerOptions,
    metrics: Metrics,
) -> anyhow::Result<()> {
    let observer = Arc::new(metrics.clone());
    let vercel_api = match (&settings.vercel_api, plan.containers) {
        (Some(api), Some(plan)) => Some(VercelApi::start(settings, api, plan, observer).await?),
        _ => None,
    };
    let sandboxes = match &vercel_api {
        Some(api) => Arc::new(BesideContainers { sandboxes, containers: api.containers().clone() }),
        None => sandboxes,
    };
    http.weaker_isolation.extend(vercel_api.as_ref().and_then(VercelApi::weaker));
    let bound = bind(settings, http, store, sandboxes, compiler, metrics).await;
    let (platform, application) = match (bound, &vercel_api) {
        (Ok(bound), _) => bound,
        (Err(error), None) => return Err(error),
        (Err(error), Some(api)) => {
            api.containers().shutdown().await;
            return Err(error);
        }
    };
    // Dropping this guard ends the background work, on every way out of this function.
    let stop_background = CancellationToken::new().drop_guard();
    let background = tokio::spawn(platform.run_background(stop_background.token().clone()));
    let memory_task = tokio::spawn(memory::give_back(platform.clone()));
    let shutdown_time = settings.http.shutdown_delay + settings.http.drain_timeout;
    signals::stop_on_signals(
        application.stop_handle(),
        vercel_api.as_ref().map(|api| api.application.stop_handle()),
        shutdown_time,
    )?;
    let listening = publish_address(settings.database.data_dir.clone(), application.local_addr()).await;
    // Scripts and the bench (`bins/bench/src/process.rs`) wait for this line and read the address from it. The line of
    // the Vercel API comes second.
    output::print(format_args!("listening on http://{}", application.local_addr()));
    let served = match vercel_api {
        Some(vercel_api) => {
            output::print(format_args!("vercel api on http://{}/api", vercel_api.application.local_addr()));
            serve_both(application, vercel_api).await
        }
        None => application.run().await.context("the HTTP server failed"),
    };
    // `workersd doctor` must not look for this server any more: nothing is accepted from here on.
    drop(listening);
    // It never ends by itself.
    memory_task.abort();
    drop(stop_background);
    let ended = background.await.context("the background work failed");
    // Invocations that the end of the HTTP server has cut off get no more time.
    platform.invocations().drain(Duration::ZERO).await;
    served.and(ended)
}

/// Builds the use cases and the HTTP server over them, bound to its address.
async fn bind(
    settings: &Settings,
    http: HttpOptions,
    store: Arc<dyn Store>,
    sandboxes: Arc<dyn SandboxProvider>,
    compiler: CompilerOptions,
    metrics: Metrics,
) -> anyhow::Result<(Platform, Application)> {
    let compiler = ProcessCompiler::start(compiler).await.context("cannot start the compiler")?;
    let platform = Platform::builder(store, sandboxes)
        .compiler(Arc::new(compiler))
        .observer(Arc::new(metrics.clone()))
        .options(settings.service.clone())
        .build();
    let api = Api::new(platform.clone(), http, metrics);
    Ok((platform, Application::bind(settings.listen, api)?))
}

/// Writes the server's address into the data directory. If that fails, logs a warning and the server runs on.
async fn publish_address(data_dir: PathBuf, address: SocketAddr) -> Option<Listening> {
    let published = tokio::task::spawn_blocking(move || Listening::publish(&data_dir, address)).await;
    match published.unwrap_or_else(|error| Err(error.into())) {
        Ok(listening) => Some(listening),
        Err(error) => {
            let error = &error as &dyn std::error::Error;
            tracing::warn!(
                error,
                "the server's address cannot be recorded: `workersd doctor` finds the server only with --listen"
            );
            None
        }
    }
}

/// Serves both APIs until both have stopped. When one of them fails or stops, it stops the other.
async fn serve_both(application: Application, vercel_api: VercelApi) -> anyhow::Result<()> {
    let (stop, stop_vercel) = (application.stop_handle(), vercel_api.application.stop_handle());
    let platform = async {
        let served = application.run().await.context("the HTTP server failed");
        stop_vercel.stop();
        served
    };
    let offered = async {
        let served = vercel_api.run().await;
        stop.stop();
        served
    };
    // Not `try_join!`: when one server has failed, that would drop the other one in the middle of its drain.
    let (served, offered) = tokio::join!(platform, offered);
    served.and(offered)
}
