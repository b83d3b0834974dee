//! Formatting of errors for people.

use std::fmt::Display;

/// Formats an error without the numbers that the standard library appends to messages of the operating system, such as
/// ` (os error 17)`. Use it for sentences that clients read. The log keeps the numbers.
pub fn in_words(error: &(impl Display + ?Sized)) -> String {
    const BEGIN: &str = " (os error ";
    let text = error.to_string();
    let mut words = String::with_capacity(text.len());
    let mut rest = text.as_str();
    while let Some((before, after)) = rest.split_once(BEGIN) {
        words.push_str(before);
        let digits = after.trim_start_matches(|symbol: char| symbol.is_ascii_digit());
        match digits.strip_prefix(')') {
            // At least one digit: other text in such parentheses does not come from the standard library and stays.
            Some(behind) if digits.len() < after.len() => rest = behind,
            _ => {
                words.push_str(BEGIN);
                rest = after;
            }
        }
    }
    words.push_str(rest);
    words
}

#[cfg(test)]
mod tests {
    use std::io;

    use super::*;

    #[test]
    fn an_error_of_the_operating_system_says_its_words_without_its_number() {
        let error = io::Error::from_raw_os_error(17);
        assert_eq!(in_words(&error), "File exists");
        assert_eq!(in_words(&format!("/a: {error}: {error}")), "/a: File exists: File exists");
    }

    #[test]
    fn what_is_no_number_stays() {
        for text in ["", "words", " (os error )", "x (os error 1", "a (os error x) b", "ends (os error "] {
            assert_eq!(in_words(text), text);
        }
    }
}
