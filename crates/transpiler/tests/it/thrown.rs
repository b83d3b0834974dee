//! All properties of thrown errors, and other values that can be thrown.

use std::sync::LazyLock;

use serde_json::{Value, json};

use crate::support::{Framed, Worker};

static WORKER: LazyLock<Worker> = LazyLock::new(|| Worker::new(include_str!("workers/thrown.ts")));

fn run(kind: &str) -> Framed {
    let run = WORKER.framed("thrown", &json!({ "kind": kind }).to_string());
    assert_eq!((run.code(), run.exit_code), ("thrown", Some(1)), "{kind}");
    run
}

fn thrown(kind: &str) -> Value {
    run(kind).value()
}

fn message(kind: &str) -> String {
    thrown(kind)["message"].as_str().expect("every error has a message").to_owned()
}

fn warnings(run: &Framed) -> Vec<(&str, &str)> {
    let list = run.meta["warnings"].as_array().map_or(&[][..], Vec::as_slice);
    list.iter()
        .map(|one| (one["path"].as_str().unwrap_or_default(), one["message"].as_str().unwrap_or_default()))
        .collect()
}

#[test]
fn a_promise_that_is_thrown_is_named_as_one() {
    for kind in ["promise", "rejected", "thenable"] {
        assert_eq!(message(kind), "a promise was thrown; is an `await` missing?", "{kind}");
    }
    let run = WORKER.framed("rejected", r#"{"kind":"promise"}"#);
    assert_eq!(run.value()["message"], "a promise was thrown; is an `await` missing?");
}

#[test]
fn what_is_no_error_has_a_message_of_what_it_is() {
    for (kind, expected) in [
        ("function", "a function named"),
        ("noSymbolText", "Symbol()"),
        ("emptyText", "an empty text was thrown"),
        ("bigint", "5"),
        ("number", "NaN"),
        ("list", "[1,\"a\"]"),
        ("map", "[[1,2]]"),
        ("date", "1970-01-01T00:00:00.000Z"),
        ("hidden", "an object of the class Hidden"),
        ("nothing", "{}"),
        ("mute", "[Throws: a getter]"),
    ] {
        let error = thrown(kind);
        assert_eq!((&error["message"], &error["name"]), (&json!(expected), &json!("NonError")), "{kind}");
        assert_eq!(error["stack"], format!("Thrown: {expected}"));
    }
    assert_eq!(thrown("response")["value"]["status"], 404);
    let run = run("map");
    assert_eq!(
        (&run.value()["value"], warnings(&run)),
        (&json!([[1, 2]]), vec![("$.value", "a Map became an array of pairs")])
    );
}

#[test]
fn errors_are_known_by_what_they_are() {
    for (kind, name, message) in [
        ("tagged", "Error", "tagged"),
        ("abort", "AbortError", "This operation was aborted"),
        ("foreign", "RangeError", "foreign"),
        ("orphan", "Error", "orphan"),
        ("frozen", "Error", "frozen"),
    ] {
        let error = thrown(kind);
        assert_eq!((&error["name"], &error["message"]), (&json!(name), &json!(message)), "{kind}");
        assert!(error.get("value").is_none() && error["stack"].as_str().unwrap().contains(message), "{error}");
    }
    let value = WORKER.result("returned");
    assert_eq!((&value["tagged"]["message"], &value["foreign"]["name"]), (&json!("tagged"), &json!("RangeError")));
    assert_eq!(value["http"]["properties"]["status"], 404);
    assert_eq!(value["circle"]["cause"]["cause"], "[Circular ~.circle]");
}

#[test]
fn the_reasons_of_settled_promises_have_name_and_message() {
    let value = WORKER.result("settled");
    assert_eq!(value[0]["reason"]["name"], "TypeError");
    assert_eq!(value[1]["reason"]["name"], "AbortError");
    assert_eq!(value[1]["reason"]["message"], "This operation was aborted");
}

#[test]
fn fields_of_an_error_s_own_are_its_properties() {
    let run = run("http");
    let expected = json!({ "status": 404, "details": { "at": "1970-01-01T00:00:00.000Z", "size": "1" } });
    assert_eq!((&run.value()["properties"], &run.value()["cause"]), (&expected, &json!("because")));
    assert_eq!(warnings(&run), [("$.properties.details.size", "a BigInt became a string of decimal digits")]);
    assert_eq!(thrown("frozen")["properties"], json!({ "status": 1 }));
    assert_eq!(thrown("issues")["properties"], json!({ "issues": [{ "path": ["a"], "message": "Required" }] }));
    let system = thrown("system");
    assert_eq!(system["errorCode"], "ENOENT");
    assert_eq!(system["properties"], json!({ "errno": -2, "code": "ENOENT", "syscall": "open", "path": "/none" }));
    let own = thrown("own");
    assert_eq!((&own["errorCode"], &own["properties"]), (&json!(42), &json!({ "code": 42 })));
}

#[test]
fn several_errors_are_all_there() {
    let aggregate = thrown("aggregate");
    let errors = aggregate["errors"].as_array().unwrap();
    assert_eq!((errors.len(), &errors[0]["properties"]["status"]), (23, &json!(404)));
    assert_eq!((&errors[1], &errors[2], &errors[22]["message"]), (&json!("two"), &Value::Null, &json!("more")));
    let suppressed = thrown("suppressed");
    assert_eq!(suppressed["properties"]["error"]["message"], "close failed");
    assert_eq!(suppressed["properties"]["suppressed"]["message"], "query failed");
}

#[test]
fn an_error_that_was_suppressed_during_disposal_is_told_with_both() {
    let error = WORKER.framed("disposes", "{}").value();
    assert_eq!(
        (&error["name"], &error["message"]),
        (&json!("SuppressedError"), &json!("An error was suppressed during disposal."))
    );
    assert_eq!(error["properties"]["error"]["message"], "close failed");
    assert_eq!(error["properties"]["suppressed"]["message"], "query failed");
}

#[test]
fn causes_that_go_in_circles_are_cut() {
    let run = run("circle");
    let error = run.value();
    assert_eq!((&error["cause"]["message"], &error["cause"]["cause"]), (&json!("second"), &json!("[Circular ~]")));
    assert_eq!(error["properties"]["self"], "[Circular ~]");
    assert_eq!(warnings(&run)[0], ("$.cause.cause", "a circular reference was cut"));
    assert_eq!(thrown("circleInList")["errors"], json!(["[Circular ~]"]));
    assert!(thrown("undefinedCause").get("cause").is_none());
}

#[test]
fn getters_that_throw_cost_only_themselves() {
    for kind in ["getterCause", "getterName", "getterStack", "getterCode", "getterStatus"] {
        assert_eq!(message(kind), "kept", "{kind}");
    }
    assert_eq!(message("getterMessage"), "");
    assert_eq!(thrown("getterStatus")["properties"], json!({ "status": "[Throws: a getter]" }));
}

#[test]
fn a_message_that_is_no_string_becomes_one() {
    for (kind, expected) in [
        ("objectMessage", r#"{"code":42,"detail":"quota"}"#),
        ("listMessage", r#"["a",1]"#),
        ("numberMessage", "0"),
        ("nullMessage", "null"),
        ("mapMessage", r#"[["k","1"]]"#),
        ("hiddenMessage", "an object of the class Hidden"),
    ] {
        assert_eq!(message(kind), expected);
    }
    assert!(message("errorMessage").starts_with(r#"{"name":"Error","message":"inner""#));
    assert!(message("ownMessage").len() < 10_000);
}
