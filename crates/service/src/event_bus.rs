//! Changes travel within this process.

use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use async_trait::async_trait;
use tokio::sync::broadcast;
use workers_domain::TenantId;
use workers_domain::access::TenantScope;
use workers_domain::ports::{EventBus, WorkerChange, WorkerEvents};

/// Changes that wait for a slow listener. More than the marks that are stored at one time, so that a burst of them
/// loses nobody.
const BACKLOG: usize = 2048;

type Channels = HashMap<Option<TenantId>, broadcast::Sender<WorkerChange>>;

/// Carries changes to those who listen in this process: one channel for each tenant in which someone listens, so that
/// a burst in one tenant is nothing to the listeners of another. A channel takes about 150 KiB.
#[derive(Debug, Default)]
pub struct InProcessEventBus {
    /// `None` is the channel of those who listen to all tenants.
    channels: Mutex<Channels>,
}

#[derive(Debug)]
struct Listener(broadcast::Receiver<WorkerChange>);

impl InProcessEventBus {
    /// A bus without listeners.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    fn lock(&self) -> MutexGuard<'_, Channels> {
        self.channels.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The channels in which a change of this tenant is published.
fn channels_of(channels: &Channels, tenant: TenantId) -> impl Iterator<Item = &broadcast::Sender<WorkerChange>> {
    [Some(tenant), None].into_iter().filter_map(|channel| channels.get(&channel))
}

impl EventBus for InProcessEventBus {
    fn publish(&self, tenant: TenantId, change: WorkerChange) {
        let channels = self.lock();
        for channel in channels_of(&channels, tenant) {
            // Having no listeners is fine.
            let _ = channel.send(change.clone());
        }
    }

    fn reset(&self) {
        for channel in self.lock().values() {
            let _ = channel.send(WorkerChange::Reset);
        }
    }

    fn has_listeners(&self, tenant: TenantId) -> bool {
        channels_of(&self.lock(), tenant).any(|channel| channel.receiver_count() > 0)
    }

    fn listen(&self, scope: TenantScope) -> Box<dyn WorkerEvents> {
        let mut channels = self.lock();
        channels.retain(|_, channel| channel.receiver_count() > 0);
        let channel = channels.entry(scope.tenant()).or_insert_with(|| broadcast::Sender::new(BACKLOG));
        Box::new(Listener(channel.subscribe()))
    }
}

#[async_trait]
impl WorkerEvents for Listener {
    async fn next(&mut self) -> Option<WorkerChange> {
        match self.0.recv().await {
            Ok(change) => Some(change),
            Err(broadcast::error::RecvError::Closed) => None,
            Err(broadcast::error::RecvError::Lagged(_)) => {
                // What is left of the backlog is older than the list that the listener reads next.
                self.0 = self.0.resubscribe();
                Some(WorkerChange::Reset)
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use workers_testing::{event_bus_conformance, scope_of};

    use super::*;

    fn bus() -> Box<dyn EventBus> {
        Box::new(InProcessEventBus::new())
    }

    event_bus_conformance!(in_process, bus);

    #[tokio::test]
    async fn when_the_bus_is_gone_its_listeners_are_told_what_was_published_before_and_the_end() {
        let bus = InProcessEventBus::new();
        let mut listener = bus.listen(scope_of(TenantId::DEFAULT));
        bus.publish(TenantId::DEFAULT, WorkerChange::Reset);
        drop(bus);
        assert_eq!(listener.next().await, Some(WorkerChange::Reset));
        assert_eq!(listener.next().await, None);
    }

    #[test]
    fn channels_of_listeners_that_have_gone_are_dropped() {
        let bus = InProcessEventBus::new();
        for tenant in 0..100 {
            drop(bus.listen(scope_of(TenantId::from(uuid::Uuid::from_u128(tenant)))));
        }
        assert_eq!(bus.lock().len(), 1);
    }
}
