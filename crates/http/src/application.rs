//! The HTTP server: bound first, so that its address is known, then run until somebody asks it to stop.

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

/// About what a connection needs of memory while it is open.
const CONNECTION_BYTES: usize = 24 * 1024;
/// How long answers that are ready may take to reach their clients once everything else has stopped.
const LAST_WORDS: Duration = Duration::from_secs(2);

/// A server that is bound to its address, and accepts connections once it runs. Dropped before that, it lets go of the
/// address.
pub struct Application {
    listener: Listener,
    api: Api,
    extra: Vec<Mount>,
}

type Mount = Arc<dyn Fn(&mut ServiceConfig) + Send + Sync>;

impl Application {
    /// Binds to the address; port 0 means any free one. Must be called within a tokio runtime.
    ///
    /// # Errors
    ///
    /// When the address is taken, or is not loopback while [`Access::Loopback`] is all that protects the API.
    pub fn bind(address: SocketAddr, api: Api) -> Result<Self, BindError> {
        let is_open = matches!(api.options.access, Access::Loopback);
        let listener = Listener::bind(address, is_open, api.options.write_timeout)?;
        Ok(Self { listener, api, extra: Vec::new() })
    }

    /// Serves further routes beside ours. They get request ids, logs and metrics, but protect themselves.
    #[must_use]
    pub fn mount(mut self, routes: impl Fn(&mut ServiceConfig) + Send + Sync + 'static) -> Self {
        self.extra.push(Arc::new(routes));
        self
    }

    /// Where it listens.
    #[must_use]
    pub const fn local_addr(&self) -> SocketAddr {
        self.listener.local_addr()
    }

    /// Asks it to stop, from elsewhere.
    #[must_use]
    pub fn stop_handle(&self) -> StopHandle {
        self.api.stop_handle()
    }

    /// Serves until it was asked to stop and what ran then has ended or had its time.
    ///
    /// Once asked, `/readyz` fails; after `shutdown_delay` no connection is accepted any more and no invocation begins;
    /// running ones may end within `drain_timeout`, after which they are cancelled and their callers told.
    ///
    /// # Errors
    ///
    /// When the server cannot be started, or fails as a whole.
    pub async fn run(self) -> io::Result<()> {
        let Self { listener, api, extra, .. } = self;
        let options = &api.options;
        let (app_api, freed) = (api.clone(), api.platform.unread().freed().clone());
        let server = HttpServer::new(move || {
            let extra = extra.clone();
            App::new()
                .configure(root_options)
                .configure(app_api.routes())
                .configure(move |config| extra.iter().for_each(|mount| mount(config)))
                .default_service(web::to(no_path))
                .wrap(Compat::new(from_fn(app_api.tracking())))
        })
        // Dropped with the connection.
        .on_connect(move |_, data| drop(data.insert(freed.in_use(CONNECTION_BYTES))))
        .workers(options.threads.max(1))
        .max_connections(options.max_connections_per_thread)
        .keep_alive(KeepAlive::Timeout(options.keep_alive))
        .client_request_timeout(options.head_timeout)
        .client_disconnect_timeout(options.linger)
        // An event must not wait for the acknowledgement of the one before.
        .tcp_nodelay(true)
        // Without this a client that has gone away is noticed only when something is written to it.
        .h1_allow_half_closed(false)
        .disable_signals()
        .shutdown_timeout((options.drain_timeout + LAST_WORDS).as_secs().max(1))
        .listen(listener.into_socket())?
        .run();
        let handle = server.handle();
        let mut serving = pin!(server);
        tokio::select! {
            ended = &mut serving => return ended,
            () = wind_down(&api, &handle) => {}
        }
        // Clients that do not read their last answer do not hold us up.
        match timeout(LAST_WORDS, serving).await {
            Ok(ended) => ended,
            Err(_) => Ok(()),
        }
    }
}

/// From the request to stop until nothing runs any more.
async fn wind_down(api: &Api, handle: &ServerHandle) {
    let stop = &api.stop;
    stop.reached(Phase::Draining).await;
    tracing::info!("shutting down");
    // Either the time is over, or nobody wants to wait for it.
    let _ = timeout(api.options.shutdown_delay, stop.reached(Phase::Stopping)).await;
    drop(handle.stop(true));
    let time = api.options.drain_timeout;
    // Our own cancellation comes first, for it can say why.
    let mut drained = pin!(api.platform.invocations().drain(time + LAST_WORDS));
    tokio::select! {
        // Their last events are on the way; the server waits for the connections.
        _ = &mut drained => return,
        () = sleep(time) => tracing::warn!("invocations still run after the time to drain; they are cancelled"),
        () = stop.reached(Phase::Stopping) => tracing::warn!("asked to stop now; running invocations are cancelled"),
    }
    stop.stop_now();
    // Their sandboxes end now.
    let _ = timeout(LAST_WORDS * 2, drained).await;
}

impl fmt::Debug for Application {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("Application").field("local_addr", &self.local_addr()).finish_non_exhaustive()
    }
}
