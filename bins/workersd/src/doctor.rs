//! `workersd doctor`: what this machine has and lacks to run the server, a line each, and what to do about it.

use std::process::ExitCode;
use std::sync::Arc;

use workers_domain::ports::{NoNetworkObserver, RepositoryError};
use workers_engine::{FindingStatus, diagnose};

use crate::config::{LogFormat, ServeOptions, Settings};
use crate::{engine, migrate, telemetry};

/// Fails if something that the server cannot do without is missing.
pub(crate) async fn run(options: Box<ServeOptions>) -> anyhow::Result<ExitCode> {
    telemetry::start(LogFormat::Text)?;
    let settings = Settings::new(*options)?;
    let mut complete = true;
    for finding in diagnose(&engine::options(&settings, Arc::new(NoNetworkObserver))).await {
        complete &= finding.status != FindingStatus::Missing;
        let status = match finding.status {
            FindingStatus::Ok => "ok",
            FindingStatus::Degraded => "degraded",
            FindingStatus::Missing => "MISSING",
        };
        print(status, finding.name, &finding.detail, finding.remedy.as_deref());
    }
    complete &= check_database(&settings).await;
    Ok(if complete { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

async fn check_database(settings: &Settings) -> bool {
    let checked = async {
        let database = migrate::connect(&settings.database).await?;
        match database.worker_repository().check().await {
            // `serve` and `migrate` make it.
            Err(RepositoryError::SchemaMissing) => Ok("no schema yet"),
            checked => checked.map(|()| "schema is current").map_err(anyhow::Error::from),
        }
    };
    let checked = checked.await;
    let usable = checked.is_ok();
    match checked {
        Ok(schema) => print("ok", "database", &format!("{}, {schema}", settings.database.url), None),
        Err(error) => print("MISSING", "database", &format!("{error:#}"), Some("check DATABASE_URL")),
    }
    usable
}

#[expect(clippy::print_stdout, reason = "what it found is the command's output")]
fn print(status: &str, name: &str, detail: &str, remedy: Option<&str>) {
    println!("{status:<9} {name:<18} {detail}");
    if let Some(remedy) = remedy {
        println!("{:28} -> {remedy}", "");
    }
}
