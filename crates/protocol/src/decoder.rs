//! Decodes the bytes of a script's standard output into frames.

use crate::outcome::OutcomeFrame;
use crate::{OutputStream, RESULT_BEGIN, RESULT_END, SEPARATOR, UNIT};

/// Maximum size of a frame with console output, in bytes. The current harness writes at most 4 KiB. Older harnesses,
/// which still exist in snapshots, write up to 32 Ki UTF-16 units, each at most six bytes as `\uXXXX`, plus the time.
const MAX_CHUNK_FRAME: usize = 32 * 1024 * 6 + 64;

/// Maximum size of an outcome in addition to the result, in bytes: warnings, or the data of an error.
const MAX_OUTCOME_OVERHEAD: usize = 1024 * 1024;

/// The end of the year 262142 in Unix milliseconds, the last year that chrono supports. A frame with a later time, or
/// with a time equally far before 1970, is invalid.
const MAX_MILLIS: i64 = 8_210_266_876_799_999;

/// A decoded piece of standard output.
#[derive(Debug, Clone, PartialEq)]
pub enum Piece {
    /// Bytes outside of frames.
    Raw(Vec<u8>),
    /// The harness has started.
    Started,
    /// Console output.
    Chunk {
        /// The stream it was printed to.
        stream: OutputStream,
        /// When it was printed according to the script: Unix time in milliseconds, within 262,000 years of 1970. User
        /// code may forge it.
        at_millis: i64,
        /// The printed text. A chunk may contain a part of a line or several lines.
        text: String,
    },
    /// The outcome.
    Outcome(OutcomeFrame),
    /// An outcome that cannot be parsed, or is longer than any that a harness writes.
    Unreadable,
}

/// Decodes standard output. Buffers at most one frame and the outcome. Bytes that begin like a frame with the right
/// token are never returned as raw output, because the function did not print them.
#[derive(Debug)]
pub struct Decoder {
    /// The beginning of every frame: the separator and the token.
    prefix: Vec<u8>,
    /// The current frame, or the bytes that may become one; empty outside of frames.
    frame: Vec<u8>,
    /// Whether the rest of the line is skipped because its frame is too long.
    is_skipping: bool,
    /// The parts of the outcome received so far.
    outcome: Vec<u8>,
    /// Whether parts of the outcome were dropped.
    is_outcome_cut: bool,
    max_outcome: usize,
}

impl Decoder {
    /// Creates a decoder for frames with this token. An outcome may have a result of at most `max_result_bytes`, and 1
    /// MiB of other data.
    #[must_use]
    pub fn new(token: &str, max_result_bytes: usize) -> Self {
        let mut prefix = vec![SEPARATOR];
        prefix.extend_from_slice(token.as_bytes());
        Self {
            prefix,
            frame: Vec::new(),
            is_skipping: false,
            outcome: Vec::new(),
            is_outcome_cut: false,
            max_outcome: max_result_bytes.saturating_add(MAX_OUTCOME_OVERHEAD),
        }
    }

    /// Decodes the next bytes.
    pub fn push(&mut self, mut bytes: &[u8], mut emit: impl FnMut(Piece)) {
        while !bytes.is_empty() {
            bytes = if self.is_skipping {
                self.skip_line(bytes, &mut emit)
            } else if self.frame.is_empty() {
                self.skip_raw(bytes, &mut emit)
            } else if self.frame.len() <= self.prefix.len() {
                self.match_prefix(bytes, &mut emit)
            } else {
                self.fill_frame(bytes, &mut emit)
            };
        }
    }

    /// Emits a separator that was held back as the possible beginning of a frame. An incomplete frame is dropped.
    pub fn finish(&mut self, mut emit: impl FnMut(Piece)) {
        // A separator alone may be output of the function. With a part of the token behind it, it was the beginning of
        // a frame.
        if self.frame.len() == 1 {
            self.give_up(&mut emit);
        }
        self.frame.clear();
    }

    fn skip_raw<'a>(&mut self, bytes: &'a [u8], emit: &mut impl FnMut(Piece)) -> &'a [u8] {
        let start = bytes.iter().position(|byte| *byte == SEPARATOR);
        let (raw, rest) = bytes.split_at(start.unwrap_or(bytes.len()));
        if !raw.is_empty() {
            emit(Piece::Raw(raw.to_vec()));
        }
        if let [separator, rest @ ..] = rest {
            self.frame.push(*separator);
            return rest;
        }
        rest
    }

    /// Takes one byte of the prefix, or the kind that follows it.
    fn match_prefix<'a>(&mut self, bytes: &'a [u8], emit: &mut impl FnMut(Piece)) -> &'a [u8] {
        let expected = self.prefix.get(self.frame.len());
        if expected.is_some_and(|expected| *expected != bytes[0]) {
            // The byte itself may begin a frame, so it is processed again.
            self.give_up(emit);
            return bytes;
        }
        self.frame.push(bytes[0]);
        // A line end in place of the kind: an invalid frame, which is dropped with its line end.
        if bytes[0] == b'\n' {
            self.frame.clear();
        }
        &bytes[1..]
    }

    fn fill_frame<'a>(&mut self, bytes: &'a [u8], emit: &mut impl FnMut(Piece)) -> &'a [u8] {
        let kind = self.frame[self.prefix.len()];
        let limit = if is_outcome(kind) { self.max_outcome } else { MAX_CHUNK_FRAME };
        let end = bytes.iter().position(|byte| *byte == b'\n');
        let (body, rest) = bytes.split_at(end.unwrap_or(bytes.len()));
        if self.frame.len() + body.len() > limit {
            self.is_skipping = true;
            // The kind stays, because `skip_line` needs it to report that an outcome was lost.
            self.frame.truncate(self.prefix.len() + 1);
            return bytes;
        }
        self.frame.extend_from_slice(body);
        if end.is_none() {
            return rest;
        }
        let frame = std::mem::take(&mut self.frame);
        if let Some(piece) = self.parse(kind, &frame[self.prefix.len() + 1..]) {
            emit(piece);
        }
        &rest[1..]
    }

    /// Skips the rest of a frame that is too long.
    fn skip_line<'a>(&mut self, bytes: &'a [u8], emit: &mut impl FnMut(Piece)) -> &'a [u8] {
        let Some(end) = bytes.iter().position(|byte| *byte == b'\n') else { return &[] };
        self.is_skipping = false;
        let frame = std::mem::take(&mut self.frame);
        match frame.last() {
            Some(b'R') => emit(Piece::Unreadable),
            Some(b'r') => self.is_outcome_cut = true,
            _ => {}
        }
        &bytes[end + 1..]
    }

    fn give_up(&mut self, emit: &mut impl FnMut(Piece)) {
        if !self.frame.is_empty() {
            emit(Piece::Raw(std::mem::take(&mut self.frame)));
        }
    }

    /// Parses a whole frame. Invalid frames are dropped, except for an invalid outcome.
    fn parse(&mut self, kind: u8, body: &[u8]) -> Option<Piece> {
        if is_outcome(kind) {
            // The text is checked when it is whole: a part may end within a character.
            self.is_outcome_cut |= self.outcome.len() + body.len() > self.max_outcome;
            if !self.is_outcome_cut {
                self.outcome.extend_from_slice(body);
            }
            if kind == b'r' {
                return None;
            }
            let whole = std::mem::take(&mut self.outcome);
            let is_cut = std::mem::take(&mut self.is_outcome_cut);
            return Some((!is_cut).then(|| parse_outcome(whole)).flatten().unwrap_or(Piece::Unreadable));
        }
        // A frame that is not UTF-8 has the right token, so it is dropped and is not log output.
        let body = std::str::from_utf8(body).ok()?;
        match kind {
            b'S' if body.is_empty() => Some(Piece::Started),
            b'O' => parse_chunk(OutputStream::Stdout, body),
            b'E' => parse_chunk(OutputStream::Stderr, body),
            _ => None,
        }
    }
}

/// Returns whether frames of this kind contain parts of the outcome.
const fn is_outcome(kind: u8) -> bool {
    matches!(kind, b'r' | b'R')
}

fn parse_chunk(stream: OutputStream, body: &str) -> Option<Piece> {
    let (milliseconds, text) = body.split_once(':')?;
    let at_millis = milliseconds.parse().ok().filter(|millis| (-MAX_MILLIS..=MAX_MILLIS).contains(millis))?;
    Some(Piece::Chunk { stream, at_millis, text: serde_json::from_str(text).ok()? })
}

/// Parses an outcome. The result may be long, so it is not copied: the parts before and after it are removed in place.
fn parse_outcome(body: Vec<u8>) -> Option<Piece> {
    let mut body = String::from_utf8(body).ok()?;
    let (meta, record) = body.split_once(UNIT)?;
    // From both ends, because the result itself may contain the markers.
    let json = record.strip_prefix(RESULT_BEGIN)?.strip_suffix(RESULT_END)?;
    let (start, length) = (body.len() - record.len() + RESULT_BEGIN.len(), json.len());
    let meta = serde_json::from_str(meta).ok()?;
    body.truncate(start + length);
    body.drain(..start);
    // The result may wait for its reader, and the memory budget of unread responses counts its length only.
    body.shrink_to_fit();
    Some(Piece::Outcome(OutcomeFrame { meta, json: body }))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Encoder, Meta, OutcomeCode};

    const TOKEN: &str = "0123456789abcdef0123456789abcdef";

    fn frame(body: &str) -> Vec<u8> {
        Encoder::new(TOKEN).frame(body)
    }

    /// Decodes in pieces of `size` bytes, and joins adjacent raw pieces.
    fn decode_by(size: usize, bytes: &[u8]) -> Vec<Piece> {
        let mut pieces = Vec::new();
        let mut emit = |piece: Piece| match (pieces.last_mut(), piece) {
            (Some(Piece::Raw(before)), Piece::Raw(more)) => before.extend(more),
            (_, piece) => pieces.push(piece),
        };
        let mut decoder = Decoder::new(TOKEN, 64);
        for chunk in bytes.chunks(size) {
            decoder.push(chunk, &mut emit);
        }
        decoder.finish(&mut emit);
        pieces
    }

    fn decode(bytes: &[u8]) -> Vec<Piece> {
        let whole = decode_by(bytes.len().max(1), bytes);
        assert_eq!(decode_by(1, bytes), whole, "where the bytes are cut must not matter");
        whole
    }

    fn raw(text: &[u8]) -> Piece {
        Piece::Raw(text.to_vec())
    }

    fn stdout(text: &str) -> Piece {
        Piece::Chunk { stream: OutputStream::Stdout, at_millis: 5, text: text.to_owned() }
    }

    #[test]
    fn frames_follow_each_other() {
        let bytes = [frame("S"), frame(r#"O5:"a\n""#), frame(r#"O5:"b""#)].concat();
        assert_eq!(decode(&bytes), [Piece::Started, stdout("a\n"), stdout("b")]);
    }

    #[test]
    fn a_frame_may_begin_within_a_raw_line() {
        let bytes = [b"abc".to_vec(), frame(r#"O5:"x""#), b"def".to_vec()].concat();
        assert_eq!(decode(&bytes), [raw(b"abc"), stdout("x"), raw(b"def")]);
    }

    #[test]
    fn an_outcome_is_taken_apart() {
        let body =
            "R{\"code\":\"ok\",\"loadMs\":1.5,\"runMs\":2}\u{1f}__RESULT__{\"a\":\"__END_RESULT__\"}__END_RESULT__";
        let meta = Meta { code: OutcomeCode::Ok, load_ms: 1.5, run_ms: 2.0, ..Meta::default() };
        let json = "{\"a\":\"__END_RESULT__\"}".to_owned();
        assert_eq!(decode(&frame(body)), [Piece::Outcome(OutcomeFrame { meta, json })]);
    }

    #[test]
    fn a_frame_with_another_token_is_raw() {
        let bytes = format!("\u{1e}{}S\n", TOKEN.replace('0', "f")).into_bytes();
        assert_eq!(decode(&bytes), [raw(&bytes)]);
    }

    #[test]
    fn a_frame_after_a_false_start_is_found() {
        let bytes = [vec![SEPARATOR, SEPARATOR], frame("S")].concat();
        assert_eq!(decode(&bytes), [raw(&[SEPARATOR, SEPARATOR]), Piece::Started]);
    }

    #[test]
    fn a_frame_that_is_cut_off_is_no_output() {
        for body in [r#"O5:"a""#, "S", "R{\"code\":\"ok\"}", "r{"] {
            let bytes = frame(body);
            for length in 2..bytes.len() {
                assert_eq!(decode(&[b"abc", &bytes[..length]].concat()), [raw(b"abc")], "{body} {length}");
            }
        }
        assert_eq!(decode(&[SEPARATOR]), [raw(&[SEPARATOR])]);
    }

    #[test]
    fn a_frame_that_makes_no_sense_is_left_away_with_its_line_end() {
        for body in ["", "X", "S1", "O5", "Oa:\"b\"", "O5:{}"] {
            assert_eq!(decode(&[frame(body), b"abc".to_vec()].concat()), [raw(b"abc")], "{body}");
        }
    }

    #[test]
    fn an_outcome_that_makes_no_sense_is_unreadable() {
        for body in ["R", "R{}", "R{\"code\":\"ok\"}\u{1f}1"] {
            assert_eq!(decode(&frame(body)), [Piece::Unreadable], "{body}");
        }
        assert_eq!(decode(&[b"\x1e", TOKEN.as_bytes(), b"R\xff\n"].concat()), [Piece::Unreadable]);
    }

    #[test]
    fn an_outcome_in_parts_is_put_together_whatever_comes_between() {
        let whole = "{\"code\":\"ok\"}\u{1f}__RESULT__\"é\"__END_RESULT__";
        let expected = decode(&frame(&format!("R{whole}")));
        assert!(matches!(&expected[..], [Piece::Outcome(outcome)] if outcome.json == "\"é\""));
        for cut in 0..=whole.len() {
            let (head, tail) = whole.as_bytes().split_at(cut);
            let part = |kind: &[u8], body: &[u8]| [b"\x1e", TOKEN.as_bytes(), kind, body, b"\n"].concat();
            let bytes = [part(b"r", head), b"of a child\n".to_vec(), part(b"R", tail)].concat();
            assert_eq!(&decode(&bytes)[..1], [raw(b"of a child\n")]);
            assert_eq!(&decode(&bytes)[1..], expected, "{cut}");
        }
    }

    #[test]
    fn parts_without_a_last_one_are_no_output() {
        assert_eq!(decode(&[frame("r{\"code\":"), b"abc".to_vec()].concat()), [raw(b"abc")]);
    }

    #[test]
    fn a_number_that_is_none_makes_no_frame() {
        for number in ["NaN", "Infinity", "1e999", "\"5\"", "null", "[]", "0x10"] {
            for name in ["loadMs", "runMs", "exitCode"] {
                let body = format!("R{{\"code\":\"ok\",\"{name}\":{number}}}\u{1f}__RESULT__1__END_RESULT__");
                let decoded = decode(&frame(&body));
                // `null` is a valid exit code: there is none.
                assert!((name, number) == ("exitCode", "null") || decoded == [Piece::Unreadable], "{body}");
            }
        }
        for at in [
            "NaN",
            "x",
            "1.5",
            "-9223372036854775808",
            "1e5",
            "\"5\"",
            "",
            "99999999999999999999",
            "9223372036854775807",
        ] {
            let body = format!("O{at}:\"a\"");
            assert_eq!(decode(&frame(&body)), [], "{body}");
        }
    }

    #[test]
    fn a_frame_without_end_does_not_fill_the_memory() {
        let endless = [format!("\u{1e}{TOKEN}O5:\"").into_bytes(), vec![b'a'; 4 * MAX_CHUNK_FRAME]].concat();
        let mut decoder = Decoder::new(TOKEN, 64);
        for chunk in endless.chunks(1000) {
            decoder.push(chunk, |piece| panic!("{piece:?}"));
            assert!(decoder.frame.len() <= MAX_CHUNK_FRAME);
        }
        let mut pieces = Vec::new();
        decoder.push(&[b"\n", &frame("S")[..]].concat(), |piece| pieces.push(piece));
        assert_eq!(pieces, [Piece::Started]);
    }

    #[test]
    fn an_outcome_beyond_the_limit_is_unreadable_and_does_not_fill_the_memory() {
        let part = frame(&format!("r{}", "a".repeat(4000)));
        let mut decoder = Decoder::new(TOKEN, 64);
        for _ in 0..2 * MAX_OUTCOME_OVERHEAD / 4000 {
            decoder.push(&part, |piece| panic!("{piece:?}"));
            assert!(decoder.outcome.len() <= MAX_OUTCOME_OVERHEAD + 64);
        }
        let mut pieces = Vec::new();
        decoder.push(&frame("R"), |piece| pieces.push(piece));
        let long = frame(&format!("R{}", "a".repeat(2 * MAX_OUTCOME_OVERHEAD)));
        decoder.push(&long, |piece| pieces.push(piece));
        assert_eq!(pieces, [Piece::Unreadable, Piece::Unreadable]);
    }

    #[test]
    fn result_markers_outside_frames_are_raw() {
        let bytes = b"__RESULT__1__END_RESULT__\n";
        assert_eq!(decode(bytes), [raw(bytes)]);
    }

    #[test]
    fn what_an_encoder_writes_is_read_as_it_was() {
        let encoder = Encoder::new(TOKEN);
        let meta = Meta { code: OutcomeCode::Ok, run_ms: 2.5, exit_code: Some(3), ..Meta::default() };
        let json = format!("\"{}\"", "ä\u{1e}".repeat(5000));
        let text = "a\u{1e}\u{1f}\n\"ä";
        let mut decoder = Decoder::new(TOKEN, json.len());
        let mut pieces = Vec::new();
        let output = [encoder.started(), encoder.chunk(OutputStream::Stderr, -7, text), encoder.outcome(&meta, &json)];
        decoder.push(&output.concat(), |piece| pieces.push(piece));
        let chunk = Piece::Chunk { stream: OutputStream::Stderr, at_millis: -7, text: text.to_owned() };
        assert_eq!(pieces, [Piece::Started, chunk, Piece::Outcome(OutcomeFrame { meta, json })]);
        assert!(output.concat().split(|byte| *byte == b'\n').all(|frame| frame.len() < crate::MAX_FRAME));
    }
}
