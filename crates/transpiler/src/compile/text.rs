//! Measures pieces of source text without parsing them.

/// Returns the length of a string literal without its closing quote; 0 if it is not closed on its line.
pub(super) fn string_length(bytes: &[u8]) -> usize {
    let mut index = 1;
    while let Some(&byte) = bytes.get(index) {
        match byte {
            b'\\' => index += 1,
            // A quote in a regular expression or in the text of an element rarely has a partner on its line.
            b'\n' => return 0,
            _ if byte == bytes[0] => return index,
            _ => {}
        }
        index += 1;
    }
    0
}
