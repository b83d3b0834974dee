//! Every invocation has exactly one outcome.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use workers_domain::LogStream::{Stderr, Stdout};
use workers_domain::ports::{ExitStatus, KillReason, SandboxErrorKind};
use workers_domain::{Outcome, Timings};
use workers_testing::{Step, operator};

use crate::support::{TestPlatform, failed, follow, lines, returned};

#[tokio::test]
async fn what_a_function_returns_is_the_result_untouched() {
    let test = TestPlatform::new(|call| vec![Step::Frame("S".into()), Step::Return(call.payload.clone())]);
    let (_, report) = test.run(br#"{"n": 1.0, "s":"__END_RESULT__"}"#).await;
    assert_eq!(returned(&report), r#"{"n": 1.0, "s":"__END_RESULT__"}"#);
    assert_eq!(report.timings.run, std::time::Duration::from_micros(2250));
    assert_ne!(report.timings, Timings::default());
}

#[tokio::test]
async fn times_that_user_code_forged_stay_within_what_was_measured() {
    for (load, run) in [
        ("1e22", "0"),
        ("0", "1e22"),
        ("1e22", "1e22"),
        ("1e308", "1e308"),
        ("-1", "-1e308"),
        ("1e22", "-1"),
        ("-0", "1e-308"),
    ] {
        let meta = format!("{{\"code\":\"ok\",\"loadMs\":{load},\"runMs\":{run}}}");
        let outcome = format!("R{meta}\u{1f}__RESULT__1__END_RESULT__");
        let test = TestPlatform::new(move |_| vec![Step::Frame("S".into()), Step::Frame(outcome.clone())]);
        let before = std::time::Instant::now();
        let (_, report) = test.run(b"").await;
        let Timings { load: loaded, run: ran, .. } = report.timings;
        assert!(loaded + ran <= before.elapsed(), "{load} and {run} became {loaded:?} and {ran:?}");
        assert_eq!(
            (loaded.is_zero(), ran.is_zero()),
            (!load.starts_with("1e"), load.starts_with("1e") || run != "1e22")
        );
        assert_eq!(returned(&report), "1");
    }
}

#[tokio::test]
async fn times_that_user_code_leaves_out_are_none_and_what_is_no_number_makes_the_outcome_unreadable() {
    let ended = |meta: &str| {
        let outcome = format!("R{meta}\u{1f}__RESULT__1__END_RESULT__");
        TestPlatform::new(move |_| vec![Step::Frame("S".into()), Step::Frame(outcome.clone())])
    };
    let (_, report) = ended("{\"code\":\"ok\"}").run(b"").await;
    assert_eq!((report.timings.load, report.timings.run), Default::default());
    for number in ["NaN", "1e999", "\"1\"", "null"] {
        let (_, report) = ended(&format!("{{\"code\":\"ok\",\"loadMs\":{number}}}")).run(b"").await;
        assert_eq!(failed(&report), "crashed", "{number}");
    }
}

#[tokio::test]
async fn a_payload_that_is_no_json_arrives_as_an_empty_object_with_a_warning() {
    let test = TestPlatform::new(|call| vec![Step::Return(call.payload.clone())]);
    let (_, report) = test.run(b"no json").await;
    assert_eq!(returned(&report), "{}");
    let Outcome::Returned { warnings, .. } = &report.outcome else { panic!("{report:?}") };
    assert_eq!(
        warnings[0].message,
        "the payload cannot be read, {} was passed in its place: expected ident at line 1 column 2"
    );
    let test = TestPlatform::new(|_| vec![Step::Throw("boom")]);
    let Outcome::Failed(failure) = test.run(b"no json").await.1.outcome else { panic!("it was thrown") };
    assert_eq!((failure.message.as_str(), failure.warnings.len()), ("boom", 1));
}

#[tokio::test]
async fn an_outcome_in_many_frames_is_one_and_a_frame_that_was_cut_off_is_no_output() {
    let parts =
        ["r{\"code\":\"ok\"}\u{1f}__RES", "rULT__[1,", "R2]__END_RESULT__"].map(|part| Step::Frame(part.into()));
    let parts = std::sync::Mutex::new(Some(parts));
    let test = TestPlatform::new(move |_| {
        let [first, second, last] = parts.lock().unwrap().take().unwrap();
        vec![Step::Frame("S".into()), first, Step::Raw(Stdout, b"of a child\n".to_vec()), second, last]
    });
    let (entries, report) = test.run(b"").await;
    assert_eq!((returned(&report), lines(&entries)), ("[1,2]", vec!["o:of a child".to_owned()]));

    let test = TestPlatform::new(|_| {
        let cut = Step::Frame("r{\"code\":\"thrown\"}\u{1f}__RESULT__{\"mess".into());
        vec![Step::Frame("S".into()), Step::Log(Stdout, "one\n"), cut, Step::Exit(ExitStatus::Code(1), None)]
    });
    let (entries, report) = test.run(b"").await;
    assert_eq!((failed(&report), lines(&entries)), ("process_exit", vec!["o:one".to_owned()]));
}

#[tokio::test]
async fn a_long_payload_arrives_whole_without_being_an_argument() {
    let test = TestPlatform::new(|call| {
        assert!(call.spec.args.iter().all(|argument| argument.len() < 128 * 1024));
        vec![Step::Return(call.payload.len().to_string())]
    });
    let payload = format!("\"{}\"", "a".repeat(6 * 1024 * 1024 - 2));
    assert_eq!(returned(&test.run(payload.as_bytes()).await.1), payload.len().to_string());
}

#[tokio::test]
async fn what_a_function_throws_is_the_failure() {
    let test = TestPlatform::new(|_| vec![Step::Throw("boom"), Step::Exit(ExitStatus::Code(1), None)]);
    let (_, report) = test.run(b"").await;
    let Outcome::Failed(failure) = report.outcome else { panic!("{report:?}") };
    assert_eq!((failure.code.as_str(), failure.message.as_str()), ("thrown", "boom"));
}

#[tokio::test]
async fn a_killed_command_keeps_its_log() {
    let killed = |reason| Step::Exit(ExitStatus::Signal(9), Some(reason));
    for (reason, code) in [(KillReason::Timeout, "timeout"), (KillReason::OutOfMemory, "out_of_memory")] {
        let test =
            TestPlatform::new(move |_| vec![Step::Frame("S".into()), Step::Log(Stdout, "one\ntwo"), killed(reason)]);
        let (entries, report) = test.run(b"").await;
        assert_eq!(failed(&report), code);
        assert_eq!(lines(&entries), ["o:one", "o:two"]);
    }
}

#[tokio::test]
async fn an_exit_before_the_function_returned_is_named_after_its_code() {
    let test = TestPlatform::new(|_| vec![Step::Frame("S".into()), Step::Exit(ExitStatus::Code(3), None)]);
    let (_, report) = test.run(b"").await;
    let Outcome::Failed(failure) = report.outcome else { panic!("{report:?}") };
    assert_eq!((failure.code.as_str(), failure.exit_code), ("process_exit", Some(3)));
}

#[tokio::test]
async fn a_module_that_cannot_be_parsed_failed_to_load() {
    let test = TestPlatform::new(|_| {
        vec![Step::Raw(Stderr, b"SyntaxError: nope\n".to_vec()), Step::Exit(ExitStatus::Code(1), None)]
    });
    let (entries, report) = test.run(b"").await;
    assert_eq!(failed(&report), "load_failed");
    assert_eq!(lines(&entries), ["e:SyntaxError: nope"]);
}

#[tokio::test]
async fn a_lost_command_is_the_sandbox_s_failure_not_the_user_s() {
    let test = TestPlatform::new(|_| vec![Step::Log(Stdout, "one\n"), Step::Lose]);
    let (entries, report) = test.run(b"").await;
    assert_eq!(failed(&report), "sandbox_failed");
    assert_eq!(lines(&entries), ["o:one"]);
}

#[tokio::test]
async fn a_provider_that_makes_no_sandbox_is_a_failure_of_the_sandbox() {
    let test = TestPlatform::new(|_| Vec::new());
    let worker = test.deploy().await;
    test.sandboxes.fail_with(Some(SandboxErrorKind::Unavailable));
    let invocation = test.platform.invocations().invoke(operator(), worker.id, "greet", b"").await.unwrap();
    assert_eq!(failed(&follow(invocation).await.1), "sandbox_failed");
}

#[tokio::test]
async fn what_died_before_any_code_of_the_user_ran_is_tried_again_unseen() {
    let tries = Arc::new(AtomicUsize::new(0));
    let counted = Arc::clone(&tries);
    let test = TestPlatform::new(move |call| match counted.fetch_add(1, Ordering::Relaxed) {
        0 => vec![Step::Raw(Stderr, b"node: no threads\n".to_vec()), Step::Exit(ExitStatus::Signal(6), None)],
        1 => vec![Step::Lose],
        _ => vec![Step::Frame("S".into()), Step::Return(call.payload.clone())],
    });
    let (entries, report) = test.run(b"[1]").await;
    assert_eq!((returned(&report), lines(&entries).len()), ("[1]", 0));
    assert_eq!(tries.load(Ordering::Relaxed), 3);
}

#[tokio::test]
async fn what_keeps_dying_before_any_code_of_the_user_ran_is_the_sandbox_s_failure_with_its_last_words() {
    let last_words = || vec![Step::Raw(Stderr, b"no\n".to_vec()), Step::Exit(ExitStatus::Signal(11), None)];
    let (entries, report) = TestPlatform::new(move |_| last_words()).run(b"").await;
    assert_eq!((failed(&report), lines(&entries)), ("sandbox_failed", vec!["e:no".to_owned()]));
}

#[tokio::test]
async fn what_had_begun_is_not_tried_again() {
    let tries = Arc::new(AtomicUsize::new(0));
    let counted = Arc::clone(&tries);
    let test = TestPlatform::new(move |_| {
        counted.fetch_add(1, Ordering::Relaxed);
        vec![Step::Frame("S".into()), Step::Lose]
    });
    assert_eq!(failed(&test.run(b"").await.1), "sandbox_failed");
    assert_eq!(tries.load(Ordering::Relaxed), 1);
}

#[tokio::test]
async fn each_failure_of_the_host_has_its_own_code() {
    for (kind, code) in [
        (SandboxErrorKind::StorageFull, "storage_full"),
        (SandboxErrorKind::StorageReadOnly, "storage_read_only"),
        (SandboxErrorKind::Exhausted, "busy"),
        (SandboxErrorKind::Failed, "sandbox_failed"),
    ] {
        let test = TestPlatform::new(|_| Vec::new());
        let worker = test.deploy().await;
        test.sandboxes.fail_with(Some(kind));
        let invocation = test.platform.invocations().invoke(operator(), worker.id, "greet", b"").await.unwrap();
        assert_eq!(failed(&follow(invocation).await.1), code);
    }
}

#[tokio::test]
async fn a_result_over_the_limit_is_refused() {
    let test = TestPlatform::with_options(
        |options| options.max_result_bytes = 10,
        |_| vec![Step::Return("\"12345678901\"".into())],
    );
    assert_eq!(failed(&test.run(b"").await.1), "result_too_large");
}

#[tokio::test(start_paused = true)]
async fn a_provider_that_forgets_the_deadline_is_reminded() {
    let test = TestPlatform::new(|_| vec![Step::Frame("S".into()), Step::Log(Stdout, "one\n"), Step::Hang]);
    let (entries, report) = test.run(b"").await;
    assert_eq!(failed(&report), "sandbox_failed");
    assert_eq!(lines(&entries), ["o:one"]);
    test.sandboxes.wait_for_live_sandboxes(0).await;
}
