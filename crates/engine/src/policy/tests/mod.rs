//! Evaluates the compiled parts of the policy as the kernel would, and checks the answers.

mod arguments;
mod description;
mod needed;
mod sockets;

use std::io;

use workers_engine_sys::seccomp::{ARCHITECTURE, Instruction, Verdict, simulate};
use workers_engine_sys::{constant, syscall_number};

use super::text::{Condition, Number, Policy, Rule};
use super::{TEXT, inner, outer};

const EPERM: Verdict = Verdict::Errno(1);
const ENOMEM: Verdict = Verdict::Errno(12);
const EINVAL: Verdict = Verdict::Errno(22);
const ENOTTY: Verdict = Verdict::Errno(25);
const ENOSYS: Verdict = Verdict::Errno(38);
const ENOPROTOOPT: Verdict = Verdict::Errno(92);
const EPROTONOSUPPORT: Verdict = Verdict::Errno(93);
const EOPNOTSUPP: Verdict = Verdict::Errno(95);
const DONE: Verdict = Verdict::Errno(0);

fn policy() -> Policy {
    serde_json::from_str(TEXT).unwrap()
}

/// Returns the rule of a call.
fn rule_of<'a>(policy: &'a Policy, call: &str) -> Option<&'a Rule> {
    policy.rules.iter().find(|rule| rule.calls.iter().any(|one| one == call))
}

/// Both parts, compiled once.
struct Parts([Vec<Instruction>; 2]);

impl Parts {
    fn new() -> Self {
        Self([outer().unwrap(), inner().unwrap()])
    }

    /// Returns the answer in a sandbox, which is that of both parts together.
    fn answer_on(&self, architecture: u32, number: u32, arguments: [u64; 6]) -> Verdict {
        let answers = self.0.iter().map(|part| simulate(part, architecture, number, arguments).unwrap());
        let strictness = |verdict: &Verdict| match verdict {
            Verdict::Allow => 0,
            Verdict::Notify => 1,
            Verdict::Errno(_) => 2,
            Verdict::Kill => 3,
        };
        // Of two answers that are equally strict, the filter that was added last decides.
        answers.max_by_key(strictness).unwrap()
    }

    fn answer(&self, call: &str, arguments: [u64; 6]) -> Verdict {
        self.answer_on(ARCHITECTURE, syscall_number(call).unwrap(), arguments)
    }

    /// Returns the answer to the launcher, and to its children until they enter a sandbox.
    fn answer_outside(&self, call: &str, arguments: [u64; 6]) -> Verdict {
        simulate(&self.0[0], ARCHITECTURE, syscall_number(call).unwrap(), arguments).unwrap()
    }

    /// Returns the answer to a call with this value of one argument; the other arguments are 0.
    fn with(&self, call: &str, argument: usize, value: &str) -> Verdict {
        let mut arguments = [0; 6];
        arguments[argument] = number(value);
        self.answer(call, arguments)
    }
}

fn number(name: &str) -> u64 {
    Number(name.to_owned()).value().unwrap_or_else(|error: io::Error| panic!("{error}")).into()
}

/// Returns values of an argument for which a condition holds: one for each number and bit that it lists.
fn witnesses(condition: &Condition) -> Vec<u64> {
    let value = |number: &Number| u64::from(number.value().unwrap());
    match (&condition.is, &condition.only, condition.null) {
        (Some(values), ..) => {
            let bits = condition.ignoring.iter().map(value).chain([0]);
            bits.flat_map(|bit| values.iter().map(move |one| value(one) | bit)).collect()
        }
        (_, Some(bits), _) => bits.iter().map(value).chain([0]).collect(),
        (.., Some(true)) => vec![0],
        _ => vec![1, 1 << 32],
    }
}

/// Returns whether a condition holds, without compiling it.
fn holds(condition: &Condition, arguments: &[u64; 6]) -> bool {
    let bits = |numbers: &[Number]| numbers.iter().fold(0, |sum, one| sum | one.value().unwrap());
    let argument = arguments[usize::from(condition.argument)];
    let low = u32::try_from(argument & u64::from(u32::MAX)).unwrap();
    let is = condition.is.as_ref();
    is.is_none_or(|is| is.iter().any(|one| one.value().unwrap() == low & !bits(&condition.ignoring)))
        && condition.only.as_ref().is_none_or(|only| low & !bits(only) == 0)
        && condition.null.is_none_or(|null| null == (argument == 0))
}

/// Returns arguments for which all of these conditions hold. Arguments without a condition are 0 in one and not 0 in
/// another.
fn arguments_for(conditions: &[Condition]) -> Vec<[u64; 6]> {
    let mut all = vec![[0; 6], [0x7F7F_7F7F_7F7F_7F7F; 6]];
    for condition in conditions {
        let values = witnesses(condition);
        let with = |arguments: [u64; 6]| {
            values.iter().map(move |value| {
                let mut changed = arguments;
                changed[usize::from(condition.argument)] = *value;
                changed
            })
        };
        all = all.into_iter().flat_map(with).collect();
    }
    all
}

#[test]
fn numbers_have_the_names_of_the_kernels_headers() {
    assert_eq!(number("CLONE_VM|CLONE_THREAD"), 0x0001_0100);
    assert_eq!(number("4294967295"), 0xFFFF_FFFF);
    assert!(Number("CLONE_NONE".to_owned()).value().is_err());
    assert_eq!(constant("EPERM"), Some(1));
}
