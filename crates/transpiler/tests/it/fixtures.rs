//! The cases in `tests/fixtures`: one file each, with the expected result beside it.

use std::{fmt::Write as _, fs};

use workers_transpiler::{SourceFile, TranspileError, TranspileOptions, transpile};

#[test]
fn every_fixture_compiles_to_its_snapshot() {
    insta::with_settings!({ snapshot_path => "../fixtures", prepend_module_to_snapshot => false, omit_expression => true }, {
        insta::glob!("../fixtures", "*.{ts,tsx,js}", |path| {
            let code = fs::read_to_string(path).unwrap();
            let name = path.file_name().unwrap().to_str().unwrap();
            let output = transpile(&SourceFile { name, code: &code }, &TranspileOptions::default());
            let mut shown = String::new();
            if let Ok(script) = &output {
                writeln!(shown, "functions: {}\n", script.functions.join(", ")).unwrap();
                shown.push_str(&users_part(&script.code));
            }
            for found in output.as_ref().err().into_iter().flat_map(TranspileError::diagnostics) {
                let place = format!("{}:{}:{}", name, found.line, found.column);
                writeln!(shown, "{} at {place}: {}\n{}", found.kind.code(), found.message, found.code_frame).unwrap();
                found.help.iter().for_each(|help| writeln!(shown, "help: {help}").unwrap());
                shown.push('\n');
            }
            insta::assert_snapshot!(shown.trim_end());
        });
    });
}

/// Returns a script without the harness and the positions.
fn users_part(script: &str) -> String {
    let (first, rest) = script.split_once('\n').expect("every script has a first line");
    let (_, prelude) = first.rsplit_once(BEFORE_PRELUDE).expect("the harness comes first");
    let (part, _) = rest.rsplit_once("\nfunction ").expect("every script ends with the positions");
    format!("{prelude}\n{part}").replace('\r', "\\r")
}

/// The end of the call of the harness.
const BEFORE_PRELUDE: &str = "(()=>{}).constructor(\"return this\")());";
