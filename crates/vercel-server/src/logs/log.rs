//! Writes the log of a command.

use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use tokio::fs::{File, OpenOptions};
use tokio::io::AsyncWriteExt as _;
use tokio::sync::watch;
use workers_domain::LogStream;

use super::line::{Decoder, line};

/// What a group of logs may still grow by, in bytes. Dropping the last reference returns what was taken to `whole`.
#[derive(Debug)]
pub(crate) struct LogBudget {
    left: AtomicU64,
    size: u64,
    /// The larger budget that this one is part of.
    whole: Option<Arc<Self>>,
}

impl LogBudget {
    /// Creates a budget of `bytes`.
    pub(crate) const fn new(bytes: u64) -> Self {
        Self { left: AtomicU64::new(bytes), size: bytes, whole: None }
    }

    /// Creates a budget of `bytes` that also takes from `whole`, which other budgets share.
    pub(crate) const fn within(whole: Arc<Self>, bytes: u64) -> Self {
        Self { left: AtomicU64::new(bytes), size: bytes, whole: Some(whole) }
    }

    fn take(&self, bytes: u64) -> bool {
        if self.left.fetch_update(Ordering::Relaxed, Ordering::Relaxed, |left| left.checked_sub(bytes)).is_err() {
            return false;
        }
        // Taken from both budgets or from none.
        let is_there = self.whole.as_ref().is_none_or(|whole| whole.take(bytes));
        if !is_there {
            self.left.fetch_add(bytes, Ordering::Relaxed);
        }
        is_there
    }

    fn give_back(&self, bytes: u64) {
        self.left.fetch_add(bytes, Ordering::Relaxed);
        if let Some(whole) = &self.whole {
            whole.give_back(bytes);
        }
    }
}

impl Drop for LogBudget {
    fn drop(&mut self) {
        if let Some(whole) = &self.whole {
            whole.give_back(self.size - *self.left.get_mut());
        }
    }
}

/// The log of a command, as its readers see it.
#[derive(Debug)]
pub(crate) struct CommandLog {
    path: PathBuf,
    progress: watch::Sender<Progress>,
    budget: Arc<LogBudget>,
    /// How much this log has taken from the budget, in bytes.
    taken: AtomicU64,
}

/// How far a log is written.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Progress {
    /// Size of the file in bytes.
    pub(super) written: u64,
    /// Whether the log is complete.
    pub(super) closed: bool,
}

impl CommandLog {
    /// Creates an empty log. Its file is created when the command first prints something.
    pub(crate) fn new(path: PathBuf, budget: Arc<LogBudget>) -> Arc<Self> {
        let (progress, _) = watch::channel(Progress::default());
        Arc::new(Self { path, progress, budget, taken: AtomicU64::new(0) })
    }

    /// Closes the log. Readers end when they have read what is there.
    pub(crate) fn close(&self) {
        self.progress.send_modify(|progress| progress.closed = true);
    }

    pub(super) fn progress(&self) -> watch::Receiver<Progress> {
        self.progress.subscribe()
    }

    /// Returns the path of the file, which exists once something is written.
    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    fn take(&self, bytes: u64) -> bool {
        let is_there = self.budget.take(bytes);
        if is_there {
            self.taken.fetch_add(bytes, Ordering::Relaxed);
        }
        is_there
    }

    fn advance(&self, bytes: u64) {
        self.progress.send_modify(|progress| {
            // A reader that has read a closed log to its end must not find more when it reads the log again.
            if !progress.closed {
                progress.written += bytes;
            }
        });
    }

    /// Removes the file and returns its size to the budget. For a log that is no longer used.
    pub(crate) async fn remove(&self) {
        self.budget.give_back(self.taken.swap(0, Ordering::Relaxed));
        // A command without output has no file.
        let _ = tokio::fs::remove_file(&self.path).await;
    }
}

/// Writes one log.
#[derive(Debug)]
pub(crate) struct LogWriter {
    log: Arc<CommandLog>,
    file: Option<File>,
    stdout: Decoder,
    stderr: Decoder,
    /// How much the log may still grow by, in bytes.
    room: u64,
    limit: u64,
    /// Size of the file in bytes.
    stored: u64,
    dropped: u64,
    /// Whether output was dropped because storing it failed.
    failed: bool,
}

impl LogWriter {
    /// Creates a writer for this log, which may grow to `limit` bytes.
    pub(crate) fn new(log: Arc<CommandLog>, limit: u64) -> Self {
        Self {
            log,
            file: None,
            stdout: Decoder::default(),
            stderr: Decoder::default(),
            room: limit,
            limit,
            stored: 0,
            dropped: 0,
            failed: false,
        }
    }

    /// Appends a piece of output.
    pub(crate) async fn write(&mut self, stream: LogStream, bytes: &[u8]) {
        // After a gap nothing is stored, even if it would fit, because one line at the end reports all that is missing.
        if self.dropped > 0 {
            self.dropped += bytes.len() as u64;
            return;
        }
        let decoder = match stream {
            LogStream::Stdout => &mut self.stdout,
            LogStream::Stderr => &mut self.stderr,
        };
        let text = decoder.decode(bytes);
        if text.is_empty() {
            return;
        }
        let line = line(stream, &text);
        let length = line.len() as u64;
        if length > self.room || !self.log.take(length) {
            self.dropped += bytes.len() as u64;
            return;
        }
        self.room -= length;
        self.append(&line).await;
    }

    /// Completes the log: writes the rest of the streams and how much was dropped.
    pub(crate) async fn finish(mut self) {
        for (stream, rest) in [(LogStream::Stdout, self.stdout.finish()), (LogStream::Stderr, self.stderr.finish())] {
            if !rest.is_empty() && self.dropped == 0 {
                self.append(&line(stream, rest)).await;
            }
        }
        if self.dropped > 0 {
            let why = if self.failed {
                "they could not be stored".to_owned()
            } else {
                format!("the log is full at {} bytes", self.limit)
            };
            let bytes = if self.dropped == 1 {
                "1 byte of output was".to_owned()
            } else {
                format!("{} bytes of output were", self.dropped)
            };
            let text = format!("\n[{bytes} dropped: {why}]\n");
            // This line may exceed the limit: without it, readers would take the log for complete.
            self.append(&line(LogStream::Stderr, &text)).await;
        }
        self.log.close();
    }

    async fn append(&mut self, line: &[u8]) {
        if let Err(error) = self.try_append(line).await {
            if !self.failed {
                tracing::warn!(error = workers_domain::error_chain(&error), "the output of a command cannot be stored");
            }
            self.failed = true;
            self.dropped += line.len() as u64;
            // A part of the line may have been written: cut it off.
            if let Some(file) = &self.file {
                let _ = file.set_len(self.stored).await;
            }
        }
    }

    async fn try_append(&mut self, line: &[u8]) -> io::Result<()> {
        let file = match &mut self.file {
            Some(file) => file,
            none => none.insert(create(&self.log.path).await?),
        };
        file.write_all(line).await?;
        // A tokio file writes in the background. Readers may use these bytes only once they are in the file.
        file.flush().await?;
        self.stored += line.len() as u64;
        self.log.advance(line.len() as u64);
        Ok(())
    }
}

async fn create(path: &Path) -> io::Result<File> {
    OpenOptions::new().append(true).create_new(true).mode(0o600).open(path).await
}

#[cfg(test)]
mod tests {
    use futures_util::TryStreamExt as _;

    use super::*;
    use crate::logs::LogReader;

    fn start(folder: &Path, limit: u64, budget: u64) -> (Arc<CommandLog>, LogWriter) {
        let log = CommandLog::new(folder.join("log"), Arc::new(LogBudget::new(budget)));
        let writer = LogWriter::new(Arc::clone(&log), limit);
        (log, writer)
    }

    async fn read(log: &Arc<CommandLog>) -> String {
        let pieces: Vec<_> = LogReader::new(Arc::clone(log)).into_stream().try_collect().await.unwrap();
        String::from_utf8(pieces.concat()).unwrap()
    }

    #[tokio::test]
    async fn a_log_is_read_from_the_beginning_as_often_as_one_likes() {
        let folder = tempfile::tempdir().unwrap();
        let (log, mut writer) = start(folder.path(), 1000, 1000);
        let early = tokio::spawn({
            let log = Arc::clone(&log);
            async move { read(&log).await }
        });
        writer.write(LogStream::Stdout, b"one").await;
        writer.write(LogStream::Stderr, b"two\xc3").await;
        writer.finish().await;
        let expected = "{\"stream\":\"stdout\",\"data\":\"one\"}\n{\"stream\":\"stderr\",\"data\":\"two\"}\n{\"stream\":\"stderr\",\"data\":\"\\ufffd\"}\n";
        assert_eq!(early.await.unwrap(), expected);
        assert_eq!(read(&log).await, expected);
    }

    #[tokio::test]
    async fn a_log_without_output_has_no_file_and_ends() {
        let folder = tempfile::tempdir().unwrap();
        let (log, writer) = start(folder.path(), 1000, 1000);
        writer.finish().await;
        assert_eq!(read(&log).await, "");
        assert!(!folder.path().join("log").exists());
    }

    #[tokio::test]
    async fn what_does_not_fit_is_dropped_and_counted() {
        for (limit, budget) in [(50, 1000), (1000, 50)] {
            let folder = tempfile::tempdir().unwrap();
            let (log, mut writer) = start(folder.path(), limit, budget);
            writer.write(LogStream::Stdout, b"one").await;
            writer.write(LogStream::Stdout, b"twenty bytes and more").await;
            writer.write(LogStream::Stdout, b"x").await;
            writer.finish().await;
            let text = read(&log).await;
            let lines: Vec<_> = text.lines().collect();
            assert_eq!(lines.len(), 2, "{text}");
            // The 21 bytes that do not fit, and the one after them.
            assert!(lines[0].contains("one") && lines[1].contains("[22 bytes of output were dropped"), "{text}");
            assert!(lines[1].starts_with("{\"stream\":\"stderr\""), "{text}");
        }
    }

    #[tokio::test]
    async fn sessions_share_what_all_logs_may_take_and_give_it_back_at_their_end() {
        let folder = tempfile::tempdir().unwrap();
        let whole = Arc::new(LogBudget::new(100));
        let session = |name: &str| {
            let budget = Arc::new(LogBudget::within(Arc::clone(&whole), 1000));
            LogWriter::new(CommandLog::new(folder.path().join(name), budget), 1000)
        };
        let (mut first, mut second) = (session("first"), session("second"));
        first.write(LogStream::Stdout, &[b'a'; 40]).await;
        second.write(LogStream::Stdout, &[b'b'; 40]).await;
        assert_eq!((first.dropped, second.dropped), (0, 40));
        drop(first);
        assert_eq!(whole.left.load(Ordering::Relaxed), 100);
        let mut third = session("third");
        third.write(LogStream::Stdout, &[b'c'; 40]).await;
        assert_eq!(third.dropped, 0);
        third.log.remove().await;
        assert_eq!(whole.left.load(Ordering::Relaxed), 100);
        // Its bytes were given back above, and must not be given back twice.
        drop(third);
        assert_eq!(whole.left.load(Ordering::Relaxed), 100);
    }

    #[tokio::test]
    async fn nothing_is_added_to_a_log_that_was_closed() {
        let folder = tempfile::tempdir().unwrap();
        let (log, mut writer) = start(folder.path(), 1000, 1000);
        writer.write(LogStream::Stdout, b"one").await;
        log.close();
        writer.write(LogStream::Stdout, b"two").await;
        assert!(!read(&log).await.contains("two"));
    }
}
