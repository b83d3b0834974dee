//! What comes out.

use crate::Diagnostic;

/// The outcome of a compilation.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TranspileOutput {
    /// The program; `None` when there are diagnostics.
    pub script: Option<WorkerScript>,
    /// The mistakes found, in source order, at most twenty of them. Empty when there is a script.
    pub diagnostics: Vec<Diagnostic>,
}

/// A program that runs as `node worker.mjs <function> <payload>` on Node.js 20.16, 22.3 and later.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WorkerScript {
    /// The text of the program, an ES module.
    pub code: String,
    /// The functions that can be invoked, in source order; `default` stands for the default export.
    pub functions: Vec<String>,
}

impl From<WorkerScript> for TranspileOutput {
    fn from(script: WorkerScript) -> Self {
        Self { script: Some(script), diagnostics: Vec::new() }
    }
}

impl From<Vec<Diagnostic>> for TranspileOutput {
    fn from(diagnostics: Vec<Diagnostic>) -> Self {
        Self { script: None, diagnostics }
    }
}
