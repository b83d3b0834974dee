//! Encodes the source positions of the generated code.

/// Positions in a format like a source map's `mappings`: a generated line ends with `;`, a segment with `,`, and a
/// segment is three numbers, each relative to the one before: generated column, source line, source column. There is
/// only one source and there are no names, so this is a third smaller than a source map. It also has no character that
/// could end the comment in which it is kept.
pub(crate) struct Positions(String);

const DIGITS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

impl Positions {
    /// Encodes the positions that the printer recorded: generated line and column, source line and column, all from 0,
    /// in order.
    pub(crate) fn encode(recorded: impl Iterator<Item = [u32; 4]>) -> Self {
        let mut text = String::new();
        let (mut line, mut column, mut source_line, mut source_column) = (0, 0, 0, 0);
        for [to_line, to_column, from_line, from_column] in recorded {
            while line < to_line {
                text.push(';');
                line += 1;
                column = 0;
            }
            if !text.is_empty() && !text.ends_with(';') {
                text.push(',');
            }
            push(&mut text, i64::from(to_column) - i64::from(column));
            push(&mut text, i64::from(from_line) - i64::from(source_line));
            push(&mut text, i64::from(from_column) - i64::from(source_column));
            (column, source_line, source_column) = (to_column, from_line, from_column);
        }
        Self(text)
    }

    /// Returns the encoded text.
    pub(crate) fn as_str(&self) -> &str {
        &self.0
    }
}

/// Appends one number: six bits for each digit. The lowest bit of the first digit is the sign; the highest bit of a
/// digit means that another one follows.
fn push(text: &mut String, number: i64) {
    let mut rest = number.unsigned_abs() << 1 | u64::from(number < 0);
    loop {
        let more = rest >> 5 != 0;
        // Five bits fit into every `usize`.
        let digit = usize::try_from(rest & 31).unwrap_or_default() | usize::from(more) << 5;
        text.push(char::from(DIGITS[digit]));
        rest >>= 5;
        if !more {
            return;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_segment_is_relative_to_the_one_before_and_columns_to_the_line() {
        let positions = Positions::encode([[0, 1, 0, 0], [0, 3, 0, 5], [2, 1, 1, 2]].into_iter());
        assert_eq!(positions.as_str(), "CAA,EAK;;CCH");
    }

    #[test]
    fn numbers_are_variable_length_quantities() {
        let encode = |number| {
            let mut text = String::new();
            push(&mut text, number);
            text
        };
        assert_eq!([0, 1, -1, 15, 16, -16, 1000].map(encode), ["A", "C", "D", "e", "gB", "hB", "w+B"]);
    }
}
