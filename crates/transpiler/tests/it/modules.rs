//! A bundle behaves like the ES module that it is.

use std::sync::LazyLock;

use serde_json::json;

use crate::support::Worker;

static WORKER: LazyLock<Worker> = LazyLock::new(|| Worker::new(include_str!("workers/modules.ts")));

#[test]
fn everything_that_typescript_adds_runs() {
    let expected = json!({
        "enums": [0, "Red", "g", 6], "namespace": 2, "properties": [1, 2, [["x", 1], ["y", 2]]], "fields": [["a", "b"], true],
        "decorated": ["param 0 of method", "method method", "property field", "class Decorated"], "wrapped": "wrapped 5",
        "satisfies": 1,
    });
    assert_eq!(WORKER.result("typescript"), expected);
}

#[test]
fn jsx_gives_plain_objects() {
    let expected = json!({
        "type": "ul",
        "props": { "id": "x", "children": [{ "type": "li", "props": { "children": 1 }, "key": "1" }, { "type": "li", "props": { "children": 2 }, "key": "2" }] },
        "key": null,
    });
    assert_eq!(WORKER.result("jsx"), expected);
}

#[test]
fn using_disposes_in_reverse_order_also_when_something_throws() {
    assert_eq!(
        WORKER.result("using"),
        json!(["body", "async b", "sync a", "caught body failed", "suppressed: dispose failed over body failed"])
    );
}

#[test]
fn a_loop_with_using_in_its_head_keeps_its_labels() {
    let worker = Worker::new(
        "export function f() {\n  const log = [];\n  const resource = { n: 0, [Symbol.dispose]() { log.push('disposed') } };\n  \
        one: two: for (using x = resource; x.n < 2; x.n++) for (;;) { log.push(x.n); continue two; }\n  return log;\n}",
    );
    assert_eq!(worker.result("f"), json!([0, 1, "disposed"]));
}

#[test]
fn bindings_are_live_and_hoisted_as_in_a_module() {
    assert_eq!(
        WORKER.result("bindings"),
        json!({ "hoisted": "early", "this": "undefined", "arguments": "undefined", "strict": "TypeError",
        "url": "file:", "top": 42, "require": "undefined", "order": ["call before definition"] })
    );
}

#[test]
fn functions_have_the_names_that_they_have_in_a_module() {
    assert_eq!(WORKER.result("names"), json!(["names", "default", "arrow"]));
    assert_eq!(WORKER.result("default"), json!("default"));
    let worker = Worker::new("export default () => new Error('x').stack;\nexport const other = 1");
    assert_eq!(worker.result("default"), json!("Error: x\n    at default (worker.ts:1:22)"));
}

#[test]
fn an_export_that_is_assigned_later_is_seen() {
    assert_eq!(WORKER.result("assignedLater"), json!("the second"));
    assert_eq!(WORKER.result("wrappedByACall"), json!("wrapped"));
}

#[test]
fn imports_give_what_they_give_in_a_module() {
    let expected = json!({ "named": true, "default": true, "namespace": true, "tag": "[object Module]", "keys": true, "frozen": "TypeError",
        "dynamic": true, "literal": true, "missing": "ERR_MODULE_NOT_FOUND", "both": true });
    assert_eq!(WORKER.result("imports"), expected);
    assert_eq!(WORKER.framed("hash", "\"nope\"").value()["message"], "Digest method not supported");
}

#[test]
fn exports_may_have_any_name() {
    let worker = Worker::new(
        "const f = () => 1, g = () => 2;\nexport { f as __proto__, g as constructor, f as \"a b\\u2028\", g as then };",
    );
    assert_eq!(worker.result("__proto__"), json!(1));
    assert_eq!(worker.result("constructor"), json!(2));
    assert_eq!(worker.result("a b\u{2028}"), json!(1));
    assert_eq!(worker.result("then"), json!(2));
    assert_eq!(worker.framed("toString", "{}").code(), "thrown");
}

#[test]
fn names_of_the_user_s_never_meet_those_of_the_harness() {
    let names = "$w config builtin fs token framed print frame encode convert settle outcome phase call fail load KINDS _usingCtx _jsx _decorate";
    let declared: Vec<String> = names.split(' ').map(|name| format!("const {name} = '{name}';\n")).collect();
    let declared = declared.concat();
    let list = names.replace(' ', ",");
    let worker = Worker::new(&format!(
        "{declared}export const f = () => [{list}].join(' ');\nexport const g = () => {{ using _usingCtx2 = null; return typeof $w_positions + typeof settleValue; }}"
    ));
    assert_eq!(worker.result("f"), json!(names));
    assert_eq!(worker.result("g"), json!("undefinedundefined"));
}

#[test]
fn stacks_name_the_user_s_own_lines_wherever_they_are_looked_at() {
    let run = WORKER.framed("stacks", "{}");
    let text = run.stdout();
    assert!(
        text.contains("Error: shown\n    at thrower (worker.ts:102:29)\n    at stacks (worker.ts:106:17)"),
        "{text}"
    );
    assert!(!text.contains("worker.mjs") && !text.contains("node:internal"), "{text}");
    let value = run.value();
    assert_eq!(value["async"], "Error: later\n    at later (worker.ts:100:9)\n    at async stacks (worker.ts:111:5)");
    assert_eq!(value["sites"], "object");
}

#[test]
fn without_positions_a_script_is_smaller_and_still_runs() {
    use workers_transpiler::{SourceFile, TranspileOptions, transpile};
    let source = SourceFile { name: "worker.ts", code: "export const f = () => { throw new Error('x') }" };
    let with = transpile(&source, &TranspileOptions::default()).unwrap();
    let without =
        transpile(&source, &TranspileOptions { source_positions: false, ..TranspileOptions::default() }).unwrap();
    assert!(without.code.len() < with.code.len());
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("worker.mjs");
    std::fs::write(&path, without.code).unwrap();
    let output = std::process::Command::new(crate::support::node()).arg(&path).arg("f").output().unwrap();
    let text = String::from_utf8(output.stdout).unwrap();
    assert!(text.contains("Error: x\\n    at f ("), "{text}");
}

#[test]
fn an_imported_name_is_not_declared_again_except_as_a_type() {
    for (code, column) in [
        ("import {join} from 'path'; const join = 1; export function f() { return join }", 34),
        ("import join from 'path'; function join() {} export const f = () => join();", 35),
        ("class join {} import * as join from 'path'; export const f = () => join;", 27),
    ] {
        let found = crate::support::mistake(code);
        assert_eq!((found.kind.code(), found.column), ("syntax_error", column), "{code}: {}", found.message);
    }
    crate::support::script(
        "import {join} from 'path'; interface join {} type other = join; export const f = () => join('a');",
    );
    crate::support::script("import type {Stats} from 'fs'; const Stats = 1; export const f = () => Stats;");
    crate::support::script(
        "import {join} from 'path'; export const f = (join: string) => { let path = join; return path }",
    );
}
