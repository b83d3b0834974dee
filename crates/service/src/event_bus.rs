//! An event bus within this process.

use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use async_trait::async_trait;
use tokio::sync::broadcast;
use workers_domain::TenantId;
use workers_domain::access::TenantScope;
use workers_domain::ports::{EventBus, WorkerChange, WorkerEvents};

/// Number of changes that are buffered for a slow listener. It is larger than the number of invocations that are stored
/// in one write, so that a burst of them does not make a listener fall behind.
const BACKLOG: usize = 2048;

type Channels = HashMap<Option<TenantId>, broadcast::Sender<WorkerChange>>;

/// Sends changes to listeners in this process. There is one channel per tenant with listeners, so a burst in one tenant
/// does not affect the listeners of another. A channel takes about 150 KiB.
#[derive(Debug, Default)]
pub struct InProcessEventBus {
    /// The key `None` is the channel of listeners to all tenants.
    channels: Mutex<Channels>,
}

#[derive(Debug)]
struct Listener(broadcast::Receiver<WorkerChange>);

impl InProcessEventBus {
    /// Creates a bus without listeners.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    fn lock(&self) -> MutexGuard<'_, Channels> {
        self.channels.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Returns the channels in which changes of this tenant are published.
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
        // Here and not in a `Drop` of the listener, which has no reference to the bus.
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
                // Skip the rest of the backlog: it is older than the list that the listener reads after a reset.
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
    async fn when_the_bus_is_gone_its_listeners_get_what_was_published_before_and_the_end() {
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
        // The channel of the last listener stays until the next one comes.
        assert_eq!(bus.lock().len(), 1);
    }
}
