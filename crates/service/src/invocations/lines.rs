//! From chunks of output to lines, within the caps.

use chrono::{DateTime, Utc};
use workers_domain::{DroppedOutput, LogEntry, LogStream};

use crate::LogLimits;

/// Where a chunk came from. What is written to standard error past the harness (by a child process, by V8 itself)
/// travels in a pipe of its own, so it says nothing about where it belongs within a line that the harness has begun:
/// the two never share a line.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Source {
    /// Standard output, in frames or outside of them: they travel in one pipe.
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

/// Assembles the lines of all sources. Keeps at most one unfinished line a source, each within the cap.
pub(super) struct LineAssembler {
    limits: LogLimits,
    stdout: Line,
    stderr: Line,
    raw_stderr: Line,
    /// Bytes of lines kept so far, unfinished ones included.
    kept: usize,
    dropped: DroppedOutput,
    /// Lines whose beginning was given; they are among those in `dropped`.
    cut: u64,
}

#[derive(Default)]
struct Line {
    bytes: Vec<u8>,
    started: Option<DateTime<Utc>>,
    cut: bool,
    /// Carriage returns that came last. They are the line's end, unless something else follows.
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

    /// Takes a chunk, and gives every line that it ends.
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

    /// Gives what is left: unfinished lines, and what the caps have cut.
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
            let piece = &[b'\r'; 64][..held.min(64)];
            self.take(source, piece);
            held -= piece.len();
        }
        self.take(source, text);
    }

    /// Keeps of a line what the caps allow.
    fn take(&mut self, source: Source, bytes: &[u8]) {
        let left = self.limits.total_bytes.saturating_sub(self.kept);
        let room = self.limits.line_bytes.saturating_sub(self.line(source).bytes.len()).min(left);
        let line = self.line(source);
        // What follows a cut is dropped even if another line's end has made room: a line has no holes.
        let taken = if line.cut { 0 } else { bytes.len().min(room) };
        line.bytes.extend_from_slice(&bytes[..taken]);
        line.cut |= taken < bytes.len();
        self.kept += taken;
        self.dropped.bytes += (bytes.len() - taken) as u64;
    }

    fn end_line(&mut self, source: Source) -> Option<LogEntry> {
        let exhausted = self.kept >= self.limits.total_bytes;
        let line = std::mem::take(self.line(source));
        // An empty line costs too, or a billion of them would pass the cap.
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

/// What the caps have taken, in a sentence: lines of which the beginning is there were cut, not dropped.
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

/// Bytes as text; what is not UTF-8 becomes U+FFFD, but a character that the cap has cut in two is left away.
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

    /// Lines as `o:text` and `e:text`, the note on dropped output as `-lines/bytes`.
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

    /// The last message, which tells of what was cut and dropped.
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
