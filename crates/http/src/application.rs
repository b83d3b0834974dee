//! The HTTP server. It is bound first, so that its address is known, and then runs until it is stopped.

use std::net::SocketAddr;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;
use std::{fmt, io};

use actix_web::dev::ServerHandle;
use actix_web::http::KeepAlive;
use actix_web::middleware::{Compat, from_fn};
use actix_web::web::{self, ServiceConfig};
use actix_web::{App, HttpServer};
use tokio::time::{sleep, timeout};
use workers_web::{BindError, Listener, Phase};

use crate::unmatched::{no_path, root_options};
use crate::{Access, Api, StopHandle};

/// Approximate memory of an open connection, in bytes.
const CONNECTION_BYTES: usize = 24 * 1024;
/// How long the remaining responses may take to reach their clients, once everything else has stopped.
const LAST_WORDS: Duration = Duration::from_secs(2);

/// A server that is bound to its address. It accepts connections once it runs. Dropping it before that frees the
/// address.
pub struct Application {
    listener: Listener,
    api: Api,
    extra: Vec<Mount>,
}

type Mount = Arc<dyn Fn(&mut ServiceConfig) + Send + Sync>;

impl Application {
    /// Binds to the address; port 0 chooses a free port. Must be called within a tokio runtime.
    ///
    /// # Errors
    ///
    /// If the address is in use, or if it is not loopback while [`Access::Loopback`] is the only protection of the API.
    pub fn bind(address: SocketAddr, api: Api) -> Result<Self, BindError> {
        let is_open = matches!(api.options.access, Access::Loopback);
        let listener = Listener::bind(address, is_open, api.options.write_timeout)?;
        Ok(Self { listener, api, extra: Vec::new() })
    }

    /// Serves additional routes beside ours. They get request ids, logs and metrics, but must do their own
    /// authentication.
    #[must_use]
    pub fn mount(mut self, routes: impl Fn(&mut ServiceConfig) + Send + Sync + 'static) -> Self {
        self.extra.push(Arc::new(routes));
        self
    }

    /// Returns the address that the server is bound to.
    #[must_use]
    pub const fn local_addr(&self) -> SocketAddr {
        self.listener.local_addr()
    }

    /// Returns a handle to stop the server from elsewhere.
    #[must_use]
    pub fn stop_handle(&self) -> StopHandle {
        self.api.stop_handle()
    }

    /// Serves until a stop is requested and running work has ended or used up its time.
    ///
    /// After the request to stop, `/readyz` fails. After `shutdown_delay`, no more connections are accepted and no
    /// invocations begin. Running invocations may finish within `drain_timeout`; then they are cancelled and their
    /// callers get an error.
    ///
    /// # Errors
    ///
    /// If the server cannot be started, or fails as a whole.
    pub async fn run(self) -> io::Result<()> {
        let Self { listener, api, extra, .. } = self;
        let options = &api.options;
        let (app_api, freed_memory) = (api.clone(), api.platform.unread_budget().freed_memory().clone());
        let server = HttpServer::new(move || {
            // actix calls this function once for each of its threads.
            let extra = extra.clone();
            App::new()
                .configure(root_options)
                .configure(app_api.routes())
                .configure(move |config| extra.iter().for_each(|mount| mount(config)))
                .default_service(web::to(no_path))
                // Mounted routes and requests without a route need tracking too. Inside this one, the tracking of our
                // own routes only formats errors.
                .wrap(Compat::new(from_fn(app_api.tracking())))
        })
        // Dropped when the connection is closed.
        .on_connect(move |_, data| drop(data.insert(freed_memory.in_use(CONNECTION_BYTES))))
        // actix panics if the number is 0.
        .workers(options.threads.max(1))
        .max_connections(options.max_connections_per_thread)
        .keep_alive(KeepAlive::Timeout(options.keep_alive))
        .client_request_timeout(options.head_timeout)
        .client_disconnect_timeout(options.linger)
        // Otherwise an event could wait for the acknowledgement of the previous one (Nagle's algorithm).
        .tcp_nodelay(true)
        // Otherwise a disconnected client is detected only when something is written to it.
        .h1_allow_half_closed(false)
        // actix would stop at a signal by its own rules. `bins/workersd/src/signals.rs` uses a `StopHandle` instead.
        .disable_signals()
        // Longer than the time to drain. Otherwise actix would cut connections before we cancel their invocations and
        // say why.
        .shutdown_timeout((options.drain_timeout + LAST_WORDS).as_secs().max(1))
        .listen(listener.into_socket())?
        .run();
        let handle = server.handle();
        let mut serving = pin!(server);
        tokio::select! {
            ended = &mut serving => return ended,
            () = wind_down(&api, &handle) => {}
        }
        // Clients that do not read their last response must not delay the end.
        match timeout(LAST_WORDS, serving).await {
            Ok(ended) => ended,
            Err(_) => Ok(()),
        }
    }
}

/// Shuts down, from the request to stop until nothing runs any more.
async fn wind_down(api: &Api, handle: &ServerHandle) {
    let stop = &api.stop;
    stop.reached(Phase::Draining).await;
    tracing::info!("shutting down");
    // Continue after the delay, or at once if an immediate stop is requested.
    let _ = timeout(api.options.shutdown_delay, stop.reached(Phase::Stopping)).await;
    // The call itself sends the command. Its future only waits for the end, for which `run` waits already.
    drop(handle.stop(true));
    let time = api.options.drain_timeout;
    // The timeout is longer than `time`, so that our own cancellation comes first, because it can give the reason.
    let mut drained = pin!(api.platform.invocations().drain(time + LAST_WORDS));
    tokio::select! {
        // The last events are being sent; the server waits for the connections.
        _ = &mut drained => return,
        () = sleep(time) => tracing::warn!("invocations still run after the time to drain; they are cancelled"),
        () = stop.reached(Phase::Stopping) => tracing::warn!("asked to stop now; running invocations are cancelled"),
    }
    stop.stop_now();
    // The sandboxes of the cancelled invocations end now.
    let _ = timeout(LAST_WORDS * 2, drained).await;
}

impl fmt::Debug for Application {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("Application").field("local_addr", &self.local_addr()).finish_non_exhaustive()
    }
}
