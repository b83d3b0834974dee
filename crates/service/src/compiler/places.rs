//! Admission of compilations: which may run now, which wait, and which are refused.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use super::CompileFailure;

/// Maximum number of sources that wait for a place. Each waiting source may hold ten mebibytes of memory. A hundred
/// deploys take a quarter of a second.
const SEATS: usize = 100;
/// How long a source waits for a place. It equals the maximum time of a single compilation, which may be running in
/// front of it.
const PATIENCE: Duration = Duration::from_secs(10);
/// The retry time returned to refused callers. A normal compilation takes milliseconds; only unusual sources take
/// longer.
const RETRY_AFTER: Duration = Duration::from_secs(2);

/// One place per core, because a compilation keeps a core busy, and a queue in front of them that is limited in length
/// and time. First come, first served.
#[derive(Debug)]
pub struct CompilerPlaces {
    places: Arc<Semaphore>,
    count: usize,
    seats: Semaphore,
    patience: Duration,
}

impl Default for CompilerPlaces {
    fn default() -> Self {
        Self::new(std::thread::available_parallelism().map_or(1, usize::from), PATIENCE)
    }
}

impl CompilerPlaces {
    /// Creates `count` places, at least one. A source waits at most `patience` for a place.
    #[must_use]
    pub fn new(count: usize, patience: Duration) -> Self {
        let count = count.clamp(1, Semaphore::MAX_PERMITS);
        Self { places: Arc::new(Semaphore::new(count)), count, seats: Semaphore::new(SEATS), patience }
    }

    /// Returns the number of places.
    #[must_use]
    pub const fn count(&self) -> usize {
        self.count
    }

    /// Waits for a place. Dropping the returned permit frees the place.
    ///
    /// # Errors
    ///
    /// [`CompileFailure::Busy`].
    pub async fn enter(&self) -> Result<OwnedSemaphorePermit, CompileFailure> {
        const BUSY: CompileFailure = CompileFailure::Busy { retry_after: RETRY_AFTER };
        if let Some(place) = self.try_enter() {
            return Ok(place);
        }
        let _seat = self.seats.try_acquire().map_err(|_| BUSY)?;
        let place = tokio::time::timeout(self.patience, Arc::clone(&self.places).acquire_owned()).await;
        place.ok().and_then(Result::ok).ok_or(BUSY)
    }

    /// Takes a place if one is free now; returns `None` if all are taken.
    #[must_use]
    pub fn try_enter(&self) -> Option<OwnedSemaphorePermit> {
        Arc::clone(&self.places).try_acquire_owned().ok()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn whoever_waits_too_long_is_turned_away_and_leaves_the_queue() {
        let places = CompilerPlaces::new(1, PATIENCE);
        let taken = places.enter().await.unwrap();
        assert!(matches!(places.enter().await, Err(CompileFailure::Busy { .. })));
        assert_eq!(places.seats.available_permits(), SEATS);
        drop(taken);
        assert!(places.enter().await.is_ok());
    }

    #[tokio::test]
    async fn whoever_finds_neither_place_nor_seat_is_turned_away_at_once() {
        let places = CompilerPlaces::new(1, Duration::MAX);
        let _taken = places.enter().await.unwrap();
        let _seats = places.seats.acquire_many(u32::try_from(SEATS).unwrap()).await.unwrap();
        assert!(matches!(places.enter().await, Err(CompileFailure::Busy { .. })));
    }

    #[tokio::test]
    async fn a_place_that_becomes_free_goes_to_who_waited() {
        let places = CompilerPlaces::new(1, PATIENCE);
        let taken = places.enter().await.unwrap();
        let (next, ()) = tokio::join!(places.enter(), async { drop(taken) });
        assert!(next.is_ok());
    }
}
