//! Converts Rust strings to JavaScript.

use std::fmt::Write as _;

/// Returns a string literal for `text`, on one line.
pub(super) fn string(text: &str) -> String {
    let mut literal = String::with_capacity(text.len() + 2);
    literal.push('"');
    for symbol in text.chars() {
        match symbol {
            '"' | '\\' => literal.extend(['\\', symbol]),
            '\u{2028}' | '\u{2029}' | '\0'..='\u{1f}' => {
                // Writing to a `String` cannot fail.
                let _ = write!(literal, "\\u{:04x}", u32::from(symbol));
            }
            _ => literal.push(symbol),
        }
    }
    literal.push('"');
    literal
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_would_end_the_string_or_the_line_is_escaped() {
        assert_eq!(string("a\"\\\n\u{2028}é"), r#""a\"\\\u000a\u2028é""#);
    }
}
