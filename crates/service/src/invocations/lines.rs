//! Splits chunks of output into log lines, within the limits.

use chrono::{DateTime, Utc};
use workers_domain::{DroppedOutput, LogEntry, LogStream};

use crate::LogLimits;

/// The origin of a chunk. Output to standard error that bypasses the harness (by a child process, or by V8 itself)
/// arrives through a different pipe. Its position relative to a line that the harness has begun is unknown, so the two
/// never share a line.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Source {
    /// Standard output, in frames or outside of them: both arrive through one pipe.
    Stdout,
    /// Standard error in frames.
    Stderr,
    /// Standard error outside of frames.
    RawStderr,
}

impl Source {
    const fn stream(self) -> LogStream {
        match self {
            Self::Stdout => LogStream::Stdout,
            Self::Stderr | Self::RawStderr => LogStream::Stderr,
        }
    }
}

/// Assembles the lines of all sources. Holds at most one unfinished line per source, each within the limit.
pub(super) struct LineAssembler {
    limits: LogLimits,
    stdout: Line,
    stderr: Line,
    raw_stderr: Line,
    /// Number of bytes kept so far, including unfinished lines.
    kept: usize,
    dropped: DroppedOutput,
    /// Number of lines of which only the beginning was kept. They are included in `dropped`.
    cut: u64,
}

#[derive(Default)]
struct Line {
    bytes: Vec<u8>,
    started: Option<DateTime<Utc>>,
    cut: bool,
    /// Number of trailing carriage returns. They are part of the line's end, unless something other than a line feed
    /// follows.
    held: usize,
}

impl LineAssembler {
    pub(super) fn new(limits: LogLimits) -> Self {
        Self {
            limits,
            stdout: Line::default(),
            stderr: Line::default(),
            raw_stderr: Line::default(),
            kept: 0,
            dropped: DroppedOutput::default(),
            cut: 0,
        }
    }

    /// Takes a chunk, and emits every line that it completes.
    pub(super) fn push(&mut self, source: Source, chunk: &[u8], at: DateTime<Utc>, mut emit: impl FnMut(LogEntry)) {
        let mut rest = chunk;
        while !rest.is_empty() {
            let end = rest.iter().position(|byte| *byte == b'\n');
            self.extend(source, &rest[..end.unwrap_or(rest.len())], at);
            let Some(end) = end else { break };
            if let Some(entry) = self.end_line(source) {
                emit(entry);
            }
            rest = &rest[end + 1..];
        }
    }

    /// Emits the rest: unfinished lines, and a note about what the limits have cut.
    pub(super) fn finish(&mut self, at: DateTime<Utc>, mut emit: impl FnMut(LogEntry)) -> DroppedOutput {
        for source in [Source::Stdout, Source::Stderr, Source::RawStderr] {
            if self.line(source).started.is_some()
                && let Some(entry) = self.end_line(source)
            {
                emit(entry);
            }
        }
        let dropped = self.dropped;
        if dropped != DroppedOutput::default() {
            let message = note(self.cut, dropped);
            emit(LogEntry { stream: LogStream::Stderr, message, timestamp: at, dropped: Some(dropped), is_cut: false });
        }
        dropped
    }

    const fn line(&mut self, source: Source) -> &mut Line {
        match source {
            Source::Stdout => &mut self.stdout,
            Source::Stderr => &mut self.stderr,
            Source::RawStderr => &mut self.raw_stderr,
        }
    }

    fn extend(&mut self, source: Source, bytes: &[u8], at: DateTime<Utc>) {
        let returns = bytes.iter().rev().take_while(|byte| **byte == b'\r').count();
        let text = &bytes[..bytes.len() - returns];
        let line = self.line(source);
        line.started.get_or_insert(at);
        if text.is_empty() {
            line.held += returns;
            return;
        }
        let mut held = std::mem::replace(&mut line.held, returns);
        while held > 0 {
            // The held characters are only a number, and are written out in small pieces: a flood of them takes no
            // memory here.
            let piece = &[b'\r'; 64][..held.min(64)];
            self.take(source, piece);
            held -= piece.len();
        }
        self.take(source, text);
    }

    /// Keeps the part of a line that the limits allow.
    fn take(&mut self, source: Source, bytes: &[u8]) {
        let left = self.limits.total_bytes.saturating_sub(self.kept);
        let room = self.limits.line_bytes.saturating_sub(self.line(source).bytes.len()).min(left);
        let line = self.line(source);
        // After a cut, the rest of the line is dropped even if the end of another line has made room: a line has no
        // holes.
        let taken = if line.cut { 0 } else { bytes.len().min(room) };
        line.bytes.extend_from_slice(&bytes[..taken]);
        line.cut |= taken < bytes.len();
        self.kept += taken;
        self.dropped.bytes += (bytes.len() - taken) as u64;
    }

    fn end_line(&mut self, source: Source) -> Option<LogEntry> {
        let exhausted = self.kept >= self.limits.total_bytes;
        let line = std::mem::take(self.line(source));
        // An empty line counts as one byte. Otherwise a billion of them would pass the limit.
        self.kept += 1;
        if line.cut || (exhausted && line.bytes.is_empty()) {
            self.dropped.lines += 1;
        }
        if exhausted && line.bytes.is_empty() {
            return None;
        }
        self.cut += u64::from(line.cut);
        let timestamp = line.started.unwrap_or_default();
        let message = into_text(line.bytes, line.cut);
        Some(LogEntry { stream: source.stream(), message, timestamp, dropped: None, is_cut: line.cut })
    }
}

/// Returns a note about what the limits have removed. Lines of which the beginning was kept count as cut, not as
/// dropped.
fn note(cut: u64, dropped: DroppedOutput) -> String {
    let count = |number: u64, one: &str, many: &str| match number {
        1 => format!("1 {one}"),
        number => format!("{number} {many}"),
    };
    let lines = |number: u64, how: &str| count(number, &format!("line was {how}"), &format!("lines were {how}"));
    let bytes = count(dropped.bytes, "byte", "bytes");
    let what = match (cut, dropped.lines.saturating_sub(cut)) {
        (0, gone) => lines(gone, "dropped"),
        (cut, 0) => lines(cut, "cut"),
        (cut, gone) => format!("{}, {}", lines(cut, "cut"), lines(gone, "dropped")),
    };
    format!("[log limit reached: {what}, {bytes} in all]")
}

/// Converts bytes to text. Invalid UTF-8 becomes U+FFFD, but a character that the limit has cut in two is removed.
fn into_text(mut bytes: Vec<u8>, cut: bool) -> String {
    if cut
        && let Err(error) = std::str::from_utf8(&bytes)
        && error.error_len().is_none()
    {
        bytes.truncate(error.valid_up_to());
    }
    String::from_utf8(bytes).unwrap_or_else(|error| String::from_utf8_lossy(error.as_bytes()).into_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    const LIMITS: LogLimits = LogLimits { line_bytes: 8, total_bytes: 24 };

    fn at(seconds: i64) -> DateTime<Utc> {
        DateTime::from_timestamp(seconds, 0).unwrap()
    }

    /// Returns lines as `o:text` and `e:text`, and the note on dropped output as `-lines/bytes`.
    fn assemble(limits: LogLimits, chunks: &[(Source, &[u8])]) -> Vec<String> {
        let mut lines = Vec::new();
        let mut assembler = LineAssembler::new(limits);
        let mut emit = |entry: LogEntry| {
            lines.push(match (entry.dropped, entry.stream) {
                (Some(dropped), _) => format!("-{}/{}", dropped.lines, dropped.bytes),
                (None, LogStream::Stdout) => format!("o:{}", entry.message),
                (None, LogStream::Stderr) => format!("e:{}", entry.message),
            });
        };
        for (source, chunk) in chunks {
            assembler.push(*source, chunk, at(0), &mut emit);
        }
        assembler.finish(at(0), &mut emit);
        lines
    }

    use Source::{RawStderr, Stderr, Stdout};

    #[test]
    fn a_chunk_may_hold_several_lines_or_a_part_of_one() {
        assert_eq!(assemble(LIMITS, &[(Stdout, b"a\nb\nc"), (Stdout, b"d\n")]), ["o:a", "o:b", "o:cd"]);
    }

    #[test]
    fn an_unfinished_line_is_given_at_the_end() {
        assert_eq!(assemble(LIMITS, &[(Stdout, b"a\nb"), (Stderr, b"c")]), ["o:a", "o:b", "e:c"]);
    }

    #[test]
    fn unfinished_lines_of_two_streams_do_not_mix() {
        assert_eq!(assemble(LIMITS, &[(Stdout, b"a"), (Stderr, b"b\n"), (Stdout, b"c\n")]), ["e:b", "o:ac"]);
    }

    #[test]
    fn what_goes_past_the_harness_never_joins_a_line_of_the_harness() {
        let chunks: [(Source, &[u8]); 3] = [(RawStderr, b"raw"), (Stderr, b"framed\n"), (RawStderr, b" end\n")];
        assert_eq!(assemble(LIMITS, &chunks), ["e:framed", "e:raw end"]);
    }

    #[test]
    fn empty_lines_are_lines() {
        assert_eq!(assemble(LIMITS, &[(Stdout, b"\n\na\n")]), ["o:", "o:", "o:a"]);
    }

    #[test]
    fn a_line_over_the_cap_is_cut_and_counted_once() {
        assert_eq!(assemble(LIMITS, &[(Stdout, b"12345"), (Stdout, b"67890\nb\n")]), ["o:12345678", "o:b", "-1/2"]);
    }

    /// Returns the last message: the note about cut and dropped output.
    fn note_of(limits: LogLimits, output: &[u8]) -> String {
        let mut assembler = LineAssembler::new(limits);
        let mut last = None;
        assembler.push(Stdout, output, at(0), |_| {});
        assembler.finish(at(0), |entry| last = Some(entry));
        last.filter(|entry| !entry.is_cut && entry.dropped.is_some()).unwrap().message
    }

    #[test]
    fn a_line_that_was_cut_says_so_itself() {
        let mut marks = Vec::new();
        let mut assembler = LineAssembler::new(LIMITS);
        let mut emit = |entry: LogEntry| marks.push((entry.message, entry.is_cut));
        assembler.push(Stdout, b"12345678\n123456789\nb\n12345678\r\n", at(0), &mut emit);
        let cut = "12345678".to_owned();
        assert_eq!(
            marks,
            [(cut.clone(), false), (cut.clone(), true), ("b".to_owned(), false), ("1234".to_owned(), true)]
        );
    }

    #[test]
    fn what_was_cut_is_not_called_dropped_and_one_line_is_not_called_lines() {
        let note = |output: &[u8]| note_of(LIMITS, output);
        assert_eq!(note(b"1234567890\n"), "[log limit reached: 1 line was cut, 2 bytes in all]");
        assert_eq!(note(b"123456789\n123456789\n"), "[log limit reached: 2 lines were cut, 2 bytes in all]");
        let full = b"1234567\n1234567\n1234567\n";
        let after = |rest: &[u8]| note(&[&full[..], rest].concat());
        assert_eq!(after(b"x\n"), "[log limit reached: 1 line was dropped, 1 byte in all]");
        assert_eq!(after(b"lost\nlost\n"), "[log limit reached: 2 lines were dropped, 8 bytes in all]");
        let mixed = note(b"123456789\n1234567\n1234567\nlost\n");
        assert_eq!(mixed, "[log limit reached: 1 line was cut, 1 line was dropped, 5 bytes in all]");
    }

    #[test]
    fn a_line_that_ends_as_on_windows_has_no_carriage_return_at_its_end() {
        let chunks: [&[(Source, &[u8])]; 4] = [
            &[(Stdout, b"a\r\nb\r\n")],
            &[(Stdout, b"a\r"), (Stdout, b"\nb"), (Stdout, b"\r\n")],
            &[(Stdout, b"a\r\nb\r")],
            &[(Stdout, b"a\r\r\nb\r\r"), (Stdout, b"\r\n")],
        ];
        for chunks in chunks {
            assert_eq!(assemble(LIMITS, chunks), ["o:a", "o:b"], "{chunks:?}");
        }
        assert_eq!(assemble(LIMITS, &[(Stdout, b"12345678\r\n\r\n")]), ["o:12345678", "o:"]);
    }

    #[test]
    fn carriage_returns_within_a_line_stay_and_count() {
        assert_eq!(assemble(LIMITS, &[(Stdout, b"1%\r"), (Stdout, b"2%\r\n")]), ["o:1%\r2%"]);
        // Of 101 bytes, a line keeps eight.
        let flood = [&[b'\r'; 100][..], b"x\n"].concat();
        assert_eq!(assemble(LIMITS, &[(Stdout, &flood)]), ["o:\r\r\r\r\r\r\r\r", "-1/93"]);
        let chunks: [(Source, &[u8]); 2] = [(Stdout, &[b'\r'; 100]), (Stdout, b"x\n")];
        assert_eq!(assemble(LIMITS, &chunks), ["o:\r\r\r\r\r\r\r\r", "-1/93"]);
    }

    #[test]
    fn lines_over_the_total_are_counted_not_kept() {
        let lines = assemble(LIMITS, &[(Stdout, b"1234567\n1234567\n1234567\nlost\n\nlost")]);
        assert_eq!(lines, ["o:1234567", "o:1234567", "o:1234567", "-3/8"]);
    }

    #[test]
    fn a_flood_of_empty_lines_meets_the_cap() {
        // 24 lines, which count as one byte each, and the note.
        assert_eq!(assemble(LIMITS, &[(Stdout, &[b'\n'; 100])]).len(), 25);
    }

    #[test]
    fn a_character_in_two_chunks_is_one_character() {
        assert_eq!(assemble(LIMITS, &[(Stdout, b"\xc3"), (Stdout, b"\xa4\n")]), ["o:ä"]);
    }

    #[test]
    fn bytes_that_are_no_text_are_shown_as_such() {
        assert_eq!(assemble(LIMITS, &[(Stderr, b"a\xffb\n")]), ["e:a\u{fffd}b"]);
    }

    #[test]
    fn a_character_that_the_cap_cuts_is_left_away() {
        assert_eq!(assemble(LIMITS, &[(Stdout, "1234567ä\n".as_bytes())]), ["o:1234567", "-1/1"]);
    }

    #[test]
    fn a_line_has_the_time_of_its_first_character() {
        let mut assembler = LineAssembler::new(LIMITS);
        let mut times = Vec::new();
        assembler.push(Stdout, b"a", at(1), |entry| times.push(entry.timestamp));
        assembler.push(Stdout, b"b\n", at(2), |entry| times.push(entry.timestamp));
        assert_eq!(times, [at(1)]);
    }
}
