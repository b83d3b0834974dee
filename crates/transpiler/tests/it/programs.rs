//! Programs do what they do when `tsc` compiles them.
//!
//! `tests/programs/*.txt` hold many small ones: a line `# title`, TypeScript that exports `main`, and a line `> result`, which
//! `tests/programs/expect.mjs` fills in by TypeScript itself.

use std::{fmt::Write as _, fs, path::Path};

use serde_json::{Value, json};
use workers_transpiler::{SourceFile, TranspileOptions, transpile};

use crate::support::Worker;

/// One program.
struct Program<'a> {
    title: &'a str,
    code: String,
    expected: Value,
}

fn programs(text: &str) -> Vec<Program<'_>> {
    let mut programs: Vec<Program<'_>> = Vec::new();
    for line in text.lines() {
        if let Some(title) = line.strip_prefix("# ") {
            programs.push(Program { title, code: String::new(), expected: Value::Null });
        } else if let Some(program) = programs.last_mut() {
            match line.strip_prefix("> ") {
                Some(result) => program.expected = serde_json::from_str(result).expect("a result is JSON"),
                None => writeln!(program.code, "{line}").expect("there is memory"),
            }
        }
    }
    programs
}

/// Runs the programs of a file, and fails with all that went wrong.
fn run(file: &str) {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/programs").join(file);
    let text = fs::read_to_string(path).expect("it is there");
    let mut wrong = String::new();
    for program in programs(&text) {
        let source = SourceFile { name: "worker.ts", code: &program.code };
        let output = transpile(&source, &TranspileOptions::default());
        if output.script.is_none() {
            writeln!(wrong, "{}: {:#?}", program.title, output.diagnostics).expect("there is memory");
            continue;
        }
        let run = Worker::new(&program.code).framed("main", "{}");
        if run.code() != "ok" || run.value() != program.expected {
            writeln!(wrong, "{}: {} instead of {}", program.title, run.json, program.expected)
                .expect("there is memory");
        }
    }
    assert!(wrong.is_empty(), "{wrong}");
}

#[test]
fn namespaces_do_what_tsc_makes_of_them() {
    run("namespaces.txt");
}

#[test]
fn enums_do_what_tsc_makes_of_them() {
    run("enums.txt");
}

#[test]
fn arrow_functions_in_conditionals_do_what_tsc_makes_of_them() {
    run("arrows.txt");
}

#[test]
fn constructors_do_what_tsc_makes_of_them() {
    run("constructors.txt");
}

#[test]
fn parameter_properties_are_set_after_super_wherever_it_stands() {
    let worker = Worker::new(include_str!("workers/super_calls.ts"));
    let nested =
        json!([["yes", 1], ["no", 2], [1, 1], [2, 2], [3, 1], [4, 1], [1], [2], [3], [4], [5], ["q", 0], "inner"]);
    assert_eq!(worker.result("nested"), nested);
}
