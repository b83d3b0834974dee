//! The files that SQLite keeps beside the database file: their names, and how long the log may become.

use std::path::{Path, PathBuf};

/// The suffix of the write-ahead log, which contains the latest writes.
pub(super) const LOG: &str = "-wal";

/// Maximum size of the log in bytes before a checkpoint. It equals SQLite's default.
pub(super) const LOG_BYTES: u64 = 4 << 20;

/// The suffix of the log's index, which is shared by all processes that have the file open.
pub(super) const LOG_INDEX: &str = "-shm";

// SQLite uses `-journal` only until it has switched a new file to a write-ahead log.
pub(super) const COMPANIONS: [&str; 3] = [LOG, LOG_INDEX, "-journal"];

/// Returns the path with `name` appended to the file name.
pub(super) fn companion(path: &Path, name: &str) -> PathBuf {
    let mut companion = path.as_os_str().to_owned();
    companion.push(name);
    companion.into()
}
