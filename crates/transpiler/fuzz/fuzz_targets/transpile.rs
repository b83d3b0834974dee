//! Whatever the input, the compiler answers with a script or with diagnostics. Run it with `cargo +nightly fuzz run transpile`;
//! the fixtures are a good corpus to start from: `cargo +nightly fuzz run transpile ../tests/fixtures`.
#![no_main]

use libfuzzer_sys::fuzz_target;
use workers_transpiler::{DiagnosticKind, SourceFile, TranspileOptions, transpile};

fuzz_target!(|code: &str| {
    for name in ["worker.ts", "worker.tsx", "worker.js"] {
        let output = transpile(&SourceFile { name, code }, &TranspileOptions::default());
        assert_eq!(output.script.is_some(), output.diagnostics.is_empty());
        for diagnostic in &output.diagnostics {
            assert!(diagnostic.kind != DiagnosticKind::Internal, "{diagnostic:?}");
            assert!(diagnostic.line >= 1 && diagnostic.column >= 1);
        }
    }
});
