//! Which log belongs to which state of the file: noted beside them, so that a log never meets another file.
//!
//! SQLite takes whatever log lies beside a file for its own. If an older copy was put in the file's place and the log
//! stayed, it would mix both, and the database would be broken. So the file has an id, in the place of its header that
//! SQLite leaves to programs (`user_version`), and gets a new one with each checkpoint, which is all that ever changes
//! it: two files with the same id are equal, or differ by what is in the log. Before an id gets into the file it is
//! noted; a file with an id that is not noted is not the one that the log goes on from.

use std::fs::{self, File, Metadata};
use std::io;
use std::os::unix::fs::{FileExt, MetadataExt};
use std::path::Path;
use std::time::UNIX_EPOCH;

use uuid::Uuid;
use workers_private_files::{read_file, replace_file};

use super::file::{LOG, companion};

/// What the note adds to the file's name.
const NOTE: &str = "-pair";

/// Where SQLite's header has the id: a big-endian number of four bytes.
const ID_OFFSET: u64 = 60;

/// What tells one state of the file from another.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct FileId(i32);

/// Which ids the file may have, and which log it was that goes on from there.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Note {
    /// One; two while a new one is on its way into the file, which is the second.
    pub(super) ids: Vec<FileId>,
    log: String,
}

impl FileId {
    /// One that no file has.
    pub(super) fn generate() -> Self {
        let [a, b, c, d, ..] = *Uuid::new_v4().as_bytes();
        Self(i32::from_be_bytes([a, b, c, d]))
    }

    /// The one of a file; that of a file without a header is 0, as that of a new one.
    pub(super) fn read(file: &File) -> io::Result<Self> {
        let mut bytes = [0; 4];
        match file.read_exact_at(&mut bytes, ID_OFFSET) {
            Err(error) if error.kind() != io::ErrorKind::UnexpectedEof => Err(error),
            Ok(()) => Ok(Self(i32::from_be_bytes(bytes))),
            Err(_) => Ok(Self(0)),
        }
    }

    /// Gives it to a file that SQLite does not have open.
    pub(super) fn write(self, file: &File) -> io::Result<()> {
        file.write_all_at(&self.0.to_be_bytes(), ID_OFFSET)
    }

    /// As SQL has it.
    pub(super) const fn as_number(self) -> i32 {
        self.0
    }
}

impl Note {
    /// The note beside a file, if there is a readable one.
    pub(super) fn read(path: &Path) -> Option<Self> {
        let text = read_file(&companion(path, NOTE)).ok()?;
        let text = String::from_utf8(text).ok()?;
        let mut words: Vec<_> = text.split_whitespace().collect();
        let log = words.pop()?.to_owned();
        let ids = words.into_iter().map(|word| word.parse().map(FileId)).collect::<Result<_, _>>().ok()?;
        Some(Self { ids, log })
    }

    /// Notes these ids with the log that is there now.
    ///
    /// # Errors
    ///
    /// When the log cannot be looked at, or the note cannot be written.
    pub(super) fn write(path: &Path, ids: &[FileId]) -> io::Result<()> {
        let log = mark(&fs::metadata(companion(path, LOG))?);
        let words: Vec<_> = ids.iter().map(|id| id.0.to_string()).chain([log]).collect();
        replace_file(&companion(path, NOTE), format!("{}\n", words.join(" ")).as_bytes())
    }
}

/// Whether the log is the one that was noted, and the file is not.
pub(super) fn is_mixed(path: &Path) -> bool {
    let Some(note) = Note::read(path) else { return false };
    let Ok(log) = fs::metadata(companion(path, LOG)) else { return false };
    // An empty log has nothing to give. A directory that was copied as a whole has another log, and the file that
    // belongs to it.
    log.len() > 0
        && mark(&log) == note.log
        && File::open(path).and_then(|file| FileId::read(&file)).is_ok_and(|id| !note.ids.contains(&id))
}

/// Notes the log that is there now, if it is another one than was noted.
///
/// # Errors
///
/// As [`Note::write`].
pub(super) fn note_log(path: &Path) -> io::Result<()> {
    let Some(note) = Note::read(path) else { return Ok(()) };
    if mark(&fs::metadata(companion(path, LOG))?) == note.log { Ok(()) } else { Note::write(path, &note.ids) }
}

/// What tells a file from one that was made before or after it: its number, which is used again, and when it was made.
fn mark(found: &Metadata) -> String {
    let made = found.created().ok().and_then(|made| made.duration_since(UNIX_EPOCH).ok());
    format!("{}@{}", found.ino(), made.map_or(0, |made| made.as_nanos()))
}
