//! Bytes of answers that wait for their readers: bounded over all readers together, and over those of one worker.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError, Weak};
use std::time::Duration;

use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use workers_domain::WorkerId;

use crate::freed::{Freed, InUse};

/// What is counted together.
const BLOCK: usize = 1024;

/// An answer of at most this size is not counted: it never waits for readers of long ones. Connections bound these.
const FREE_BYTES: usize = 16 * 1024;

/// What one account may hold of all the room, in hundredths. It is more than half, so that no two answers that are
/// longer than that are there at one time.
const SHARE_PERCENT: u32 = 75;

/// Accounts that are known before it is first looked which of them hold nothing.
const FEW_ACCOUNTS: usize = 32;

/// Whose answers they are: a worker's, or none of a worker's invocations.
type Account = Option<WorkerId>;

/// The room for answers that wait for their readers. The answers of one worker take three quarters of it at most, and
/// so do those that no worker has given.
#[derive(Debug)]
pub struct Unread {
    room: Arc<Semaphore>,
    blocks: u32,
    /// What one account may hold.
    share: u32,
    accounts: Mutex<Accounts>,
    freed: Freed,
}

/// What the accounts may still take; those that hold nothing and wait for nothing are not there.
#[derive(Debug)]
struct Accounts {
    shares: HashMap<Account, Weak<Semaphore>>,
    /// How many there may be before those that hold nothing are removed.
    most: usize,
}

/// The room that one answer takes. Dropped, it is free again.
#[derive(Debug, Default)]
pub struct UnreadRoom {
    _taken: Option<([OwnedSemaphorePermit; 2], InUse)>,
}

impl Unread {
    /// Room for as many bytes.
    #[must_use]
    pub fn new(bytes: usize) -> Self {
        let blocks = u32::try_from(bytes / BLOCK).unwrap_or(u32::MAX);
        let share = u32::try_from(u64::from(blocks) * u64::from(SHARE_PERCENT) / 100).unwrap_or(blocks);
        let accounts = Mutex::new(Accounts { shares: HashMap::new(), most: FEW_ACCOUNTS });
        Self { room: Arc::new(Semaphore::new(permits(blocks))), blocks, share, accounts, freed: Freed::new() }
    }

    /// Takes room for an answer; waits at most so long until others have been read. `None`: there was none.
    pub async fn take(&self, account: Option<WorkerId>, bytes: usize, patience: Duration) -> Option<UnreadRoom> {
        let Some(blocks) = self.blocks_of(bytes) else { return Some(UnreadRoom::default()) };
        let share = self.share_of(account);
        let taken = async {
            // In this order: what waits for its worker's share keeps nothing from others.
            let own = share.acquire_many_owned(blocks).await.ok()?;
            Some([own, Arc::clone(&self.room).acquire_many_owned(blocks).await.ok()?])
        };
        let taken = tokio::time::timeout(patience, taken).await;
        taken.ok()?.map(|taken| self.room_of(taken, bytes))
    }

    /// The same without waiting.
    #[must_use]
    pub fn try_take(&self, account: Option<WorkerId>, bytes: usize) -> Option<UnreadRoom> {
        let Some(blocks) = self.blocks_of(bytes) else { return Some(UnreadRoom::default()) };
        let own = self.share_of(account).try_acquire_many_owned(blocks).ok()?;
        let all = Arc::clone(&self.room).try_acquire_many_owned(blocks).ok()?;
        Some(self.room_of([own, all], bytes))
    }

    fn room_of(&self, taken: [OwnedSemaphorePermit; 2], bytes: usize) -> UnreadRoom {
        UnreadRoom { _taken: Some((taken, self.freed.in_use(bytes))) }
    }

    /// Counts what becomes free when answers have gone. Who holds memory beside them may count it too.
    #[must_use]
    pub const fn freed(&self) -> &Freed {
        &self.freed
    }

    /// How many bytes are taken.
    #[must_use]
    pub(crate) fn bytes(&self) -> u64 {
        let free = u64::try_from(self.room.available_permits()).unwrap_or(u64::MAX);
        u64::from(self.blocks).saturating_sub(free) * BLOCK as u64
    }

    /// What an answer takes. One that is longer than a share takes all of the share: it may go when there is no other
    /// of its account.
    fn blocks_of(&self, bytes: usize) -> Option<u32> {
        let blocks = || u32::try_from(bytes.div_ceil(BLOCK)).unwrap_or(u32::MAX).min(self.share);
        (bytes > FREE_BYTES).then(blocks)
    }

    fn share_of(&self, account: Account) -> Arc<Semaphore> {
        let mut accounts = self.accounts.lock().unwrap_or_else(PoisonError::into_inner);
        let known = accounts.shares.get(&account).and_then(Weak::upgrade);
        known.unwrap_or_else(|| {
            let share = Arc::new(Semaphore::new(permits(self.share)));
            accounts.insert(account, Arc::downgrade(&share));
            share
        })
    }
}

impl Accounts {
    fn insert(&mut self, account: Account, share: Weak<Semaphore>) {
        if self.shares.len() >= self.most {
            self.shares.retain(|_, share| share.strong_count() > 0);
            self.most = (2 * self.shares.len()).max(FEW_ACCOUNTS);
        }
        self.shares.insert(account, share);
    }
}

fn permits(blocks: u32) -> usize {
    usize::try_from(blocks).unwrap_or(usize::MAX).min(Semaphore::MAX_PERMITS)
}

#[cfg(test)]
mod tests {
    use super::*;

    const KIB: usize = 1024;
    const PATIENCE: Duration = Duration::from_secs(10);

    #[tokio::test(start_paused = true)]
    async fn an_answer_waits_until_others_have_been_read() {
        let unread = Unread::new(100 * KIB);
        let first = unread.take(None, 60 * KIB, PATIENCE).await.unwrap();
        assert_eq!(unread.bytes(), 60 * 1024);
        let read = async {
            tokio::task::yield_now().await;
            drop(first);
        };
        let (second, ()) = tokio::join!(unread.take(None, 60 * KIB, PATIENCE), read);
        assert!(second.is_some());
        drop(second);
        assert_eq!(unread.bytes(), 0);
    }

    #[tokio::test(start_paused = true)]
    async fn an_answer_that_finds_no_room_in_time_gets_none_and_leaves_nothing_behind() {
        let unread = Unread::new(100 * KIB);
        let first = unread.take(None, 60 * KIB, PATIENCE).await.unwrap();
        assert!(unread.take(None, 60 * KIB, PATIENCE).await.is_none());
        assert!(unread.try_take(None, 60 * KIB).is_none());
        assert_eq!(unread.bytes(), 60 * 1024);
        drop(first);
        assert!(unread.try_take(None, 75 * KIB).is_some());
    }

    #[tokio::test(start_paused = true)]
    async fn a_short_answer_never_waits_for_long_ones() {
        let unread = Unread::new(100 * KIB);
        let _all = unread.try_take(None, 75 * KIB).unwrap();
        let waiting = unread.take(None, 50 * KIB, PATIENCE);
        let short = async { unread.take(None, FREE_BYTES, Duration::ZERO).await };
        let (waiting, short) = tokio::join!(waiting, short);
        assert!(waiting.is_none() && short.is_some());
    }

    #[tokio::test(start_paused = true)]
    async fn an_answer_longer_than_its_share_goes_alone() {
        let unread = Unread::new(100 * KIB);
        let huge = unread.take(None, usize::MAX, PATIENCE).await;
        assert!(huge.is_some() && unread.try_take(None, 20 * KIB).is_none());
        drop(huge);
        let _some = unread.try_take(None, 20 * KIB).unwrap();
        assert!(unread.take(None, usize::MAX, PATIENCE).await.is_none());
    }

    #[tokio::test]
    async fn room_without_end_can_be_taken() {
        for bytes in [usize::MAX, 0] {
            let unread = Unread::new(bytes);
            assert!(unread.try_take(None, 64 * KIB).is_some());
            assert_eq!(unread.bytes(), 0);
        }
    }

    fn worker() -> WorkerId {
        WorkerId::from(uuid::Uuid::new_v4())
    }

    #[tokio::test(start_paused = true)]
    async fn the_answers_of_one_worker_leave_room_for_those_of_others() {
        let unread = Unread::new(100 * KIB);
        let (one, other) = (Some(worker()), Some(worker()));
        let held: Vec<_> = std::iter::from_fn(|| unread.try_take(one, 25 * KIB)).collect();
        assert_eq!(held.len(), 3);
        let waiting = unread.take(one, 25 * KIB, PATIENCE);
        let others = async {
            tokio::task::yield_now().await;
            unread.take(other, 25 * KIB, Duration::ZERO).await
        };
        let (waiting, others) = tokio::join!(waiting, others);
        assert!(waiting.is_none() && others.is_some());
        assert!(unread.try_take(None, 25 * KIB).is_none(), "all is taken");
        drop(held);
        assert!(unread.try_take(one, 75 * KIB).is_some());
        assert!(unread.try_take(None, 75 * KIB).is_some());
    }

    #[tokio::test(start_paused = true)]
    async fn two_answers_that_are_longer_than_a_share_do_not_wait_side_by_side() {
        let unread = Unread::new(100 * KIB);
        let _one = unread.try_take(Some(worker()), usize::MAX).unwrap();
        assert!(unread.try_take(Some(worker()), usize::MAX).is_none());
    }

    #[tokio::test]
    async fn workers_that_hold_nothing_are_forgotten() {
        let unread = Unread::new(100 * KIB);
        let one = Some(worker());
        let _held = unread.try_take(one, 50 * KIB).unwrap();
        for _ in 0..1000 {
            assert!(unread.try_take(Some(worker()), 20 * KIB).is_some());
        }
        assert!(unread.accounts.lock().unwrap().shares.len() <= FEW_ACCOUNTS);
        assert!(unread.try_take(one, 30 * KIB).is_none(), "what is held counts still");
    }
}
