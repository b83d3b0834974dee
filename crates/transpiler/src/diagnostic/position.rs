//! Converts byte offsets to lines and columns.

/// The beginnings of the lines of a text.
///
/// Lines end as ECMAScript defines: `\n`, `\r\n`, `\r`, U+2028 or U+2029. So stack traces and diagnostics agree on
/// every line number.
pub(crate) struct LineIndex<'a> {
    text: &'a str,
    starts: Vec<usize>,
}

impl<'a> LineIndex<'a> {
    pub(crate) fn new(text: &'a str) -> Self {
        let mut starts = vec![0];
        let bytes = text.as_bytes();
        for (index, &byte) in bytes.iter().enumerate() {
            match byte {
                b'\n' => starts.push(index + 1),
                b'\r' if bytes.get(index + 1) != Some(&b'\n') => starts.push(index + 1),
                // U+2028 and U+2029 are three bytes in UTF-8.
                0xE2 if matches!(bytes.get(index + 1..index + 3), Some([0x80, 0xA8 | 0xA9])) => starts.push(index + 3),
                _ => {}
            }
        }
        Self { text, starts }
    }

    /// Returns the number of lines.
    pub(crate) fn len(&self) -> usize {
        self.starts.len()
    }

    /// Returns the text of a line, from 0, without its line end.
    pub(crate) fn line(&self, line: usize) -> &'a str {
        let start = self.starts[line];
        let end = self.starts.get(line + 1).copied().unwrap_or(self.text.len());
        self.text[start..end].trim_end_matches(['\n', '\r', '\u{2028}', '\u{2029}'])
    }

    /// Returns line and column in UTF-16 units, both from 0, of a byte offset.
    pub(crate) fn place(&self, offset: u32) -> (u32, u32) {
        let (line, before) = self.locate(offset as usize);
        let number = |size| u32::try_from(size).unwrap_or(u32::MAX);
        (number(line), number(before.encode_utf16().count()))
    }

    /// Returns the byte offset of a line and a column in UTF-16 units, both from 0.
    pub(crate) fn offset(&self, line: u32, column: u32) -> u32 {
        let line = (line as usize).min(self.len() - 1);
        let mut units = 0;
        let before = self.line(line).chars().take_while(|symbol| {
            units += symbol.len_utf16();
            units <= column as usize
        });
        let bytes: usize = before.map(char::len_utf8).sum();
        u32::try_from(self.starts[line] + bytes).unwrap_or(u32::MAX)
    }

    /// Returns the line, from 0, of a byte offset, and the text of the line before it. The offset is clamped into the
    /// text and onto a character.
    pub(crate) fn locate(&self, offset: usize) -> (usize, &'a str) {
        let mut offset = offset.min(self.text.len());
        while !self.text.is_char_boundary(offset) {
            offset -= 1;
        }
        let line = self.starts.partition_point(|&start| start <= offset) - 1;
        (line, &self.text[self.starts[line]..offset])
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_line_end_of_the_language_counts_once() {
        let index = LineIndex::new("a\nb\r\nc\rd\u{2028}e\u{2029}f");
        assert_eq!((0..index.len()).map(|line| index.line(line)).collect::<String>(), "abcdef");
    }

    #[test]
    fn an_offset_inside_a_character_means_the_character() {
        let index = LineIndex::new("é\nxé");
        assert_eq!(index.locate(1), (0, ""));
        assert_eq!(index.locate(5), (1, "x"));
    }

    #[test]
    fn places_and_offsets_are_inverse() {
        let index = LineIndex::new("a\n😀é x");
        for offset in [0, 1, 2, 6, 8, 9] {
            let (line, column) = index.place(offset);
            assert_eq!(index.offset(line, column), offset);
        }
        assert_eq!(index.place(8), (1, 3));
    }

    #[test]
    fn an_offset_past_the_end_is_the_end() {
        assert_eq!(LineIndex::new("ab\n").locate(99), (1, ""));
    }
}
