//! Clients that send requests without a pause while something breaks.

use std::future::Future;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use tokio::sync::watch;
use tokio::task::JoinHandle;

use super::engine::call;
use crate::support::local::TestServer;

/// Clients that run until [`stop`](Self::stop).
pub(super) struct Load {
    done: watch::Sender<bool>,
    clients: Vec<JoinHandle<()>>,
    failed: Arc<AtomicU64>,
}

impl Load {
    pub(super) fn new() -> Self {
        Self { done: watch::Sender::new(false), clients: Vec::new(), failed: Arc::default() }
    }

    /// Adds clients, each of which does `work` again and again. `work` returns whether it succeeded.
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

    /// Adds clients, each of which calls a worker.
    pub(super) fn callers(self, many: usize, server: &Arc<TestServer>, id: &str) -> Self {
        let (server, id) = (Arc::clone(server), id.to_owned());
        self.clients(many, move || {
            let (server, id) = (Arc::clone(&server), id.clone());
            async move { call(&server, &id).await }
        })
    }

    /// Returns how many requests have failed so far.
    pub(super) fn failed(&self) -> u64 {
        self.failed.load(Ordering::Relaxed)
    }

    /// Stops the clients. Returns how many of their requests have failed. Panics if a client has panicked.
    pub(super) async fn stop(self) -> u64 {
        self.done.send_replace(true);
        for client in self.clients {
            client.await.unwrap();
        }
        self.failed.load(Ordering::Relaxed)
    }
}
