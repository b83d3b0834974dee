//! A copy of the database as it is at one moment, while others read and write it.

use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};

use diesel::prelude::*;
use diesel::sql_types::Text;

use super::error::query_error;
use super::file::{DatabaseFile, companion};
use super::pair::FileId;
use crate::error::{BackupError, chain};

/// What a copy is called until it is whole.
const UNFINISHED: &str = ".unfinished";

/// Writes a copy to a path where there is nothing yet. Only root and this user can read it: it has the source of every
/// worker.
pub(super) fn back_up(connection: &mut SqliteConnection, file: &DatabaseFile, to: &Path) -> Result<(), BackupError> {
    let failed = |path: &Path| {
        let path = path.to_owned();
        move |source| BackupError::File { path, source }
    };
    if fs::symlink_metadata(to).is_ok() {
        return Err(BackupError::IsThere(to.to_owned()));
    }
    let unfinished = companion(to, UNFINISHED);
    match fs::remove_file(&unfinished) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(failed(&unfinished)(error)),
        _ => {}
    }
    // SQLite writes to a file that is empty, and keeps its mode.
    drop(workers_private_files::open_file(&unfinished).map_err(failed(&unfinished))?);
    let copied = copy(connection, file, &unfinished).and_then(|()| {
        // SQLite leaves it to us to see that the copy is on the disk.
        let copied = File::options().write(true).open(&unfinished).and_then(|copy| {
            // It is laid out anew, so it is not the file that the log goes on from.
            FileId::generate().write(&copy)?;
            copy.sync_all()
        });
        copied.map_err(failed(&unfinished))?;
        fs::rename(&unfinished, to).map_err(failed(to))?;
        let directory = to.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new("."));
        File::open(directory).and_then(|directory| directory.sync_all()).map_err(failed(directory))
    });
    if copied.is_err() {
        // What is wrong has been said already.
        let _ = fs::remove_file(&unfinished);
    }
    copied
}

fn copy(connection: &mut SqliteConnection, file: &DatabaseFile, to: &Path) -> Result<(), BackupError> {
    let Some(name) = to.to_str() else { return Err(BackupError::NotText(PathBuf::from(to))) };
    diesel::sql_query("VACUUM INTO ?").bind::<Text, _>(name).execute(connection).map(drop).map_err(|error| {
        match query_error("backup", error, file) {
            // It is the copy that there is no room for.
            workers_domain::ports::RepositoryError::Full { source, .. } => {
                BackupError::Full { path: to.to_owned(), detail: chain(&*source) }
            }
            error => BackupError::Repository(error),
        }
    })
}
