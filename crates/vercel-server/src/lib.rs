//! The Vercel Sandbox REST API, served over any [`MachineProvider`](workers_domain::ports::MachineProvider): programs that use the package
//! `@vercel/sandbox` run against it unchanged once their requests are pointed at it.
//!
//! Start with [`VercelServer`], the API over a provider, and [`VercelServerOptions`]; [`VercelApplication`] serves it:
//!
//! ```no_run
//! # async fn example(
//! #     machines: std::sync::Arc<dyn workers_domain::ports::MachineProvider>,
//! # ) -> Result<(), Box<dyn std::error::Error>> {
//! use workers_vercel_server::{VercelApplication, VercelServer, VercelServerOptions};
//!
//! let server = VercelServer::start(VercelServerOptions::new(machines, "data/sandboxes")).await?;
//! let application = VercelApplication::bind("127.0.0.1:0".parse()?, server)?;
//! println!("http://{}/api", application.local_addr());
//! application.run().await?;
//! # Ok(())
//! # }
//! ```
//!
//! # How it is made
//!
//! A **sandbox** is a durable name; a **session** of it is one machine's life. `registry` has what begins, changes and ends them, `session`
//! a live one with its commands, `logs` what these print, `store` the records on disk, `body` and `routes` what clients see.
//!
//! # What is not offered
//!
//! It answers 400 with the code `not_supported` and a sentence: sources from git or archives (write files, or run `git clone`), images and
//! runtimes other than Node.js 24, drives, private networks, interactive shells, input for commands, and network rules that look into
//! requests or deny public addresses. Ports can be named, because clients insist on it, but their public URLs lead nowhere.
//! There is one region, whatever a sandbox asks for.

mod application;
mod auth;
mod body;
mod error;
mod id;
mod logs;
mod model;
mod options;
mod registry;
mod routes;
mod server;
mod session;
mod sizes;
mod store;

pub use application::{StopHandle, VercelApplication};
pub use options::{AccessToken, InvalidAccessTokenError, VercelServerOptions};
pub use registry::StartError;
pub use server::VercelServer;
pub use sizes::MachineSizes;
pub use workers_web::BindError;
