//! Programs have the same results as when `tsc` compiles them.
//!
//! Each `tests/programs/*.txt` contains many small programs: a line `# title`, TypeScript that exports `main`, and a
//! line `> result`, which `tests/programs/expect.mjs` fills in with the help of TypeScript itself.

use std::{fmt::Write as _, fs, path::Path, thread};

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

/// Runs the programs of a file, several at a time, and fails with everything that went wrong.
fn run(file: &str) {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/programs").join(file);
    let text = fs::read_to_string(path).expect("it is there");
    let programs = programs(&text);
    let wrong: Vec<String> = thread::scope(|scope| {
        let parts = programs
            .chunks(programs.len().div_ceil(4))
            .map(|part| scope.spawn(|| part.iter().filter_map(mistake_of).collect::<Vec<_>>()));
        let parts: Vec<_> = parts.collect();
        parts.into_iter().flat_map(|part| part.join().expect("it runs")).collect()
    });
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

/// Returns what is wrong with a program's result, if anything is.
fn mistake_of(program: &Program<'_>) -> Option<String> {
    let source = SourceFile { name: "worker.ts", code: &program.code };
    if let Err(error) = transpile(&source, &TranspileOptions::default()) {
        return Some(format!("{}: {error:#?}", program.title));
    }
    let run = Worker::new(&program.code).framed("main", "{}");
    let is_right = run.code() == "ok" && run.value() == program.expected;
    (!is_right).then(|| format!("{}: {} instead of {}", program.title, run.json, program.expected))
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

#[test]
fn elements_of_a_namespace_are_found_in_its_other_blocks() {
    let worker = Worker::new(
        "namespace Ui { export const Row = () => 'row'; export let kind: any = Row; export namespace Deep { export const Cell = () => 'cell'; } }\n\
         namespace Ui { export const all = [<Row/>, <kind.x/>, <Deep.Cell>1</Deep.Cell>, <Ui.Row/>, <Row {...{ a: kind }}>{kind}</Row>]; }\n\
         export const main = () => Ui.all.map((element) => element.type?.() ?? null);",
    );
    assert_eq!(worker.result("main"), json!(["row", null, "cell", "row", "row"]));
}

#[test]
fn decorators_and_decorated_classes_of_a_namespace_are_found_in_its_other_blocks() {
    let worker = Worker::new(
        "namespace D { export let seen: string[] = []; export const mark = (_: any, c: any) => { seen.push(c.name); }; }\n\
         namespace D { @mark export class K { @mark m() { return seen; } } export namespace K { export const size = seen.length; } }\n\
         namespace D { export const made = [...new K().m(), K.size]; }\n\
         export const main = () => D.made;",
    );
    assert_eq!(worker.result("main"), json!(["m", "K", 2]));
}

#[test]
fn aliases_and_texts_that_grow_without_end_do_not_take_the_compiler_along() {
    let circle =
        "namespace N { export import a = N.a.a.a.a.a.a; export import b = N.a.b.a.b.a.b; export const f = () => 1; }\n";
    let chain: Vec<String> = (1..2_000).map(|n| format!("import a{n} = a{}.f;\n", n - 1)).collect();
    let chain = chain.concat();
    let texts: Vec<String> = (1..60).map(|n| format!("const t{n} = t{} + t{};\n", n - 1, n - 1)).collect();
    let texts = texts.concat();
    let code = format!(
        "{circle}import a0 = N.f;\n{chain}const t0 = 'text';\n{texts}enum E {{ A = t59, B = `${{t58}}${{t59}}` }}\n\
         export const main = () => a1999;"
    );
    assert!(transpile(&SourceFile { name: "worker.ts", code: &code }, &TranspileOptions::default()).is_ok());
}
