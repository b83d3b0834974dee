//! Explains `<any>x` in a bundle that also has JSX, where `<any>` begins an element.

use oxc::{
    allocator::Allocator,
    ast::ast::{ArrowFunctionExpression, Program, Statement},
    ast_visit::{VisitJs, walk_js},
    diagnostics::OxcDiagnostic,
    parser::Parser,
    span::{SourceType, Span},
};

/// The maximum length of a type assertion in bytes, and how many of them are considered.
const LONGEST: usize = 200;
const MOST: usize = 200;

/// Returns the diagnostic for a bundle that does not parse, but would parse as JSX without its type assertions.
pub(super) fn mistake(code: &str, language: SourceType) -> Option<OxcDiagnostic> {
    let found = assertions(code);
    let &(start, end) = found.first()?;
    let mut text = code.as_bytes().to_vec();
    for &(start, end) in &found {
        // Line ends stay and every other byte becomes one blank, so all positions stay those of the bundle.
        text.get_mut(start..end)?
            .iter_mut()
            .filter(|byte| !matches!(byte, b'\n' | b'\r'))
            .for_each(|byte| *byte = b' ');
    }
    // Whole characters were replaced, so this is still UTF-8.
    let text = String::from_utf8(text).ok()?;
    let allocator = Allocator::default();
    let parsed = Parser::new(&allocator, &text, language.with_jsx(true)).parse();
    // Then the assertions are not the only cause, and the parser's own error is reported.
    if parsed.panicked || parsed.diagnostics.has_errors() {
        return None;
    }
    let written = code.get(start..end)?;
    let named = code.get(start + 1..end - 1)?.trim();
    let span = Span::new(u32::try_from(start).ok()?, u32::try_from(end).ok()?);
    let (message, help) = if begins_arrow(&parsed.program, code, end) {
        let message = format!("`{written}` begins an element here, because the bundle has JSX.");
        (message, format!("Write `<{named},>(…) => …`."))
    } else {
        let message =
            format!("`{written}` begins an element here and is no type assertion, because the bundle has JSX.");
        (message, format!("Write `x as {named}` instead of `{written}x`."))
    };
    Some(OxcDiagnostic::error(message).with_help(help).with_label(span))
}

/// Returns the ranges of everything that looks like a type in angle brackets at the beginning of an expression and has
/// no closing tag.
fn assertions(code: &str) -> Vec<(usize, usize)> {
    let bytes = code.as_bytes();
    let mut found: Vec<(usize, usize)> = Vec::new();
    for (start, _) in code.match_indices('<') {
        if found.len() < MOST
            && found.last().is_none_or(|&(_, end)| start >= end)
            && begins_expression(&bytes[..start])
            && let Some(end) = end_of_type(code, start)
        {
            found.push((start, end));
        }
    }
    found
}

/// Returns whether an operand must follow this text.
fn begins_expression(before: &[u8]) -> bool {
    let before = before.trim_ascii_end();
    let word =
        before.iter().rev().take_while(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'$')).count();
    match &before[before.len() - word..] {
        b"return" | b"typeof" | b"await" | b"case" | b"in" | b"of" | b"yield" | b"throw" | b"void" | b"default" => true,
        b"" => {
            matches!(
                before,
                [
                    ..,
                    b'=' | b'('
                        | b','
                        | b':'
                        | b'?'
                        | b'['
                        | b'{'
                        | b';'
                        | b'&'
                        | b'|'
                        | b'!'
                        | b'+'
                        | b'-'
                        | b'*'
                        | b'}'
                ]
            ) || before.ends_with(b"=>")
        }
        _ => false,
    }
}

/// Returns where `<type>` ends, if an operand follows and there is no closing tag of that name.
fn end_of_type(code: &str, start: usize) -> Option<usize> {
    let bytes = code.as_bytes();
    let mut open = 0_usize;
    let length = bytes[start..].iter().take(LONGEST).position(|&byte| {
        match byte {
            b'<' | b'(' | b'[' | b'{' => open += 1,
            // A closing bracket of another kind goes unnoticed here; `is_type` refuses such a text.
            b'>' | b')' | b']' | b'}' => open = open.saturating_sub(1),
            _ => {}
        }
        open == 0
    })?;
    let end = start + length + 1;
    let name = code.get(start + 1..end - 1)?.trim();
    let follows = bytes.get(end..)?.trim_ascii_start().first().copied()?;
    // A byte from 0x80 on belongs to a character outside of ASCII, with which a name may begin.
    let is_operand = follows.is_ascii_alphanumeric() || b"_$([{'\"`".contains(&follows) || follows >= 0x80;
    (bytes[end - 1] == b'>' && is_operand && is_type(name) && !code.contains(&format!("</{name}"))).then_some(end)
}

fn is_type(text: &str) -> bool {
    let allocator = Allocator::default();
    // The line end keeps a `//` comment at the end of the text from hiding the `;`.
    let declaration = format!("type T = {text}\n;");
    let parsed = Parser::new(&allocator, &declaration, SourceType::ts()).parse();
    // `A; f()` parses too, but is more than a type.
    let is_one = match parsed.program.body.as_slice() {
        [Statement::TSTypeAliasDeclaration(_), rest @ ..] => {
            rest.iter().all(|rest| matches!(rest, Statement::EmptyStatement(_)))
        }
        _ => false,
    };
    is_one && !text.is_empty() && !parsed.panicked && !parsed.diagnostics.has_errors()
}

/// Returns whether an arrow function begins after `end`.
fn begins_arrow(program: &Program<'_>, code: &str, end: usize) -> bool {
    let rest = code.get(end..).unwrap_or_default();
    let mut arrows = Arrows { start: end + rest.len() - rest.trim_start().len(), found: false };
    arrows.visit_program(program);
    arrows.found
}

struct Arrows {
    start: usize,
    found: bool,
}

impl<'a> VisitJs<'a> for Arrows {
    fn visit_arrow_function_expression(&mut self, it: &ArrowFunctionExpression<'a>) {
        self.found |= it.params.span.start as usize == self.start;
        walk_js::walk_arrow_function_expression(self, it);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn elements_and_comparisons_are_no_assertions() {
        for code in
            ["x = <p>hi</p>", "if (a < b > c) {}", "f<T>(x)", "x = <T, U>(y) => y", "const el = <br/>;", "a = <>x</>"]
        {
            assert_eq!(assertions(code), [], "{code}");
        }
    }

    #[test]
    fn types_of_every_form_are_assertions() {
        for code in
            ["x = <any>y", "f(<a.B[]>y)", "return <A | null>y", "[<{ a: 1 }>{}]", "=> <Map<string, A>>y", "x = <A>'s'"]
        {
            assert_eq!(assertions(code).len(), 1, "{code}");
        }
    }
}
