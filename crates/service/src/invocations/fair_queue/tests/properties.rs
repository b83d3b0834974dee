//! What holds with any limits and after any steps. The smallest steps that break it are found.

use proptest::prelude::*;

use super::super::Limits;
use super::groups::{GROUPS, walk};

/// Number of steps. A step takes at most three numbers.
const STEPS: usize = 100;

fn limits() -> impl Strategy<Value = Limits> {
    (1..=6usize, 1..=6usize, 0..=6usize).prop_map(|(permits, permits_per_key, max_waiting)| Limits {
        permits,
        permits_per_key,
        max_waiting,
    })
}

proptest! {
    #[test]
    fn no_limit_is_passed_no_caller_is_lost_and_none_waits_beside_a_free_permit(
        all in limits(),
        of_groups in prop::array::uniform3(limits()),
        numbers in prop::collection::vec(any::<usize>(), 3 * STEPS),
    ) {
        let of_group = |group| of_groups[GROUPS.iter().position(|other| *other == group).unwrap()];
        let mut numbers = numbers.into_iter();
        walk(all, of_group, STEPS, |bound| numbers.next().unwrap_or_default() % bound);
    }
}
