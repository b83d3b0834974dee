//! A memory budget for responses that clients have not read yet: for all clients together, and per worker.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError, Weak};
use std::time::Duration;

use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use workers_domain::WorkerId;

use crate::freed_memory::{FreedMemory, MemoryInUse};

/// The unit of counting, in bytes.
const BLOCK: usize = 1024;

/// Responses of at most this size are not counted, so they never wait for readers of long ones. The number of
/// connections limits their memory.
const FREE_BYTES: usize = 16 * 1024;

/// Maximum share of one account in the whole budget, in percent. It is more than half, so that two responses longer
/// than the share never exist at the same time.
const SHARE_PERCENT: u32 = 75;

/// Number of accounts below which we do not look for accounts that hold nothing.
const FEW_ACCOUNTS: usize = 32;

/// The owner of responses: a worker, or `None` for responses that are not from an invocation.
type Account = Option<WorkerId>;

/// The memory budget of responses that clients have not read yet. The responses of one worker take at most three
/// quarters of it, and so do all responses that are not from a worker.
#[derive(Debug)]
pub struct UnreadBudget {
    permits: Arc<Semaphore>,
    blocks: u32,
    /// Maximum that one account may hold.
    share: u32,
    accounts: Mutex<Accounts>,
    freed_memory: FreedMemory,
}

/// The remaining shares of the accounts. Accounts that hold nothing and wait for nothing have no entry, or a dead one.
#[derive(Debug)]
struct Accounts {
    shares: HashMap<Account, Weak<Semaphore>>,
    /// The number of entries at which dead ones are removed.
    most: usize,
}

/// A permit for the memory that one response takes. Dropping it releases the memory.
#[derive(Debug, Default)]
pub struct UnreadPermit {
    _taken: Option<([OwnedSemaphorePermit; 2], MemoryInUse)>,
}

impl UnreadBudget {
    /// Creates a budget of this many bytes.
    #[must_use]
    pub fn new(bytes: usize) -> Self {
        // Tokio counts the permits of `acquire_many` in `u32`; in blocks, the largest budget is 4 TiB and not 4 GiB.
        let blocks = u32::try_from(bytes / BLOCK).unwrap_or(u32::MAX);
        let share = u32::try_from(u64::from(blocks) * u64::from(SHARE_PERCENT) / 100).unwrap_or(blocks);
        let accounts = Mutex::new(Accounts { shares: HashMap::new(), most: FEW_ACCOUNTS });
        Self {
            permits: Arc::new(Semaphore::new(permits(blocks))),
            blocks,
            share,
            accounts,
            freed_memory: FreedMemory::new(),
        }
    }

    /// Takes memory for a response. Waits at most `patience` for others to be read; returns `None` if there was too
    /// little left by then.
    pub async fn acquire(&self, account: Option<WorkerId>, bytes: usize, patience: Duration) -> Option<UnreadPermit> {
        let Some(blocks) = self.blocks_of(bytes) else { return Some(UnreadPermit::default()) };
        let share = self.share_of(account);
        let taken = async {
            // The order matters: a response that waits for its worker's share must not hold any of the common memory.
            let own = share.acquire_many_owned(blocks).await.ok()?;
            Some([own, Arc::clone(&self.permits).acquire_many_owned(blocks).await.ok()?])
        };
        let taken = tokio::time::timeout(patience, taken).await;
        taken.ok()?.map(|taken| self.permit_of(taken, bytes))
    }

    /// Takes memory for a response without waiting.
    #[must_use]
    pub fn try_acquire(&self, account: Option<WorkerId>, bytes: usize) -> Option<UnreadPermit> {
        let Some(blocks) = self.blocks_of(bytes) else { return Some(UnreadPermit::default()) };
        let own = self.share_of(account).try_acquire_many_owned(blocks).ok()?;
        let all = Arc::clone(&self.permits).try_acquire_many_owned(blocks).ok()?;
        Some(self.permit_of([own, all], bytes))
    }

    fn permit_of(&self, taken: [OwnedSemaphorePermit; 2], bytes: usize) -> UnreadPermit {
        UnreadPermit { _taken: Some((taken, self.freed_memory.in_use(bytes))) }
    }

    /// Returns the counter of memory that is freed when responses end. Other holders of memory may use it too.
    #[must_use]
    pub const fn freed_memory(&self) -> &FreedMemory {
        &self.freed_memory
    }

    /// Returns how many bytes are taken.
    #[must_use]
    pub(crate) fn bytes(&self) -> u64 {
        let free = u64::try_from(self.permits.available_permits()).unwrap_or(u64::MAX);
        u64::from(self.blocks).saturating_sub(free) * BLOCK as u64
    }

    /// Returns the number of blocks that a response takes; `None` for one that is not counted. A response longer than a
    /// share takes the whole share, so it can be sent when there is no other response of its account.
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
            // The next search comes after the number of entries has doubled, so that searches stay cheap on average.
            self.most = (2 * self.shares.len()).max(FEW_ACCOUNTS);
        }
        self.shares.insert(account, share);
    }
}

fn permits(blocks: u32) -> usize {
    // A semaphore with more permits than this panics.
    usize::try_from(blocks).unwrap_or(usize::MAX).min(Semaphore::MAX_PERMITS)
}

#[cfg(test)]
mod tests {
    use super::*;

    const KIB: usize = 1024;
    const PATIENCE: Duration = Duration::from_secs(10);

    #[tokio::test(start_paused = true)]
    async fn an_answer_waits_until_others_have_been_read() {
        let budget = UnreadBudget::new(100 * KIB);
        let first = budget.acquire(None, 60 * KIB, PATIENCE).await.unwrap();
        assert_eq!(budget.bytes(), 60 * 1024);
        let read = async {
            tokio::task::yield_now().await;
            drop(first);
        };
        let (second, ()) = tokio::join!(budget.acquire(None, 60 * KIB, PATIENCE), read);
        assert!(second.is_some());
        drop(second);
        assert_eq!(budget.bytes(), 0);
    }

    #[tokio::test(start_paused = true)]
    async fn an_answer_that_finds_no_memory_in_time_gets_none_and_leaves_nothing_behind() {
        let budget = UnreadBudget::new(100 * KIB);
        let first = budget.acquire(None, 60 * KIB, PATIENCE).await.unwrap();
        assert!(budget.acquire(None, 60 * KIB, PATIENCE).await.is_none());
        assert!(budget.try_acquire(None, 60 * KIB).is_none());
        assert_eq!(budget.bytes(), 60 * 1024);
        drop(first);
        assert!(budget.try_acquire(None, 75 * KIB).is_some());
    }

    #[tokio::test(start_paused = true)]
    async fn a_short_answer_never_waits_for_long_ones() {
        let budget = UnreadBudget::new(100 * KIB);
        let _all = budget.try_acquire(None, 75 * KIB).unwrap();
        let waiting = budget.acquire(None, 50 * KIB, PATIENCE);
        let short = async { budget.acquire(None, FREE_BYTES, Duration::ZERO).await };
        let (waiting, short) = tokio::join!(waiting, short);
        assert!(waiting.is_none() && short.is_some());
    }

    #[tokio::test(start_paused = true)]
    async fn an_answer_longer_than_its_share_goes_alone() {
        let budget = UnreadBudget::new(100 * KIB);
        let huge = budget.acquire(None, usize::MAX, PATIENCE).await;
        assert!(huge.is_some() && budget.try_acquire(None, 20 * KIB).is_none());
        drop(huge);
        let _some = budget.try_acquire(None, 20 * KIB).unwrap();
        assert!(budget.acquire(None, usize::MAX, PATIENCE).await.is_none());
    }

    #[tokio::test]
    async fn an_unlimited_budget_never_refuses() {
        // With no bytes at all, each response takes a share of nothing.
        for bytes in [usize::MAX, 0] {
            let budget = UnreadBudget::new(bytes);
            assert!(budget.try_acquire(None, 64 * KIB).is_some());
            assert_eq!(budget.bytes(), 0);
        }
    }

    fn worker() -> WorkerId {
        WorkerId::from(uuid::Uuid::new_v4())
    }

    #[tokio::test(start_paused = true)]
    async fn the_answers_of_one_worker_leave_memory_for_those_of_others() {
        let budget = UnreadBudget::new(100 * KIB);
        let (one, other) = (Some(worker()), Some(worker()));
        let held: Vec<_> = std::iter::from_fn(|| budget.try_acquire(one, 25 * KIB)).collect();
        assert_eq!(held.len(), 3);
        let waiting = budget.acquire(one, 25 * KIB, PATIENCE);
        let others = async {
            tokio::task::yield_now().await;
            budget.acquire(other, 25 * KIB, Duration::ZERO).await
        };
        let (waiting, others) = tokio::join!(waiting, others);
        assert!(waiting.is_none() && others.is_some());
        assert!(budget.try_acquire(None, 25 * KIB).is_none(), "all is taken");
        drop(held);
        assert!(budget.try_acquire(one, 75 * KIB).is_some());
        assert!(budget.try_acquire(None, 75 * KIB).is_some());
    }

    #[tokio::test(start_paused = true)]
    async fn two_answers_that_are_longer_than_a_share_do_not_wait_side_by_side() {
        let budget = UnreadBudget::new(100 * KIB);
        let _one = budget.try_acquire(Some(worker()), usize::MAX).unwrap();
        assert!(budget.try_acquire(Some(worker()), usize::MAX).is_none());
    }

    #[tokio::test]
    async fn workers_that_hold_nothing_are_forgotten() {
        let budget = UnreadBudget::new(100 * KIB);
        let one = Some(worker());
        let _held = budget.try_acquire(one, 50 * KIB).unwrap();
        for _ in 0..1000 {
            assert!(budget.try_acquire(Some(worker()), 20 * KIB).is_some());
        }
        assert!(budget.accounts.lock().unwrap().shares.len() <= FEW_ACCOUNTS);
        assert!(budget.try_acquire(one, 30 * KIB).is_none(), "what is held counts still");
    }
}
