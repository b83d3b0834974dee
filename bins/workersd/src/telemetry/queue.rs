//! The queue of log lines for standard error.
//!
//! The queue is bounded. One thread writes. While the reader of standard error does not read, the queue fills, and
//! further lines are dropped and counted. When there is room again, one line reports how many were dropped.

use std::io::{self, Write};
use std::os::fd::AsFd;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use rustix::event::{PollFd, PollFlags, poll};
use rustix::io::Errno;

use super::note::note;
use crate::config::LogFormat;

/// The queue's limit in bytes: about ten thousand lines, enough for a reader that is only slow for a while.
const CAPACITY_BYTES: usize = 4 << 20;

/// A handle of a queue. Clones are cheap and refer to the same queue.
#[derive(Debug, Clone)]
pub(super) struct LogQueue {
    shared: Arc<Shared>,
}

#[derive(Debug, Default)]
struct Shared {
    state: Mutex<State>,
    /// Signals that there is something to write.
    filled: Condvar,
    /// Signals that everything is written.
    written: Condvar,
    /// Lines dropped since the start.
    lost_total: Arc<AtomicU64>,
}

#[derive(Debug, Default)]
struct State {
    lines: Vec<u8>,
    /// Lines dropped and not reported yet.
    lost: u64,
    is_writing: bool,
    /// Whether the last write failed. Then the thread writes nothing until another line comes.
    has_failed: bool,
}

impl LogQueue {
    /// Starts a queue to standard error.
    pub(super) fn start(format: LogFormat) -> io::Result<Self> {
        Self::to(io::stderr(), format)
    }

    fn to(output: impl AsFd + Send + 'static, format: LogFormat) -> io::Result<Self> {
        let shared = Arc::<Shared>::default();
        let queue = Self { shared: Arc::clone(&shared) };
        let thread = std::thread::Builder::new().name("log".to_owned());
        thread.spawn(move || write_all(&shared, &output, format))?;
        Ok(queue)
    }

    /// Adds a line, or several lines that belong together. Never blocks; drops them if the queue is full.
    pub(super) fn push(&self, lines: &[u8]) {
        let mut state = self.shared.lock();
        if state.lines.len() + lines.len() > CAPACITY_BYTES {
            state.lost += 1;
            self.shared.lost_total.fetch_add(1, Ordering::Relaxed);
            return;
        }
        state.lines.extend_from_slice(lines);
        drop(state);
        self.shared.filled.notify_one();
    }

    /// Returns the number of lines dropped since the start. The counter goes on counting.
    pub(super) fn lost_total(&self) -> Arc<AtomicU64> {
        Arc::clone(&self.shared.lost_total)
    }

    /// Waits until everything is written, but at most `patience`.
    pub(super) fn flush(&self, patience: Duration) {
        let deadline = Instant::now() + patience;
        let mut state = self.shared.lock();
        while state.is_writing || !state.lines.is_empty() || (state.lost > 0 && !state.has_failed) {
            let left = deadline.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return;
            }
            state = self.shared.written.wait_timeout(state, left).unwrap_or_else(PoisonError::into_inner).0;
        }
    }
}

/// The formatting layer of `tracing-subscriber` writes each event with one call, so events are not split.
impl Write for &LogQueue {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.push(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, State> {
        // The lock is held for single statements only, so a panic elsewhere leaves the state consistent.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Waits for lines and takes all of them.
    fn take(&self) -> Batch {
        let mut state = self.lock();
        state.is_writing = false;
        // After a failed write only another line ends the wait. Otherwise the thread would try to write its note again
        // and again without a pause.
        while state.lines.is_empty() && (state.lost == 0 || state.has_failed) {
            self.written.notify_all();
            state = self.filled.wait(state).unwrap_or_else(PoisonError::into_inner);
        }
        state.is_writing = true;
        state.has_failed = false;
        let (lines, lost) = (std::mem::take(&mut state.lines), std::mem::take(&mut state.lost));
        let lost_total = self.lost_total.load(Ordering::Relaxed);
        Batch { lines, lost, lost_total }
    }
}

/// What to write next: the lines, and after them a note with the number of lines dropped in the meantime.
struct Batch {
    lines: Vec<u8>,
    lost: u64,
    lost_total: u64,
}

/// Writes what is in the queue, until the process exits.
fn write_all(shared: &Shared, output: &impl AsFd, format: LogFormat) {
    loop {
        let Batch { lines, lost, lost_total } = shared.take();
        let unwritten = match write(output.as_fd(), &lines) {
            Ok(()) if lost == 0 => continue,
            Ok(()) => match write(output.as_fd(), note(format, lost, lost_total).as_bytes()) {
                Ok(()) => continue,
                Err(_) => 0,
            },
            // A line of which only a part was written counts as lost, too.
            Err(written) => u64::try_from(lines[written..].split(|byte| *byte == b'\n').count() - 1).unwrap_or(0),
        };
        // The reader has closed the pipe, or the disk that holds the log is full. The lines count as lost and are
        // reported once a write succeeds.
        let mut state = shared.lock();
        state.lost += lost + unwritten;
        shared.lost_total.fetch_add(unwritten, Ordering::Relaxed);
        state.has_failed = true;
    }
}

/// Writes all bytes, and waits for room as long as it takes. On failure returns how many bytes were written.
fn write(output: rustix::fd::BorrowedFd<'_>, bytes: &[u8]) -> Result<(), usize> {
    let mut written = 0;
    while written < bytes.len() {
        match rustix::io::write(output, &bytes[written..]) {
            Ok(more) => written += more,
            Err(Errno::INTR) => {}
            // Standard error is non-blocking if another process that shares it has made it so.
            Err(Errno::AGAIN) => {
                // If this fails, the write is tried again and says what is wrong.
                let _ = poll(&mut [PollFd::new(&output, PollFlags::OUT)], None);
            }
            Err(_) => return Err(written),
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::io::Read as _;

    use super::*;

    const LINE: &str = "a line of some length, as lines of a log are\n";

    #[test]
    fn lines_that_find_no_room_are_dropped_without_waiting_and_counted_when_there_is_room_again() {
        let (mut reader, writer) = io::pipe().unwrap();
        let queue = LogQueue::to(writer, LogFormat::Text).unwrap();
        // Twice as many bytes as fit into the queue, the pipe and the writer's buffer.
        let pushed = 4 * CAPACITY_BYTES / LINE.len();
        for _ in 0..pushed {
            queue.push(LINE.as_bytes());
        }
        queue.flush(Duration::from_millis(10));
        let (mut read, mut piece) = (String::new(), vec![0; 1 << 16]);
        while !read.contains("total=") || !read.ends_with('\n') {
            let length = reader.read(&mut piece).unwrap();
            read.push_str(std::str::from_utf8(&piece[..length]).unwrap());
        }
        queue.push(b"last\n");
        queue.flush(Duration::from_secs(30));
        let length = reader.read(&mut piece).unwrap();
        read.push_str(std::str::from_utf8(&piece[..length]).unwrap());
        let arrived = read.matches(LINE).count();
        let notes: Vec<_> = read.lines().filter(|line| line.contains("lines of log were lost")).collect();
        let reported: usize = notes.iter().map(|note| number(note, "lines=")).sum();
        assert_eq!(arrived + reported, pushed, "{notes:?}");
        assert_eq!(notes.len(), 1, "{notes:?}");
        assert!(read.ends_with("last\n"));
    }

    fn number(note: &str, before: &str) -> usize {
        note.split_once(before).unwrap().1.split(' ').next().unwrap().parse().unwrap()
    }

    #[test]
    fn a_reader_that_is_gone_holds_up_nothing() {
        let (reader, writer) = io::pipe().unwrap();
        drop(reader);
        let queue = LogQueue::to(writer, LogFormat::Json).unwrap();
        for _ in 0..1000 {
            queue.push(LINE.as_bytes());
        }
        let begun = Instant::now();
        queue.flush(Duration::from_secs(30));
        // It returned by itself, and not at the end of its 30 s.
        assert!(begun.elapsed() < Duration::from_secs(20));
    }

    #[test]
    fn a_flush_waits_for_a_reader_no_longer_than_it_may() {
        let (reader, writer) = io::pipe().unwrap();
        let queue = LogQueue::to(writer, LogFormat::Text).unwrap();
        // Far more than a pipe holds, so the thread waits for the reader.
        queue.push(LINE.repeat(10_000).as_bytes());
        let begun = Instant::now();
        queue.flush(Duration::from_millis(50));
        assert!(begun.elapsed() < Duration::from_secs(10));
        drop(reader);
    }
}
