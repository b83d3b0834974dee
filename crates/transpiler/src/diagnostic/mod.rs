//! Diagnostics: errors in user code, with the details that a user needs to fix them.

mod code_frame;
mod position;
mod report;

pub(crate) use position::LineIndex;
pub(crate) use report::{Reporter, first_span};

/// The kind of an error.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum DiagnosticKind {
    /// The text is not a TypeScript or JavaScript module.
    SyntaxError,
    /// The bundle exports no function that can be invoked.
    NoExportedFunction,
    /// An exported function has a name that a caller could not use.
    InvalidFunctionName,
    /// An import refers to something that is not part of Node.js.
    UnsupportedImport,
    /// Valid syntax that no supported version of Node.js, or the compiler, supports.
    UnsupportedSyntax,
    /// The code nests more deeply than the compiler or Node.js can handle.
    TooDeep,
}

impl DiagnosticKind {
    /// Returns the stable name of the kind, for programs.
    #[must_use]
    pub const fn code(self) -> &'static str {
        match self {
            Self::SyntaxError => "syntax_error",
            Self::NoExportedFunction => "no_exported_function",
            Self::InvalidFunctionName => "invalid_function_name",
            Self::UnsupportedImport => "unsupported_import",
            Self::UnsupportedSyntax => "unsupported_syntax",
            Self::TooDeep => "too_deep",
        }
    }
}

/// One error in user code.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Diagnostic {
    /// The kind of the error.
    pub kind: DiagnosticKind,
    /// A sentence for the user, without the position.
    pub message: String,
    /// The line, from 1.
    pub line: u32,
    /// The column in UTF-16 units, from 1, as editors and Node.js count.
    pub column: u32,
    /// A few lines of the source around the position. The line is marked with `>` and the position with `^`.
    pub code_frame: String,
    /// How to fix the error, where that is known.
    pub help: Option<String>,
}
