//! Compiles bundles: one to standard output, or all of a directory for `./just compare`.
//!
//! ```sh
//! cargo run -p workers-transpiler --example transpile -- worker.ts > worker.mjs
//! node worker.mjs main '{"name":"Ada"}'
//! cargo run -p workers-transpiler --example transpile -- --each DIRECTORY
//! ```
//!
//! The environment variable `EXPERIMENTAL_DECORATORS` sets that option to `true` or `false`.
#![expect(clippy::print_stdout, clippy::print_stderr, reason = "it is a command line program")]

#[path = "../tests/it/compare/each.rs"]
mod each;

use std::{fs, io, path::Path, process::ExitCode};

use workers_transpiler::{SourceFile, TranspileError, TranspileOptions, transpile};

fn main() -> io::Result<ExitCode> {
    let path = std::env::args().nth(1);
    if let (Some("--each"), Some(directory)) = (path.as_deref(), std::env::args().nth(2)) {
        each::compile(Path::new(&directory))?;
        return Ok(ExitCode::SUCCESS);
    }
    let code = match &path {
        Some(path) => fs::read_to_string(path)?,
        None => io::read_to_string(io::stdin())?,
    };
    let source = SourceFile { name: path.as_deref().unwrap_or("worker.ts"), code: &code };
    let experimental_decorators = std::env::var("EXPERIMENTAL_DECORATORS").ok().map(|value| value == "true");
    let options = TranspileOptions { experimental_decorators, ..TranspileOptions::default() };
    let script = match transpile(&source, &options) {
        Ok(script) => script,
        Err(TranspileError::Rejected(rejection)) => {
            for diagnostic in rejection.diagnostics() {
                eprintln!(
                    "{}:{}:{}: {}\n{}",
                    source.name, diagnostic.line, diagnostic.column, diagnostic.message, diagnostic.code_frame
                );
                if let Some(help) = &diagnostic.help {
                    eprintln!("help: {help}");
                }
            }
            return Ok(ExitCode::FAILURE);
        }
        Err(error) => return Err(std::io::Error::other(error)),
    };
    eprintln!("functions: {}", script.functions.join(", "));
    print!("{}", script.code);
    Ok(ExitCode::SUCCESS)
}
