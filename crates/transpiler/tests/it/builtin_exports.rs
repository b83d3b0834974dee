//! The list of the exports of Node.js's modules matches the Node.js that runs the tests.

use std::{path::Path, process::Command};

use crate::support::{compile, node};

#[test]
fn the_list_of_exports_is_what_node_js_says() {
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../scripts/builtin-exports.mjs");
    let output = Command::new(node()).arg("--no-warnings").arg(script).output().expect("Node.js runs");
    let actual = String::from_utf8(output.stdout).expect("it is text");
    let listed = include_str!("../../src/compile/builtin_exports.txt");
    // A version other than the pinned one has other exports.
    if actual.lines().next() == listed.lines().next() {
        assert!(actual == listed, "write it anew, as scripts/builtin-exports.mjs says");
    }
}

#[test]
fn every_name_that_node_js_exports_can_be_imported() {
    let listed = include_str!("../../src/compile/builtin_exports.txt");
    for line in listed.lines().skip(1) {
        let mut words = line.split(' ');
        let module = words.next().expect("a line begins with a module");
        for name in words.chain(["default"]) {
            let code = format!("import {{ {name} as it }} from \"node:{module}\"; export const f = () => it;");
            assert!(compile(&code).is_ok(), "{module} {name}");
        }
    }
}

#[test]
fn a_newer_node_js_may_export_more() {
    let source = workers_transpiler::SourceFile {
        name: "worker.ts",
        code: "import { fromTheFuture } from \"node:fs\"; export const f = () => fromTheFuture;",
    };
    let options = |newer_node| workers_transpiler::TranspileOptions { newer_node, ..Default::default() };
    assert!(workers_transpiler::transpile(&source, &options(true)).is_ok());
    assert_eq!(workers_transpiler::transpile(&source, &options(false)).unwrap_err().diagnostics().len(), 1);
}
