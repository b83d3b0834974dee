//! The HTTP API of the Workers Platform: routes, bodies, the table of errors, server-sent events, metrics, and a server for them.
//!
//! Start with [`Api`], our routes over a [`Platform`](workers_service::Platform), and with what it is given: [`HttpOptions`] and
//! [`Metrics`]. [`Application`] serves it:
//!
//! ```no_run
//! # async fn example(
//! #     store: std::sync::Arc<dyn workers_domain::ports::Store>,
//! #     sandboxes: std::sync::Arc<dyn workers_domain::ports::SandboxProvider>,
//! #     clock: std::sync::Arc<dyn workers_domain::ports::Clock>,
//! # ) -> Result<(), Box<dyn std::error::Error>> {
//! use std::sync::Arc;
//! use workers_http::{Api, Application, HttpOptions, Metrics};
//! use workers_service::{CancellationToken, Platform};
//!
//! let metrics = Metrics::new();
//! let observer = Arc::new(metrics.clone());
//! let platform = Platform::builder(store, sandboxes).clock(clock).observer(observer).build();
//! // Expires workers, and ends deploys whose server has stopped, until the token is cancelled.
//! let token = CancellationToken::new();
//! tokio::spawn(platform.run_background(token.clone()));
//! let api = Api::new(platform, HttpOptions::default(), metrics);
//! let application = Application::bind("127.0.0.1:3000".parse()?, api)?;
//! println!("listening on http://{}", application.local_addr());
//! application.run().await?;
//! token.cancel();
//! # Ok(())
//! # }
//! ```
//!
//! An actix application of your own mounts the same routes with `App::new().configure(api.routes())`.
//!
//! Only this crate knows status codes and the shapes of JSON. Left out on purpose: signals and configuration (the binary has
//! them) and TLS (a proxy in front has it). [`HttpOptions::console`] serves the web console beside the API.

mod api;
mod application;
mod authenticate;
mod console;
mod detached;
mod error;
mod event_stream;
mod invoke;
mod metrics;
mod middleware;
mod options;
mod pieces;
mod request;
mod system;
mod unmatched;
mod workers;

pub use api::Api;
pub use application::Application;
pub use console::{Branding, InvalidBrandingError, Logo};
pub use error::{ApiError, ErrorCode};
pub use metrics::Metrics;
pub use options::{Access, AdminToken, HttpOptions, InvalidTokenError};
pub use system::openapi::openapi_document;
pub use workers_web::{BindError, StopHandle};
