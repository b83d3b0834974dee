//! Values that JSON does not support; js/VALUES.md describes the same in words.

use std::sync::LazyLock;

use serde_json::{Value, json};

use crate::support::{Framed, Worker};

static WORKER: LazyLock<Worker> = LazyLock::new(|| Worker::new(include_str!("workers/values.ts")));

fn run(function: &str) -> Framed {
    let run = WORKER.framed(function, "{}");
    assert_eq!((run.code(), run.exit_code), ("ok", Some(0)), "{}", run.json);
    run
}

fn warnings(run: &Framed) -> Vec<(&str, &str)> {
    let list = run.meta["warnings"].as_array().map_or(&[][..], Vec::as_slice);
    assert!(list.iter().all(|warning| warning["path"].as_str().is_some_and(|path| path.starts_with('$'))));
    list.iter()
        .map(|warning| (warning["path"].as_str().unwrap_or_default(), warning["message"].as_str().unwrap_or_default()))
        .collect()
}

#[test]
fn plain_json_passes_without_warnings() {
    let run = run("plain");
    assert_eq!(
        run.json,
        r#"{"a":[1,-0.5,"é\u2028","😀",true,null,[],{}],"inherited":{"own":1},"date":"2026-01-02T03:04:05.000Z"}"#
            .replace("\\u2028", "\u{2028}")
    );
    assert_eq!(warnings(&run), []);
}

#[test]
fn undefined_is_null_and_inside_objects_left_out() {
    assert_eq!(run("nothing").json, "null");
    assert_eq!(run("holes").json, r#"{"list":[null,1,null,null]}"#);
}

#[test]
fn numbers_that_json_does_not_have_become_null_or_text() {
    let run = run("numbers");
    assert_eq!(run.json, r#"{"nan":null,"list":[null,null,0],"big":"12345678901234567890"}"#);
    assert_eq!(
        warnings(&run),
        [
            ("$.nan", "NaN became null"),
            ("$.list[0]", "Infinity became null"),
            ("$.list[1]", "-Infinity became null"),
            ("$.big", "a BigInt became a string of decimal digits"),
        ]
    );
}

#[test]
fn functions_and_symbols_are_left_out_with_a_warning() {
    let run = run("functions");
    assert_eq!(run.json, r#"{"list":[null,null],"kept":1}"#);
    assert_eq!(warnings(&run)[0], ("$.f", "a function was left out"));
    assert_eq!(WORKER.framed("aFunction", "{}").json, "null");
}

#[test]
fn collections_become_arrays() {
    let run = run("collections");
    assert_eq!(run.json, r#"{"map":[["a",1],[{"k":2},[["b","3"]]]],"set":[1,[2]],"weak":null}"#);
    assert_eq!(warnings(&run)[0], ("$.map", "a Map became an array of pairs"));
}

#[test]
fn bytes_become_base64() {
    let expected = json!({ "buffer": { "$bytes": "aGk=" }, "array": { "$bytes": "AQL/" }, "wide": { "$bytes": "AQACAA==" },
        "raw": { "$bytes": "AAA=" }, "view": { "$bytes": "AgM=" } });
    assert_eq!(run("bytes").value(), expected);
    assert_eq!(run("bareBytes").value(), json!({ "$bytes": "AQI=" }));
}

#[test]
fn dates_are_iso_strings_and_invalid_ones_null() {
    let run = run("dates");
    assert_eq!(run.json, r#"{"good":"1970-01-01T00:00:00.000Z","bad":null}"#);
    assert_eq!(warnings(&run), [("$.bad", "an invalid Date became null")]);
}

#[test]
fn errors_keep_name_message_stack_and_cause() {
    let error = run("errors").value();
    assert_eq!((&error["e"]["name"], &error["e"]["message"]), (&json!("RangeError"), &json!("far")));
    assert!(error["e"]["stack"].as_str().unwrap().contains("at errors (worker.ts:"));
    assert_eq!(error["e"]["cause"]["message"], "near");
}

#[test]
fn circles_are_cut_and_named() {
    let run = run("circles");
    assert_eq!(run.json, r#"{"a":{"b":[{"root":"[Circular ~]","a":"[Circular ~.a]"}]},"twice":[{"x":1},{"x":1}]}"#);
    assert_eq!(warnings(&run)[0], ("$.a.b[0].root", "a circular reference was cut"));
}

#[test]
fn what_throws_is_replaced_and_the_rest_is_kept() {
    let run = run("throwing");
    assert_eq!(run.value()["getter"], "[Throws: no getter]");
    assert_eq!(run.value()["refuses"], "[Throws: no toJSON]");
    assert_eq!(run.value()["kept"], 1);
    assert!(run.value()["revoked"].as_str().unwrap().starts_with("[Throws: "));
    assert_eq!(run.value()["proxy"], json!({ "seen": true }));
}

#[test]
fn to_json_is_honoured() {
    assert_eq!(run("toJson").json, r#"{"custom":{"x":["2"]},"url":"https://example.com/a?b","boxed":[1,"s",true]}"#);
}

#[test]
fn depth_without_end_is_cut() {
    let run = run("deep");
    assert!(run.json.contains("[Too deep]") && run.json.len() > 3_000);
    assert_eq!(warnings(&run).len(), 1);
}

#[test]
fn things_of_the_web_and_things_that_are_no_values() {
    let value = run("web").value();
    assert_eq!(value["headers"], json!({ "content-type": "text/plain" }));
    assert_eq!((&value["query"], &value["regexp"]), (&json!("a=1"), &json!("/x/g")));
    for name in ["generator", "promise", "stream", "nodeStream"] {
        assert_eq!(value[name], Value::Null, "{name}");
    }
    assert_eq!(
        run("response").value(),
        json!({ "status": 201, "headers": { "content-type": "text/plain;charset=UTF-8", "x-a": "b" }, "body": "hello" })
    );
}

#[test]
fn class_instances_give_their_own_properties() {
    assert_eq!(
        run("instances").json,
        r#"{"point":{"x":1},"pretender":{"y":2},"bare":{"z":3},"proto":{"__proto__":1}}"#
    );
}

#[test]
fn halves_of_surrogate_pairs_become_readable() {
    assert_eq!(run("surrogates").json, "\"a\u{fffd}b\\\\ud800\"");
}

#[test]
fn warnings_are_few_even_if_reasons_are_many() {
    assert_eq!(warnings(&run("many")).len(), 21);
}

#[test]
fn user_code_that_replaces_globals_cannot_break_the_record() {
    let run = run("vandal");
    assert_eq!(run.json, r#"{"fine":"1"}"#);
}

#[test]
fn iterators_become_arrays_or_are_warned_of() {
    let run = run("iterators");
    let expected = json!({
        "keys": ["a"], "values": [1], "entries": [["a", 1]], "set": [1], "array": [[0, 1]], "text": ["a", "b"], "matches": [["a"], ["a"]],
        "query": [["a", "1"]], "headers": [["x", "y"]], "segments": [{ "segment": "a", "index": 0, "input": "a" }],
        "helper": null, "wrapped": null, "asynchronous": null,
    });
    assert_eq!((run.value(), warnings(&run).len()), (expected, 13));
}

#[test]
fn nothing_becomes_an_empty_object_without_a_word() {
    let names = WORKER.result("muteNames");
    for name in names.as_array().unwrap() {
        let run = WORKER.framed("muteAlone", &json!({ "name": name }).to_string());
        assert_eq!(run.code(), "ok", "{name}");
        assert!(warnings(&run).iter().any(|(path, _)| *path == "$.it"), "{name}: {} {}", run.json, run.meta);
    }
}

#[test]
fn collections_are_known_by_what_they_are_in_any_realm() {
    let run = run("seen");
    let expected = json!({
        "headers": { "set-cookie": ["a=1", "b=2", "c=3"], "x-a": "1, 2" }, "form": [["a", "1"], ["a", "2"]],
        "request": { "method": "POST", "url": "https://example.com/", "headers": { "a": "b", "content-type": "text/plain;charset=UTF-8" }, "body": null },
        "named": [[1, 2]], "foreignMap": [[1, [2]]], "foreignObject": { "a": "1" }, "foreignEmpty": {}, "bare": {}, "empty": {},
        "shared": { "$bytes": "AA==" }, "proxyOfArray": [1, "2"], "server": "function",
    });
    assert_eq!(run.value(), expected);
    let paths: Vec<_> = warnings(&run).into_iter().map(|(path, _)| path).collect();
    let expected = [
        "$.request",
        "$.named",
        "$.foreignMap",
        "$.foreignMap[0][1]",
        "$.foreignObject.a",
        "$.shared",
        "$.proxyOfArray[1]",
    ];
    assert_eq!(paths, expected);
}

#[test]
fn a_response_keeps_all_of_its_cookies() {
    let headers = json!({ "content-type": "text/plain;charset=UTF-8", "set-cookie": ["a=1; Path=/", "b=2; Path=/"] });
    assert_eq!(run("cookies").value(), json!({ "status": 200, "headers": headers, "body": "x" }));
    assert_eq!(run("binaryResponse").value()["body"], json!({ "$bytes": "/wA=" }));
}

#[test]
fn a_response_that_was_read_already_keeps_its_status() {
    let run = run("usedResponse");
    assert_eq!((&run.value()["status"], &run.value()["body"]), (&json!(200), &Value::Null));
    assert_eq!(warnings(&run).len(), 1);
}
