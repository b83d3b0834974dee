//! Checks that the compiled parts do what the description says, and that the description is complete.

use std::collections::HashSet;

use super::*;
use crate::policy::program::X32;
use crate::policy::text::Case;

/// Calls with an argument that selects one of many functions of the kernel, or enables effects beyond the process, and
/// the numbers of these arguments.
const SELECTING: &[(&str, &[u8])] = &[
    ("arch_prctl", &[0]),
    ("bpf", &[0]),
    ("clone", &[0]),
    ("fadvise64", &[3]),
    ("fcntl", &[1]),
    ("fsconfig", &[1]),
    ("getsockopt", &[1, 2]),
    ("ioctl", &[1]),
    ("kcmp", &[2]),
    ("keyctl", &[0]),
    ("madvise", &[2]),
    ("membarrier", &[0]),
    ("memfd_create", &[1]),
    ("mmap", &[3]),
    ("modify_ldt", &[0]),
    ("msync", &[2]),
    ("msgctl", &[1]),
    ("personality", &[0]),
    ("pipe2", &[1]),
    ("prctl", &[0]),
    ("preadv2", &[5]),
    ("prlimit64", &[0, 1, 2]),
    ("process_madvise", &[3]),
    ("ptrace", &[0]),
    ("pwritev2", &[5]),
    ("quotactl", &[0]),
    ("recvfrom", &[3]),
    ("recvmmsg", &[3]),
    ("recvmsg", &[2]),
    ("reboot", &[2]),
    ("sched_setattr", &[1]),
    ("sched_setaffinity", &[0]),
    ("sched_setparam", &[0]),
    ("sched_setscheduler", &[0, 1]),
    ("seccomp", &[0]),
    ("semctl", &[2]),
    ("sendfile", &[2]),
    ("sendmmsg", &[3]),
    ("sendmsg", &[2]),
    ("sendto", &[3]),
    ("setns", &[1]),
    ("setpriority", &[0, 1]),
    ("setrlimit", &[0]),
    ("setsockopt", &[1, 2]),
    ("shmctl", &[1]),
    ("socket", &[0, 1, 2]),
    ("socketpair", &[0, 1, 2]),
    ("splice", &[5]),
    ("syslog", &[0]),
    ("tee", &[3]),
    ("unshare", &[0]),
    ("vmsplice", &[3]),
];

#[test]
fn every_call_that_selects_by_an_argument_is_refused_or_ruled_by_it() {
    let policy = policy();
    let answers = policy.answers().unwrap();
    for (call, arguments) in SELECTING {
        match rule_of(&policy, call) {
            Some(rule) => {
                for argument in *arguments {
                    let mut conditions = rule.cases.iter().flat_map(|case| &case.when);
                    assert!(
                        conditions.any(|one| one.argument == *argument),
                        "{call}: argument {argument} is not looked at"
                    );
                }
            }
            None => assert!(
                !matches!(answers.get(call), Some(Verdict::Allow | Verdict::Notify)),
                "{call} is allowed whatever its arguments"
            ),
        }
    }
    let ruled = policy.rules.iter().flat_map(|rule| &rule.calls);
    for call in ruled {
        assert!(SELECTING.iter().any(|(known, _)| known == call), "{call} has a rule and is not in the table");
    }
}

#[test]
fn no_call_is_named_twice_every_name_is_known_and_all_have_reasons() {
    let policy = policy();
    let mut seen = HashSet::new();
    let groups = policy.allow.iter().chain(&policy.notify).map(|group| (&group.reason, &group.calls));
    let refused = policy.refuse.iter().map(|group| (&group.reason, &group.calls));
    let rules = policy.rules.iter().map(|rule| (&rule.reason, &rule.calls));
    for (reason, calls) in groups.chain(refused).chain(rules) {
        assert!(!reason.is_empty() && !calls.is_empty());
        for call in calls {
            assert!(seen.insert(call.clone()), "{call} is named twice");
            assert!(cfg!(not(target_arch = "x86_64")) || syscall_number(call).is_some(), "{call} is unknown");
        }
    }
    assert!(policy.rules.iter().flat_map(|rule| &rule.cases).all(|case| !case.reason.is_empty()));
    assert!(!policy.setup.reason.is_empty() && policy.setup.cases.iter().all(|case| !case.reason.is_empty()));
    let misplaced = policy.setup.calls.iter().find(|call| rule_of(&policy, call).is_some());
    assert_eq!(misplaced, None, "a call of the setup's that has a rule belongs among its cases");
    assert!(policy.setup.cases.iter().all(|case| rule_of(&policy, &case.call).is_some()));
}

#[test]
fn both_parts_together_match_the_description() {
    let (policy, parts) = (policy(), Parts::new());
    for (call, verdict) in policy.answers().unwrap() {
        if let Some(number) = syscall_number(call) {
            for arguments in [[0; 6], [u64::MAX; 6]] {
                assert_eq!(parts.answer_on(ARCHITECTURE, number, arguments), verdict, "{call}");
            }
        }
    }
    for (rule, call) in policy.rules.iter().flat_map(|rule| rule.calls.iter().map(move |call| (rule, call))) {
        let Some(number) = syscall_number(call) else { continue };
        let setup = policy.setup.cases.iter().filter(|case| case.call == *call).map(|case| &case.when);
        for arguments in rule.cases.iter().map(|case| &case.when).chain(setup).flat_map(|when| arguments_for(when)) {
            let holds = |case: &&Case| case.is_for(call) && case.when.iter().all(|one| holds(one, &arguments));
            let expected = rule.cases.iter().find(holds).map_or(&rule.otherwise, |case| &case.answer);
            let expected = expected.verdict().unwrap();
            assert_eq!(parts.answer_on(ARCHITECTURE, number, arguments), expected, "{call} {arguments:x?}");
        }
    }
}

#[test]
fn the_launcher_can_set_up_the_isolation_and_do_nothing_else_that_a_sandbox_cannot() {
    let (policy, parts) = (policy(), Parts::new());
    for number in 0..X32 / 0x10_0000 {
        let is_setup = policy.setup.calls.iter().any(|call| syscall_number(call) == Some(number));
        let ruled = policy.rules.iter().find(|rule| rule.calls.iter().any(|call| syscall_number(call) == Some(number)));
        let cases = ruled.into_iter().flat_map(|rule| &rule.cases).flat_map(|case| arguments_for(&case.when));
        for arguments in cases.chain([[0; 6]]) {
            let launcher = simulate(&parts.0[0], ARCHITECTURE, number, arguments).unwrap();
            let case = policy.setup.cases.iter().find(|case| syscall_number(&case.call) == Some(number));
            let is_setup = is_setup || case.is_some_and(|case| case.when.iter().all(|one| holds(one, &arguments)));
            let sandbox = parts.answer_on(ARCHITECTURE, number, arguments);
            assert_eq!(launcher, if is_setup { Verdict::Allow } else { sandbox }, "{number} {arguments:x?}");
        }
    }
}

#[test]
fn what_the_launcher_gives_up_is_refused_in_a_sandbox() {
    let parts = Parts::new();
    for call in ["clone3", "unshare", "setns", "mount", "seccomp"] {
        assert_eq!(parts.answer_outside(call, [0; 6]), Verdict::Allow, "{call}");
    }
    for (call, index, value, refusal) in
        [("ioctl", 1, "SIOCSIFFLAGS", ENOTTY), ("prctl", 0, "PR_SET_SECUREBITS", EINVAL)]
    {
        let mut arguments = [0; 6];
        arguments[index] = number(value);
        assert_eq!(parts.answer_outside(call, arguments), Verdict::Allow, "{call}");
        assert_eq!(parts.answer(call, arguments), refusal, "{call}");
    }
    assert_eq!(parts.answer("clone3", [0; 6]), ENOSYS);
    assert_eq!(parts.answer("seccomp", [1, 0, 0, 0, 0, 0]), EINVAL);
}

#[test]
fn another_architecture_is_killed_and_x32_does_not_exist() {
    let (parts, i386) = (Parts::new(), 0x4000_0003);
    assert_eq!(parts.answer_on(i386, 1, [0; 6]), Verdict::Kill);
    assert_eq!(parts.answer_on(ARCHITECTURE, X32 | 1, [0; 6]), ENOSYS);
    assert_eq!(parts.answer_on(ARCHITECTURE, 5000, [0; 6]), ENOSYS);
}

/// The upper half of an argument that the kernel does not read must not bypass a rule.
#[test]
fn the_upper_half_of_a_number_changes_nothing() {
    let (policy, parts) = (policy(), Parts::new());
    for rule in &policy.rules {
        for case in &rule.cases {
            for arguments in arguments_for(&case.when) {
                let mut other = arguments;
                for condition in case.when.iter().filter(|condition| condition.null.is_none()) {
                    other[usize::from(condition.argument)] |= 0xABCD_0000_0000;
                }
                for call in rule.calls.iter().filter(|call| syscall_number(call).is_some()) {
                    assert_eq!(parts.answer(call, arguments), parts.answer(call, other), "{call} {other:x?}");
                }
            }
        }
    }
}

#[test]
fn the_part_for_each_sandbox_is_short_and_the_other_one_fits_into_the_kernel() {
    let Parts([outer, inner]) = Parts::new();
    assert!(inner.len() < 80, "{}", inner.len());
    assert!(outer.len() < 4096, "{}", outer.len());
}
