//! The local engine with the server's settings.

use anyhow::Context as _;
use workers_engine::{Confinement, Engine, EngineOptions, Templates};

use crate::config::{SandboxKind, Settings, TemplateKind};

/// What the engine is told.
pub(crate) fn options(settings: &Settings) -> EngineOptions {
    let mut options = EngineOptions::new(&settings.database.data_dir, &settings.node);
    options.confinement = match settings.sandbox {
        SandboxKind::Local => Confinement::Full,
        SandboxKind::LocalUnconfined => Confinement::Unconfined,
    };
    options.template_module = Some(workers_service::template_module());
    options.templates = match settings.templates {
        TemplateKind::None => Templates::None,
        TemplateKind::Worker => Templates::PER_CONTENT,
        TemplateKind::Shared => Templates::Shared,
    };
    options
}

/// Starts the engine, which refuses if the machine lacks a piece of the isolation.
pub(crate) async fn start(settings: &Settings) -> anyhow::Result<Engine> {
    Engine::start(options(settings))
        .await
        .context("cannot start the sandbox engine (`workersd doctor` says what this machine has and lacks)")
}
