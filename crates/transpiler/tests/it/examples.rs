//! The example `compile` works as its documentation says.

use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use crate::support::node;

/// Compiles a file with the example's program, which cargo builds beside the tests.
fn compile(source: &Path) -> Output {
    // The program of the tests is in `deps`; the examples are in a directory beside that.
    let tests = std::env::current_exe().expect("a test knows its program");
    let program: PathBuf = tests.parent().and_then(Path::parent).expect("it is in deps").join("examples/compile");
    assert!(program.exists(), "{} is missing: build it with `cargo build --examples`", program.display());
    Command::new(program).arg(source).output().expect("it starts")
}

#[test]
fn compile_prints_a_program_that_node_runs_and_names_its_functions() {
    let directory = tempfile::tempdir().expect("a directory");
    let (source, script) = (directory.path().join("worker.ts"), directory.path().join("worker.mjs"));
    let code = "export const greet = ({ name }: { name: string }) => `hello ${name}`;";
    std::fs::write(&source, code).expect("the source is written");
    let compiled = compile(&source);
    assert!(compiled.status.success());
    assert_eq!(String::from_utf8_lossy(&compiled.stderr), "functions: greet\n");
    std::fs::write(&script, compiled.stdout).expect("the script is written");
    let ran = Command::new(node()).arg(&script).args(["greet", r#"{"name":"Ada"}"#]).output().expect("node starts");
    let printed = String::from_utf8_lossy(&ran.stdout);
    assert!(printed.contains("__RESULT__\"hello Ada\"__END_RESULT__"), "{printed}");
}

#[test]
fn compile_shows_the_place_of_a_mistake_and_fails() {
    let directory = tempfile::tempdir().expect("a directory");
    let source = directory.path().join("worker.ts");
    std::fs::write(&source, "export const x = ;").expect("the source is written");
    let compiled = compile(&source);
    assert!(!compiled.status.success() && compiled.stdout.is_empty());
    let said = String::from_utf8_lossy(&compiled.stderr);
    assert!(said.contains("worker.ts:1:18: Unexpected token"), "{said}");
}
