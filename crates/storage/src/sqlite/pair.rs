//! Records which log belongs to which state of the file, so that a log is never combined with a different file.
//!
//! SQLite uses any log that lies beside a file. If an older copy replaced the file while the log stayed, SQLite would
//! mix both, and the database would be damaged. So the file has an id, in the header field that SQLite leaves to
//! programs (`user_version`). Each checkpoint sets a new id, and only checkpoints change the file. So two files with
//! the same id are equal, or differ only by what is in the log. An id is recorded before it is written to the file. A
//! file with an id that is not recorded is not the one that the log belongs to.

use std::fs::{self, File, Metadata};
use std::io;
use std::os::unix::fs::{FileExt, MetadataExt};
use std::path::Path;
use std::time::UNIX_EPOCH;

use uuid::Uuid;
use workers_private_files::{read_file, replace_file};

use super::companions::{LOG, companion};

/// The suffix of the note's name.
const NOTE: &str = "-pair";

/// The offset of the id in SQLite's header: a big-endian number of four bytes.
const ID_OFFSET: u64 = 60;

/// Identifies one state of the file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct FileId(i32);

/// The ids that the file may have, and the log that belongs to these states.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Note {
    /// One id, or two while a new one is being written into the file. The new one is the second.
    pub(super) ids: Vec<FileId>,
    log: String,
}

impl FileId {
    /// Creates an id that no file has.
    pub(super) fn generate() -> Self {
        // Random and not counted, because two copies of one file that both go on would count to the same number.
        let [a, b, c, d, ..] = *Uuid::new_v4().as_bytes();
        Self(i32::from_be_bytes([a, b, c, d]))
    }

    /// Reads the id of a file. A file without a header has id 0, like a new one.
    pub(super) fn read(file: &File) -> io::Result<Self> {
        let mut bytes = [0; 4];
        match file.read_exact_at(&mut bytes, ID_OFFSET) {
            Err(error) if error.kind() != io::ErrorKind::UnexpectedEof => Err(error),
            Ok(()) => Ok(Self(i32::from_be_bytes(bytes))),
            Err(_) => Ok(Self(0)),
        }
    }

    /// Writes the id to a file that SQLite does not have open.
    pub(super) fn write(self, file: &File) -> io::Result<()> {
        file.write_all_at(&self.0.to_be_bytes(), ID_OFFSET)
    }

    /// Returns the id as a number for SQL.
    pub(super) const fn as_number(self) -> i32 {
        self.0
    }
}

impl Note {
    /// Reads the note beside a file, if there is a valid one.
    pub(super) fn read(path: &Path) -> Option<Self> {
        let text = read_file(&companion(path, NOTE)).ok()?;
        let text = String::from_utf8(text).ok()?;
        let mut words: Vec<_> = text.split_whitespace().collect();
        let log = words.pop()?.to_owned();
        let ids = words.into_iter().map(|word| word.parse().map(FileId)).collect::<Result<_, _>>().ok()?;
        Some(Self { ids, log })
    }

    /// Records these ids with the log that exists now.
    ///
    /// # Errors
    ///
    /// If the log cannot be examined, or the note cannot be written.
    pub(super) fn write(path: &Path, ids: &[FileId]) -> io::Result<()> {
        let log = mark(&fs::metadata(companion(path, LOG))?);
        let words: Vec<_> = ids.iter().map(|id| id.0.to_string()).chain([log]).collect();
        replace_file(&companion(path, NOTE), format!("{}\n", words.join(" ")).as_bytes())
    }
}

/// Returns whether the log is the recorded one, but the file is not.
pub(super) fn is_mixed(path: &Path) -> bool {
    let Some(note) = Note::read(path) else { return false };
    // Without a log there is nothing that could be mixed with the file.
    let Ok(log) = fs::metadata(companion(path, LOG)) else { return false };
    // An empty log does no harm. If a directory was copied as a whole, the log is a different one too, and the file
    // beside it belongs to it.
    log.len() > 0
        && mark(&log) == note.log
        && File::open(path).and_then(|file| FileId::read(&file)).is_ok_and(|id| !note.ids.contains(&id))
}

/// Records the log that exists now, if it is not the recorded one.
///
/// # Errors
///
/// As for [`Note::write`].
pub(super) fn note_log(path: &Path) -> io::Result<()> {
    // Before the first checkpoint there is no note; that checkpoint writes it.
    let Some(note) = Note::read(path) else { return Ok(()) };
    if mark(&fs::metadata(companion(path, LOG))?) == note.log { Ok(()) } else { Note::write(path, &note.ids) }
}

/// Returns text that distinguishes a file from earlier and later ones: its inode number, which may be reused, and its
/// creation time.
fn mark(found: &Metadata) -> String {
    let made = found.created().ok().and_then(|made| made.duration_since(UNIX_EPOCH).ok());
    format!("{}@{}", found.ino(), made.map_or(0, |made| made.as_nanos()))
}
