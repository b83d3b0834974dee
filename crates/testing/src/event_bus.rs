//! The conformance suite for every [`EventBus`].
//!
//! Each expectation is a function that gets a bus without listeners. [`event_bus_conformance!`] makes one test of each.
//! A new expectation is written here and added to the macro's list.
//!
//! [`event_bus_conformance!`]: crate::event_bus_conformance

use chrono::DateTime;
use futures_util::FutureExt as _;
use uuid::Uuid;
use workers_domain::ports::{EventBus, WorkerChange, WorkerEvents};
use workers_domain::{TenantId, WorkerId};

use crate::{scope_of, scope_of_all};

/// More changes than any bus keeps for a slow listener.
const FLOOD: usize = 100_000;

/// Makes a module of tests, one for each expectation.
///
/// `event_bus_conformance!(in_process, make_bus)` takes the name of the module, and a function without arguments that
/// returns something that dereferences to an [`EventBus`]. The bus must deliver a change before `publish` returns.
#[macro_export]
macro_rules! event_bus_conformance {
    ($bus:ident, $make_bus:ident) => {
        $crate::event_bus_conformance! {
            @each $bus, $make_bus,
            every_listener_gets_what_happens_after_it_began,
            a_listener_of_one_tenant_gets_no_change_of_another,
            a_listener_of_all_tenants_gets_every_change,
            a_reset_reaches_every_tenant,
            a_listener_that_falls_behind_gets_one_reset_and_nothing_old,
            a_flood_in_one_tenant_is_nothing_to_a_listener_of_another,
            who_has_stopped_listening_is_no_listener,
        }
    };
    (@each $bus:ident, $make_bus:ident, $($expectation:ident,)+) => {
        mod $bus {
            $(
                #[test]
                fn $expectation() {
                    $crate::event_bus::$expectation(&*super::$make_bus());
                }
            )+
        }
    };
}

fn deleted() -> WorkerChange {
    WorkerChange::Deleted(WorkerId::generate(DateTime::UNIX_EPOCH))
}

fn other() -> TenantId {
    TenantId::from(Uuid::from_u128(7))
}

/// Returns all changes that have arrived and were not taken yet.
fn pending(listener: &mut Box<dyn WorkerEvents>) -> Vec<WorkerChange> {
    // Without waiting: the bus must have delivered a change before `publish` returned.
    std::iter::from_fn(|| listener.next().now_or_never().flatten()).collect()
}

/// Checks that a listener gets no change from before it began, and gets all later changes in order.
pub fn every_listener_gets_what_happens_after_it_began(bus: &dyn EventBus) {
    bus.publish(TenantId::DEFAULT, deleted());
    let scope = scope_of(TenantId::DEFAULT);
    let mut listeners = [bus.listen(scope), bus.listen(scope)];
    let changes = [deleted(), deleted()];
    for change in &changes {
        bus.publish(TenantId::DEFAULT, change.clone());
    }
    for listener in &mut listeners {
        assert_eq!(pending(listener), changes);
    }
}

/// Checks that each of two listening tenants gets only its own changes.
pub fn a_listener_of_one_tenant_gets_no_change_of_another(bus: &dyn EventBus) {
    let (mut one, mut another) = (bus.listen(scope_of(TenantId::DEFAULT)), bus.listen(scope_of(other())));
    let (of_one, of_another) = (deleted(), deleted());
    for _ in 0..3 {
        bus.publish(TenantId::DEFAULT, of_one.clone());
        bus.publish(other(), of_another.clone());
    }
    bus.publish(TenantId::from(Uuid::from_u128(8)), deleted());
    assert_eq!(pending(&mut one), vec![of_one; 3]);
    assert_eq!(pending(&mut another), vec![of_another; 3]);
}

/// Checks that a listener of all tenants, such as the platform itself, gets every change.
pub fn a_listener_of_all_tenants_gets_every_change(bus: &dyn EventBus) {
    let mut all = bus.listen(scope_of_all());
    let changes = [deleted(), deleted()];
    bus.publish(TenantId::DEFAULT, changes[0].clone());
    bus.publish(other(), changes[1].clone());
    assert_eq!(pending(&mut all), changes);
}

/// Checks that a reset reaches every tenant: when the database was emptied, every list is wrong.
pub fn a_reset_reaches_every_tenant(bus: &dyn EventBus) {
    let mut listeners = [scope_of(TenantId::DEFAULT), scope_of(other()), scope_of_all()].map(|scope| bus.listen(scope));
    bus.reset();
    for listener in &mut listeners {
        assert_eq!(pending(listener), [WorkerChange::Reset]);
    }
}

/// Checks that a listener that falls behind gets one reset instead of the old changes. The next change is newer than a
/// list that is read after the reset.
pub fn a_listener_that_falls_behind_gets_one_reset_and_nothing_old(bus: &dyn EventBus) {
    let mut listener = bus.listen(scope_of(TenantId::DEFAULT));
    for _ in 0..FLOOD {
        bus.publish(TenantId::DEFAULT, deleted());
    }
    assert_eq!(pending(&mut listener), [WorkerChange::Reset]);
    let change = deleted();
    bus.publish(TenantId::DEFAULT, change.clone());
    assert_eq!(pending(&mut listener), [change]);
}

/// Checks that a listener does not notice when another tenant is busy.
pub fn a_flood_in_one_tenant_is_nothing_to_a_listener_of_another(bus: &dyn EventBus) {
    let (mut quiet, _slow) = (bus.listen(scope_of(other())), bus.listen(scope_of(TenantId::DEFAULT)));
    let change = deleted();
    bus.publish(other(), change.clone());
    for _ in 0..FLOOD {
        bus.publish(TenantId::DEFAULT, deleted());
    }
    assert_eq!(pending(&mut quiet), [change]);
}

/// Checks that a dropped listener does not count: without listeners, no changes are prepared.
pub fn who_has_stopped_listening_is_no_listener(bus: &dyn EventBus) {
    let has_listeners = || [other(), TenantId::DEFAULT].map(|tenant| bus.has_listeners(tenant));
    assert_eq!(has_listeners(), [false, false]);
    let listener = bus.listen(scope_of(other()));
    assert_eq!(has_listeners(), [true, false]);
    drop(listener);
    assert_eq!(has_listeners(), [false, false]);
    let of_all = bus.listen(scope_of_all());
    assert_eq!(has_listeners(), [true, true]);
    drop(of_all);
    assert_eq!(has_listeners(), [false, false]);
}
