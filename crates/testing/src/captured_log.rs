//! Captures the log, for tests that read it.

use std::io;
use std::sync::{Arc, Mutex, PoisonError};

use tracing::Level;
use tracing::subscriber::DefaultGuard;

/// The log of this thread while this value lives, from `info` up, in the JSON that the server writes.
pub struct CapturedLog {
    written: Arc<Mutex<Vec<u8>>>,
    _is_default: DefaultGuard,
}

struct Writer(Arc<Mutex<Vec<u8>>>);

impl CapturedLog {
    /// Starts capturing.
    #[must_use]
    pub fn start() -> Self {
        let written = Arc::<Mutex<Vec<u8>>>::default();
        let sink = Arc::clone(&written);
        let log = tracing_subscriber::fmt().json().with_max_level(Level::INFO);
        let log = log.with_writer(move || Writer(Arc::clone(&sink))).finish();
        Self { written, _is_default: tracing::subscriber::set_default(log) }
    }

    /// Returns the lines logged so far.
    #[must_use]
    pub fn lines(&self) -> Vec<String> {
        let written = self.written.lock().unwrap_or_else(PoisonError::into_inner);
        String::from_utf8_lossy(&written).lines().map(str::to_owned).collect()
    }

    /// Returns the warnings and errors logged so far.
    #[must_use]
    pub fn failures(&self) -> Vec<String> {
        let is_failure = |line: &String| ["WARN", "ERROR"].iter().any(|level| line.contains(&format!("\"{level}\"")));
        self.lines().into_iter().filter(is_failure).collect()
    }
}

impl io::Write for Writer {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
