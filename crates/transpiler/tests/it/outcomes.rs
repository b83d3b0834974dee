//! Every way in which a run can end.

use std::sync::LazyLock;
use workers_protocol::RESULT_LIMIT_VARIABLE;

use serde_json::json;

use crate::support::Worker;

static WORKER: LazyLock<Worker> = LazyLock::new(|| Worker::new(include_str!("workers/outcomes.ts")));

#[test]
fn a_function_gets_its_payload_and_answers() {
    let run = WORKER.framed("echo", r#"{"a":[1,"two"]}"#);
    assert_eq!((run.code(), run.exit_code), ("ok", Some(0)));
    assert_eq!(run.json, r#"{"payload":{"a":[1,"two"]},"arguments":1}"#);
    assert!(run.meta["loadMs"].as_f64().unwrap() > 0.0 && run.meta["runMs"].as_f64().unwrap() >= 0.0);
}

#[test]
fn any_json_value_is_a_payload_and_what_is_none_becomes_an_empty_object() {
    for (payload, seen) in
        [("3", "3"), ("null", "null"), ("\"x\"", "\"x\""), ("", "{}"), ("{nope", "{}"), ("@/nope", "{}")]
    {
        let run = WORKER.framed("echo", payload);
        assert_eq!(run.json, format!(r#"{{"payload":{seen},"arguments":1}}"#));
        let is_warned_of = run.meta["warnings"][0]["message"]
            .as_str()
            .is_some_and(|message| message.starts_with("the payload cannot be read, {} was passed in its place: "));
        assert_eq!(is_warned_of, ["{nope", "@/nope"].contains(&payload), "{payload}");
    }
}

#[test]
fn a_payload_too_long_for_an_argument_comes_from_a_file() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("payload.json");
    std::fs::write(&path, format!("\"{}\"", "é".repeat(200_000))).unwrap();
    assert_eq!(WORKER.framed("length", &format!("@{}", path.display())).json, "200000");
}

#[test]
fn by_hand_the_logs_come_first_and_the_result_is_the_last_line() {
    let run = WORKER.plain("logs", "{}");
    assert_eq!(run.stdout, "out 1\nout 2\nno line end\n__RESULT__\"done\"__END_RESULT__\n");
    assert_eq!((run.stderr.as_str(), run.exit_code), ("err 1\n", Some(0)));
}

#[test]
fn by_hand_without_a_function_the_functions_are_named() {
    let run = WORKER.command(&[]).output().unwrap();
    let text = String::from_utf8(run.stdout).unwrap();
    assert!(text.contains("Usage: node worker.mjs <function> [<payload>], with one of: echo, "), "{text}");
    assert_eq!(run.status.code(), Some(1));
}

#[test]
fn a_throw_is_told_with_name_message_stack_and_cause() {
    let run = WORKER.framed("throws", "{}");
    let error = run.value();
    assert_eq!((run.code(), run.exit_code), ("thrown", Some(1)));
    assert_eq!(error["__error"], true);
    assert_eq!((&error["name"], &error["message"]), (&json!("TypeError"), &json!("bad thing")));
    assert_eq!(error["stack"], "TypeError: bad thing\n    at inner (worker.ts:18:9)\n    at throws (worker.ts:14:3)");
    assert_eq!(error["cause"]["message"], "the cause");
}

#[test]
fn anything_at_all_can_be_thrown() {
    let run = |kind: &str| WORKER.framed("throwsAnything", &json!({ "kind": kind }).to_string()).value();
    let seen = |kind: &str| {
        (run(kind)["name"].as_str().unwrap().to_owned(), run(kind)["message"].as_str().unwrap().to_owned())
    };
    assert_eq!(seen("string"), ("NonError".to_owned(), "x".to_owned()));
    assert_eq!(seen("undefined"), ("NonError".to_owned(), "undefined".to_owned()));
    assert_eq!(seen("null"), ("NonError".to_owned(), "null".to_owned()));
    assert_eq!(seen("symbol"), ("NonError".to_owned(), "sym".to_owned()));
    assert_eq!(seen("object"), ("NonError".to_owned(), r#"{"a":1}"#.to_owned()));
    assert_eq!(run("object")["value"], json!({ "a": 1 }));
    assert_eq!(seen("errorLike"), ("Custom".to_owned(), "like an error".to_owned()));
    assert_eq!(seen("getters"), ("NonError".to_owned(), r#"{"message":"[Throws: no message]"}"#.to_owned()));
    assert_eq!(run("proxy")["__error"], true);
    assert_eq!(run("revoked")["__error"], true);
    assert_eq!(run("hostileError")["message"], "");
    assert_eq!(run("system")["errorCode"], "ENOENT");
    assert_eq!(run("aggregate")["errors"][1]["message"], "two");
}

#[test]
fn process_exit_is_told_with_its_code_and_keeps_the_logs() {
    for (function, code) in [("exits", 0), ("exitsLater", 3), ("exitsAtOnce", 4), ("setsExitCode", 7)] {
        let run = WORKER.framed(function, "{}");
        assert_eq!((run.code(), run.exit_code), ("process_exit", Some(code)), "{function}");
        assert_eq!(run.meta["exitCode"], code);
        assert_eq!(run.value()["message"], format!("process.exit({code}) was called before the function settled."));
        assert!(run.stdout().starts_with("before\n"), "{function}");
    }
}

#[test]
fn listeners_for_exit_run_and_what_they_print_comes_before_the_record() {
    assert_eq!(WORKER.framed("exits", "{}").stdout(), "before\non exit 0\n");
    let run = WORKER.framed("listensForExit", "{}");
    assert_eq!((run.stdout().as_str(), run.code()), ("on exit 0\n", "ok"));
}

#[test]
fn nothing_left_to_do_is_never_settled_at_once() {
    let run = WORKER.framed("hangs", "{}");
    assert_eq!((run.code(), run.exit_code), ("never_settled", Some(1)));
    assert_eq!(run.stdout(), "hanging\n");
}

#[test]
fn an_error_that_nobody_caught_ends_the_run() {
    for (function, message) in [("rejects", "unhandled"), ("throwsLater", "uncaught"), ("emitsError", "emitted")] {
        let run = WORKER.framed(function, "{}");
        assert_eq!((run.code(), run.exit_code), ("thrown", Some(1)), "{function}");
        assert_eq!(run.value()["message"], message);
        assert!(run.value()["stack"].as_str().unwrap().contains("worker.ts:"), "{}", run.json);
    }
    assert_eq!(WORKER.framed("rejectsWithAString", "{}").value()["message"], "just text");
}

#[test]
fn an_error_that_the_user_listens_for_does_not() {
    assert_eq!(WORKER.result("listensForErrors"), json!(["uncaught: one", "unhandled: two"]));
}

#[test]
fn what_is_still_running_when_the_function_returns_is_stopped() {
    let run = WORKER.framed("floats", "{}");
    assert_eq!((run.code(), run.stdout().as_str()), ("ok", ""));
}

#[test]
fn a_value_that_is_no_function_cannot_be_invoked() {
    let run = WORKER.framed("notAFunction", "{}");
    assert_eq!(run.value()["message"], "The export \"notAFunction\" is not a function but of type number.");
    assert_eq!(run.code(), "thrown");
}

#[test]
fn only_exports_are_functions() {
    for name in ["constructor", "__proto__", "toString", "inner", "nope"] {
        let run = WORKER.framed(name, "{}");
        let message = run.value()["message"].as_str().unwrap().to_owned();
        assert!(message.starts_with(&format!("There is no function \"{name}\", only: echo, ")), "{message}");
    }
}

#[test]
fn what_a_module_throws_while_loading_is_load_failed() {
    let worker = Worker::new("console.log('loading');\nthrow new RangeError('at load');\nexport const f = () => 1;");
    let run = worker.framed("f", "{}");
    assert_eq!((run.code(), run.stdout().as_str()), ("load_failed", "loading\n"));
    assert_eq!(run.value()["stack"], "RangeError: at load\n    at worker.ts:2:7");
}

#[test]
fn an_import_that_does_not_exist_is_load_failed() {
    // The exports of this module depend on the command line, so the compiler accepts any name.
    let run = Worker::new("import { nope } from 'node:process';\nexport const f = () => nope;").framed("f", "{}");
    assert_eq!(run.code(), "load_failed");
    assert_eq!(run.value()["message"], "The requested module 'node:process' does not provide an export named 'nope'");
}

#[test]
fn a_module_that_never_finishes_loading_is_never_settled() {
    let run = Worker::new("await new Promise(() => {});\nexport const f = () => 1;").framed("f", "{}");
    assert_eq!(run.code(), "never_settled");
    assert!(run.value()["message"].as_str().unwrap().starts_with("The module never finished loading"));
}

#[test]
fn a_result_beyond_the_limit_is_an_error_with_the_size() {
    let output = WORKER.command(&["echo", r#""0123456789""#]).env(RESULT_LIMIT_VARIABLE, "20").output().unwrap();
    let text = String::from_utf8(output.stdout).unwrap();
    assert!(text.contains(r#""code":"result_too_large","name":"ResultTooLarge","message":"The result is 38 bytes of JSON, the limit is 20 bytes.""#), "{text}");
    let output = WORKER.command(&["hugeArray"]).env(RESULT_LIMIT_VARIABLE, "1000").output().unwrap();
    assert!(String::from_utf8(output.stdout).unwrap().contains("result_too_large"));
}
