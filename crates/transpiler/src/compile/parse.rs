//! Parses source text to a syntax tree.

use std::path::Path;

use oxc::{
    allocator::Allocator,
    ast::ast::Program,
    diagnostics::Diagnostics,
    parser::{ParseOptions, Parser},
    span::SourceType,
};

use super::{assertions, decorators::without_excused, empty_parameters};
use crate::{SourceFile, diagnostic::first_span};

/// Parses the bundle in the language that its name indicates. If that fails, parses it in the same language with JSX
/// switched the other way, because `<T>(x)` and `<div>` exclude each other and the name of a bundle says little. Of two
/// failures, returns the one that got further.
pub(super) fn parse<'a>(allocator: &'a Allocator, source: &SourceFile<'a>) -> Result<Program<'a>, Diagnostics> {
    // A name with another extension, or without one, means TypeScript.
    let named = SourceType::from_path(Path::new(source.name)).unwrap_or_else(|_| SourceType::ts());
    // `.cjs` alone would make it a script, in which `export` is an error.
    let named = named.with_typescript_definition_off().with_module(true);
    let other = named.with_jsx(!named.is_jsx());
    let (language, parsed) = match parse_as(allocator, source.code, named) {
        Ok(program) => (named, Ok(program)),
        Err(first) => match parse_as(allocator, source.code, other) {
            Ok(program) => (other, Ok(program)),
            Err(second) if furthest(&second) > furthest(&first) => (other, Err(second)),
            Err(_) => (named, Err(first)),
        },
    };
    // What follows is about mistakes with types.
    if !language.is_typescript() {
        return parsed;
    }
    let parse = |code| parse_as(allocator, code, language);
    let settled = empty_parameters::settle(allocator, source.code, parsed, parse, furthest);
    settled.map_err(|diagnostics| match assertions::mistake(source.code, language) {
        Some(mistake) => Diagnostics::from(vec![mistake]),
        None => diagnostics,
    })
}

fn parse_as<'a>(allocator: &'a Allocator, code: &'a str, source_type: SourceType) -> Result<Program<'a>, Diagnostics> {
    // Off by default. An invalid regular expression is an early error, which would keep the whole script from loading.
    let options = ParseOptions { parse_regular_expression: true, ..ParseOptions::default() };
    let parsed = Parser::new(allocator, code, source_type).with_options(options).parse();
    // After a panic the tree is empty, so it has no decorators that could excuse an error.
    let mistakes = if parsed.panicked || !parsed.diagnostics.has_errors() {
        parsed.diagnostics
    } else {
        without_excused(&parsed.program, parsed.diagnostics)
    };
    if mistakes.has_errors() || parsed.panicked { Err(mistakes) } else { Ok(parsed.program) }
}

/// Returns how far the parser got before its first error.
fn furthest(diagnostics: &Diagnostics) -> u32 {
    // The parser recovers from some errors and goes on; only up to the first one is the reading certainly right.
    diagnostics.iter().filter_map(first_span).map(|span| span.start).min().unwrap_or(0)
}

/// A worker is never a declaration file, whatever its name.
trait NotDeclarations {
    fn with_typescript_definition_off(self) -> Self;
}

impl NotDeclarations for SourceType {
    fn with_typescript_definition_off(self) -> Self {
        if self.is_typescript_definition() { SourceType::ts() } else { self }
    }
}
