//! Makes a consistent copy of the database while others read and write it.

use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};

use diesel::prelude::*;
use diesel::sql_types::Text;

use super::companions::companion;
use super::error::query_error;
use super::file::DatabaseFile;
use super::pair::FileId;
use crate::error::{BackupError, chain};

/// The suffix of a copy's name until it is complete.
const UNFINISHED: &str = ".unfinished";

/// Writes a copy to a path that does not exist yet. Only root and this user can read it, because it contains the source
/// of every worker.
pub(super) fn back_up(connection: &mut SqliteConnection, file: &DatabaseFile, to: &Path) -> Result<(), BackupError> {
    let failed = |path: &Path| {
        let path = path.to_owned();
        move |source| BackupError::File { path, source }
    };
    // A dangling link counts as there, because the renaming would replace it.
    if fs::symlink_metadata(to).is_ok() {
        return Err(BackupError::IsThere(to.to_owned()));
    }
    let unfinished = companion(to, UNFINISHED);
    // A backup that was killed has left this file, and SQLite accepts no target that has content.
    match fs::remove_file(&unfinished) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(failed(&unfinished)(error)),
        _ => {}
    }
    // Create the file first: SQLite accepts an empty file as the target and keeps its mode.
    drop(workers_private_files::open_file(&unfinished).map_err(failed(&unfinished))?);
    let copied = copy(connection, file, &unfinished).and_then(|()| {
        // SQLite does not sync the copy to disk; we have to.
        let copied = File::options().write(true).open(&unfinished).and_then(|copy| {
            // The copy has a different page layout, so the log of the original does not belong to it. It gets its own
            // id.
            FileId::generate().write(&copy)?;
            copy.sync_all()
        });
        copied.map_err(failed(&unfinished))?;
        fs::rename(&unfinished, to).map_err(failed(to))?;
        // The parent of a plain file name is the empty path, which cannot be opened.
        let directory = to.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new("."));
        // Without this, a power failure could undo the renaming.
        File::open(directory).and_then(|directory| directory.sync_all()).map_err(failed(directory))
    });
    if copied.is_err() {
        // The original error is returned; a failed removal would add nothing.
        let _ = fs::remove_file(&unfinished);
    }
    copied
}

fn copy(connection: &mut SqliteConnection, file: &DatabaseFile, to: &Path) -> Result<(), BackupError> {
    let Some(name) = to.to_str() else { return Err(BackupError::NotText(PathBuf::from(to))) };
    diesel::sql_query("VACUUM INTO ?").bind::<Text, _>(name).execute(connection).map(drop).map_err(|error| {
        match query_error("backup", error, file) {
            // The disk of the copy is full, not that of the database.
            workers_domain::ports::RepositoryError::Full { source, .. } => {
                BackupError::Full { path: to.to_owned(), detail: chain(&*source) }
            }
            error => BackupError::Repository(error),
        }
    })
}
