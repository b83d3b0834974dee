//! The decisions about all calls as one program. It finds a call by binary search, so a dozen tests are enough however
//! many calls there are.

use std::collections::BTreeMap;
use std::io;

use workers_engine_sys::seccomp::{ARCHITECTURE, Field, Instruction, Verdict};
use workers_engine_sys::syscall_number;

use super::compile::allow;
use super::text::Policy;

/// Calls from this number on are the x32 variant on `x86_64`.
pub(super) const X32: u32 = 0x4000_0000;

const ENOSYS: u16 = 38;

impl Policy {
    /// Returns the calls whose arguments do not matter, with their answers.
    ///
    /// # Errors
    ///
    /// When there is no error with the name of an answer.
    pub(super) fn answers(&self) -> io::Result<BTreeMap<&str, Verdict>> {
        let allowed = self.allow.iter().map(|group| (&group.calls, Ok(Verdict::Allow)));
        let reported = self.notify.iter().map(|group| (&group.calls, Ok(Verdict::Notify)));
        let refused = self.refuse.iter().map(|group| (&group.calls, group.answer.verdict()));
        let mut answers = BTreeMap::new();
        for (calls, verdict) in allowed.chain(reported).chain(refused) {
            let verdict = verdict?;
            answers.extend(calls.iter().map(|call| (call.as_str(), verdict)));
        }
        Ok(answers)
    }

    /// Compiles the decision about each call that this architecture has, in a sandbox. Calls that the architecture
    /// lacks are skipped.
    fn bodies(&self) -> io::Result<BTreeMap<u32, Vec<Instruction>>> {
        let mut bodies = BTreeMap::new();
        for (call, verdict) in self.answers()? {
            bodies.extend(syscall_number(call).map(|number| (number, vec![Instruction::answer(verdict)])));
        }
        for rule in &self.rules {
            for call in &rule.calls {
                if let Some(number) = syscall_number(call) {
                    bodies.insert(number, rule.compile(call)?);
                }
            }
        }
        Ok(bodies)
    }

    /// Compiles the part for the launcher and all that it makes.
    pub(super) fn outer(&self) -> io::Result<Vec<Instruction>> {
        let mut bodies = self.bodies()?;
        for call in &self.setup.calls {
            bodies.extend(syscall_number(call).map(|number| (number, allow())));
        }
        for case in &self.setup.cases {
            if let Some(number) = syscall_number(&case.call) {
                let ruled = bodies.remove(&number).unwrap_or_default();
                bodies.insert(number, [case.compile(allow())?, ruled].concat());
            }
        }
        let mut program = vec![
            // First, because a number means another call on another architecture.
            Instruction::load(Field::Architecture),
            Instruction::equal(ARCHITECTURE, 1, 0),
            Instruction::answer(Verdict::Kill),
            Instruction::load(Field::Number),
            // The kernel reports `x86_64` as the architecture of an x32 call, so only the number shows it.
            Instruction::at_least(X32, 0, 1),
            absent(),
        ];
        program.extend(look_up(bodies, &[absent()])?);
        Ok(program)
    }

    /// Compiles the part that is added in a sandbox: for the calls that the launcher may make in addition, it gives the
    /// policy's answer.
    pub(super) fn inner(&self) -> io::Result<Vec<Instruction>> {
        let (bodies, mut given_up) = (self.bodies()?, BTreeMap::new());
        for call in &self.setup.calls {
            if let Some(number) = syscall_number(call) {
                given_up.insert(number, bodies.get(&number).cloned().unwrap_or_else(|| vec![absent()]));
            }
        }
        for case in &self.setup.cases {
            if let Some(number) = syscall_number(&case.call) {
                // `outer` decides about arguments that no case of the setup names.
                let rest = given_up.remove(&number).unwrap_or_else(allow);
                let answer = vec![Instruction::answer(case.in_sandbox.verdict()?)];
                given_up.insert(number, [case.compile(answer)?, rest].concat());
            }
        }
        // Without a test of the architecture, because `outer` has it and applies here, too.
        let mut program = vec![Instruction::load(Field::Number)];
        program.extend(look_up(given_up, &allow())?);
        Ok(program)
    }
}

const fn absent() -> Instruction {
    Instruction::answer(Verdict::Errno(ENOSYS))
}

/// Looks up the loaded number. A number without a body is decided by `others`.
fn look_up(bodies: BTreeMap<u32, Vec<Instruction>>, others: &[Instruction]) -> io::Result<Vec<Instruction>> {
    // Each range of numbers with the same decision, by its first number.
    let mut stretches: Vec<(u32, Vec<Instruction>)> = vec![(0, others.to_vec())];
    let mut add = |number, body: Vec<Instruction>| {
        // Two calls with consecutive numbers have no range of others between them.
        stretches.pop_if(|(first, _)| *first == number);
        if stretches.last().is_none_or(|(_, last)| *last != body) {
            stretches.push((number, body));
        }
    };
    for (number, body) in bodies {
        add(number, body);
        add(number + 1, others.to_vec());
    }
    halve(&stretches)
}

fn halve(stretches: &[(u32, Vec<Instruction>)]) -> io::Result<Vec<Instruction>> {
    if let [(_, body)] = stretches {
        return Ok(body.clone());
    }
    let (below, above) = stretches.split_at(stretches.len() / 2);
    let Some((first_above, _)) = above.first() else { return Err(io::Error::other("nothing to look up")) };
    let (below, above) = (halve(below)?, halve(above)?);
    let jump = if let Ok(length) = u8::try_from(below.len()) {
        vec![Instruction::at_least(*first_above, length, 0)]
    } else {
        let length = u32::try_from(below.len()).map_err(io::Error::other)?;
        vec![Instruction::at_least(*first_above, 0, 1), Instruction::skip(length)]
    };
    Ok([jump, below, above].concat())
}
