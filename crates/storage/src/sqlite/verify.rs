//! Reads the whole file and checks that it is not damaged.

use std::sync::Arc;
use std::time::Duration;

use diesel::connection::SimpleConnection;
use diesel::prelude::*;
use diesel::sql_types::Text;
use tokio::sync::oneshot;
use tracing::{error, warn};
use workers_domain::ports::RepositoryError;

use super::error::{connect_error, query_error};
use super::file::DatabaseFile;
use crate::error::{chain, unavailable};

const OPERATION: &str = "check of the whole database";

/// Stops at the first finding, because one is enough to refuse the file.
const QUICK_CHECK: &str = "PRAGMA quick_check(1)";

const SOUND: &str = "ok";

#[derive(QueryableByName)]
struct Finding {
    #[diesel(sql_type = Text)]
    quick_check: String,
}

/// Checks that the file is not damaged. Waits at most `limit`. A large file on a slow disk is read to its end while the
/// server runs, on a separate thread; findings are then logged and returned by every check.
///
/// # Errors
///
/// [`RepositoryError::Damaged`], or if the file cannot be read.
pub(super) async fn verify(file: &Arc<DatabaseFile>, limit: Duration) -> Result<(), RepositoryError> {
    let (sender, receiver) = oneshot::channel();
    let verified = Arc::clone(file);
    let work = move || {
        let found = quick_check(&verified);
        // Recorded first: after the time limit `verify` no longer waits, but every later check must return the finding.
        if let Err(RepositoryError::Damaged(damage)) = &found {
            verified.note_damage(chain(&**damage));
        }
        // `verify` has stopped waiting, so the finding goes to the log.
        if let Err(Err(late)) = sender.send(found) {
            error!(error = %chain(&late), "the check of the whole database found a fault");
        }
    };
    // Not on the runtime's threads for blocking work: a runtime that ends waits for these, and this may take minutes.
    std::thread::Builder::new().name("verify".to_owned()).spawn(work).map_err(unavailable)?;
    let Ok(found) = tokio::time::timeout(limit, receiver).await else {
        warn!("the check of the whole database takes longer than {limit:?} and goes on while the server runs");
        return Ok(());
    };
    found.map_err(unavailable)?
}

fn quick_check(file: &DatabaseFile) -> Result<(), RepositoryError> {
    file.check().map_err(unavailable)?;
    let uri = file.uri().map_err(unavailable)?;
    let mut connection = SqliteConnection::establish(&uri).map_err(|error| connect_error(OPERATION, error, file))?;
    let failed = |error| match query_error(OPERATION, error, file) {
        RepositoryError::Damaged(source) => damaged(file, &chain(&*source)),
        other => other,
    };
    // The other settings of the pool could write to the file, which this check must not.
    connection.batch_execute("PRAGMA busy_timeout = 10000").map_err(failed)?;
    let found: Vec<Finding> = diesel::sql_query(QUICK_CHECK).load(&mut connection).map_err(failed)?;
    match found.first() {
        Some(finding) if finding.quick_check != SOUND => Err(damaged(file, &finding.quick_check)),
        _ => Ok(()),
    }
}

fn damaged(file: &DatabaseFile, finding: &str) -> RepositoryError {
    // A finding may have several lines.
    let finding = finding.split_whitespace().collect::<Vec<_>>().join(" ");
    RepositoryError::Damaged(format!("the file {} is broken: {finding}", file.path().display()).into())
}
