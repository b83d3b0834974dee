//! Mistakes in user code, told so that a person can mend them.

mod code_frame;
mod position;
mod report;

pub(crate) use position::LineIndex;
pub(crate) use report::{Reporter, first_span};

/// What kind of mistake it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum DiagnosticKind {
    /// The text is not a TypeScript or JavaScript module.
    SyntaxError,
    /// There is nothing to invoke.
    NoExportedFunction,
    /// An exported function has a name that no caller could ask for.
    InvalidFunctionName,
    /// An import names something that is not part of Node.js.
    UnsupportedImport,
    /// Valid, but no supported version of Node.js or of the compiler knows it.
    UnsupportedSyntax,
    /// Nested more deeply than a compiler or Node.js can follow.
    TooDeep,
}

impl DiagnosticKind {
    /// The stable name of the kind, for programs.
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

/// One mistake.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Diagnostic {
    /// What kind of mistake it is.
    pub kind: DiagnosticKind,
    /// A sentence for a person, without the position.
    pub message: String,
    /// The line, from 1.
    pub line: u32,
    /// The column in UTF-16 units, from 1, as editors and Node.js count.
    pub column: u32,
    /// A few lines of the source around the position, the line marked with `>` and the place with `^`.
    pub code_frame: String,
    /// How to mend it, where that can be said.
    pub help: Option<String>,
}
