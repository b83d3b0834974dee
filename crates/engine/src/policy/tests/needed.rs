//! Checks that nothing in the policy's rules is without effect: each case, number and bit changes an answer.

use super::*;
use crate::policy::text::Rule;

/// Returns whether two versions of a rule answer differently for one of these arguments.
fn differ(one: &Rule, other: &Rule, all: &[[u64; 6]]) -> bool {
    one.calls.iter().any(|call| {
        let bodies = [one, other].map(|rule| rule.compile(call).unwrap());
        all.iter().any(|arguments| {
            let [one, other] = bodies.each_ref().map(|body| simulate(body, ARCHITECTURE, 0, *arguments).unwrap());
            one != other
        })
    })
}

#[test]
fn every_case_changes_an_answer() {
    for rule in &policy().rules {
        for index in 0..rule.cases.len() {
            let mut less = rule.clone();
            let case = less.cases.remove(index);
            assert!(differ(rule, &less, &arguments_for(&case.when)), "{:?}: {}", rule.calls, case.reason);
        }
    }
}

/// Also finds what is listed twice: without one of the two, nothing changes.
#[test]
fn every_number_and_every_bit_changes_an_answer() {
    for rule in &policy().rules {
        for (case, condition) in
            rule.cases.iter().enumerate().flat_map(|(case, one)| (0..one.when.len()).map(move |index| (case, index)))
        {
            let named = &rule.cases[case].when[condition];
            let all = arguments_for(&rule.cases[case].when);
            let lists = [named.is.as_deref(), Some(named.ignoring.as_slice()), named.only.as_deref()];
            for (list, numbers) in lists.into_iter().enumerate() {
                for (index, number) in numbers.unwrap_or_default().iter().enumerate() {
                    let mut less = rule.clone();
                    let changed = &mut less.cases[case].when[condition];
                    match list {
                        0 if changed.is.as_ref().is_some_and(|is| is.len() == 1) => continue,
                        0 => drop(changed.is.as_mut().unwrap().remove(index)),
                        1 => drop(changed.ignoring.remove(index)),
                        _ => drop(changed.only.as_mut().unwrap().remove(index)),
                    }
                    assert!(differ(rule, &less, &all), "{:?}: {}", rule.calls, number.0);
                }
            }
        }
    }
}

#[test]
fn the_setup_has_nothing_that_a_sandbox_has_too() {
    let (policy, parts) = (policy(), Parts::new());
    for call in &policy.setup.calls {
        assert_ne!(parts.answer(call, [0; 6]), Verdict::Allow, "{call}");
    }
    for case in &policy.setup.cases {
        let mut all = arguments_for(&case.when).into_iter();
        assert!(all.any(|arguments| parts.answer(&case.call, arguments) != Verdict::Allow), "{}", case.call);
    }
}
