//! The outcome is reported even if user code breaks the built-in objects that the harness relies on.

use std::os::unix::process::ExitStatusExt as _;
use std::sync::LazyLock;
use workers_protocol::TOKEN_VARIABLE;

use serde_json::{Value, json};

use crate::support::{Framed, TOKEN, Worker};

static WORKER: LazyLock<Worker> = LazyLock::new(|| Worker::new(include_str!("workers/vandals.ts")));

fn run(function: &str) -> Framed {
    WORKER.framed(function, "{}")
}

fn warnings(run: &Framed) -> Vec<&str> {
    let list = run.meta["warnings"].as_array().map_or(&[][..], Vec::as_slice);
    list.iter().filter_map(|warning| warning["message"].as_str()).collect()
}

fn stderr(run: &Framed) -> String {
    run.printed.iter().filter(|(kind, _)| kind == "E").map(|(_, text)| text.as_str()).collect()
}

#[test]
fn a_to_json_on_a_prototype_changes_the_value_but_not_the_record() {
    let value = run("objectToJson");
    assert_eq!((value.code(), value.json.as_str()), ("ok", "\"J\""));
    let thrown = run("objectToJsonThrows");
    assert_eq!((thrown.code(), &thrown.value()["message"]), ("thrown", &json!("the reason")));
    let array = run("arrayToJson");
    assert_eq!((array.code(), array.json.as_str()), ("ok", r#"{"n":null,"m":[[1,2]]}"#));
    assert_eq!(warnings(&array), ["NaN became null", "a Map became an array of pairs"]);
}

#[test]
fn setters_on_array_prototypes_are_not_met() {
    assert_eq!(run("numberGetters").json, r#"{"list":[null]}"#);
}

#[test]
fn no_method_of_any_prototype_is_needed_once_user_code_runs() {
    let value = run("everything");
    assert_eq!((value.code(), value.json.as_str()), ("ok", "{\"n\":null,\"list\":[1,\"a\u{fffd}\"],\"a-b\":null}"));
    // Node.js 20 fails in its own code after the return, and adds a warning about that.
    assert_eq!(warnings(&value)[..2], ["NaN became null", "Infinity became null"]);
    assert_eq!(value.meta["warnings"][1]["path"], "$[\"a-b\"]");
    assert_eq!(run("everythingPlain").json, r#"{"a":[1,"x"]}"#);
    let thrown = run("everythingThenThrows");
    assert_eq!((thrown.code(), &thrown.value()["message"]), ("thrown", &json!("the reason")));
    let exited = run("everythingThenExits");
    // `process.exit` of Node.js 20 calls listeners with `Function.prototype.apply`, so it throws there.
    assert!(matches!(exited.code(), "process_exit" | "thrown"), "{}", exited.json);
    let printed = run("everythingThenPrints");
    assert_eq!((printed.code(), printed.stdout().as_str()), ("ok", "printed\n"));
}

#[test]
fn printing_and_stacks_work_without_the_iterator_of_arrays() {
    let run = run("arrayIterator");
    assert_eq!((run.code(), run.json.as_str()), ("ok", r#"[["k",["1"]]]"#));
    assert!(
        run.stdout().contains("\u{fffd}printed\nError: shown\n    at arrayIterator (worker.ts:"),
        "{}",
        run.stdout()
    );
}

#[test]
fn printing_and_the_record_need_no_function_of_the_fs_module() {
    let run = run("fileSystem");
    assert_eq!((run.code(), run.stdout().as_str()), ("ok", "printed\n"));
}

#[test]
fn the_record_needs_no_method_of_process_and_no_constructor_of_promises() {
    for function in ["processMethods", "promiseConstructor"] {
        let run = run(function);
        assert_eq!((run.code(), run.json.as_str(), run.exit_code), ("ok", "1", Some(0)), "{function}");
    }
}

#[test]
fn getters_and_proxies_are_read_once() {
    assert_eq!(run("countsReads").value(), json!({ "n": 1, "n2": 1, "proxy": { "x": 11 } }));
}

#[test]
fn an_error_thrown_while_handling_an_uncaught_one_is_the_outcome() {
    let run = run("throwsInHandler");
    assert_eq!((run.code(), &run.value()["message"]), ("thrown", &json!("thrown while handling")));
    assert!(run.value()["stack"].as_str().is_some_and(|stack| stack.contains("worker.ts:")), "{}", run.json);
}

#[test]
fn an_error_thrown_by_a_listener_for_exit_does_not_undo_the_outcome() {
    let run = run("throwsInExitListener");
    assert_eq!((run.code(), run.json.as_str(), run.exit_code), ("ok", "1", Some(0)));
    assert!(stderr(&run).contains("thrown at exit"));
}

#[test]
fn what_nobody_handles_in_the_turn_of_the_return_is_logged_and_warned_of() {
    let run = run("floats");
    assert_eq!((run.code(), run.json.as_str(), run.stdout().as_str()), ("ok", "1", ""));
    assert_eq!(
        warnings(&run),
        [
            "An uncaught error after the function returned: Error: nor that",
            "An unhandled rejection after the function returned: Error: nobody waits for this",
            "An unhandled rejection after the function returned: NonError: nor this",
        ]
    );
    assert!(stderr(&run).contains("Error: nobody waits for this\n    at floats (worker.ts:"), "{}", stderr(&run));
}

#[test]
fn closing_standard_output_or_putting_a_file_in_its_place_loses_nothing() {
    let closed = run("closesStdout");
    assert_eq!((closed.code(), closed.stdout().as_str()), ("ok", "before\nafter\n"));
    assert_eq!(run("reopensStdout").json, "1");
}

#[test]
fn a_process_that_cannot_write_its_outcome_ends_by_a_signal_of_its_own() {
    for function in ["closesEveryWay", "replacesEveryDescriptor"] {
        let output = WORKER.command(&[function]).env(TOKEN_VARIABLE, TOKEN).output().expect("Node.js runs");
        assert_eq!(output.status.signal(), Some(64), "{function}");
    }
}

#[test]
fn destroying_standard_output_changes_nothing_as_in_node() {
    let run = run("destroysStdout");
    assert_eq!((run.code(), run.stdout().as_str(), run.value()), ("ok", "q\n", Value::Bool(false)));
}

#[test]
fn an_error_is_told_whatever_becomes_of_stack_traces() {
    for function in ["stacksThatThrow", "stacksThatLie", "stacksWithoutEnd", "stacksTakenAway", "stacksRedefined"] {
        let run = run(function);
        assert_eq!((run.code(), &run.value()["message"]), ("thrown", &json!("the reason")), "{function}");
        assert_eq!(run.value()["name"], "TypeError", "{function}");
    }
}

#[test]
fn starting_a_process_needs_no_method_of_the_users() {
    assert_eq!(run("startsNothing").json, "1");
}
