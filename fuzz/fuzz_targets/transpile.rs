//! For any input, the compiler returns a script or diagnostics.
#![no_main]

use libfuzzer_sys::fuzz_target;
use workers_transpiler::{SourceFile, TranspileError, TranspileOptions, transpile};

fuzz_target!(|code: &str| {
    for name in ["worker.ts", "worker.tsx", "worker.js"] {
        if let Err(error) = transpile(&SourceFile { name, code }, &TranspileOptions::default()) {
            assert!(!matches!(error, TranspileError::Internal(_)), "{error:?}");
            assert!(error.diagnostics().iter().all(|found| found.line >= 1 && found.column >= 1));
        }
    }
});
