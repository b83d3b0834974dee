//! The system calls a sandbox may make: `policy/seccomp.json`, compiled to a filter.
//!
//! The filter kills a process that calls for another architecture, refuses the x32 variant of every call, then walks the rules:
//! calls whose arguments matter, calls that are allowed, calls that the server is asked about, calls that are refused by name. The
//! rest does not exist (`ENOSYS`).
//! `clone3` is among the rest: its flags lie in memory, where a filter cannot see them, and C libraries fall back to `clone`.
//!
//! The kernel takes half a millisecond to install a filter of this length, so the policy is installed in two parts. The launcher puts
//! itself, and with it all that it makes, under [`outer`]: the policy, but for the calls that building the walls takes. Who enters a
//! sandbox adds [`inner`], which is short and gives these their answers. Of several filters' answers the strictest counts.

use std::io;

use serde::Deserialize;
use workers_engine_sys::seccomp::{ARCHITECTURE, Field, Instruction, Verdict};
use workers_engine_sys::syscall_number;

/// The policy's text, reviewed as data.
const TEXT: &str = include_str!("../policy/seccomp.json");

/// Calls from this number on are the x32 variant on `x86_64`.
const X32: u32 = 0x4000_0000;

const EPERM: u16 = 1;
const ENOSYS: u16 = 38;
const EOPNOTSUPP: u16 = 95;

/// The policy as it is written down.
#[derive(Debug, Deserialize)]
pub(crate) struct Policy {
    allow: Vec<Group>,
    ask: Vec<Group>,
    rules: Vec<Rule>,
    refuse: Vec<Group>,
    unsupported: Vec<Group>,
    setup: Group,
}

#[derive(Debug, Deserialize)]
struct Group {
    #[cfg_attr(not(test), expect(dead_code, reason = "for the reader; a test wants every group to have one"))]
    reason: String,
    calls: Vec<String>,
}

#[derive(Debug, Deserialize)]
struct Rule {
    reason: String,
    call: String,
    argument: u8,
    #[serde(flatten)]
    test: Test,
    and_when: Option<AndWhen>,
}

#[derive(Debug, Deserialize)]
#[serde(tag = "test", rename_all = "snake_case")]
enum Test {
    NoBits {
        bits: Vec<u32>,
    },
    OneOf {
        values: Vec<u32>,
    },
    NoneOf {
        values: Vec<u32>,
        #[serde(default)]
        ranges: Vec<(u32, u32)>,
    },
}

/// With this value of the rule's argument, another argument must be this.
#[derive(Debug, Deserialize)]
struct AndWhen {
    argument_value: u32,
    other_argument: u8,
    must_be: u32,
    /// The error number of any other.
    #[serde(default = "eperm")]
    otherwise: u16,
}

const fn eperm() -> u16 {
    EPERM
}

/// The part of the policy for all that the launcher does and makes.
///
/// # Errors
///
/// When the policy's text is malformed or a rule has become too long for a jump.
pub(crate) fn outer() -> io::Result<Vec<Instruction>> {
    let policy: Policy = serde_json::from_str(TEXT)?;
    policy.outer()
}

/// The part that is added in a sandbox.
///
/// # Errors
///
/// When the policy's text is malformed.
pub(crate) fn inner() -> io::Result<Vec<Instruction>> {
    let policy: Policy = serde_json::from_str(TEXT)?;
    Ok(policy.inner())
}

impl Policy {
    /// What a call is answered that has no rule of its own.
    fn answer_to(&self, call: &str) -> Verdict {
        let is_in = |groups: &[Group]| groups.iter().any(|group| group.calls.iter().any(|one| one == call));
        let said = self.verdicts().into_iter().find(|(groups, _)| is_in(groups));
        said.map_or(Verdict::Errno(ENOSYS), |(_, verdict)| verdict)
    }

    fn inner(&self) -> Vec<Instruction> {
        let mut program = vec![Instruction::load(Field::Number)];
        for call in &self.setup.calls {
            if let Some(number) = syscall_number(call) {
                program.extend([Instruction::equal(number, 0, 1), Instruction::answer(self.answer_to(call))]);
            }
        }
        program.push(Instruction::answer(Verdict::Allow));
        program
    }

    fn outer(&self) -> io::Result<Vec<Instruction>> {
        let mut program = vec![
            Instruction::load(Field::Architecture),
            Instruction::equal(ARCHITECTURE, 1, 0),
            Instruction::answer(Verdict::Kill),
            Instruction::load(Field::Number),
            Instruction::at_least(X32, 0, 1),
            Instruction::answer(Verdict::Errno(ENOSYS)),
        ];
        for rule in &self.rules {
            if let Some(number) = syscall_number(&rule.call) {
                let body = rule.compile();
                let length = u8::try_from(body.len())
                    .map_err(|_| io::Error::other(format!("the rule `{}` is too long", rule.reason)))?;
                program.push(Instruction::equal(number, 0, length));
                program.extend(body);
            }
        }
        let setup = std::slice::from_ref(&self.setup);
        // The first answer counts.
        for (groups, verdict) in [(setup, Verdict::Allow)].into_iter().chain(self.verdicts()) {
            for call in groups.iter().flat_map(|group| &group.calls) {
                // A call that this architecture has left out cannot be made.
                if let Some(number) = syscall_number(call) {
                    program.extend([Instruction::equal(number, 0, 1), Instruction::answer(verdict)]);
                }
            }
        }
        program.push(Instruction::answer(Verdict::Errno(ENOSYS)));
        Ok(program)
    }

    /// What is said of calls whatever their arguments.
    fn verdicts(&self) -> [(&[Group], Verdict); 4] {
        [
            (&self.allow, Verdict::Allow),
            (&self.ask, Verdict::Ask),
            (&self.refuse, Verdict::Errno(EPERM)),
            (&self.unsupported, Verdict::Errno(EOPNOTSUPP)),
        ]
    }

    #[cfg(test)]
    fn reasons(&self) -> impl Iterator<Item = &str> {
        let groups = self.verdicts().into_iter().flat_map(|(groups, _)| groups).chain([&self.setup]);
        let groups = groups.map(|group| group.reason.as_str());
        groups.chain(self.rules.iter().map(|rule| rule.reason.as_str()))
    }
}

impl Rule {
    /// Instructions for a call that is known to be this rule's; they always end in an answer. Only the lower half of an argument
    /// is looked at: all arguments ruled here are 32 bits wide in the kernel, which ignores the upper half.
    fn compile(&self) -> Vec<Instruction> {
        let (allow, refuse) = (Instruction::answer(Verdict::Allow), Instruction::answer(Verdict::Errno(EPERM)));
        let mut body = vec![Instruction::load(Field::ArgumentLow(self.argument))];
        match &self.test {
            Test::NoBits { bits } => {
                let mask = bits.iter().fold(0, |mask, bit| mask | bit);
                body.extend([Instruction::any_bit(mask, 0, 1), refuse, allow]);
            }
            Test::OneOf { values } => {
                if let Some(AndWhen { argument_value, other_argument, must_be, otherwise }) = self.and_when {
                    body.extend([
                        Instruction::equal(argument_value, 0, 4),
                        Instruction::load(Field::ArgumentLow(other_argument)),
                        Instruction::equal(must_be, 0, 1),
                        allow,
                        Instruction::answer(Verdict::Errno(otherwise)),
                    ]);
                }
                body.extend(values.iter().flat_map(|value| [Instruction::equal(*value, 0, 1), allow]));
                body.push(refuse);
            }
            Test::NoneOf { values, ranges } => {
                body.extend(values.iter().flat_map(|value| [Instruction::equal(*value, 0, 1), refuse]));
                body.extend(ranges.iter().flat_map(|(first, last)| {
                    [Instruction::at_least(*first, 0, 2), Instruction::at_least(last.saturating_add(1), 1, 0), refuse]
                }));
                body.push(allow);
            }
        }
        body
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use workers_engine_sys::seccomp::simulate;

    use super::*;

    /// The answer of both parts together.
    fn answer_on(architecture: u32, number: u32, arguments: [u64; 6]) -> Verdict {
        let answers =
            [outer().unwrap(), inner().unwrap()].map(|part| simulate(&part, architecture, number, arguments).unwrap());
        let strictness = |verdict: &Verdict| match verdict {
            Verdict::Allow => 0,
            Verdict::Ask => 1,
            Verdict::Errno(_) => 2,
            Verdict::Kill => 3,
        };
        // Of two that are as strict, that of the filter that was added last.
        answers.into_iter().max_by_key(strictness).unwrap()
    }

    fn answer(call: &str, arguments: [u64; 6]) -> Verdict {
        answer_on(ARCHITECTURE, syscall_number(call).unwrap(), arguments)
    }

    #[test]
    fn both_parts_together_match_the_description() {
        let policy: Policy = serde_json::from_str(TEXT).unwrap();
        for (groups, verdict) in policy.verdicts() {
            for call in groups.iter().flat_map(|group| &group.calls) {
                if let Some(number) = syscall_number(call) {
                    assert_eq!(answer_on(ARCHITECTURE, number, [0; 6]), verdict, "{call}");
                }
            }
        }
    }

    #[test]
    fn the_launcher_can_build_walls_and_do_nothing_else_that_a_sandbox_cannot() {
        let policy: Policy = serde_json::from_str(TEXT).unwrap();
        let program = outer().unwrap();
        for number in 0..X32 / 0x10_0000 {
            let launcher = simulate(&program, ARCHITECTURE, number, [0; 6]).unwrap();
            let is_setup = policy.setup.calls.iter().any(|call| syscall_number(call) == Some(number));
            let expected = if is_setup { Verdict::Allow } else { answer_on(ARCHITECTURE, number, [0; 6]) };
            assert_eq!(launcher, expected, "{number}");
        }
        assert!(policy.rules.iter().all(|rule| !policy.setup.calls.contains(&rule.call)));
    }

    #[test]
    fn no_call_is_named_twice_and_every_name_is_known() {
        let policy: Policy = serde_json::from_str(TEXT).unwrap();
        let mut seen = HashSet::new();
        let calls = policy.verdicts().into_iter().flat_map(|(groups, _)| groups).flat_map(|group| group.calls.iter());
        for call in calls.chain(policy.rules.iter().map(|rule| &rule.call)) {
            assert!(seen.insert(call.clone()), "{call} is named twice");
            assert!(cfg!(not(target_arch = "x86_64")) || syscall_number(call).is_some(), "{call} is unknown");
        }
        assert!(policy.reasons().all(|reason| !reason.is_empty()));
    }

    #[test]
    fn another_architecture_is_killed_and_x32_does_not_exist() {
        let i386 = 0x4000_0003;
        assert_eq!(answer_on(i386, 1, [0; 6]), Verdict::Kill);
        assert_eq!(answer_on(ARCHITECTURE, X32 | 1, [0; 6]), Verdict::Errno(ENOSYS));
        assert_eq!(answer_on(ARCHITECTURE, 5000, [0; 6]), Verdict::Errno(ENOSYS));
    }

    #[test]
    fn clone_makes_threads_but_no_namespaces() {
        let thread = 0x003D_0F00;
        assert_eq!(answer("clone", [thread, 0, 0, 0, 0, 0]), Verdict::Allow);
        for namespace in [0x0002_0000, 0x0200_0000, 0x0400_0000, 0x0800_0000, 0x1000_0000, 0x2000_0000, 0x4000_0000] {
            assert_eq!(answer("clone", [thread | namespace, 0, 0, 0, 0, 0]), Verdict::Errno(EPERM));
        }
        assert_eq!(answer("clone3", [0; 6]), Verdict::Errno(ENOSYS));
    }

    #[test]
    fn sockets_are_local_or_of_the_internet() {
        for family in [1, 2, 10, 16] {
            assert_eq!(answer("socket", [family, 1, 0, 0, 0, 0]), Verdict::Allow, "{family}");
        }
        // Packet, alg, vsock, xdp, bluetooth.
        for family in [17, 38, 40, 44, 31] {
            assert_eq!(answer("socket", [family, 1, 0, 0, 0, 0]), Verdict::Errno(EPERM), "{family}");
        }
        let netfilter = 12;
        assert_eq!(answer("socket", [16, 3, netfilter, 0, 0, 0]), Verdict::Errno(93));
    }

    #[test]
    fn a_terminal_cannot_be_typed_into_whatever_the_upper_half_says() {
        assert_eq!(answer("ioctl", [0, 0x5412, 0, 0, 0, 0]), Verdict::Errno(EPERM));
        assert_eq!(answer("ioctl", [0, 0x1_0000_5412, 0, 0, 0, 0]), Verdict::Errno(EPERM));
        assert_eq!(answer("ioctl", [0, 0x5413, 0, 0, 0, 0]), Verdict::Allow);
    }

    #[test]
    fn a_socket_is_connected_by_the_server_or_not_at_all() {
        assert_eq!(answer("connect", [0; 6]), Verdict::Ask);
        let fast_open = 0x2000_0000;
        for (call, flags) in [("sendto", 3), ("sendmsg", 2), ("sendmmsg", 3)] {
            let mut arguments = [0; 6];
            assert_eq!(answer(call, arguments), Verdict::Allow, "{call}");
            arguments[flags] = fast_open | 0x4000;
            assert_eq!(answer(call, arguments), Verdict::Errno(EPERM), "{call}");
        }
    }

    #[test]
    fn a_socket_does_not_tell_of_its_network() {
        for request in [0x8910, 0x8912, 0x8913, 0x8915, 0x8927, 0x8954, 0x89FF, 0x8BFF, 0x1_0000_8912] {
            assert_eq!(answer("ioctl", [0, request, 0, 0, 0, 0]), Verdict::Errno(EPERM), "{request:#x}");
        }
        for request in [0x5421, 0x541B, 0x8905, 0x890F, 0x8C00] {
            assert_eq!(answer("ioctl", [0, request, 0, 0, 0, 0]), Verdict::Allow, "{request:#x}");
        }
    }
}
