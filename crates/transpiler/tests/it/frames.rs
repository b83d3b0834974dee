//! Stack traces are those of the user's own module, wherever they are read.

use std::{path::Path, process::Command, sync::LazyLock};

use serde_json::{Value, json};

use crate::support::{Worker, node};

static WORKER: LazyLock<Worker> = LazyLock::new(|| Worker::new(include_str!("workers/frames.ts")));

/// Returns a trace without columns, which depend on the compiler, and without the frames with which Node.js runs a
/// program.
fn comparable(stack: &Value, url: &str) -> String {
    let text = stack.as_str().expect("a stack").replace(url, "worker.ts");
    let lines = text.lines().filter(|line| {
        !["node:internal/modules", "node:internal/process", "node:internal/vm", "[eval]"]
            .iter()
            .any(|own| line.contains(own))
    });
    lines.map(|line| line.rsplit_once(':').map_or(line, |(start, _)| start)).collect::<Vec<_>>().join("\n")
}

#[test]
fn every_kind_of_frame_has_the_name_that_it_has_in_a_module() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/it/workers/frames.mjs");
    let run = format!(
        "import({path:?}).then(({{ main }}) => main()).then((all) => console.log(JSON.stringify([{path:?}, all])))"
    );
    let output = Command::new(node()).args(["-e", &run]).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let expected: Value = serde_json::from_slice(&output.stdout).unwrap();
    let url = format!("file://{}", path.display());
    let found = Worker::new(include_str!("workers/frames.mjs")).result("main");
    let (expected, found) = (expected[1].as_array().unwrap(), found.as_array().unwrap());
    assert_eq!(expected.len(), found.len());
    for (expected, found) in expected.iter().zip(found) {
        assert_eq!(comparable(expected, &url), comparable(found, "worker.ts"));
    }
}

#[test]
fn the_users_own_way_of_writing_stacks_sees_the_users_frames_only() {
    let frame = |line: u32, column: u32, name: &str, text: &str, is_async: bool| {
        json!(["worker.ts", line, column, name, text, is_async])
    };
    let expected = json!({
        "seenAtLoad": 1, "same": true, "isUndefined": true, "restored": true, "methods": 21,
        "here": [frame(17, 18, "prepared", "prepared (worker.ts:17:18)", false)],
        "captured": [frame(20, 68, "prepared", "prepared (worker.ts:20:68)", false)],
        "later": [frame(23, 23, "prepared", "prepared (worker.ts:23:23)", false)],
        "inTimer": frame(24, 87, "tick", "Timeout.tick [as _onTimeout] (worker.ts:24:87)", false),
        "kinds": [false, false, true, false, true, "CallSite", true],
        "evalOrigin": "eval at prepared (worker.ts:28:31)",
        "wrapped": "Error: wrapped\n    at prepared (worker.ts:30:71)",
        "plain": "Error: plain\n    at prepared (worker.ts:33:17)",
    });
    assert_eq!(WORKER.result("prepared"), expected);
}

#[test]
fn call_sites_are_the_users_own() {
    let own = |line: u32, column: u32| json!(["callSites", "worker.ts", line, column]);
    let expected = json!({
        "here": [own(43, 17)], "inner": [["inner", "worker.ts", 39, 40], own(43, 34)], "mapped": [own(43, 71)],
        "counted": [["two", "worker.ts", 43, 152]], "dynamic": [own(44, 48)],
        "refused": ["ERR_OUT_OF_RANGE", "ERR_OUT_OF_RANGE", "ERR_INVALID_ARG_TYPE"],
    });
    assert_eq!(WORKER.result("callSites"), expected);
}

#[test]
fn a_listener_that_the_harness_calls_does_not_see_it() {
    let run = WORKER.framed("listeners", "{}");
    assert_eq!(run.stdout(), "[[\"leaving\",\"emit\"],[\"leaving\",\"emit\"]]\n");
}
