//! Compiles bundles and runs the scripts.

use workers_transpiler::{Diagnostic, SourceFile, TranspileOptions, TranspileOutput, WorkerScript, transpile};

/// Compiles as `worker.ts`.
pub(crate) fn compile(code: &str) -> TranspileOutput {
    transpile(&SourceFile { name: "worker.ts", code }, &TranspileOptions::default())
}

/// The script of a bundle that has to compile.
pub(crate) fn script(code: &str) -> WorkerScript {
    let output = compile(code);
    output.script.unwrap_or_else(|| panic!("it does not compile: {:#?}", output.diagnostics))
}

/// The one mistake of a bundle that must not compile.
pub(crate) fn mistake(code: &str) -> Diagnostic {
    let output = compile(code);
    assert_eq!(output.script, None);
    assert_eq!(output.diagnostics.len(), 1, "{:#?}", output.diagnostics);
    output.diagnostics.into_iter().next().expect("there is one")
}
