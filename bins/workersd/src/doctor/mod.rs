//! `workersd doctor`: checks what this host has and lacks to run the server. Prints one line for each check, and what
//! to do about a problem.

mod running;

use std::process::ExitCode;
use std::sync::Arc;

use workers_domain::ports::{
    NetworkObserver, NoNetworkObserver, NoSandboxObserver, RepositoryError, SandboxProvider as _,
};
use workers_engine::{Finding, FindingStatus, diagnose, diagnose_containers};
use workers_storage::{ConnectionLimits, Database};

use crate::capacity::Plan;
use crate::config::{DatabaseSettings, LogFormat, SandboxKind, ServeOptions, Settings};
use crate::migrate::VERIFY_LIMIT;
use crate::{engine, output, sandboxes, telemetry, vercel_api};

/// Runs all checks. Fails if something is missing that the server cannot do without.
pub(crate) async fn run(options: Box<ServeOptions>) -> anyhow::Result<ExitCode> {
    telemetry::start(LogFormat::Text)?;
    // Not `Settings::new`, which closes the data directory to others: this command changes nothing.
    let settings = Settings::inspect(*options)?;
    // This check comes first: the server may repair many faults while the other checks run, and they would go unseen.
    let mut complete = print_findings(running::check(&settings).await);
    let observer: Arc<dyn NetworkObserver> = Arc::new(NoNetworkObserver);
    // `&=` and not `&&` here and below: all checks run, so that the operator sees all problems at once.
    if settings.sandbox == SandboxKind::Vercel {
        complete &= check_vercel(&settings).await;
    } else {
        complete &= print_findings(
            diagnose(&engine::options(&settings, Arc::clone(&observer), Arc::new(NoSandboxObserver))).await,
        );
    }
    if let Some(api) = &settings.vercel_api {
        complete &= print_findings(
            diagnose_containers(&vercel_api::options(&settings, api, observer, Arc::new(NoSandboxObserver))).await,
        );
    }
    complete &= check_capacity(&settings).await;
    complete &= check_database(&settings).await;
    Ok(if complete { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// Prints the findings. Returns whether nothing is missing.
fn print_findings(findings: Vec<Finding>) -> bool {
    let mut complete = true;
    for finding in findings {
        complete &= finding.status != FindingStatus::Missing;
        let status = match finding.status {
            FindingStatus::Ok => "ok",
            FindingStatus::Degraded => "degraded",
            FindingStatus::Missing => "MISSING",
        };
        print(status, finding.name, &finding.detail, finding.remedy.as_deref());
    }
    complete
}

/// Checks whether the settings fit this host, and prints how its resources are divided.
async fn check_capacity(settings: &Settings) -> bool {
    match Plan::make(settings).await {
        Ok(plan) => {
            print("ok", "capacity", &plan.describe(), None);
            true
        }
        Err(error) => {
            let remedy =
                "say less for --concurrency, --memory, --processes or --reserve, or have more of what is missing";
            print("MISSING", "capacity", &format!("{error:#}"), Some(remedy));
            false
        }
    }
}

async fn check_vercel(settings: &Settings) -> bool {
    let name = "vercel sandboxes";
    let checked = async { Ok::<_, anyhow::Error>(sandboxes::vercel_provider(settings)?.check().await?) };
    match checked.await {
        Ok(()) => {
            print("ok", name, "they answer", None);
            true
        }
        Err(error) => {
            let remedy = "check the credentials, VERCEL_API_BASE_URL, and whether the address can be reached from here";
            print("MISSING", name, &format!("{error:#}"), Some(remedy));
            false
        }
    }
}

async fn check_database(settings: &Settings) -> bool {
    let checked = inspect_database(&settings.database).await;
    let usable = checked.is_ok();
    match checked {
        Ok((schema, Some(limits))) if limits.pool > limits.allowed => {
            let detail = format!(
                "{}, {schema}; the server may have {} connections, but Postgres allows {}",
                settings.database.url, limits.pool, limits.allowed
            );
            let remedy = "lower --database-connections, or raise max_connections of Postgres; until then requests wait";
            print("degraded", "database", &detail, Some(remedy));
        }
        Ok((schema, _)) => print("ok", "database", &format!("{}, {schema}", settings.database.url), None),
        Err(error) => print("MISSING", "database", &format!("{error:#}"), Some(remedy(&error))),
    }
    usable
}

/// Checks the database without changing anything: no file, no directory, no schema.
async fn inspect_database(settings: &DatabaseSettings) -> anyhow::Result<(&'static str, Option<ConnectionLimits>)> {
    let database = Database::inspect(&settings.url, &settings.storage).await?;
    if !database.is_there().await? {
        return Ok(("none yet", None));
    }
    database.verify(VERIFY_LIMIT).await?;
    let schema = match database.store().schema().check().await {
        // `serve` and `migrate` create the database and its schema.
        Err(RepositoryError::SchemaMissing) => "no schema yet",
        checked => checked.map(|()| "schema is current, it can be read and written")?,
    };
    Ok((schema, database.connection_limits().await?))
}

/// Returns the advice for an error of the database.
fn remedy(error: &anyhow::Error) -> &'static str {
    match error.downcast_ref() {
        Some(RepositoryError::Damaged(_)) => {
            "stop the server and restore a backup (docs/operations.md, Backup and restore); keep the broken file"
        }
        Some(RepositoryError::SchemaIncomplete(_)) => {
            "give the table or column its name back, or restore a backup (docs/operations.md, Backup and restore)"
        }
        Some(RepositoryError::ReadOnly { .. }) => {
            "make the file system writable, or let DATABASE_URL name a server that takes writes"
        }
        Some(RepositoryError::Full { .. }) => "make room where the database is",
        Some(RepositoryError::Denied { .. }) => {
            "grant the server's user SELECT, INSERT, UPDATE and DELETE on the tables, or write access to the file"
        }
        Some(RepositoryError::Unavailable(_)) => {
            "see that the database runs and can be reached, and check DATABASE_URL"
        }
        _ => "see what it says, and docs/operations.md, Database; nothing was changed",
    }
}

fn print(status: &str, name: &str, detail: &str, remedy: Option<&str>) {
    output::print(format_args!("{status:<9} {name:<18} {detail}"));
    if let Some(remedy) = remedy {
        output::print(format_args!("{:28} -> {remedy}", ""));
    }
}
