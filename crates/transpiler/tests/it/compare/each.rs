//! Compiles every program that the tool in `tests/compare/tool` has written to a directory.

use std::{fs, io, path::Path};

use workers_transpiler::{SourceFile, TranspileOptions, transpile};

/// Writes `ours/worker.mjs` beside each `<number>/worker.<extension>`, or `ours/refused.txt` with the reason if it does
/// not compile.
pub(crate) fn compile(directory: &Path) -> io::Result<()> {
    for program in fs::read_dir(directory)? {
        for file in fs::read_dir(program?.path())? {
            let path = file?.path();
            if path.file_stem().is_some_and(|stem| stem == "worker") {
                compile_one(&path)?;
            }
        }
    }
    Ok(())
}

fn compile_one(path: &Path) -> io::Result<()> {
    let code = fs::read_to_string(path)?;
    let name = path.file_name().and_then(|name| name.to_str()).unwrap_or("worker.ts");
    let experimental_decorators = experimental_decorators(path);
    let options = TranspileOptions { experimental_decorators, ..TranspileOptions::default() };
    let output = transpile(&SourceFile { name, code: &code }, &options);
    let ours = path.with_file_name("ours");
    fs::create_dir_all(&ours)?;
    match output {
        Ok(script) => fs::write(ours.join("worker.mjs"), script.code),
        Err(error) => {
            let messages: Vec<&str> = error.diagnostics().iter().map(|found| found.message.as_str()).collect();
            fs::write(ours.join("refused.txt"), messages.join("\n"))
        }
    }
}

/// Returns what the program's `compilerOptions`, which the tool writes beside it, say about decorators.
fn experimental_decorators(path: &Path) -> Option<bool> {
    let text = fs::read_to_string(path.with_file_name("options.json")).ok()?;
    let options: serde_json::Value = serde_json::from_str(&text).ok()?;
    options["experimentalDecorators"].as_bool()
}
