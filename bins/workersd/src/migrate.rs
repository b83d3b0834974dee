//! `workersd migrate`: applies the migrations that the database lacks.

use std::process::ExitCode;
use std::time::Duration;

use anyhow::Context as _;
use workers_storage::Database;

use crate::config::{DatabaseOptions, DatabaseSettings, LogFormat};
use crate::{output, telemetry};

/// How long a start waits for a check of SQLite's whole file: a solid-state disk takes a second or two for a gigabyte.
pub(crate) const VERIFY_LIMIT: Duration = Duration::from_secs(10);

pub(crate) async fn run(options: DatabaseOptions) -> anyhow::Result<ExitCode> {
    telemetry::start(LogFormat::Text)?;
    let settings = DatabaseSettings::new(options)?;
    let (database, applied) = bring_up_to_date(&settings).await?;
    // A table that a migration made and that is missing now is not made again: it may exist under another name, with
    // its rows. So the schema is checked instead.
    database.store().schema().check().await.context("the database is not ready")?;
    if applied.is_empty() {
        output::print("the database is up to date");
    }
    for name in applied {
        output::print(format_args!("applied {name}"));
    }
    Ok(ExitCode::SUCCESS)
}

/// Opens the database, applies the migrations that it lacks, and returns the database and their names. Creates the
/// database, and the data directory for its file, if they do not exist.
pub(crate) async fn bring_up_to_date(settings: &DatabaseSettings) -> anyhow::Result<(Database, Vec<String>)> {
    let database = connect(settings).await?;
    database.create_if_none().await.context("cannot use the database")?;
    verify(&database).await?;
    let applied =
        database.store().schema().apply_migrations().await.context("failed to bring the database up to date")?;
    Ok((database, applied))
}

/// Refuses a damaged database before the server writes to it or relies on it.
pub(crate) async fn verify(database: &Database) -> anyhow::Result<()> {
    if database.is_there().await.context("cannot use the database")? {
        database.verify(VERIFY_LIMIT).await.context("cannot use the database")?;
    }
    Ok(())
}

/// Opens the database. Creates the data directory, where its file is, and closes it to other users.
pub(crate) async fn connect(settings: &DatabaseSettings) -> anyhow::Result<Database> {
    workers_private_files::make_data_directory(&settings.data_dir).context("cannot use the data directory")?;
    Database::connect(&settings.url, &settings.storage).await.context("cannot use the database")
}
