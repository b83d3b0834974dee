//! Compiles the decision about one call to instructions that always end in an answer.
//!
//! Only the lower half of an argument is examined, except for pointers: all other arguments with rules are 32 bits wide
//! in the kernel, or (the flags of `clone` and `mmap`) have no meaning above these bits.

use std::io;

use workers_engine_sys::seccomp::{Field, Instruction, Verdict};

use super::text::{Case, Condition, Number, Rule, SetupCase};

/// How many instructions a test can jump over.
const FARTHEST: usize = u8::MAX as usize;

impl Rule {
    /// Compiles the decision about one of the rule's calls.
    ///
    /// # Errors
    ///
    /// When the rule is malformed.
    pub(super) fn compile(&self, call: &str) -> io::Result<Vec<Instruction>> {
        let mut body = Vec::new();
        for case in self.cases.iter().filter(|case| case.is_for(call)) {
            body.extend(when(&case.when, vec![Instruction::answer(case.answer.verdict()?)])?);
        }
        body.push(Instruction::answer(self.otherwise.verdict()?));
        Ok(body)
    }
}

impl Case {
    /// Returns whether the case applies to this one of the rule's calls.
    pub(super) fn is_for(&self, call: &str) -> bool {
        self.only_for.as_ref().is_none_or(|only| only == call)
    }
}

impl SetupCase {
    /// Compiles the case: runs `then`, which ends in an answer, if the case holds; otherwise continues after it.
    ///
    /// # Errors
    ///
    /// When the case is malformed.
    pub(super) fn compile(&self, then: Vec<Instruction>) -> io::Result<Vec<Instruction>> {
        when(&self.when, then)
    }
}

/// Returns the instructions that allow a call.
pub(super) fn allow() -> Vec<Instruction> {
    vec![Instruction::answer(Verdict::Allow)]
}

fn when(conditions: &[Condition], then: Vec<Instruction>) -> io::Result<Vec<Instruction>> {
    // From the last one on, because each has to know how far it jumps when it does not hold.
    conditions.iter().rev().try_fold(then, |then, condition| condition.compile(then))
}

impl Condition {
    /// Compiles the condition: continues with `then` if it holds, and after `then` if not.
    fn compile(&self, then: Vec<Instruction>) -> io::Result<Vec<Instruction>> {
        let low = Instruction::load(Field::ArgumentLow(self.argument));
        let head = match (&self.is, &self.only, self.null) {
            (Some(values), None, None) => {
                let mut head = vec![low];
                if !self.ignoring.is_empty() {
                    head.push(Instruction::mask(!bits(&self.ignoring)?));
                }
                head.extend(one_of(values, then.len())?);
                head
            }
            (None, Some(allowed), None) if self.ignoring.is_empty() => {
                let others = !bits(allowed)?;
                match over(then.len()) {
                    Some(over) => vec![low, Instruction::any_bit(others, over, 0)],
                    None => vec![low, Instruction::any_bit(others, 0, 1), skip(then.len())?],
                }
            }
            (None, None, Some(is_null)) if self.ignoring.is_empty() => null(low, self.argument, is_null, then.len())?,
            _ => return Err(io::Error::other(format!("a condition that is none, or several: {self:?}"))),
        };
        Ok([head, then].concat())
    }
}

/// Continues if the loaded value is one of these; skips `length` instructions if not.
fn one_of(values: &[Number], length: usize) -> io::Result<Vec<Instruction>> {
    let Some((last, others)) = values.split_last() else { return Err(io::Error::other("a condition without values")) };
    let last = last.value()?;
    let tail = match over(length) {
        Some(over) => vec![Instruction::equal(last, 0, over)],
        None => vec![Instruction::equal(last, 1, 0), skip(length)?],
    };
    let mut tests = Vec::new();
    for (index, value) in others.iter().enumerate() {
        // A value that matches jumps over the remaining tests, those of `tail` included.
        let left = others.len() - index - 1 + tail.len();
        let left = over(left).ok_or_else(|| io::Error::other("too many values in one condition"))?;
        tests.push(Instruction::equal(value.value()?, left, 0));
    }
    Ok([tests, tail].concat())
}

/// Continues if both halves of an argument are 0 (with `is_null`) or if one is not (without); skips `length`
/// instructions otherwise.
fn null(low: Instruction, argument: u8, is_null: bool, length: usize) -> io::Result<Vec<Instruction>> {
    let high = Instruction::load(Field::ArgumentHigh(argument));
    // A separate instruction, because a test cannot jump over more than `FARTHEST` instructions.
    let away = skip(length)?;
    Ok(if is_null {
        vec![low, Instruction::equal(0, 0, 2), high, Instruction::equal(0, 1, 0), away]
    } else {
        vec![low, Instruction::equal(0, 0, 3), high, Instruction::equal(0, 0, 1), away]
    })
}

fn bits(names: &[Number]) -> io::Result<u32> {
    names.iter().try_fold(0, |sum, name| Ok(sum | name.value()?))
}

/// Returns the distance if a test can jump that far.
fn over(length: usize) -> Option<u8> {
    u8::try_from(length).ok().filter(|_| length <= FARTHEST)
}

fn skip(length: usize) -> io::Result<Instruction> {
    u32::try_from(length).map(Instruction::skip).map_err(io::Error::other)
}
