#![doc = include_str!("../README.md")]

mod api;
mod application;
mod authenticate;
mod console;
mod detached;
mod error;
mod event_stream;
mod invoke;
mod methods;
mod metrics;
mod middleware;
mod options;
mod pieces;
mod request;
mod routes;
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
