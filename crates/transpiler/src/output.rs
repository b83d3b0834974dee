//! The output of a compilation.

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

/// Why a compilation failed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum TranspileError {
    /// The code has errors. The same code would be rejected again.
    Rejected(Rejection),
    /// The host had no thread or address space for the compiler, which the code did not cause. The text says what was
    /// lacking.
    OutOfResources(String),
    /// The compiler itself failed because of a bug of its own.
    Internal(String),
}

/// The errors in a bundle, in source order: at least one, and at most twenty.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rejection(Vec<Diagnostic>);

impl Rejection {
    /// Creates a rejection with these errors; `None` without any.
    #[must_use]
    pub fn new(diagnostics: Vec<Diagnostic>) -> Option<Self> {
        (!diagnostics.is_empty()).then_some(Self(diagnostics))
    }

    /// Returns the errors.
    #[must_use]
    pub fn diagnostics(&self) -> &[Diagnostic] {
        &self.0
    }

    /// Returns the errors by value.
    #[must_use]
    pub fn into_diagnostics(self) -> Vec<Diagnostic> {
        self.0
    }
}

impl TranspileError {
    /// Returns the errors in the code; none for the other kinds of failure.
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
