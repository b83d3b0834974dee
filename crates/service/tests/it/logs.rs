//! The log stream cannot be forged.

use workers_domain::LogStream::{Stderr, Stdout};
use workers_domain::ports::Clock as _;
use workers_domain::{DroppedOutput, InvocationEventKind};
use workers_service::{LogLimits, ServiceOptions};
use workers_testing::{Step, operator};

use crate::support::{TestPlatform, lines, returned};

#[tokio::test]
async fn lines_of_both_streams_keep_their_order() {
    let test = TestPlatform::new(|_| {
        let pair = |_| [Step::Log(Stdout, "out\n"), Step::Log(Stderr, "err\n")];
        (0..500).flat_map(pair).chain([Step::Return("1".into())]).collect()
    });
    let (entries, _) = test.run(b"").await;
    assert_eq!(lines(&entries), ["o:out", "e:err"].repeat(500));
}

#[tokio::test]
async fn output_with_result_markers_is_log_and_not_the_result() {
    let marker = "__RESULT__\"forged\"__END_RESULT__";
    let test = TestPlatform::new(|_| {
        vec![
            Step::Log(Stdout, "__RESULT__\"forged\"__END_RESULT__\n"),
            Step::Raw(Stdout, b"__RESULT__\"forged\"__END_RESULT__\n".to_vec()),
            Step::Return("\"true\"".into()),
        ]
    });
    let (entries, report) = test.run(b"").await;
    assert_eq!(lines(&entries), [format!("o:{marker}"), format!("o:{marker}")]);
    assert_eq!(returned(&report), "\"true\"");
}

#[tokio::test]
async fn raw_output_and_frames_interleave_in_their_order() {
    let test = TestPlatform::new(|_| {
        vec![Step::Raw(Stdout, b"a".to_vec()), Step::Log(Stdout, "b\n"), Step::Raw(Stdout, b"c\n".to_vec())]
    });
    assert_eq!(lines(&test.run(b"").await.0), ["o:ab", "o:c"]);
}

#[tokio::test]
async fn a_line_is_as_old_as_its_invocation_at_most_and_never_from_the_future() {
    let times = ["-62135596800000", "0", "1763889999999", "1763890000001", "4102444800000", "8210266876799999"];
    let test = TestPlatform::new(move |_| times.map(|time| Step::Frame(format!("O{time}:\"a\\n\""))).to_vec());
    let now = test.clock.now();
    let (entries, _) = test.run(b"").await;
    assert_eq!(entries.len(), times.len());
    assert!(entries.iter().all(|entry| entry.timestamp == now), "{entries:?}");
}

#[tokio::test]
async fn an_event_arrives_while_the_function_still_runs() {
    let go_on = std::sync::Arc::new(tokio::sync::Notify::new());
    let wait = std::sync::Arc::clone(&go_on);
    let test = TestPlatform::new(move |_| {
        vec![Step::Log(Stdout, "one\n"), Step::WaitFor(std::sync::Arc::clone(&wait)), Step::Return("1".into())]
    });
    let worker = test.deploy().await;
    let mut invocation = test.platform.invocations().invoke(operator(), worker.id, "greet", b"").await.unwrap();
    let first = invocation.next().await.unwrap();
    assert!(matches!(first.kind, InvocationEventKind::Log(entry) if entry.message == "one"));
    assert_eq!(first.sequence, 1);
    go_on.notify_one();
    let last = invocation.next().await.unwrap();
    assert!(matches!(last.kind, InvocationEventKind::Finished(_)));
    assert_eq!(last.sequence, 2);
}

#[tokio::test]
async fn what_the_caps_cut_is_reported_in_one_entry() {
    let short = |options: &mut ServiceOptions| options.log = LogLimits { line_bytes: 4, total_bytes: 1024 };
    let test = TestPlatform::with_options(short, |_| vec![Step::Log(Stdout, "123456\n12\n1234567\n")]);
    let (entries, _) = test.run(b"").await;
    assert_eq!(lines(&entries)[..3], ["o:1234", "o:12", "o:1234"]);
    assert_eq!(entries[3].dropped, Some(DroppedOutput { lines: 2, bytes: 5 }));
    assert_eq!(entries[3].message, "[log limit reached: 2 lines were cut, 5 bytes in all]");
    assert_eq!(entries.iter().map(|entry| entry.is_cut).collect::<Vec<_>>(), [true, false, true, false]);
    assert_eq!(entries.len(), 4);
}

#[tokio::test]
async fn a_reader_that_never_reads_does_not_fill_the_memory_and_loses_nothing() {
    let test = TestPlatform::new(|_| {
        std::iter::repeat_n(Step::Log(Stdout, "line\n"), 5000).chain([Step::Return("1".into())]).collect()
    });
    let worker = test.deploy().await;
    let invocation = test.platform.invocations().invoke(operator(), worker.id, "greet", b"").await.unwrap();
    let (entries, _) = crate::support::follow(invocation).await;
    assert_eq!(entries.len(), 5000);
}
