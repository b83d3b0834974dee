//! Distribution of resources among accounts.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use super::{Resource, Resources};

/// The total resources for sandboxes, and how much of it is in use. Granted resources really exist: the sum of all
/// permits never exceeds the total.
///
/// If there are several accounts, each may hold at most its share. An account that holds something must also leave room
/// for accounts that hold nothing: one smallest sandbox for each of them, up to half of the total.
#[derive(Debug)]
pub struct Budget {
    total: Resources,
    /// Maximum that one account may hold.
    most: Resources,
    /// Reserve for each account that holds nothing, and the maximum for all these reserves together.
    kept: Resources,
    kept_most: Resources,
    held: Mutex<Held>,
}

/// How a total is shared among accounts.
#[derive(Debug, Clone)]
pub struct Sharing {
    /// The accounts with a share of their own. All other callers share one account.
    pub accounts: Vec<String>,
    /// Maximum that one of several accounts may hold, in percent of the total. It is never less than the smallest
    /// sandbox.
    pub most_percent: u64,
    /// The resources of the smallest possible sandbox.
    pub smallest: Resources,
}

/// The reason why a request is not granted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// The request exceeds the maximum of one account, so it can never be granted.
    #[error("more {0} than there could ever be")]
    Never(Resource),
    /// Other accounts hold too much at the moment.
    #[error("not enough {0} left at the moment")]
    Full(Resource),
    /// The account itself holds too much at the moment.
    #[error("not enough {0} left of the account's share at the moment")]
    AccountFull(Resource),
}

/// Granted resources. Dropping it returns them to the budget.
#[derive(Debug)]
#[must_use = "dropped, it gives back what was granted"]
pub struct Permit {
    budget: Arc<Budget>,
    account: String,
    amount: Resources,
}

#[derive(Debug)]
struct Held {
    all: Resources,
    of: BTreeMap<String, Resources>,
}

/// The account shared by all callers without one of their own.
const OTHERS: &str = "";

impl Budget {
    /// Creates a budget for one or several accounts. Nothing is in use yet.
    #[must_use]
    pub fn new(total: Resources, sharing: Sharing) -> Arc<Self> {
        let Sharing { accounts, most_percent, smallest } = sharing;
        let of: BTreeMap<_, _> = accounts.into_iter().map(|account| (account, Resources::default())).collect();
        let others = (of.len() as u64).saturating_sub(1);
        let is_shared = others > 0;
        // Rounded down, because `percent` rounds up: if there can be one sandbox only, none is kept for others.
        let half = total.minus(total.percent(50));
        let (kept, kept_most) =
            if is_shared { (smallest, smallest.times(others).min(half)) } else { Default::default() };
        let most = if is_shared {
            total.percent(most_percent).min(total.minus(kept_most)).max(smallest).min(total)
        } else {
            total
        };
        let held = Mutex::new(Held { all: Resources::default(), of });
        Arc::new(Self { total, most, kept, kept_most, held })
    }

    /// Returns the maximum that one account may hold.
    #[must_use]
    pub const fn most(&self) -> Resources {
        self.most
    }

    /// Returns the amount that is in use altogether.
    #[must_use]
    pub fn held(&self) -> Resources {
        self.lock().all
    }

    /// Grants the whole demand or nothing. If several callers request the last of a resource at the same time, one of
    /// them gets it.
    ///
    /// # Errors
    ///
    /// If the demand does not fit. The error names the resource that is short.
    pub fn admit(self: &Arc<Self>, account: &str, demand: Resources) -> Result<Permit, Refusal> {
        if let Some(resource) = demand.shortage(self.most) {
            return Err(Refusal::Never(resource));
        }
        // One lock for the check and the grant: two requests at the same time must not get the same resources.
        let mut held = self.lock();
        let account = if held.of.contains_key(account) { account } else { OTHERS };
        let before = held.of.get(account).copied().unwrap_or_default();
        // A sum that overflows is more than the total.
        let (Some(own), Some(all)) = (before.checked_plus(demand), held.all.checked_plus(demand)) else {
            return Err(Refusal::Full(Resource::Memory));
        };
        if let Some(resource) = own.shortage(self.most) {
            return Err(Refusal::AccountFull(resource));
        }
        let is_first = before == Resources::default() && demand.shortage(self.kept).is_none();
        // The reserves are for accounts such as this one, so its first small sandbox may use them.
        let kept = if is_first { Resources::default() } else { self.kept_for_others(&held, account) };
        if let Some(resource) = all.shortage(self.total.minus(kept)) {
            return Err(Refusal::Full(resource));
        }
        held.all = all;
        held.of.insert(account.to_owned(), own);
        let account = account.to_owned();
        drop(held);
        Ok(Permit { budget: Arc::clone(self), account, amount: demand })
    }

    /// Returns the reserve for accounts that hold nothing.
    fn kept_for_others(&self, held: &Held, account: &str) -> Resources {
        let is_idle = |(other, of): &(&String, &Resources)| *other != account && **of == Resources::default();
        let idle = held.of.iter().filter(is_idle).count() as u64;
        self.kept.times(idle).min(self.kept_most)
    }

    fn give_back(&self, account: &str, amount: Resources) {
        let mut held = self.lock();
        held.all = held.all.minus(amount);
        if let Some(own) = held.of.get_mut(account) {
            *own = own.minus(amount);
        }
    }

    fn lock(&self) -> MutexGuard<'_, Held> {
        // A poisoned lock is safe to use: only arithmetic is done under it, which does not panic half way.
        self.held.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Permit {
    /// Returns the granted amount.
    #[must_use]
    pub const fn amount(&self) -> Resources {
        self.amount
    }
}

impl Drop for Permit {
    fn drop(&mut self) {
        self.budget.give_back(&self.account, self.amount);
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Barrier;

    use super::*;

    fn amount(number: u64) -> Resources {
        Resources {
            sandboxes: 1,
            memory_bytes: number << 20,
            millicores: number * 1000,
            pids: number * 100,
            descriptors: 7,
        }
    }

    /// Room for 100 of the smallest sandboxes, or fewer larger ones.
    fn total() -> Resources {
        Resources { sandboxes: 100, ..amount(100) }.plus(Resources { descriptors: 693, ..Resources::default() })
    }

    fn budget(accounts: &[&str], most_percent: u64) -> Arc<Budget> {
        let accounts = accounts.iter().map(|name| (*name).to_owned()).collect();
        Budget::new(total(), Sharing { accounts, most_percent, smallest: amount(1) })
    }

    /// Numbers that are the same in each run (a linear congruential generator, by Knuth).
    struct Numbers(u64);

    impl Numbers {
        fn below(&mut self, bound: u64) -> u64 {
            self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            (self.0 >> 33) % bound
        }
    }

    #[test]
    fn whatever_is_asked_for_and_given_back_the_sums_are_right_and_within_the_limits() {
        let names = ["a", "b", "c", "unknown", "d"];
        for (seed, accounts, percent) in
            [(1, &names[..1], 50), (2, &names[..2], 50), (3, &names[..3], 100), (4, &names[..3], 10)]
        {
            let budget = budget(accounts, percent);
            let mut numbers = Numbers(seed);
            let mut permits: Vec<Permit> = Vec::new();
            let (mut granted, mut refused) = (0, 0);
            for _ in 0..20_000 {
                if numbers.below(5) < 2 && !permits.is_empty() {
                    let index = usize::try_from(numbers.below(permits.len() as u64)).unwrap();
                    drop(permits.swap_remove(index));
                } else {
                    let name = names[usize::try_from(numbers.below(5)).unwrap()];
                    match budget.admit(name, amount(1 + numbers.below(12))) {
                        Ok(permit) => {
                            granted += 1;
                            permits.push(permit);
                        }
                        Err(_) => refused += 1,
                    }
                }
                let sum = |account: Option<&str>| {
                    let counted = permits.iter().filter(|permit| account.is_none_or(|name| permit.account == name));
                    counted.fold(Resources::default(), |sum, permit| sum.plus(permit.amount))
                };
                assert_eq!(budget.held(), sum(None));
                assert_eq!(sum(None).shortage(total()), None);
                for account in ["a", "b", "c", OTHERS] {
                    assert_eq!(sum(Some(account)).shortage(budget.most()), None, "{account}");
                }
            }
            assert!(granted > 1000 && refused > 1000, "{granted} granted, {refused} refused");
            drop(permits);
            assert_eq!(budget.held(), Resources::default());
        }
    }

    #[test]
    fn many_at_once_get_no_more_than_there_is() {
        let budget = budget(&["a"], 100);
        let barrier = Barrier::new(8);
        let granted: usize = std::thread::scope(|scope| {
            let ask = || {
                barrier.wait();
                // Eight threads ask for four times as much as there is.
                let permits: Vec<_> = (0..50).filter_map(|_| budget.admit("a", amount(1)).ok()).collect();
                assert_eq!(budget.held().shortage(total()), None);
                barrier.wait();
                permits.len()
            };
            let threads: Vec<_> = (0..8).map(|_| scope.spawn(ask)).collect();
            threads.into_iter().map(|thread| thread.join().unwrap()).sum()
        });
        assert_eq!(granted, 100);
        assert_eq!(budget.held(), Resources::default());
    }

    #[test]
    fn one_account_alone_may_hold_everything() {
        let budget = budget(&["a"], 10);
        let _permit = budget.admit("a", amount(100)).unwrap();
        assert_eq!(budget.admit("a", amount(1)).unwrap_err(), Refusal::AccountFull(Resource::Memory));
    }

    #[test]
    fn one_of_several_accounts_holds_its_share_and_the_others_have_room() {
        let budget = budget(&["a", "b"], 50);
        assert_eq!(budget.admit("a", amount(51)).unwrap_err(), Refusal::Never(Resource::Memory));
        let first = budget.admit("a", amount(50)).unwrap();
        assert_eq!(budget.admit("a", amount(1)).unwrap_err(), Refusal::AccountFull(Resource::Memory));
        let _second = budget.admit("b", amount(50)).unwrap();
        drop(first);
        assert!(budget.admit("a", amount(50)).is_ok());
    }

    #[test]
    fn accounts_that_hold_much_leave_room_for_those_that_hold_nothing() {
        let budget = budget(&["a", "b", "c", "d"], 50);
        let mut permits: Vec<_> =
            ["a", "b"].into_iter().cycle().map_while(|name| budget.admit(name, amount(1)).ok()).collect();
        // The other two are kept for the two accounts that hold nothing.
        assert_eq!(permits.len(), 98);
        permits.extend(["c", "d"].map(|name| budget.admit(name, amount(1)).unwrap()));
        assert_eq!(budget.admit("c", amount(1)).unwrap_err(), Refusal::Full(Resource::Sandboxes));
    }

    #[test]
    fn all_who_have_no_account_share_one() {
        let budget = budget(&["a", OTHERS], 50);
        let _first = budget.admit("x", amount(30)).unwrap();
        let _second = budget.admit("y", amount(20)).unwrap();
        assert_eq!(budget.admit("z", amount(1)).unwrap_err(), Refusal::AccountFull(Resource::Memory));
        assert!(budget.admit("a", amount(50)).is_ok());
    }

    #[test]
    fn a_share_is_one_smallest_sandbox_at_least() {
        let sharing = Sharing { accounts: vec!["a".into(), "b".into()], most_percent: 50, smallest: amount(80) };
        let budget = Budget::new(total(), sharing);
        let permit = budget.admit("a", amount(80)).unwrap();
        assert_eq!(budget.admit("b", amount(80)).unwrap_err(), Refusal::Full(Resource::Memory));
        drop(permit);
        assert!(budget.admit("b", amount(80)).is_ok());
    }
}
