//! A script that was not invoked behaves like the user's module: in a thread, in a child process, and imported from
//! elsewhere.

use std::sync::LazyLock;
use workers_protocol::{RESULT_BEGIN, RESULT_END};

use serde_json::{Value, json};

use crate::support::{Worker, node};

static WORKER: LazyLock<Worker> = LazyLock::new(|| Worker::new(include_str!("workers/itself.ts")));

/// Returns the result of a function, which must be the same when the platform invokes it and when it is run by hand.
fn both_ways(function: &str) -> Value {
    let framed = WORKER.result(function);
    let plain = WORKER.plain(function, "{}");
    let json = plain.stdout.trim_end().strip_prefix(RESULT_BEGIN).and_then(|rest| rest.strip_suffix(RESULT_END));
    let by_hand: Value = serde_json::from_str(json.expect("the result and nothing else")).expect("JSON");
    assert_eq!(framed, by_hand);
    framed
}

#[test]
fn in_a_thread_it_is_the_users_module() {
    let said = |data: Value, argv: Value, marks: Value| json!({ "data": data, "argv": argv, "marks": marks });
    let mut first = said(Value::Null, json!([]), json!([]));
    first.as_object_mut().expect("an object").remove("data");
    let expected = json!([
        [first, 2, 0],
        [said(json!({ "a": [1] }), json!(["x"]), json!([])), 2, 0],
        [said(json!(1), json!([]), json!(["WORKERS_NOT"])), 2, 0],
        [said(json!(2), json!([]), json!([])), 2, 0],
        [7],
        [["TypeError", "failed in the thread", "    at worker.ts:12:32"], 1],
    ]);
    assert_eq!(both_ways("threads"), expected);
}

#[test]
fn in_a_forked_process_it_is_the_users_module() {
    let said = |argv: Value| json!([{ "sum": 2, "argv": argv, "marks": [] }, 0]);
    assert_eq!(both_ways("forks"), json!([said(json!([])), said(json!(["echo"])), said(json!(["a", "b"]))]));
    assert_eq!(both_ways("clusters"), json!({ "cluster": 1 }));
}

#[test]
fn in_a_process_that_it_starts_it_is_the_users_module_whatever_the_arguments_are() {
    let said = |argv: Value| json!({ "argv": argv, "marks": [] });
    let expected = json!([
        said(json!(["child"])),
        [said(json!(["child", "more"])), 3, ""],
        [said(json!(["echo", "{}"])), 3, ""],
        [said(json!(["echo"])), 3, ""],
        [said(json!([])), 3, ""],
        3,
        "third",
        0,
    ]);
    assert_eq!(both_ways("children"), expected);
}

#[test]
fn an_import_of_itself_gives_the_same_bindings() {
    let keys = "Color Shape Space|a name|children clusters constant counter default echo forks imports increase threads timers";
    let keys: Vec<&str> = keys
        .split('|')
        .flat_map(|part| if part == "a name" { vec![part] } else { part.split(' ').collect() })
        .collect();
    let expected = json!({
        "same": true, "keys": keys, "live": [0, 2, 2], "again": [false, 1, 1, 1], "classes": [2, true, "default"],
        "values": [1, 1, 5, "function", "string name"], "tag": "Module",
    });
    assert_eq!(both_ways("imports"), expected);
}

#[test]
fn imported_by_another_program_it_only_loads() {
    let path = WORKER.path();
    let import = format!("import({path:?}).then((m) => console.log(m.increase(), m.counter, process.argv.length))");
    let output = std::process::Command::new(node()).args(["-e", &import, "x", "increase", "{}"]).output().unwrap();
    assert_eq!(String::from_utf8_lossy(&output.stdout), "1 1 4\n");
    assert_eq!(output.status.code(), Some(0));
}

#[test]
fn errors_in_a_module_that_only_loads_name_the_users_lines() {
    let code = "import { spawnSync } from 'node:child_process';\nif (process.argv[2] === 'child') {\n  interface Gone {}\n  \
        throw new RangeError('in the child');\n}\nexport const main = () => spawnSync(process.execPath, [import.meta.filename, 'child'], { encoding: 'utf8' }).stderr;";
    let text = Worker::new(code).result("main");
    let text = text.as_str().unwrap();
    assert!(text.contains("RangeError: in the child\n    at worker.ts:4:9\n"), "{text}");
}

#[test]
fn a_module_that_listens_for_errors_and_fails_to_load_has_failed_to_load() {
    for (event, thrown) in [
        ("uncaughtException", "throw new Error('at load')"),
        ("unhandledRejection", "await null; throw new Error('at load')"),
        ("uncaughtException", "await null; throw new Error('at load')"),
    ] {
        let code = format!("process.on('{event}', () => {{}});\n{thrown};\nexport const main = () => 1;");
        let run = Worker::new(&code).framed("main", "{}");
        assert_eq!((run.code(), &run.value()["message"]), ("load_failed", &json!("at load")), "{event} {thrown}");
    }
    let code = "process.on('unhandledRejection', (e) => console.log(e.message));\nPromise.reject(new Error('another'));\n\
        await new Promise((done) => setTimeout(done, 5));\nexport const main = () => 'loaded';";
    let run = Worker::new(code).framed("main", "{}");
    assert_eq!((run.code(), run.stdout().as_str(), run.value()), ("ok", "another\n", json!("loaded")));
}
