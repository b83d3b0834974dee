//! `workersd doctor`: what this machine has and lacks to run the server, a line each, and what to do about it.

use std::process::ExitCode;
use std::sync::Arc;

use workers_domain::ports::{
    NetworkObserver, NoNetworkObserver, NoSandboxObserver, RepositoryError, SandboxProvider as _,
};
use workers_engine::{Finding, FindingStatus, diagnose, diagnose_machines};
use workers_storage::Database;

use crate::capacity::Plan;
use crate::config::{LogFormat, SandboxKind, ServeOptions, Settings};
use crate::{engine, sandboxes, telemetry, vercel_api};

/// Fails if something that the server cannot do without is missing.
pub(crate) async fn run(options: Box<ServeOptions>) -> anyhow::Result<ExitCode> {
    telemetry::start(LogFormat::Text)?;
    let settings = Settings::new(*options)?;
    let mut complete = true;
    let observer: Arc<dyn NetworkObserver> = Arc::new(NoNetworkObserver);
    if settings.sandbox == SandboxKind::Vercel {
        complete &= check_vercel(&settings).await;
    } else {
        complete &=
            tell(diagnose(&engine::options(&settings, Arc::clone(&observer), Arc::new(NoSandboxObserver))).await);
    }
    if let Some(api) = &settings.vercel_api {
        complete &=
            tell(diagnose_machines(&vercel_api::options(&settings, api, observer, Arc::new(NoSandboxObserver))).await);
    }
    complete &= check_capacity(&settings).await;
    complete &= check_database(&settings).await;
    Ok(if complete { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// Prints what was found; whether nothing is missing.
fn tell(findings: Vec<Finding>) -> bool {
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

/// How what the host has is divided.
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
    let checked = async {
        // Not `migrate::connect`: nothing is made here, not even a directory.
        let database = Database::connect(&settings.database.url, &settings.database.storage).await?;
        if !database.is_there().await? {
            return Ok("none yet");
        }
        match database.worker_repository().check().await {
            // `serve` and `migrate` make both.
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
