//! The policy as it is written in the file. Numbers have the names of the kernel's headers.

use std::io;

use serde::Deserialize;
use workers_engine_sys::constant;
use workers_engine_sys::seccomp::Verdict;

/// The whole policy.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Policy {
    #[serde(rename = "about")]
    _about: String,
    /// Calls that are allowed, whatever their arguments.
    pub(super) allow: Vec<Group>,
    /// Calls that are reported to the server, which makes them on behalf of the sandbox or refuses them.
    pub(super) notify: Vec<Group>,
    /// Calls whose arguments decide.
    pub(super) rules: Vec<Rule>,
    /// Calls that are refused.
    pub(super) refuse: Vec<Refused>,
    /// The calls that setting up the isolation takes.
    pub(super) setup: Setup,
}

/// Calls with the same answer.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Group {
    #[cfg_attr(not(test), expect(dead_code, reason = "for the reader; a test wants every group to have one"))]
    pub(super) reason: String,
    pub(super) calls: Vec<String>,
}

/// Calls that are refused, whatever their arguments.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Refused {
    #[cfg_attr(not(test), expect(dead_code, reason = "for the reader; a test wants every group to have one"))]
    pub(super) reason: String,
    pub(super) answer: Answer,
    pub(super) calls: Vec<String>,
}

/// The rule of one call, or of several with the same arguments: the first case that holds decides.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Rule {
    #[cfg_attr(not(test), expect(dead_code, reason = "for the reader; a test wants every rule to have one"))]
    pub(super) reason: String,
    pub(super) calls: Vec<String>,
    pub(super) cases: Vec<Case>,
    /// The answer when no case holds.
    pub(super) otherwise: Answer,
}

/// A case of a rule. It holds when all of its conditions hold.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Case {
    #[cfg_attr(not(test), expect(dead_code, reason = "for the reader; a test wants every case to have one"))]
    pub(super) reason: String,
    /// The only one of the rule's calls that the case applies to.
    pub(super) only_for: Option<String>,
    pub(super) when: Vec<Condition>,
    #[serde(default = "Answer::allow")]
    pub(super) answer: Answer,
}

/// A condition on one argument, counted from 0.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Condition {
    pub(super) argument: u8,
    /// The argument is one of these numbers, ...
    pub(super) is: Option<Vec<Number>>,
    /// ... without these bits.
    #[serde(default)]
    pub(super) ignoring: Vec<Number>,
    /// The argument has no other bits than these.
    pub(super) only: Option<Vec<Number>>,
    /// The argument is a null pointer (`true`), or is not (`false`).
    pub(super) null: Option<bool>,
}

/// The calls that the launcher may make in addition to those of a sandbox.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Setup {
    #[cfg_attr(not(test), expect(dead_code, reason = "for the reader; a test wants it to be there"))]
    pub(super) reason: String,
    /// Calls, whatever their arguments.
    pub(super) calls: Vec<String>,
    /// Cases of calls that have a rule.
    pub(super) cases: Vec<SetupCase>,
}

/// A case of a call that has a rule. The launcher is allowed to make it.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct SetupCase {
    #[cfg_attr(not(test), expect(dead_code, reason = "for the reader; a test wants every case to have one"))]
    pub(super) reason: String,
    pub(super) call: String,
    pub(super) when: Vec<Condition>,
    /// The rule's answer, repeated here so that the filter that is added for each sandbox is short.
    pub(super) in_sandbox: Answer,
}

/// A number by name, or several whose bits are combined: `CLONE_VM|CLONE_THREAD`. A number without a name is written as
/// a number.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub(super) struct Number(pub(super) String);

impl Number {
    /// Returns the value.
    ///
    /// # Errors
    ///
    /// When a name is unknown.
    pub(super) fn value(&self) -> io::Result<u32> {
        self.0.split('|').try_fold(0, |sum, name| {
            let known = constant(name).or_else(|| name.parse().ok());
            known.map(|one| sum | one).ok_or_else(|| io::Error::other(format!("nothing is called {name}")))
        })
    }
}

/// `allow`, `notify` (the call is reported to the server), `done` (the call is not made, and succeeds), or the name of
/// an error.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub(super) struct Answer(String);

impl Answer {
    fn allow() -> Self {
        Self("allow".to_owned())
    }

    /// Returns the answer for the filter.
    ///
    /// # Errors
    ///
    /// When there is no error with this name.
    pub(super) fn verdict(&self) -> io::Result<Verdict> {
        match self.0.as_str() {
            "allow" => Ok(Verdict::Allow),
            "notify" => Ok(Verdict::Notify),
            "done" => Ok(Verdict::Errno(0)),
            name => {
                // A constant that is no error has a number, too, and must not become an answer by mistake.
                let number = constant(name).filter(|_| name.starts_with('E')).and_then(|one| u16::try_from(one).ok());
                number.map(Verdict::Errno).ok_or_else(|| io::Error::other(format!("no answer is called {name}")))
            }
        }
    }
}
