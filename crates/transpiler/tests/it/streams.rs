//! Console output: all of it arrives, in the order in which it was printed.

use std::{
    io::Read,
    process::Stdio,
    sync::LazyLock,
    thread,
    time::{Duration, Instant},
};
use workers_protocol::{RESULT_END, TOKEN_VARIABLE};

use crate::support::{TOKEN, Worker};

static WORKER: LazyLock<Worker> = LazyLock::new(|| Worker::new(include_str!("workers/streams.ts")));

fn printed(function: &str) -> Vec<(String, String)> {
    let run = WORKER.framed(function, "{}");
    assert_eq!(run.code(), "ok", "{}", run.json);
    run.printed
}

#[test]
fn the_order_across_stdout_and_stderr_is_the_order_of_printing() {
    let run = WORKER.framed("alternates", "{}");
    assert_eq!(run.printed.len(), 2000);
    for (index, (kind, text)) in run.printed.iter().enumerate() {
        assert_eq!(
            (kind.as_str(), text.as_str()),
            (if index % 2 == 0 { "O" } else { "E" }, format!("line {index}\n").as_str())
        );
    }
}

#[test]
fn everything_printed_before_process_exit_arrives_at_a_slow_reader() {
    for framed in [false, true] {
        let mut command = WORKER.command(&["floods"]);
        if framed {
            command.env(TOKEN_VARIABLE, TOKEN);
        }
        let mut child = command.stdout(Stdio::piped()).spawn().unwrap();
        thread::sleep(Duration::from_millis(300));
        let mut text = String::new();
        child.stdout.take().unwrap().read_to_string(&mut text).unwrap();
        assert_eq!(text.matches("line of some length").count(), 20_000);
        assert!(text.trim_end().ends_with(RESULT_END));
        assert_eq!(child.wait().unwrap().code(), Some(5));
    }
}

#[test]
fn a_reader_that_goes_away_does_not_hang_the_worker() {
    let started = Instant::now();
    let mut child = WORKER.command(&["floods"]).stdout(Stdio::piped()).spawn().unwrap();
    drop(child.stdout.take());
    assert_eq!(child.wait().unwrap().code(), Some(5));
    assert!(started.elapsed() < Duration::from_secs(20));
}

#[test]
fn a_pipe_that_does_not_block_loses_nothing() {
    // A child that shares the pipe makes it non-blocking, as Node.js itself does.
    let script = "sleep 0.2; cat | grep -c 'line of some length'";
    let command = format!("{:?} {:?} nonBlocking | ({script})", crate::support::node(), WORKER.path());
    let output = std::process::Command::new("sh").args(["-c", &command]).output().unwrap();
    assert_eq!(String::from_utf8(output.stdout).unwrap().trim(), "20000");
}

#[test]
fn huge_chunks_are_split_between_characters() {
    let chunks = printed("prints100kCharacters");
    assert!(chunks.len() > 3);
    assert!(chunks.iter().all(|(_, text)| text.encode_utf16().count() <= 32_768));
    assert_eq!(chunks.iter().map(|(_, text)| text.as_str()).collect::<String>(), format!("a{}\n", "😀".repeat(50_000)));
}

#[test]
fn characters_split_between_buffers_are_put_together() {
    let text: String = printed("splitsCharacters").iter().map(|(_, text)| text.as_str()).collect();
    assert_eq!(text, "é😀|\u{fffd}x|bin\u{fffd}ary|hi|\u{fffd}");
}

#[test]
fn the_streams_are_writable_streams() {
    let run = WORKER.framed("behaves", "{}");
    assert_eq!(run.code(), "ok", "{}", run.json);
    let expected = serde_json::json!({
        "isTTY": null, "columns": null, "fds": [1, 2], "writable": true, "instance": true, "length": 0,
        "returned": true, "callbacks": ["first", "second"], "corked": true, "invalid": "ERR_INVALID_ARG_TYPE",
        "sameAsImport": true, "afterEnd": "ERR_STREAM_WRITE_AFTER_END", "finished": true,
    });
    assert_eq!(run.value(), expected);
    assert_eq!(run.stdout(), "with callback\nno encoding\ncorked 1\ncorked 2\npiped\nlast\n");
}

#[test]
fn consoles_of_all_kinds_print_as_in_node() {
    let text: String = printed("consoles").iter().map(|(_, text)| text.as_str()).collect();
    assert!(
        text.starts_with("{ a: [ 1, { b: [Array] } ] } %s x 5\n  in group\ncount: 1\nAssertion failed: why"),
        "{text}"
    );
    assert!(text.contains("own console\n") && text.contains("from util.log: 1"), "{text}");
}

#[test]
fn bytes_outside_frames_are_left_alone() {
    let run = WORKER.framed("writesRaw", "{}");
    assert_eq!(
        run.printed,
        [
            ("O".to_owned(), "framed\n".to_owned()),
            ("raw".to_owned(), "raw bytes".to_owned()),
            ("O".to_owned(), "framed again\n".to_owned()),
            ("raw".to_owned(), "from a child\n".to_owned()),
        ]
    );
}

#[test]
fn output_of_worker_threads_comes_through() {
    let run = WORKER.framed("threads", "{}");
    assert_eq!((run.code(), run.stdout().as_str()), ("ok", "from a thread\n"), "{}", run.json);
}

#[test]
fn text_that_looks_like_a_result_is_only_text() {
    let run = WORKER.framed("forges", "{}");
    assert_eq!((run.json.as_str(), run.stdout().as_str()), ("1", "__RESULT__2__END_RESULT__\n\u{1e}\u{1f}\n"));
}

#[test]
fn the_environment_and_the_arguments_look_like_any_program_s() {
    let run = WORKER.framed("surroundings", "{}");
    assert_eq!(run.value(), serde_json::json!({ "arguments": 2, "script": "worker.mjs", "own": [] }));
}

#[test]
fn outputs_can_be_written_by_name() {
    let run = WORKER.framed("writesByName", "{}");
    assert_eq!(run.code(), "ok", "{}", run.json);
    let raw: String = run.printed.iter().filter(|(kind, _)| kind == "raw").map(|(_, text)| text.as_str()).collect();
    let names = ["/dev/stdout", "/proc/self/fd/1", "/dev/fd/1"];
    let expected = names.map(|name| format!("written to {name}\nappended to {name}\n")).concat();
    assert_eq!(raw, format!("{expected}appended later\nstreamed\n"));
    assert_eq!(run.stdout(), "framed\n");
}

#[test]
fn whatever_becomes_of_descriptors_1_and_2_the_outcome_and_the_log_arrive() {
    let ways = WORKER.result("ways");
    for way in ways.as_array().unwrap() {
        let run = WORKER.framed("loses", &serde_json::json!({ "way": way }).to_string());
        assert_eq!((run.code(), &run.value()), ("ok", way));
        assert_eq!(run.printed, [("E".to_owned(), "after\n".to_owned())], "{way}");
        let big = WORKER.framed("loses", &serde_json::json!({ "way": way, "big": true }).to_string());
        assert_eq!((big.code(), big.json.len()), ("ok", 100_002), "{way}");
    }
}

#[test]
fn a_file_in_the_place_of_descriptor_1_gets_nothing_of_the_harness() {
    let run = WORKER.framed("seesFile", "{}");
    assert_eq!(run.value(), serde_json::json!({ "file": 1, "isDevice": true, "empty": "" }));
    assert_eq!(run.stdout(), "printed\n");
}

#[test]
fn what_children_write_meanwhile_tears_no_frame() {
    let run = WORKER.framed("children", "{}");
    assert_eq!((run.code(), run.json.len()), ("ok", 200_002));
    let text = |wanted: &str| -> String {
        run.printed.iter().filter(|(kind, _)| kind == wanted).map(|(_, text)| text.as_str()).collect()
    };
    assert_eq!(text("O"), format!("{}\n", "é".repeat(20_000)).repeat(100));
    let lines: Vec<_> = (0..300).map(|line| format!("{line:01000}\n")).collect();
    assert_eq!(text("raw"), lines.concat());
}

#[test]
fn text_of_which_every_character_is_escaped_fits_into_frames() {
    let run = WORKER.framed("controls", "{}");
    let expected = format!("{}{}{}\n", "\u{1}".repeat(10_000), "x".repeat(10_000), "\u{1f600}".repeat(10_000));
    assert_eq!(run.stdout(), expected);
}
