//! Programs with decorators, one in each file of `tests/decorators`. The last line of a file is what its `main`
//! returns. `tsc` 5.9 with the target ES2022 and Node.js 24 returned it, unless the first line of the program says in
//! what `tsc` differs.

use std::{fs, path::Path};

use serde_json::Value;
use workers_transpiler::{SourceFile, TranspileOptions, transpile};

use crate::support::Worker;

/// The text before the expected value.
const EXPECTED: &str = "\n// returns ";

/// Runs all programs of a directory, and reports each that returns something else.
fn run_all(directory: &str, experimental_decorators: Option<bool>) {
    let directory = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/decorators").join(directory);
    let mut paths: Vec<_> =
        fs::read_dir(directory).expect("it is there").map(|entry| entry.expect("it can be listed").path()).collect();
    paths.sort();
    let options = TranspileOptions { experimental_decorators, ..TranspileOptions::default() };
    let problems: Vec<String> = paths.iter().filter_map(|path| problem(path, &options)).collect();
    assert!(paths.len() > 35, "{} programs", paths.len());
    assert!(problems.is_empty(), "{}", problems.join("\n"));
}

fn problem(path: &Path, options: &TranspileOptions) -> Option<String> {
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    let text = fs::read_to_string(path).expect("it is text");
    let (code, expected) = text.rsplit_once(EXPECTED).expect("it says what it returns");
    let expected: Value = serde_json::from_str(expected).expect("that is JSON");
    let script = match transpile(&SourceFile { name: "worker.ts", code }, options) {
        Ok(script) => script,
        Err(error) => return Some(format!("{name} does not compile: {error:?}")),
    };
    let run = Worker::of_script(&script).framed("main", "{}");
    let value = run.value();
    (value != expected).then(|| format!("{name}\n  expected {expected}\n  returned {value}"))
}

#[test]
fn standard_decorators_do_what_the_proposal_says() {
    run_all("standard", None);
}

#[test]
fn experimental_decorators_do_what_typescript_does() {
    run_all("legacy", Some(true));
}

/// Returns the second line of the stack trace of every error that `main` of a program returns.
fn places(code: &str, experimental_decorators: Option<bool>) -> Vec<String> {
    let options = TranspileOptions { experimental_decorators, ..TranspileOptions::default() };
    let output = transpile(&SourceFile { name: "worker.ts", code }, &options);
    let script = output.unwrap_or_else(|error| panic!("it does not compile: {error:#?}"));
    let value = Worker::of_script(&script).framed("main", "{}").value();
    let stacks: Vec<String> = serde_json::from_value(value).expect("they are texts");
    stacks.iter().map(|stack| stack.lines().nth(2).unwrap_or(stack).trim().to_owned()).collect()
}

const STACKS: &str = "const fail = (): any => { throw new Error('x'); };
const at = (f: () => any) => { try { f(); return 'none'; } catch (e: any) { return e.stack; } };
const d = (...a: any[]): any => {};
@d class C {
  @d method() {
    fail();
  }
  @d field = (globalThis as any).on
    && fail();
  @d get getter() { return fail(); }
  @d accessor value = 1;
  static { this.name;
    at(fail); }
}
export function main() {
  const c = new C();
  return [
    at(() => c.method()),
    at(() => c.getter),
    at(() => { (globalThis as any).on = true; new C(); }),
    at(() => { class X {
      @fail m() {} } }),
    at(() => {
      @fail class V {} }),
    at(() => {
      @(fail()) class Y {} }),
    at(() => { @d class Z {
      static { this.name; fail(); } } }),
  ];
}";

#[test]
fn stacks_name_the_lines_of_decorated_code() {
    let common = ["at C.method (worker.ts:6:5)", "at get getter (worker.ts:10:28)"];
    let fields = "at <instance_members_initializer> (worker.ts:9:8)";
    let rest = ["at worker.ts:26:9", "at <static_initializer> (worker.ts:28:27)"];
    let inside = ["at <static_initializer> (worker.ts:22:7)", "at <static_initializer> (worker.ts:24:7)"];
    assert_eq!(places(STACKS, None), [&common[..], &[fields], &inside, &rest].concat());
    let outside = ["at worker.ts:22:7", "at worker.ts:24:7"];
    assert_eq!(places(STACKS, Some(true)), [&common[..], &[fields], &outside, &rest].concat());
}

#[test]
fn a_decorator_of_the_other_kind_is_told_with_its_place() {
    let parameter = "class C {\n  m(@d a) {}\n}\nexport const f = () => C;";
    let private = "class C {\n  @d #m() {}\n}\nexport const f = () => C;";
    for (code, experimental_decorators, column) in [(parameter, Some(false), 5), (private, Some(true), 3)] {
        let options = TranspileOptions { experimental_decorators, ..TranspileOptions::default() };
        let found = transpile(&SourceFile { name: "worker.ts", code }, &options).unwrap_err();
        let places: Vec<_> =
            found.diagnostics().iter().map(|found| (found.kind.code(), found.line, found.column)).collect();
        assert_eq!(places, [("unsupported_syntax", 2, column)], "{found:#?}");
    }
}
