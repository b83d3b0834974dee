//! Bytes of answers that wait for their readers: bounded over all readers together.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::{OwnedSemaphorePermit, Semaphore};

/// What is counted together.
const BLOCK: usize = 1024;

/// An answer of at most this size is not counted: it never waits for readers of long ones. Connections bound these.
const FREE_BYTES: usize = 16 * 1024;

/// The room for answers that wait for their readers.
#[derive(Debug)]
pub struct Unread {
    room: Arc<Semaphore>,
    blocks: u32,
}

/// The room that one answer takes. Dropped, it is free again.
#[derive(Debug, Default)]
pub struct UnreadRoom {
    _taken: Option<OwnedSemaphorePermit>,
}

impl Unread {
    /// Room for as many bytes.
    #[must_use]
    pub fn new(bytes: usize) -> Self {
        let blocks = u32::try_from(bytes / BLOCK).unwrap_or(u32::MAX);
        let permits = usize::try_from(blocks).unwrap_or(usize::MAX).min(Semaphore::MAX_PERMITS);
        Self { room: Arc::new(Semaphore::new(permits)), blocks }
    }

    /// Takes room for an answer; waits at most so long until others have been read. `None`: there was none.
    pub async fn take(&self, bytes: usize, patience: Duration) -> Option<UnreadRoom> {
        let Some(blocks) = self.blocks_of(bytes) else { return Some(UnreadRoom::default()) };
        let taken = tokio::time::timeout(patience, Arc::clone(&self.room).acquire_many_owned(blocks)).await;
        taken.ok()?.ok().map(|taken| UnreadRoom { _taken: Some(taken) })
    }

    /// The same without waiting.
    #[must_use]
    pub fn try_take(&self, bytes: usize) -> Option<UnreadRoom> {
        let Some(blocks) = self.blocks_of(bytes) else { return Some(UnreadRoom::default()) };
        let taken = Arc::clone(&self.room).try_acquire_many_owned(blocks);
        taken.ok().map(|taken| UnreadRoom { _taken: Some(taken) })
    }

    /// How many bytes are taken.
    #[must_use]
    pub fn bytes(&self) -> u64 {
        let free = u64::try_from(self.room.available_permits()).unwrap_or(u64::MAX);
        u64::from(self.blocks).saturating_sub(free) * BLOCK as u64
    }

    /// What an answer takes. One that is longer than all the room takes all of it: alone it may go.
    fn blocks_of(&self, bytes: usize) -> Option<u32> {
        let blocks = || u32::try_from(bytes.div_ceil(BLOCK)).unwrap_or(u32::MAX).min(self.blocks);
        (bytes > FREE_BYTES).then(blocks)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const KIB: usize = 1024;
    const PATIENCE: Duration = Duration::from_secs(10);

    #[tokio::test(start_paused = true)]
    async fn an_answer_waits_until_others_have_been_read() {
        let unread = Unread::new(100 * KIB);
        let first = unread.take(60 * KIB, PATIENCE).await.unwrap();
        assert_eq!(unread.bytes(), 60 * 1024);
        let read = async {
            tokio::task::yield_now().await;
            drop(first);
        };
        let (second, ()) = tokio::join!(unread.take(60 * KIB, PATIENCE), read);
        assert!(second.is_some());
        drop(second);
        assert_eq!(unread.bytes(), 0);
    }

    #[tokio::test(start_paused = true)]
    async fn an_answer_that_finds_no_room_in_time_gets_none_and_leaves_nothing_behind() {
        let unread = Unread::new(100 * KIB);
        let first = unread.take(60 * KIB, PATIENCE).await.unwrap();
        assert!(unread.take(60 * KIB, PATIENCE).await.is_none());
        assert!(unread.try_take(60 * KIB).is_none());
        assert_eq!(unread.bytes(), 60 * 1024);
        drop(first);
        assert!(unread.try_take(100 * KIB).is_some());
    }

    #[tokio::test(start_paused = true)]
    async fn a_short_answer_never_waits_for_long_ones() {
        let unread = Unread::new(100 * KIB);
        let _all = unread.try_take(100 * KIB).unwrap();
        let waiting = unread.take(50 * KIB, PATIENCE);
        let short = async { unread.take(FREE_BYTES, Duration::ZERO).await };
        let (waiting, short) = tokio::join!(waiting, short);
        assert!(waiting.is_none() && short.is_some());
    }

    #[tokio::test(start_paused = true)]
    async fn an_answer_longer_than_all_the_room_goes_alone() {
        let unread = Unread::new(100 * KIB);
        let huge = unread.take(usize::MAX, PATIENCE).await;
        assert!(huge.is_some() && unread.try_take(20 * KIB).is_none());
        drop(huge);
        let _some = unread.try_take(20 * KIB).unwrap();
        assert!(unread.take(usize::MAX, PATIENCE).await.is_none());
    }

    #[tokio::test]
    async fn room_without_end_can_be_taken() {
        for bytes in [usize::MAX, 0] {
            let unread = Unread::new(bytes);
            assert!(unread.try_take(64 * KIB).is_some());
            assert_eq!(unread.bytes(), 0);
        }
    }
}
