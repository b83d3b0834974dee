//! The API: the state that its handlers share.

use std::ops::Deref;
use std::sync::Arc;

use tokio::sync::Semaphore;
use workers_domain::access::Authenticator;
use workers_service::Platform;
use workers_web::StopHandle;

use crate::authenticate::authenticator;
use crate::{HttpOptions, Metrics};

/// The HTTP API of a [`Platform`]. Cheap to clone.
#[derive(Clone)]
pub struct Api(Arc<State>);

/// The shared state of the handlers.
pub struct State {
    pub(crate) platform: Platform,
    pub(crate) options: HttpOptions,
    pub(crate) authenticator: Arc<dyn Authenticator>,
    pub(crate) metrics: Metrics,
    pub(crate) stop: StopHandle,
    /// Limits the number of lists that are built at the same time.
    pub(crate) lists: Semaphore,
}

impl Deref for Api {
    type Target = State;

    fn deref(&self) -> &State {
        &self.0
    }
}

impl Api {
    /// Creates an API for a platform. To count its invocations, the platform must use a clone of `metrics` as its
    /// observer.
    #[must_use]
    pub fn new(platform: Platform, options: HttpOptions, metrics: Metrics) -> Self {
        // Half of the threads stay free for invocations, however many clients request lists.
        let lists = Semaphore::new((options.threads / 2).max(1));
        let authenticator = authenticator(&options);
        Self(Arc::new(State { platform, options, authenticator, metrics, stop: StopHandle::new(), lists }))
    }

    /// Returns a handle with which the application that serves this API can stop it.
    #[must_use]
    pub fn stop_handle(&self) -> StopHandle {
        self.stop.clone()
    }
}
