#![doc = include_str!("../README.md")]
//!
//! ## How it is made
//!
//! A **sandbox** is a durable name; each **session** of it is the life of one container. `registry` starts, changes and
//! ends both; `session` has a live session with its commands; `logs` has the output of the commands; `store` has the
//! records on disk; `body` and `routes` have what clients see.

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
pub use sizes::ContainerSizes;
pub use workers_web::BindError;
