//! Compiles a worker. Writes the program to standard output, and its exports or its errors to standard error.
//!
//! ```sh
//! cargo run --package workers-transpiler --example compile -- worker.ts > worker.mjs
//! node worker.mjs greet '{"name":"Ada"}'
//! ```
#![expect(clippy::print_stdout, clippy::print_stderr, reason = "it is a command line program")]

use std::process::ExitCode;

use workers_transpiler::{SourceFile, TranspileError, TranspileOptions, transpile};

fn main() -> std::io::Result<ExitCode> {
    let name = std::env::args().nth(1).unwrap_or_else(|| "worker.ts".to_owned());
    let code = std::fs::read_to_string(&name)?;
    let script = match transpile(&SourceFile { name: &name, code: &code }, &TranspileOptions::default()) {
        Ok(script) => script,
        Err(TranspileError::Rejected(rejection)) => {
            for diagnostic in rejection.diagnostics() {
                let (line, column) = (diagnostic.line, diagnostic.column);
                eprintln!("{name}:{line}:{column}: {}\n{}", diagnostic.message, diagnostic.code_frame);
            }
            return Ok(ExitCode::FAILURE);
        }
        Err(error) => return Err(std::io::Error::other(error)),
    };
    let functions: Vec<_> = script.functions.iter().map(ToString::to_string).collect();
    eprintln!("functions: {}", functions.join(", "));
    print!("{}", script.code);
    Ok(ExitCode::SUCCESS)
}
