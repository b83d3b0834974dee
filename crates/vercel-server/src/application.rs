//! An HTTP server for the API. Binding comes before running, so that the address is known early; it then runs until a
//! [`StopHandle`] stops it.

use std::net::SocketAddr;
use std::time::Duration;
use std::{fmt, io};

use actix_web::http::KeepAlive;
use actix_web::middleware::{Compat, from_fn};
use actix_web::{App, HttpServer, web};
use workers_web::{BindError, Listener, Phase, track};

use crate::VercelServer;
use crate::routes::outside;

/// How long an idle connection stays open: longer than proxies keep theirs.
const KEEP_ALIVE: Duration = Duration::from_secs(75);
/// How long a client may take to send the head of a request.
const HEAD_TIME: Duration = Duration::from_secs(10);
/// How long the unread rest of a body is read and discarded, so that the client can read the response.
const LINGER: Duration = Duration::from_secs(5);
/// How long responses that are ready may take to reach their clients once everything else has stopped, in seconds.
const LAST_WORDS: u64 = 2;

/// An HTTP server that is bound to its address and accepts connections once it runs. Dropping it before that frees the
/// address.
pub struct VercelApplication {
    listener: Listener,
    server: VercelServer,
    stop: workers_web::StopHandle,
}

/// Stops a [`VercelApplication`]. Cheap to clone; may outlive it.
#[derive(Debug, Clone)]
pub struct StopHandle(workers_web::StopHandle);

impl StopHandle {
    /// Stops the server after its sessions have ended.
    pub fn stop(&self) {
        self.0.stop();
    }
}

impl VercelApplication {
    /// Binds to the address; port 0 means any free port. Must be called within a tokio runtime.
    ///
    /// # Errors
    ///
    /// When the address is taken, or when it is not loopback and no token is configured.
    pub fn bind(address: SocketAddr, server: VercelServer) -> Result<Self, BindError> {
        let listener = Listener::bind(address, server.is_open(), server.write_timeout())?;
        Ok(Self { listener, server, stop: workers_web::StopHandle::new() })
    }

    /// Returns the address that the server listens on.
    #[must_use]
    pub const fn local_addr(&self) -> SocketAddr {
        self.listener.local_addr()
    }

    /// Returns a handle that stops the server from elsewhere.
    #[must_use]
    pub fn stop_handle(&self) -> StopHandle {
        StopHandle(self.stop.clone())
    }

    /// Serves until a [`StopHandle`] stops the server and every session has ended or used up its time to end.
    ///
    /// # Errors
    ///
    /// When the HTTP server cannot be started, or fails as a whole.
    pub async fn run(self) -> io::Result<()> {
        let Self { listener, server, stop, .. } = self;
        let routes = server.clone();
        let threads = std::thread::available_parallelism().map_or(1, usize::from).min(4);
        let serving = HttpServer::new(move || {
            let (routes, hooks) = (routes.clone(), routes.hooks());
            App::new()
                .configure(move |config| routes.configure(config))
                .default_service(web::to(outside))
                .wrap(Compat::new(from_fn(move |request, next| track(hooks.clone(), request, next))))
        })
        .workers(threads)
        // actix-web counts connections for each thread.
        .max_connections((server.max_connections() / threads).max(1))
        .keep_alive(KeepAlive::Timeout(KEEP_ALIVE))
        .client_request_timeout(HEAD_TIME)
        .client_disconnect_timeout(LINGER)
        // Without this, a line of a stream waits for the acknowledgement of the line before it (Nagle's algorithm).
        .tcp_nodelay(true)
        // Without this, a closed connection is noticed only when the server next writes to it.
        .h1_allow_half_closed(false)
        // The program around this server handles signals, and ends it with `StopHandle::stop`.
        .disable_signals()
        .shutdown_timeout(LAST_WORDS)
        .listen(listener.into_socket())?
        .run();
        let handle = serving.handle();
        let mut serving = std::pin::pin!(serving);
        tokio::select! {
            // The HTTP server has ended by itself. The sessions still end in order, so that persistent ones keep their
            // files.
            ended = &mut serving => {
                server.shutdown().await;
                return ended;
            }
            () = stop.reached(Phase::Draining) => {}
        }
        tracing::info!("sandboxes are stopped");
        // End the sessions first: their streams then end with the reason.
        tokio::select! {
            ended = &mut serving => {
                server.shutdown().await;
                return ended;
            }
            () = server.shutdown() => {}
        }
        // The call sends the command; its future only waits for the end, as `serving` does below.
        drop(handle.stop(true));
        match tokio::time::timeout(Duration::from_secs(LAST_WORDS * 2), serving).await {
            Ok(ended) => ended,
            // Clients that do not read their last response must not delay the exit.
            Err(_) => Ok(()),
        }
    }
}

impl fmt::Debug for VercelApplication {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("VercelApplication").field("local_addr", &self.local_addr()).finish_non_exhaustive()
    }
}
