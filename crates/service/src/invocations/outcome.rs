//! Turns the end of a command into the outcome of its invocation.

use std::time::Duration;

use serde_json::value::RawValue;
use workers_domain::ports::{CommandExit, ExitStatus, KillReason};
use workers_domain::{ErrorDetails, Failure, FailureCode, JsonText, Outcome, ValueWarning};
use workers_protocol::{EXIT_UNSETTLED, ErrorRecord, OutcomeCode, OutcomeFrame, SIGNAL_UNWRITTEN};

use crate::EffectiveLimits;

/// Maximum number of warnings that a harness reports, including the one that says that there are more.
const MAX_WARNINGS: usize = 21;

/// The first characters of the JSON of an error's own code, which is a string or a number.
const CODE_BEGINS: &[char] = &['"', '-', '0', '1', '2', '3', '4', '5', '6', '7', '8', '9'];

/// SIGABRT: V8 aborts the process with it when its heap is full, among other reasons.
const SIGABRT: i32 = 6;

/// The message that V8 prints when its heap is full.
const HEAP_FULL: &[u8] = b"JavaScript heap out of memory";

/// The outcome that a script reported.
#[derive(Debug)]
pub(super) enum Reported {
    /// A valid outcome.
    Outcome(OutcomeFrame),
    /// An outcome that cannot be parsed. The harness never writes one, but user code may forge one.
    Unreadable,
}

/// Observations of a command, besides its reported outcome.
#[derive(Debug, Default)]
pub(super) struct Observed {
    /// Whether the harness ran.
    pub(super) started: bool,
    /// Whether V8 printed that its heap is full.
    pub(super) heap_full: bool,
}

impl Observed {
    /// Examines raw standard error.
    pub(super) fn see_stderr(&mut self, bytes: &[u8]) {
        // V8 usually writes the message in one piece. If it is split between two pieces, we miss it, and only the
        // outcome is less precise.
        self.heap_full |= bytes.windows(HEAP_FULL.len()).any(|window| window == HEAP_FULL);
    }
}

/// Returns whether the command ended in a way that would be blamed on the function. Then we first look for a fault of
/// the platform. If the sandbox's own counters show that a limit was reached, no further check is needed.
pub(super) fn blames_the_function(reported: Option<&Reported>, exit: &CommandExit, observed: &Observed) -> bool {
    if let Some(reported) = reported {
        return matches!(reported, Reported::Outcome(frame) if frame.meta.code == OutcomeCode::LoadFailed);
    }
    // The sentence of V8 is evidence enough: the function has filled its heap.
    let is_heap = exit.status == ExitStatus::Signal(SIGABRT) && observed.heap_full;
    !is_heap && !matches!(exit.killed, Some(KillReason::OutOfMemory | KillReason::Requested))
}

/// Returns whether a command ended before any of the function's code ran, and not because of the code itself.
pub(super) fn never_began(exit: &CommandExit, observed: &Observed, wall_clock: Duration) -> bool {
    let is_early = match (exit.killed, exit.status) {
        // Loading the code may take long, but then it uses processor time.
        (Some(KillReason::Timeout), _) => exit.usage.cpu.is_some_and(|cpu| cpu < wall_clock / 2),
        // Node.js exits with a code if it cannot load the user's code. The signal ends a process that has closed all
        // its descriptors, including the one over which the harness reports its start.
        (Some(KillReason::OutOfMemory | KillReason::Requested), _)
        | (None, ExitStatus::Code(_) | ExitStatus::Signal(SIGNAL_UNWRITTEN)) => false,
        (None, ExitStatus::Signal(_)) => !observed.heap_full,
    };
    is_early && !observed.started
}

/// Returns the outcome of an invocation whose command has ended.
pub(super) fn decide(
    reported: Option<Reported>,
    exit: &CommandExit,
    observed: &Observed,
    limits: &EffectiveLimits,
) -> Outcome {
    // If there is a complete record, the function has finished; what happened to the process afterwards does not
    // matter.
    match reported {
        Some(Reported::Outcome(frame)) => from_frame(frame, limits.result_bytes),
        Some(Reported::Unreadable) => {
            Outcome::Failed(Failure::new(FailureCode::Crashed, "The outcome cannot be read."))
        }
        None => Outcome::Failed(from_exit(exit, observed, limits)),
    }
}

fn from_frame(frame: OutcomeFrame, max_result_bytes: usize) -> Outcome {
    let OutcomeFrame { meta, json } = frame;
    let warnings = meta.warnings.into_iter().take(MAX_WARNINGS);
    let warnings = warnings.map(|warning| ValueWarning { path: warning.path, message: warning.message }).collect();
    let code = match meta.code {
        OutcomeCode::Ok if json.len() > max_result_bytes => return Outcome::Failed(too_large(max_result_bytes)),
        OutcomeCode::Ok => {
            // User code can forge its own outcome; that must not break the response around it.
            return match JsonText::parse(json) {
                Ok(result) => Outcome::Returned { result, warnings },
                Err(_) => Outcome::Failed(Failure::new(FailureCode::Crashed, "The result is not JSON.")),
            };
        }
        OutcomeCode::Thrown => FailureCode::Thrown,
        OutcomeCode::LoadFailed => FailureCode::LoadFailed,
        OutcomeCode::ProcessExit => FailureCode::ProcessExit,
        OutcomeCode::NeverSettled => FailureCode::NeverSettled,
        OutcomeCode::ResultTooLarge => FailureCode::ResultTooLarge,
    };
    let record: ErrorRecord = serde_json::from_str(&json)
        .unwrap_or_else(|_| ErrorRecord { message: "The function failed.".to_owned(), ..ErrorRecord::default() });
    let text = |value: Option<Box<RawValue>>| value.map(JsonText::from);
    // The API's promises hold, even if user code forges the record: other types are dropped.
    let beginning =
        |value: Option<Box<RawValue>>, first: &[char]| text(value.filter(|value| value.get().starts_with(first)));
    Outcome::Failed(Failure {
        code,
        message: record.message,
        name: record.name,
        stack: record.stack,
        // User code can forge an exit code beside any outcome. The API promises one for this code only.
        exit_code: meta.exit_code.filter(|_| code == FailureCode::ProcessExit),
        details: ErrorDetails {
            error_code: beginning(record.error_code, CODE_BEGINS),
            cause: text(record.cause),
            // The harness writes a string if the list is part of a cycle.
            errors: beginning(record.errors, &['[', '"']),
            properties: beginning(record.properties, &['{']),
            value: text(record.value),
        },
        warnings,
    })
}

/// Returns the approximate size of an outcome in bytes.
pub(super) fn bytes_of(outcome: &Outcome) -> usize {
    let of_warning = |warning: &ValueWarning| warning.path.len() + warning.message.len();
    let of_json = |text: &Option<JsonText>| text.as_ref().map_or(0, |text| text.as_str().len());
    let of_text = |text: &Option<String>| text.as_ref().map_or(0, String::len);
    let (bytes, warnings) = match outcome {
        Outcome::Returned { result, warnings } => (result.as_str().len(), warnings),
        Outcome::Failed(Failure { message, name, stack, details, warnings, .. }) => {
            let ErrorDetails { error_code, cause, errors, properties, value } = details;
            let texts = message.len() + of_text(name) + of_text(stack);
            let details: usize = [error_code, cause, errors, properties, value].into_iter().map(of_json).sum();
            (texts + details, warnings)
        }
    };
    bytes + warnings.iter().map(of_warning).sum::<usize>()
}

/// Adds a warning in front of the outcome's own ones.
pub(super) fn warned(mut outcome: Outcome, warning: Option<ValueWarning>) -> Outcome {
    let (Outcome::Returned { warnings, .. } | Outcome::Failed(Failure { warnings, .. })) = &mut outcome;
    warnings.splice(..0, warning);
    outcome
}

fn too_large(limit: usize) -> Failure {
    let message = format!("The result is larger than the limit of {limit} bytes.");
    Failure::new(FailureCode::ResultTooLarge, message)
}

fn from_exit(exit: &CommandExit, observed: &Observed, limits: &EffectiveLimits) -> Failure {
    match (exit.killed, exit.status) {
        (Some(KillReason::Timeout), _) => timed_out(limits.sandbox.wall_clock),
        (Some(KillReason::OutOfMemory), _) => out_of_memory(limits),
        (_, ExitStatus::Signal(SIGABRT)) if observed.heap_full => out_of_memory(limits),
        (Some(KillReason::Requested), _) => Failure::new(FailureCode::SandboxFailed, "The invocation was stopped."),
        (None, ExitStatus::Signal(SIGNAL_UNWRITTEN)) => Failure::new(
            FailureCode::Crashed,
            "The outcome could not be written: the function closed its standard output.",
        ),
        (None, ExitStatus::Signal(signal)) => {
            Failure::new(FailureCode::Crashed, format!("The process was ended by signal {signal}{}.", named(signal)))
        }
        (None, ExitStatus::Code(_)) if !observed.started => {
            Failure::new(FailureCode::LoadFailed, "The code could not be loaded; the log says why.".to_owned())
        }
        (None, ExitStatus::Code(EXIT_UNSETTLED)) => Failure::new(
            FailureCode::NeverSettled,
            "The function's promise can never settle: nothing is left that it could wait for.",
        ),
        (None, ExitStatus::Code(code)) => Failure {
            exit_code: Some(code),
            ..Failure::new(
                FailureCode::ProcessExit,
                format!("The process exited with code {code} before the function returned."),
            )
        },
    }
}

/// Returns the failure of an invocation that exceeded its time limit.
pub(super) fn timed_out(limit: Duration) -> Failure {
    let message = format!("The function did not finish within {} s and was stopped.", limit.as_secs_f64());
    Failure::new(FailureCode::Timeout, message)
}

fn out_of_memory(limits: &EffectiveLimits) -> Failure {
    let limit = limits.sandbox.memory_bytes / (1024 * 1024);
    Failure::new(FailureCode::OutOfMemory, format!("The function needed more memory than the limit of {limit} MiB."))
}

const fn named(signal: i32) -> &'static str {
    match signal {
        4 => " (SIGILL)",
        6 => " (SIGABRT)",
        7 => " (SIGBUS)",
        8 => " (SIGFPE)",
        9 => " (SIGKILL)",
        11 => " (SIGSEGV)",
        15 => " (SIGTERM)",
        31 => " (SIGSYS)",
        _ => "",
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use workers_domain::ResourceUsage;
    use workers_protocol::{Meta, Warning};

    fn exit(killed: Option<KillReason>, status: ExitStatus) -> CommandExit {
        CommandExit { status, killed, usage: ResourceUsage::default() }
    }

    fn code_of(exit: &CommandExit, observed: &Observed) -> FailureCode {
        match decide(None, exit, observed, &EffectiveLimits::default()) {
            Outcome::Failed(failure) => failure.code,
            Outcome::Returned { .. } => panic!("there was no frame"),
        }
    }

    fn frame(code: &str, json: &str) -> OutcomeFrame {
        let meta = Meta { code: code.to_owned().into(), ..Meta::default() };
        OutcomeFrame { meta, json: json.to_owned() }
    }

    const STARTED: Observed = Observed { started: true, heap_full: false };

    #[test]
    fn a_result_stands_whatever_the_process_did_afterwards() {
        let crashed = exit(None, ExitStatus::Signal(11));
        let outcome =
            decide(Some(Reported::Outcome(frame("ok", "1"))), &crashed, &STARTED, &EffectiveLimits::default());
        assert_eq!(outcome, Outcome::Returned { result: JsonText::parse("1".into()).unwrap(), warnings: Vec::new() });
    }

    #[test]
    fn a_forged_result_that_is_not_json_is_no_result() {
        let ended = exit(None, ExitStatus::Code(0));
        let outcome = decide(Some(Reported::Outcome(frame("ok", "{]"))), &ended, &STARTED, &EffectiveLimits::default());
        assert!(matches!(outcome, Outcome::Failed(Failure { code: FailureCode::Crashed, .. })));
    }

    #[test]
    fn an_outcome_that_cannot_be_read_is_a_crash() {
        let ended = exit(None, ExitStatus::Code(0));
        let outcome = decide(Some(Reported::Unreadable), &ended, &STARTED, &EffectiveLimits::default());
        assert!(matches!(outcome, Outcome::Failed(Failure { code: FailureCode::Crashed, .. })));
    }

    #[test]
    fn warnings_of_a_failure_are_kept_and_one_of_the_payload_comes_first() {
        let warning = |message: &str| ValueWarning { path: "$".into(), message: message.into() };
        for (code, json) in [("thrown", "{\"message\":\"m\"}"), ("ok", "1")] {
            let mut frame = frame(code, json);
            frame.meta.warnings = vec![Warning { path: "$".into(), message: "second".into() }];
            let ended = exit(None, ExitStatus::Code(1));
            let outcome = decide(Some(Reported::Outcome(frame)), &ended, &STARTED, &EffectiveLimits::default());
            let (Outcome::Returned { warnings, .. } | Outcome::Failed(Failure { warnings, .. })) =
                warned(outcome, Some(warning("first")));
            assert_eq!(warnings, [warning("first"), warning("second")], "{code}");
        }
    }

    #[test]
    fn a_result_over_the_limit_is_refused_even_if_the_harness_let_it_pass() {
        let limits = EffectiveLimits { result_bytes: 3, ..EffectiveLimits::default() };
        let outcome =
            decide(Some(Reported::Outcome(frame("ok", "12345"))), &exit(None, ExitStatus::Code(0)), &STARTED, &limits);
        assert!(matches!(outcome, Outcome::Failed(Failure { code: FailureCode::ResultTooLarge, .. })));
    }

    #[test]
    fn a_flood_of_forged_warnings_is_cut_to_as_many_as_there_can_be() {
        let mut frame = frame("ok", "1");
        let warning = || Warning { path: "$".into(), message: "m".into() };
        frame.meta.warnings = std::iter::repeat_with(warning).take(100_000).collect();
        let outcome = decide(
            Some(Reported::Outcome(frame)),
            &exit(None, ExitStatus::Code(0)),
            &STARTED,
            &EffectiveLimits::default(),
        );
        assert!(matches!(outcome, Outcome::Returned { warnings, .. } if warnings.len() == MAX_WARNINGS));
    }

    #[test]
    fn an_exit_code_is_reported_of_a_process_that_exited_and_of_no_other() {
        for (code, expected) in [("process_exit", Some(7)), ("thrown", None), ("result_too_large", None)] {
            let mut frame = frame(code, "{\"message\":\"m\"}");
            frame.meta.exit_code = Some(7);
            let outcome = decide(
                Some(Reported::Outcome(frame)),
                &exit(None, ExitStatus::Code(0)),
                &STARTED,
                &EffectiveLimits::default(),
            );
            assert!(matches!(outcome, Outcome::Failed(failure) if failure.exit_code == expected), "{code}");
        }
    }

    #[test]
    fn a_kill_is_named_by_its_reason() {
        let killed = |reason| exit(Some(reason), ExitStatus::Signal(9));
        assert_eq!(code_of(&killed(KillReason::Timeout), &STARTED), FailureCode::Timeout);
        assert_eq!(code_of(&killed(KillReason::OutOfMemory), &STARTED), FailureCode::OutOfMemory);
    }

    #[test]
    fn what_ended_before_the_harness_ran_is_not_the_functions_doing_unless_its_limits_say_so() {
        let wall_clock = Duration::from_secs(30);
        let early = |exit: &CommandExit| never_began(exit, &Observed::default(), wall_clock);
        let slow = |cpu| CommandExit {
            usage: ResourceUsage { cpu: Some(Duration::from_secs(cpu)), ..ResourceUsage::default() },
            ..exit(Some(KillReason::Timeout), ExitStatus::Signal(9))
        };
        assert!(early(&exit(None, ExitStatus::Signal(11))) && early(&slow(1)));
        assert!(!early(&slow(29)) && !early(&exit(Some(KillReason::OutOfMemory), ExitStatus::Signal(9))));
        assert!(!early(&exit(None, ExitStatus::Code(1))));
        assert!(!never_began(&exit(None, ExitStatus::Signal(11)), &STARTED, wall_clock));
    }

    #[test]
    fn an_abort_is_a_crash_unless_the_heap_was_full() {
        let aborted = exit(None, ExitStatus::Signal(SIGABRT));
        assert_eq!(code_of(&aborted, &STARTED), FailureCode::Crashed);
        let mut observed = Observed { started: true, ..Observed::default() };
        observed.see_stderr(b"FATAL ERROR: Reached heap limit Allocation failed - JavaScript heap out of memory\n");
        assert_eq!(code_of(&aborted, &observed), FailureCode::OutOfMemory);
    }

    #[test]
    fn a_process_without_descriptors_is_the_functions_own_doing() {
        // The number, because scripts that are stored already use it (`PROTOCOL.md`).
        let unwritten = exit(None, ExitStatus::Signal(64));
        for observed in [&STARTED, &Observed::default()] {
            assert_eq!(code_of(&unwritten, observed), FailureCode::Crashed);
            assert!(!never_began(&unwritten, observed, Duration::from_secs(30)));
        }
    }

    #[test]
    fn an_exit_without_a_record_is_reported_by_its_code() {
        assert_eq!(code_of(&exit(None, ExitStatus::Code(13)), &STARTED), FailureCode::NeverSettled);
        assert_eq!(code_of(&exit(None, ExitStatus::Code(0)), &STARTED), FailureCode::ProcessExit);
        assert_eq!(code_of(&exit(None, ExitStatus::Code(1)), &Observed::default()), FailureCode::LoadFailed);
    }

    #[test]
    fn forged_details_are_of_the_kinds_that_the_api_promises_or_left_away() {
        let ended = exit(None, ExitStatus::Code(1));
        let details = |json: &str| match decide(
            Some(Reported::Outcome(frame("thrown", json))),
            &ended,
            &STARTED,
            &EffectiveLimits::default(),
        ) {
            Outcome::Failed(failure) => failure.details,
            Outcome::Returned { .. } => panic!("it was thrown"),
        };
        let forged = r#"{"message":"m","errorCode":{"a":1},"errors":5,"properties":[1]}"#;
        assert_eq!(details(forged), ErrorDetails::default());
        let kept = details(r#"{"message":"m","errorCode": -5,"errors":[1],"properties": {"a":1}}"#);
        let texts = [kept.error_code, kept.errors, kept.properties].map(|text| text.unwrap().as_str().to_owned());
        assert_eq!(texts, ["-5", "[1]", r#"{"a":1}"#]);
    }

    #[test]
    fn an_error_record_keeps_name_and_stack() {
        let json = r#"{"__error":true,"message":"m","name":"TypeError","stack":"TypeError: m\n  at f"}"#;
        let outcome = decide(
            Some(Reported::Outcome(frame("thrown", json))),
            &exit(None, ExitStatus::Code(1)),
            &STARTED,
            &EffectiveLimits::default(),
        );
        let Outcome::Failed(failure) = outcome else { panic!("{outcome:?}") };
        assert_eq!((failure.code, failure.message.as_str()), (FailureCode::Thrown, "m"));
        assert_eq!(failure.name.as_deref(), Some("TypeError"));
        assert!(failure.stack.is_some());
    }

    #[test]
    fn an_error_record_keeps_what_was_thrown_along() {
        let json = r#"{"__error":true,"message":"m","errorCode":"ENOENT","cause":{"message":"c"},"errors":[1],
            "properties":{"status":4}}"#;
        let ended = exit(None, ExitStatus::Code(1));
        let outcome =
            decide(Some(Reported::Outcome(frame("thrown", json))), &ended, &STARTED, &EffectiveLimits::default());
        let Outcome::Failed(Failure { details, .. }) = outcome else { panic!("{outcome:?}") };
        let text = |json: Option<JsonText>| json.map(|text| text.as_str().to_owned());
        assert_eq!(text(details.error_code).as_deref(), Some("\"ENOENT\""));
        assert_eq!(text(details.cause).as_deref(), Some("{\"message\":\"c\"}"));
        assert_eq!(text(details.errors).as_deref(), Some("[1]"));
        assert_eq!(text(details.properties).as_deref(), Some("{\"status\":4}"));
        assert_eq!(text(details.value), None);
    }
}
