//! Splits a body into lines of JSON as it arrives.

use bytes::{Buf, Bytes, BytesMut};

use crate::error::{StreamError, VercelError};

/// The maximum length of a line. The API sends what a command wrote in one piece, which is seldom above 64 KiB, or six
/// times that when it is escaped.
pub(crate) const MAX_LINE_BYTES: usize = 8 << 20;

/// Splits the pieces of a body into lines.
#[derive(Debug, Default)]
pub(crate) struct LineBuffer {
    bytes: BytesMut,
    /// How many of the bytes were already searched for a newline.
    searched: usize,
}

impl LineBuffer {
    /// Appends the next piece.
    pub(crate) fn push(&mut self, piece: &[u8]) {
        self.bytes.extend_from_slice(piece);
    }

    /// Returns the next complete line, without its newline. Skips empty lines, which servers send as a sign of life.
    pub(crate) fn next_line(&mut self) -> Result<Option<Bytes>, VercelError> {
        loop {
            let Some(end) = self.bytes[self.searched..].iter().position(|&byte| byte == b'\n') else {
                self.searched = self.bytes.len();
                if self.bytes.len() > MAX_LINE_BYTES {
                    return Err(StreamError::LineTooLong(MAX_LINE_BYTES).into());
                }
                return Ok(None);
            };
            let line = self.bytes.split_to(self.searched + end).freeze();
            self.bytes.advance(1);
            self.searched = 0;
            if !line.trim_ascii().is_empty() {
                return Ok(Some(line));
            }
        }
    }

    /// Returns the rest after the end of the body: a last line without a newline.
    pub(crate) fn take_rest(&mut self) -> Option<Bytes> {
        self.searched = 0;
        let rest = self.bytes.split().freeze();
        (!rest.trim_ascii().is_empty()).then_some(rest)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lines(buffer: &mut LineBuffer) -> Vec<Bytes> {
        std::iter::from_fn(|| buffer.next_line().unwrap()).collect()
    }

    #[test]
    fn lines_come_whole_however_they_are_cut() {
        // With empty lines, which servers send as a sign of life, and a character that a cut can split.
        let text = "{\"a\":\"ä\"}\n\n  \r\n{\"b\":2}\n{\"c\"";
        for size in 1..text.len() {
            let mut buffer = LineBuffer::default();
            let mut found = Vec::new();
            for piece in text.as_bytes().chunks(size) {
                buffer.push(piece);
                found.extend(lines(&mut buffer));
            }
            assert_eq!(found, ["{\"a\":\"ä\"}", "{\"b\":2}"], "in pieces of {size}");
            assert_eq!(buffer.take_rest().as_deref(), Some("{\"c\"".as_bytes()));
            assert_eq!(buffer.take_rest(), None);
        }
    }

    #[test]
    fn a_line_without_an_end_is_given_up() {
        let mut buffer = LineBuffer::default();
        buffer.push(&vec![b'x'; MAX_LINE_BYTES + 1]);
        assert!(matches!(buffer.next_line(), Err(VercelError::Stream(StreamError::LineTooLong(_)))));
    }
}
