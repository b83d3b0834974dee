//! What comes out.

use std::error::Error;
use std::fmt;

use crate::Diagnostic;

/// A program that runs as `node worker.mjs <function> <payload>` on Node.js 20.16, 22.3 and later.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WorkerScript {
    /// The text of the program, an ES module.
    pub code: String,
    /// The functions that can be invoked, in source order; `default` stands for the default export.
    pub functions: Vec<String>,
}

/// Why there is no program.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum TranspileError {
    /// The code is no bundle that can run. The same code would be rejected again.
    Rejected(Rejection),
    /// The machine had no thread or address space for the compiler, which is not the code's doing: what it lacked.
    OutOfResources(String),
    /// The compiler itself failed, which is a bug of ours.
    Internal(String),
}

/// The mistakes in a bundle, in source order: at least one, and twenty at most.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rejection(Vec<Diagnostic>);

impl Rejection {
    /// A rejection for these mistakes; `None` without any.
    #[must_use]
    pub fn new(diagnostics: Vec<Diagnostic>) -> Option<Self> {
        (!diagnostics.is_empty()).then_some(Self(diagnostics))
    }

    /// The mistakes.
    #[must_use]
    pub fn diagnostics(&self) -> &[Diagnostic] {
        &self.0
    }

    /// The mistakes, given away.
    #[must_use]
    pub fn into_diagnostics(self) -> Vec<Diagnostic> {
        self.0
    }
}

impl TranspileError {
    /// The mistakes in the code; none where the failure is ours.
    #[must_use]
    pub fn diagnostics(&self) -> &[Diagnostic] {
        match self {
            Self::Rejected(rejection) => rejection.diagnostics(),
            Self::OutOfResources(_) | Self::Internal(_) => &[],
        }
    }
}

impl fmt::Display for Rejection {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let message = self.0.first().map_or("", |first| first.message.as_str());
        write!(formatter, "the code was rejected: {message}")
    }
}

impl fmt::Display for TranspileError {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Rejected(rejection) => rejection.fmt(formatter),
            Self::OutOfResources(lacking) => formatter.write_str(lacking),
            Self::Internal(message) => formatter.write_str(message),
        }
    }
}

impl Error for TranspileError {}
impl Error for Rejection {}
