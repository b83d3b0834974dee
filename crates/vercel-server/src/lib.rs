#![doc = include_str!("../README.md")]
//!
//! ## How it is made
//!
//! A **sandbox** is a durable name; a **session** of it is one machine's life. `registry` has what begins, changes and
//! ends them, `session` a live one with its commands, `logs` what these print, `store` the records on disk, `body` and
//! `routes` what clients see.

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
