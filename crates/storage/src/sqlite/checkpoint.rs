//! Makes checkpoints: copies the write-ahead log into the file, and gives the file a new id. SQLite's automatic
//! checkpoints are switched off.

use std::io;
use std::time::{Duration, Instant};

use diesel::connection::SimpleConnection;
use diesel::prelude::*;
use diesel::sql_types::Integer;
use tracing::debug;

use super::companions::LOG_BYTES;
use super::file::DatabaseFile;
use super::pair::{FileId, Note};
use super::reserve;

/// How long to wait before a failed checkpoint is tried again.
const PAUSE: Duration = Duration::from_secs(5);

/// The checkpoint truncates the log, so that later writes are recorded with the new id. It waits only a moment for
/// others that read an older state.
const CHECKPOINT: &str = "PRAGMA wal_checkpoint(TRUNCATE)";
const IMPATIENT: &str = "PRAGMA busy_timeout = 200";
const PATIENT: &str = "PRAGMA busy_timeout = 10000";

#[derive(QueryableByName)]
struct Checkpoint {
    /// Whether another connection prevented the checkpoint.
    #[diesel(sql_type = Integer)]
    busy: i32,
}

#[derive(Debug, thiserror::Error)]
enum CheckpointError {
    #[error(transparent)]
    Query(#[from] diesel::result::Error),
    #[error("failed to read the id of the file or to note it")]
    Note(#[from] io::Error),
}

/// Makes a checkpoint before the first write of this process, and whenever the log has become long. If that fails, it
/// is tried again a little later.
pub(super) fn checkpoint_if_due(connection: &mut SqliteConnection, file: &DatabaseFile) {
    if file.is_checkpoint_due(LOG_BYTES) {
        checkpoint_now(connection, file);
        // Only after the checkpoint, so that no query waits for reserving room that is not needed yet.
        reserve::keep(file.path());
    }
}

/// Makes a checkpoint, if that is possible now.
pub(super) fn checkpoint_now(connection: &mut SqliteConnection, file: &DatabaseFile) {
    let made =
        connection.batch_execute(IMPATIENT).map_err(CheckpointError::from).and_then(|()| checkpoint(connection, file));
    // The connection goes back to the pool, so it gets its usual patience back after a failure too.
    let made = connection.batch_execute(PATIENT).map_err(CheckpointError::from).and(made).unwrap_or_else(|error| {
        debug!(error = &error as &dyn std::error::Error, "failed to make a checkpoint of the database");
        false
    });
    // A failed checkpoint loses nothing: the writes stay in the log, and a later write tries again.
    file.note_checkpoint(if made { None } else { Some(Instant::now() + PAUSE) });
}

/// Makes a checkpoint. Returns whether it was completed; readers of an older state may prevent that.
fn checkpoint(connection: &mut SqliteConnection, file: &DatabaseFile) -> Result<bool, CheckpointError> {
    // Under the write lock, so that no other process can make a checkpoint between the note and the new id.
    let ids = connection.immediate_transaction(|connection| {
        let found = file.id()?;
        if let Some(Note { ids, .. }) = Note::read(file.path())
            && ids.len() == 2
            && ids.first() == Some(&found)
        {
            // An earlier attempt came this far. The second id is in the log already, or will be now.
            return set_id(connection, ids);
        }
        let ids = vec![found, FileId::generate()];
        // Noted before it is set: a file with an id that is not noted counts as another file.
        Note::write(file.path(), &ids)?;
        set_id(connection, ids)
    })?;
    // The checkpoint may fail or stop half way, and either id is in the file then.
    file.accept(&ids);
    let made: Checkpoint = diesel::sql_query(CHECKPOINT).get_result(connection)?;
    if made.busy != 0 {
        return Ok(false);
    }
    connection.immediate_transaction(|_| {
        // Another process may have made a further checkpoint since.
        if Note::read(file.path()).is_some_and(|note| note.ids == ids) {
            Note::write(file.path(), &ids[1..])?;
        }
        Ok::<_, CheckpointError>(())
    })?;
    file.accept(&ids[1..]);
    Ok(true)
}

fn set_id(connection: &mut SqliteConnection, ids: Vec<FileId>) -> Result<Vec<FileId>, CheckpointError> {
    if let Some(id) = ids.last() {
        connection.batch_execute(&format!("PRAGMA user_version = {}", id.as_number()))?;
    }
    Ok(ids)
}
