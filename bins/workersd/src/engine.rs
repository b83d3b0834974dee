//! Starts the local engine with the server's settings.

use std::sync::Arc;

use anyhow::Context as _;
use workers_domain::ports::{NetworkObserver, SandboxObserver};
use workers_engine::{Engine, EngineOptions, Isolation, NetworkOptions, TemplateLibrary, Templates};

use crate::config::{SandboxKind, Settings, TemplateKind, Weaker};

/// The most sandboxes that are kept for the next invocation of their worker.
const MOST_KEPT: usize = 256;

/// Returns the options of the engine.
pub(crate) fn options(
    settings: &Settings,
    observer: Arc<dyn NetworkObserver>,
    sandboxes: Arc<dyn SandboxObserver>,
) -> EngineOptions {
    let mut options = EngineOptions::new(&settings.database.data_dir, &settings.node);
    options.isolation = match settings.sandbox {
        SandboxKind::Local | SandboxKind::Vercel => Isolation::Full,
        SandboxKind::LocalUnconfined => Isolation::None,
    };
    options.allow_shared_user_id = settings.allow_weaker.contains(&Weaker::SharedUserId);
    options.observer = sandboxes;
    options.template_library = template_library();
    options.templates = match settings.templates {
        TemplateKind::None => Templates::None,
        TemplateKind::Worker => settings.capacity.templates,
        TemplateKind::Shared => Templates::Shared,
    };
    if let Templates::PerContent { most, .. } = settings.capacity.templates {
        // Each takes about as much as a template.
        options.most_kept = usize::try_from(most).unwrap_or(usize::MAX).min(MOST_KEPT);
    }
    options.network = NetworkOptions { open: settings.network_open.clone(), observer, ..NetworkOptions::default() };
    options
}

/// Returns the library that `./just build` embeds; see `build.rs`.
#[cfg(template_library)]
const fn template_library() -> TemplateLibrary {
    TemplateLibrary::Bytes(include_bytes!(env!("WORKERS_TEMPLATE_LIBRARY")))
}

/// Without an embedded library, as after a plain `cargo build`, the engine looks for the file beside the program.
#[cfg(not(template_library))]
const fn template_library() -> TemplateLibrary {
    TemplateLibrary::Beside
}

/// Starts the engine. It refuses to start if the host lacks a part of the isolation.
pub(crate) async fn start(
    settings: &Settings,
    observer: Arc<dyn NetworkObserver>,
    sandboxes: Arc<dyn SandboxObserver>,
) -> anyhow::Result<Engine> {
    Engine::start(options(settings, observer, sandboxes))
        .await
        .context("cannot start the sandbox engine (`workersd doctor` says what this machine has and lacks)")
}
