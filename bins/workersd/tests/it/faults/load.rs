//! Clients that work without a pause while something breaks.

use std::future::Future;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use tokio::sync::watch;
use tokio::task::JoinHandle;

use super::engine::call;
use crate::support::local::TestServer;

/// Clients that go on until they are told to stop.
pub(super) struct Load {
    done: watch::Sender<bool>,
    clients: Vec<JoinHandle<()>>,
    failed: Arc<AtomicU64>,
}

impl Load {
    pub(super) fn new() -> Self {
        Self { done: watch::Sender::new(false), clients: Vec::new(), failed: Arc::default() }
    }

    /// Some more clients, each of which does this again and again. It says whether it succeeded.
    pub(super) fn clients<F>(mut self, many: usize, work: impl Fn() -> F + Send + Sync + 'static) -> Self
    where
        F: Future<Output = bool> + Send + 'static,
    {
        let work = Arc::new(work);
        for _ in 0..many {
            let (work, done, failed) = (Arc::clone(&work), self.done.subscribe(), Arc::clone(&self.failed));
            self.clients.push(tokio::spawn(async move {
                while !*done.borrow() {
                    if !work().await {
                        failed.fetch_add(1, Ordering::Relaxed);
                    }
                }
            }));
        }
        self
    }

    /// Some more clients, each of which calls a worker.
    pub(super) fn callers(self, many: usize, server: &Arc<TestServer>, id: &str) -> Self {
        let (server, id) = (Arc::clone(server), id.to_owned());
        self.clients(many, move || {
            let (server, id) = (Arc::clone(&server), id.clone());
            async move { call(&server, &id).await }
        })
    }

    /// How many of their requests have failed so far.
    pub(super) fn failed(&self) -> u64 {
        self.failed.load(Ordering::Relaxed)
    }

    /// Stops them; says how many of their requests have failed. A client that has panicked fails the test.
    pub(super) async fn stop(self) -> u64 {
        self.done.send_replace(true);
        for client in self.clients {
            client.await.unwrap();
        }
        self.failed.load(Ordering::Relaxed)
    }
}
