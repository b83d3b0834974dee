//! `workersd backup`: writes a copy of the database. A server may run meanwhile.

use std::process::ExitCode;

use anyhow::Context as _;
use workers_storage::Database;

use crate::config::{BackupOptions, DatabaseSettings, LogFormat};
use crate::{output, telemetry};

pub(crate) async fn run(options: BackupOptions) -> anyhow::Result<ExitCode> {
    telemetry::start(LogFormat::Text)?;
    let settings = DatabaseSettings::new(options.database)?;
    let database = Database::connect(&settings.url, &settings.storage).await.context("cannot use the database")?;
    database.back_up(&options.file).await.context("there is no backup")?;
    output::print(format_args!("{} is a copy of {}", options.file.display(), settings.url));
    Ok(ExitCode::SUCCESS)
}
