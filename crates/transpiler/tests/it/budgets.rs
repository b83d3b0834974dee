//! Oversized values are truncated or refused, within limits of time and memory.

use std::sync::LazyLock;
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use crate::support::{Framed, Worker};

static WORKER: LazyLock<Worker> = LazyLock::new(|| Worker::new(include_str!("workers/budgets.ts")));

/// A limit for results, and a heap that is smaller than in sandboxes.
const RESULT_LIMIT: usize = 1024 * 1024;
const HEAP: &str = "--max-old-space-size=160";

/// Maximum size of an outcome besides the result, in bytes.
const OVERHEAD: usize = 1024 * 1024;

fn run(function: &str, kind: &str) -> Framed {
    let payload = json!({ "kind": kind }).to_string();
    let started = Instant::now();
    let run = WORKER.limited(HEAP, RESULT_LIMIT, &[function, &payload]);
    assert!(started.elapsed() < Duration::from_mins(1), "{function} {kind} took {:?}", started.elapsed());
    let size = run.json.len() + run.meta.to_string().len();
    let most = if run.code() == "ok" { RESULT_LIMIT + OVERHEAD } else { OVERHEAD };
    assert!(size < most, "{function} {kind} is {size} bytes");
    run
}

fn warnings(run: &Framed) -> Vec<&Value> {
    run.meta["warnings"].as_array().map_or(&[][..], Vec::as_slice).iter().collect()
}

#[test]
fn a_result_costs_no_more_than_the_limit_however_many_paths_lead_through_it() {
    for (kind, code) in [
        ("tree", "ok"),
        ("oneOfATree", "ok"),
        ("smallMesh", "ok"),
        ("mesh", "result_too_large"),
        ("objects", "result_too_large"),
        ("nothings", "result_too_large"),
        ("arrays", "result_too_large"),
        ("maps", "result_too_large"),
        ("sets", "result_too_large"),
        ("errors", "result_too_large"),
        ("accessors", "result_too_large"),
        ("sameArray", "result_too_large"),
        ("manyNothings", "result_too_large"),
    ] {
        assert_eq!(run("graph", kind).code(), code, "{kind}");
    }
}

#[test]
fn parts_of_a_circle_are_written_once_and_then_referred_to() {
    let value = run("graph", "smallTree").value();
    assert_eq!(value[0]["next"]["index"], 1);
    assert_eq!(value[0]["next"]["previous"], "[Circular ~[0]]");
    assert_eq!((&value[0]["all"], &value[1]), (&json!("[Circular ~]"), &json!("[Circular ~[0].next]")));
}

#[test]
fn what_is_thrown_costs_no_more_than_the_limit_however_many_paths_lead_through_it() {
    for kind in
        ["tree", "mesh", "objects", "nothings", "arrays", "maps", "sets", "accessors", "sameArray", "manyNothings"]
    {
        for function in ["throwsGraph", "throwsCause", "throwsProperty"] {
            let run = run(function, kind);
            let name = if function == "throwsGraph" { "NonError" } else { "Error" };
            assert_eq!((run.code(), &run.value()["name"]), ("thrown", &json!(name)), "{function} {kind}");
            assert!(name == "NonError" || run.value()["message"] == "tree");
        }
    }
    assert_eq!(run("throwsGraph", "errors").value()["message"], "several");
}

#[test]
fn an_error_that_is_too_large_is_itself_and_says_what_was_cut() {
    for (kind, message) in [
        ("cause", "upstream failed"),
        ("message", "x"),
        ("stack", "long stack"),
        ("name", "long name"),
        ("code", "long code"),
        ("text", "x"),
        ("property", "long property"),
        ("key", "long key"),
        ("keys", "many keys"),
        ("bytes", "bytes"),
        ("list", "list"),
        ("map", "map"),
        ("causes", "chain"),
        ("errors", "many errors"),
        ("controls", "\u{1}"),
        ("everything", "\u{1f600}"),
    ] {
        let run = run("throwsLong", kind);
        assert_eq!((run.code(), run.exit_code), ("thrown", Some(1)), "{kind}");
        assert!(run.value()["message"].as_str().unwrap().starts_with(message), "{kind}");
    }
    let seen = |kind| run("throwsLong", kind).value();
    let ends = |value: &Value, end: &str| assert!(value.as_str().unwrap().ends_with(end), "{end}");
    ends(&seen("message")["message"], "x\u{2026} (8000000 characters)");
    ends(&seen("stack")["stack"], "x\u{2026} (8000000 characters)");
    let cause = run("throwsLong", "cause");
    assert_eq!(cause.value()["cause"]["status"], 500);
    ends(&cause.value()["cause"]["body"], "x\u{2026} (8000000 characters)");
    assert_eq!(
        warnings(&cause),
        [&json!({ "path": "$.cause.body", "message": "a text of 8000000 characters was cut" })]
    );
    assert_eq!(seen("property")["properties"]["response"]["status"], 502);
    let list = seen("list")["cause"].as_array().unwrap().clone();
    assert_eq!(
        (&list[1], list.last().unwrap()),
        (&json!(1), &json!(format!("[Cut: {} more]", 1_000_001 - list.len())))
    );
    assert_eq!(seen("map")["cause"].as_array().unwrap().last().unwrap(), "[Cut: some more]");
    assert!(seen("keys")["properties"]["\u{2026}"].as_str().unwrap().starts_with("[Cut: "));
    assert_eq!(seen("errors")["errors"][200]["message"], "error 200");
}

#[test]
fn warnings_name_the_beginnings_of_long_keys_and_the_ends_of_long_paths() {
    let run_key = run("longKey", "");
    assert_eq!((run_key.code(), run_key.json.len()), ("ok", 1_000_106));
    let path = format!("$[\"{}\u{2026}\"][19]", "k".repeat(100));
    assert_eq!(warnings(&run_key).last().unwrap()["path"], path);
    let run_path = run("longPath", "");
    let path = warnings(&run_path)[0]["path"].as_str().unwrap();
    assert!(path.starts_with("$\u{2026}.level") && path.ends_with(".level1.level0[0]") && path.len() < 600, "{path}");
    for (function, count) in [("longReason", 1), ("strays", 21)] {
        let run = run(function, "");
        assert_eq!((run.code(), warnings(&run).len()), ("ok", count), "{function}");
        assert!(warnings(&run).iter().all(|warning| warning.to_string().len() < 700), "{function}");
    }
}

#[test]
fn a_text_or_bytes_that_cannot_fit_are_not_even_copied() {
    for function in ["longBytes", "longText"] {
        assert_eq!(run(function, "").code(), "result_too_large");
    }
}
