//! The thread that compiles.
//!
//! The compiler recurses wherever the language nests, and does not check its stack. A stack overflow would kill the
//! whole process, so: (1) everything runs on a thread whose stack is large enough for the most deeply nested program
//! that the text of the bundle could be, counted from the characters and words that can open a level; the stack is only
//! address space, and not memory, until it is used; (2) where even that would be too large, a quick scan refuses text
//! that clearly nests too deeply; (3) once there is a tree, [`super::depth`] measures it and refuses it before any
//! other step walks it.

use std::thread;

use super::{pipeline, text::string_length};
use crate::{SourceFile, TranspileError, TranspileOptions, WorkerScript, diagnostic::Reporter};

/// Stack for everything but the parser, in bytes: walks over a tree as deep as [`super::depth`] permits.
// Functions of an unoptimised build have larger stack frames.
const BASE: usize = if cfg!(debug_assertions) { 512 << 20 } else { 128 << 20 };
/// Maximum stack that the parser uses for one level, in bytes.
const PER_LEVEL: usize = if cfg!(debug_assertions) { 12 << 10 } else { 4 << 10 };
/// The largest stack that is requested, in bytes. If the host does not even have the address space, half of it is
/// requested, and so on.
// A compiler process has 12 GiB of address space (docs/security.md, "The compiler"), of which the heap needs a part.
const LARGEST: usize = 8 << 30;
/// Text that nests this deeply in the quick scan is refused before it is parsed.
const PLAINLY_TOO_DEEP: usize = 3_000;

/// Compiles on a thread whose stack cannot overflow.
pub(crate) fn on_large_stack(
    source: &SourceFile<'_>,
    options: &TranspileOptions,
) -> Result<WorkerScript, TranspileError> {
    let code = source.code.strip_prefix('\u{feff}').unwrap_or(source.code);
    if let Some(offset) = plainly_too_deep(code) {
        let mut reporter = Reporter::new(code);
        super::depth::report(&mut reporter, offset);
        return Err(reporter.finish());
    }
    if let Some(offset) = super::speculation::exhausts(code) {
        let mut reporter = Reporter::new(code);
        super::depth::report_speculation(&mut reporter, offset);
        return Err(reporter.finish());
    }
    let stack = levels(code).saturating_mul(PER_LEVEL).saturating_add(BASE).min(LARGEST);
    let source = SourceFile { code, ..*source };
    let run = |stack| {
        thread::scope(|scope| {
            let worker = thread::Builder::new().name("transpile".to_owned()).stack_size(stack);
            worker.spawn_scoped(scope, || pipeline::compile(&source, options)).map(thread::ScopedJoinHandle::join)
        })
    };
    let mut outcome = run(stack);
    let mut smaller = stack / 2;
    // With less than `BASE` the steps after the parser could overflow the stack, which is worse than an error.
    while outcome.is_err() && smaller > BASE {
        outcome = run(smaller);
        smaller /= 2;
    }
    match outcome {
        Ok(Ok(output)) => output,
        Ok(Err(_panic)) => {
            let message = "the compiler failed on this bundle; this is a bug in Workers Platform";
            Err(TranspileError::Internal(message.to_owned()))
        }
        Err(error) => {
            let message = format!("no thread with a stack of {stack} bytes to compile this bundle on: {error}");
            Err(TranspileError::OutOfResources(message))
        }
    }
}

/// Returns the maximum number of levels that the text could open, whatever it means: the number of characters and words
/// after which the parser may recurse.
fn levels(code: &str) -> usize {
    let mut count = 0;
    let mut word = 0;
    for (index, &byte) in code.as_bytes().iter().enumerate() {
        if byte.is_ascii_alphanumeric() || byte == b'_' || byte == b'$' || byte >= 0x80 || byte == b'\\' {
            word += 1;
            continue;
        }
        if word > 0 {
            count += usize::from(opens_a_level(&code.as_bytes()[index - word..index]));
            word = 0;
        }
        count += usize::from(matches!(
            byte,
            b'(' | b'['
                | b'{'
                | b'<'
                | b'`'
                | b'!'
                | b'~'
                | b'+'
                | b'-'
                | b'='
                | b'?'
                | b':'
                | b'*'
                | b'@'
                | b'|'
                | b'&'
        ));
    }
    count
}

/// Returns whether a word can be followed by another one of its own kind, so that it may open a level.
fn opens_a_level(word: &[u8]) -> bool {
    const WORDS: &[&[u8]] = &[
        b"abstract",
        b"as",
        b"asserts",
        b"async",
        b"await",
        b"class",
        b"declare",
        b"default",
        b"delete",
        b"do",
        b"else",
        b"export",
        b"extends",
        b"for",
        b"function",
        b"if",
        b"import",
        b"infer",
        b"is",
        b"keyof",
        b"new",
        b"readonly",
        b"return",
        b"satisfies",
        b"throw",
        b"typeof",
        b"unique",
        b"void",
        b"while",
        b"with",
        b"yield",
    ];
    // A word with an escape could be any of these, and a level too many does no harm.
    word.contains(&b'\\') || WORDS.contains(&word)
}

/// Returns where brackets certainly nest too deeply. Strings and comments are skipped in a simplified way, and a
/// bracket that is not closed before the one around it (for example in a regular expression) is dropped. That is right
/// for nearly every program and safe for all: the large stack handles what this scan misses.
fn plainly_too_deep(code: &str) -> Option<u32> {
    let bytes = code.as_bytes();
    let mut open = OpenBrackets::default();
    let mut index = 0;
    while let Some(&byte) = bytes.get(index) {
        match byte {
            b'(' | b'[' | b'{' => {
                open.push(byte);
                if open.stack.len() > PLAINLY_TOO_DEEP {
                    return u32::try_from(index).ok();
                }
            }
            b')' => open.close(b'('),
            b']' => open.close(b'['),
            b'}' => open.close(b'{'),
            b'\'' | b'"' => index += string_length(&bytes[index..]),
            b'/' if bytes.get(index + 1) == Some(&b'/') => {
                index += bytes[index..].iter().position(|&byte| byte == b'\n').unwrap_or(bytes.len() - index);
            }
            b'/' if bytes.get(index + 1) == Some(&b'*') => {
                index += bytes[index..].windows(2).position(|pair| pair == b"*/").unwrap_or(1);
            }
            _ => {}
        }
        index += 1;
    }
    None
}

/// The brackets that are open at a position in the text.
#[derive(Default)]
struct OpenBrackets {
    stack: Vec<u8>,
    /// The number of brackets of each kind on the stack.
    counts: [usize; 3],
}

impl OpenBrackets {
    fn push(&mut self, bracket: u8) {
        self.stack.push(bracket);
        self.counts[kind(bracket)] += 1;
    }

    /// Closes the innermost bracket of a kind and drops those inside it.
    fn close(&mut self, bracket: u8) {
        while self.counts[kind(bracket)] > 0
            && let Some(inner) = self.stack.pop()
        {
            self.counts[kind(inner)] -= 1;
            if inner == bracket {
                return;
            }
        }
    }
}

fn kind(bracket: u8) -> usize {
    match bracket {
        b'(' => 0,
        b'[' => 1,
        _ => 2,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn brackets_in_strings_and_comments_do_not_nest() {
        let quiet = "(".repeat(PLAINLY_TOO_DEEP + 1);
        for code in [format!("'{quiet}'"), format!("\"\\\"{quiet}\""), format!("// {quiet}"), format!("/* {quiet} */")]
        {
            assert_eq!(plainly_too_deep(&code), None);
        }
        assert!(plainly_too_deep(&quiet).is_some());
    }

    #[test]
    fn brackets_in_regular_expressions_do_not_add_up() {
        assert_eq!(plainly_too_deep(&"function f() { return /[(]/.test(x) }\n".repeat(PLAINLY_TOO_DEEP + 1)), None);
    }

    #[test]
    fn siblings_do_not_add_up() {
        assert_eq!(plainly_too_deep(&"[],".repeat(100_000)), None);
    }

    #[test]
    fn every_character_and_word_that_can_open_a_level_is_counted() {
        assert_eq!(levels("((["), 3);
        assert_eq!(levels("await new x.y, typeof z;"), 3);
        assert_eq!(levels("const value = 1;"), 1);
    }
}
