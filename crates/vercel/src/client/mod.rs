//! The client: one method for each request, one file for each subject.

mod builder;
mod call;
mod commands;
mod files;
mod sandboxes;
mod snapshots;
mod stream;
mod upload;

use std::fmt;
use std::sync::Arc;

use url::Url;
use workers_domain::ports::Clock;

pub use builder::{BuildError, ClientBuilder};
pub use stream::{CommandEvents, LogEvents, Output, RunningCommand, StreamEvent};
pub use upload::UploadFile;

use crate::credentials::Credentials;
use crate::retry::RetryPolicy;
use crate::timeouts::Timeouts;

/// A client of the Vercel Sandbox API. Cheap to clone; clones share connections.
///
/// Created by [`Client::new`] or [`Client::builder`]. Each method is one request, which is sent again after failures
/// that a further attempt may fix. Methods whose request must not have its effect twice are sent again only if the
/// failure certainly had no effect.
#[derive(Clone)]
pub struct Client {
    inner: Arc<Inner>,
}

struct Inner {
    http: reqwest::Client,
    base_url: Url,
    credentials: Credentials,
    timeouts: Timeouts,
    retry: RetryPolicy,
    clock: Arc<dyn Clock>,
}

impl Client {
    /// Returns the credentials that the client uses.
    #[must_use]
    pub fn credentials(&self) -> &Credentials {
        &self.inner.credentials
    }

    /// Returns the timeouts of requests.
    #[must_use]
    pub fn timeouts(&self) -> &Timeouts {
        &self.inner.timeouts
    }
}

impl fmt::Debug for Client {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("Client")
            .field("base_url", &self.inner.base_url.as_str())
            .field("credentials", &self.inner.credentials)
            .finish_non_exhaustive()
    }
}
