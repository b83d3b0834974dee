//! `workersd migrate`: brings the database up to date.

use std::process::ExitCode;

use anyhow::Context as _;
use workers_storage::Database;

use crate::config::{DatabaseOptions, DatabaseSettings, LogFormat};
use crate::telemetry;

#[expect(clippy::print_stdout, reason = "what it did is the command's output")]
pub(crate) async fn run(options: DatabaseOptions) -> anyhow::Result<ExitCode> {
    telemetry::start(LogFormat::Text)?;
    let settings = DatabaseSettings::new(options)?;
    let (_, applied) = bring_up_to_date(&settings).await?;
    if applied.is_empty() {
        println!("the database is up to date");
    }
    for name in applied {
        println!("applied {name}");
    }
    Ok(ExitCode::SUCCESS)
}

/// Opens the database and applies the migrations that it lacks; answers with their names, too. Makes the database where
/// there is none, and the data directory, where its file is.
pub(crate) async fn bring_up_to_date(settings: &DatabaseSettings) -> anyhow::Result<(Database, Vec<String>)> {
    let database = connect(settings).await?;
    database.create_if_none().await.context("cannot use the database")?;
    let applied = database.apply_migrations().await.context("failed to bring the database up to date")?;
    Ok((database, applied))
}

/// Opens the database that is there. The data directory, where its file is, is made on the way, and closed to other
/// users.
pub(crate) async fn connect(settings: &DatabaseSettings) -> anyhow::Result<Database> {
    workers_private_files::make_data_directory(&settings.data_dir).context("cannot use the data directory")?;
    Database::connect(&settings.url, &settings.storage).await.context("cannot use the database")
}
