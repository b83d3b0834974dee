//! Builds diagnostics for one source text.

use oxc::{
    diagnostics::{Diagnostics, LabeledSpan, OxcDiagnostic},
    span::Span,
};

use crate::{Rejection, TranspileError};

use super::{Diagnostic, DiagnosticKind, LineIndex, code_frame};

/// Maximum number of reported errors in one file; more do not help the user.
const MAX_DIAGNOSTICS: usize = 20;

/// Collects the errors found in one source text.
pub(crate) struct Reporter<'a> {
    code: &'a str,
    found: Vec<(u32, Diagnostic)>,
}

impl<'a> Reporter<'a> {
    pub(crate) fn new(code: &'a str) -> Self {
        Self { code, found: Vec::new() }
    }

    /// Adds an error that our own steps found.
    pub(crate) fn add(&mut self, kind: DiagnosticKind, span: Span, message: impl Into<String>, help: Option<String>) {
        if self.found.len() >= MAX_DIAGNOSTICS {
            return;
        }
        // Built for each error, and not in `new`, because most bundles have none.
        let index = LineIndex::new(self.code);
        let (line, before) = index.locate(span.start as usize);
        let marked = self.code.get(span.start as usize..span.end as usize).unwrap_or_default();
        // The frame marks one line, also if the span goes on.
        let length = marked.lines().next().unwrap_or_default().chars().count();
        let diagnostic = Diagnostic {
            kind,
            message: message.into(),
            line: number(line),
            column: number(before.encode_utf16().count()),
            code_frame: code_frame::render(&index, line, before.chars().count(), length),
            help,
        };
        self.found.push((span.start, diagnostic));
    }

    /// Adds errors that the compiler library found.
    pub(crate) fn add_all(&mut self, kind: DiagnosticKind, diagnostics: Diagnostics) {
        for diagnostic in diagnostics.into_iter().take(MAX_DIAGNOSTICS) {
            let span = first_span(&diagnostic).unwrap_or_default();
            let help = diagnostic.help.as_deref().or(diagnostic.note.as_deref()).map(ToOwned::to_owned);
            let help = help.or_else(|| self.first_declaration(&diagnostic));
            self.add(kind, span, diagnostic.message.to_string(), help);
        }
    }

    /// Returns a text with the position of the first declaration, if the error is a second declaration of the same
    /// name.
    fn first_declaration(&self, diagnostic: &OxcDiagnostic) -> Option<String> {
        is_redeclaration(diagnostic).then_some(())?;
        let first = diagnostic.labels.iter().map(|label| label.span().start).min()?;
        let (line, column) = LineIndex::new(self.code).place(first);
        Some(format!("It was first declared at line {}, column {}.", line + 1, column + 1))
    }

    /// Returns whether an error was already reported at this position.
    pub(crate) fn reports_at(&self, span: Span) -> bool {
        self.found.iter().any(|(start, _)| *start == span.start)
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.found.is_empty()
    }

    /// Returns the errors in source order.
    pub(crate) fn finish(mut self) -> TranspileError {
        self.found.sort_by_key(|(start, _)| *start);
        let found = self.found.into_iter().map(|(_, diagnostic)| diagnostic).collect();
        let nothing = || TranspileError::Internal("the code was rejected without a reason".to_owned());
        Rejection::new(found).map_or_else(nothing, TranspileError::Rejected)
    }
}

/// Returns whether the error is about two declarations of the same name, each with a label.
fn is_redeclaration(diagnostic: &OxcDiagnostic) -> bool {
    diagnostic.labels.len() == 2 && diagnostic.message.ends_with("has already been declared")
}

/// Returns the position of an error; for two declarations of the same name, that of the later one.
pub(crate) fn first_span(diagnostic: &OxcDiagnostic) -> Option<Span> {
    if is_redeclaration(diagnostic) {
        return diagnostic.labels.iter().map(LabeledSpan::span).max_by_key(|span| span.start);
    }
    let label = diagnostic.labels.first()?;
    Some(label.span())
}

fn number(from_zero: usize) -> u32 {
    u32::try_from(from_zero + 1).unwrap_or(u32::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_are_counted_in_utf16_units_from_one() {
        let mut reporter = Reporter::new("\"😀\" x");
        reporter.add(DiagnosticKind::SyntaxError, Span::new(7, 8), "m", None);
        let found = reporter.finish();
        assert_eq!((found.diagnostics()[0].line, found.diagnostics()[0].column), (1, 6));
        assert!(found.diagnostics()[0].code_frame.ends_with('^'));
    }

    #[test]
    fn a_redeclaration_is_reported_where_the_name_is_declared_again() {
        let labels = [Span::new(4, 5).label("first"), Span::new(13, 14).label("again")];
        let redeclared = OxcDiagnostic::error("Identifier `a` has already been declared").with_labels(labels);
        let mut reporter = Reporter::new("let a=1; let a=2;");
        reporter.add_all(DiagnosticKind::SyntaxError, vec![redeclared].into());
        let found = reporter.finish();
        assert_eq!(
            (found.diagnostics()[0].column, found.diagnostics()[0].help.as_deref()),
            (14, Some("It was first declared at line 1, column 5."))
        );
    }

    #[test]
    fn mistakes_come_in_source_order_and_not_by_the_thousand() {
        let mut reporter = Reporter::new("abcdefghijklmnopqrstuvwxyz0123456789");
        for start in (0..30).rev() {
            reporter.add(DiagnosticKind::SyntaxError, Span::new(start, start + 1), "m", None);
        }
        let columns: Vec<u32> = reporter.finish().diagnostics().iter().map(|found| found.column).collect();
        assert_eq!(columns.len(), MAX_DIAGNOSTICS);
        assert!(columns.is_sorted());
    }
}
