//! Checks the lowered program the way Node.js will read it.
//!
//! Errors that only TypeScript's checker finds, for example a namespace before the class that it should merge with,
//! pass all the steps so far. They would prevent the whole script, including the harness, from loading. So the output
//! is parsed once more, as JavaScript.

use oxc::{
    allocator::Allocator,
    diagnostics::{Diagnostics, OxcDiagnostic},
    parser::Parser,
    semantic::SemanticBuilder,
    span::{SourceType, Span},
};

use crate::{
    DiagnosticKind,
    diagnostic::{LineIndex, Reporter, first_span},
};

/// A generated line and column, and the source line and column that it came from.
pub(super) type Position = [u32; 4];

/// Reports the first error in `generated`, at the position in `source` that it came from.
pub(super) fn verify(
    source: &str,
    generated: &str,
    positions: impl Iterator<Item = Position>,
    reporter: &mut Reporter<'_>,
) {
    let Some(mistake) = first_mistake(generated) else {
        return;
    };
    let offset = first_span(&mistake).map_or(0, |span| span.start);
    let place = LineIndex::new(generated).place(offset);
    // Nodes that the lowering added have no position; the one before them is the nearest that there is.
    let origin = positions.take_while(|&[line, column, ..]| (line, column) <= place).last();
    let start = origin.map_or(0, |[_, _, line, column]| LineIndex::new(source).offset(line, column));
    let help = mistake.help.as_deref().map(ToOwned::to_owned);
    reporter.add(DiagnosticKind::SyntaxError, Span::new(start, start + 1), mistake.message.to_string(), help);
}

fn first_mistake(generated: &str) -> Option<OxcDiagnostic> {
    let allocator = Allocator::default();
    let parsed = Parser::new(&allocator, generated, SourceType::mjs()).parse();
    let error = |diagnostics: Diagnostics| diagnostics.into_iter().find(super::is_error);
    error(parsed.diagnostics).or_else(|| error(SemanticBuilder::new_compiler().build(&parsed.program).diagnostics))
}
