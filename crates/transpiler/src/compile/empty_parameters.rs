//! Works around an error of the parser with `(): T => x` in a conditional expression.
//!
//! In `a ? (b) : x => (): T => x` the parser first tries to read `(b): x => …` as an arrow function. In that attempt it
//! reads `(): T` as something else, and keeps this result for the second attempt, although `()` before a colon always
//! begins an arrow function. So if a bundle does not parse and such a place is near the error, the place is rewritten
//! as `(   ) => x`, which is not ambiguous, and the bundle is parsed again. The type has no meaning at run time, and no
//! position changes. After `async` the parser may also succeed with the wrong meaning, which is visible in the tree.

use std::collections::HashSet;

use oxc::{
    allocator::Allocator,
    ast::ast::{ArrowFunctionExpression, CallExpression, ConditionalExpression, Expression, Program, Statement},
    ast_visit::{VisitJs, walk_js},
    diagnostics::Diagnostics,
    parser::Parser,
    span::{GetSpan, SourceType},
};

use super::text::string_length;

/// How many bytes of text are parsed again for one bundle in total.
const BUDGET: usize = 8 << 20;
/// How often a bundle is parsed again: at least the first number, even if it is large, and at most the second.
const TRIES: std::ops::RangeInclusive<usize> = 4..=64;
/// How many parentheses before an error are considered.
const NEAR: usize = 64;
/// The maximum length of a return type in bytes.
const LONGEST: usize = 2_000;
/// The maximum number of arrows in a return type.
const ARROWS: usize = 4;

/// Checks the result of `parse` for `code`, and parses again as long as that gets further.
pub(super) fn settle<'a>(
    allocator: &'a Allocator,
    code: &str,
    first: Result<Program<'a>, Diagnostics>,
    parse: impl Fn(&'a str) -> Result<Program<'a>, Diagnostics>,
    furthest: impl Fn(&Diagnostics) -> u32,
) -> Result<Program<'a>, Diagnostics> {
    let doubtful = |parsed: &Result<Program<'a>, Diagnostics>| match parsed {
        Ok(program) => misread(program),
        Err(diagnostics) => Some(furthest(diagnostics)),
    };
    let Some(mut offset) = doubtful(&first) else {
        return first;
    };
    let mut text = code.to_owned();
    let mut mended = Vec::new();
    let tries = (BUDGET / code.len().max(1)).clamp(*TRIES.start(), *TRIES.end());
    for _ in 0..tries {
        let Some((open, next)) = mend(&text, offset as usize) else {
            break;
        };
        text = next;
        mended.push(u32::try_from(open).unwrap_or(u32::MAX));
        let parsed = parse(allocator.alloc_str(&text));
        match (doubtful(&parsed), &parsed) {
            (None, Ok(program)) => return if are_arrows(program, mended) { parsed } else { first },
            (Some(next), Ok(_)) => offset = next,
            // An error that does not move forward means that the rewritten place was not its cause. A misread program
            // had no error to compare with.
            (Some(next), Err(_)) if next > offset || first.is_ok() => offset = next,
            _ => break,
        }
    }
    first
}

/// Returns where `a ? (b): x => async () : any => c` was read instead of `a ? (b) : x => async (): any => c`.
fn misread(program: &Program<'_>) -> Option<u32> {
    // Only calls of `async` are misread, and most programs need not be walked.
    if !program.source_text.contains("async") {
        return None;
    }
    let mut conditionals = Conditionals::default();
    conditionals.visit_program(program);
    conditionals.misread
}

#[derive(Default)]
struct Conditionals {
    /// The ends of calls `async()`.
    calls: HashSet<u32>,
    misread: Option<u32>,
}

impl<'a> VisitJs<'a> for Conditionals {
    fn visit_call_expression(&mut self, it: &CallExpression<'a>) {
        walk_js::walk_call_expression(self, it);
        if it.callee.is_specific_id("async") && it.arguments.is_empty() {
            self.calls.insert(it.span.end);
        }
    }

    fn visit_conditional_expression(&mut self, it: &ConditionalExpression<'a>) {
        // First, because this collects the calls that are looked up below.
        walk_js::walk_conditional_expression(self, it);
        let are_arrows =
            [&it.consequent, &it.alternate].map(|side| matches!(side, Expression::ArrowFunctionExpression(_)));
        if are_arrows == [true, true] && self.calls.contains(&it.consequent.span().end) {
            self.misread = Some(it.alternate.span().start);
        }
    }
}

/// Rewrites the last such place before `offset`. Returns the position of its parenthesis and the new text.
fn mend(code: &str, offset: usize) -> Option<(usize, String)> {
    let bytes = code.as_bytes();
    // An error at the end of the text has the length as its offset.
    let before = bytes.get(..=offset).unwrap_or(bytes);
    let parentheses = before.iter().enumerate().rev().filter(|&(_, &byte)| byte == b'(').map(|(index, _)| index);
    let (open, end) = parentheses.take(NEAR).find_map(|open| Some((open, end_of_type(code, open)?)))?;
    let mut text = bytes.to_vec();
    for byte in text.get_mut(open + 1..end)?.iter_mut().filter(|byte| !matches!(byte, b'\n' | b'\r')) {
        *byte = b' ';
    }
    // No line end may stand between `)` and `=>`, so the parenthesis moves to the end of the type.
    *text.get_mut(end - 1)? = b')';
    Some((open, String::from_utf8(text).ok()?))
}

/// Returns where the return type ends, if `(): T =>` begins at `open`.
fn end_of_type(code: &str, open: usize) -> Option<usize> {
    let bytes = code.as_bytes();
    let close = skip_blank(bytes, open + 1);
    let colon = skip_blank(bytes, close + 1);
    if bytes.get(close) != Some(&b')') || bytes.get(colon) != Some(&b':') {
        return None;
    }
    let from = colon + 1;
    // Prefer the longest type: in `(): (a: A) => B => x` the type is that of a function.
    let ends = arrows(bytes, from).into_iter().rev();
    let mut types = ends.map(|arrow| code.get(from..arrow).map(|text| (text, from + text.trim_end().len())));
    types.find_map(|found| found.filter(|(text, _)| is_type(text))).map(|(_, end)| end)
}

/// Returns the arrows after `from` that are outside of brackets.
fn arrows(bytes: &[u8], from: usize) -> Vec<usize> {
    let mut found = Vec::new();
    let mut open = 0_usize;
    let mut index = from;
    while index < bytes.len().min(from + LONGEST) && found.len() < ARROWS {
        let after = skip_blank(bytes, index);
        if after > index {
            index = after;
            continue;
        }
        match bytes[index] {
            b'\'' | b'"' => index += string_length(&bytes[index..]),
            b'(' | b'[' | b'{' => open += 1,
            // This closes a bracket around the arrow function, so the type ends before it.
            b')' | b']' | b'}' if open == 0 => break,
            b')' | b']' | b'}' => open -= 1,
            b'=' if open == 0 && bytes.get(index + 1) == Some(&b'>') => {
                found.push(index);
                index += 1;
            }
            _ => {}
        }
        index += 1;
    }
    found
}

/// Returns whether a text is exactly one return type.
fn is_type(text: &str) -> bool {
    let allocator = Allocator::default();
    // A return type may be a predicate (`x is T`), which an alias of a type could not be. The line end keeps a `//`
    // comment at the end of the text from hiding the `;`.
    let declaration = format!("declare function f():{text}\n;");
    let parsed = Parser::new(&allocator, &declaration, SourceType::ts()).parse();
    let is_one = match parsed.program.body.as_slice() {
        [Statement::FunctionDeclaration(function), rest @ ..] => {
            function.body.is_none() && rest.iter().all(|rest| matches!(rest, Statement::EmptyStatement(_)))
        }
        _ => false,
    };
    is_one && !parsed.panicked && !parsed.diagnostics.has_errors()
}

/// Returns the first position that is neither blank nor in a comment.
fn skip_blank(bytes: &[u8], from: usize) -> usize {
    let mut index = from;
    loop {
        let rest = bytes.get(index..).unwrap_or_default();
        let length = match rest {
            [b' ' | b'\t' | b'\n' | b'\r', ..] => 1,
            [b'/', b'/', ..] => rest.iter().position(|&byte| byte == b'\n').unwrap_or(rest.len()),
            [b'/', b'*', ..] => rest.windows(2).skip(2).position(|two| two == b"*/").map_or(rest.len(), |at| at + 4),
            _ => return index,
        };
        index += length;
    }
}

/// Returns whether all of these parentheses begin arrow functions; those in a string, for example, do not.
fn are_arrows(program: &Program<'_>, open: Vec<u32>) -> bool {
    let mut arrows = Arrows { open };
    arrows.visit_program(program);
    arrows.open.is_empty()
}

struct Arrows {
    open: Vec<u32>,
}

impl<'a> VisitJs<'a> for Arrows {
    fn visit_arrow_function_expression(&mut self, it: &ArrowFunctionExpression<'a>) {
        self.open.retain(|&open| open != it.params.span.start);
        walk_js::walk_arrow_function_expression(self, it);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_return_type_makes_way_for_the_parenthesis() {
        let code = "a ? (b) : x => (): any => b";
        assert_eq!(mend(code, 15), Some((15, "a ? (b) : x => (     ) => b".to_owned())));
    }

    #[test]
    fn a_return_type_that_is_a_function_ends_at_the_last_arrow() {
        let code = "(): (a: () => A) => B => c => d";
        assert_eq!(end_of_type(code, 0), Some("(): (a: () => A) => B".len()));
        assert_eq!(end_of_type("(): x is { a: '=>' } => 1", 0), Some("(): x is { a: '=>' }".len()));
    }

    #[test]
    fn methods_and_calls_are_left_alone() {
        for code in ["() => 1", "(a): b => 1", "(): void { }", "() ? 1 : 2", "(): a; b => 1", "(", "()", "():"] {
            assert_eq!(end_of_type(code, 0), None, "{code}");
        }
    }
}
