//! The launcher, seen from the server: started, spoken to, and started again when it dies.

use std::collections::HashMap;
use std::fs::File;
use std::io;
use std::os::fd::{AsFd, OwnedFd};
use std::process::Stdio;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::process::{Child, Command};
use tokio::sync::{oneshot, watch};
use workers_domain::ports::SandboxError;

use super::channel::Channel;
use super::data_dir::sweep_cgroups;
use super::{blocking, unavailable};
use crate::launcher::{HOOK_ARGUMENT, hook_was_called};
use crate::message::{CommandName, Configuration, CreateSandbox, Exited, Figures, Fork, FromLauncher, ToLauncher};
use crate::network::{Hearing, Shared};
use crate::options::LauncherProgram;
use crate::wire::{self, Received};

/// How long a request waits for a launcher that is being started again.
const RESTART_PATIENCE: Duration = Duration::from_secs(5);

/// Between two attempts to start the launcher, so that one that cannot start does not keep the machine busy.
const RESTART_PAUSE: Duration = Duration::from_millis(200);

/// The launcher, seen from the server.
#[derive(Debug)]
pub(crate) struct Launcher {
    program: LauncherProgram,
    configuration: Configuration,
    lock: File,
    network: Arc<Shared>,
    current: watch::Sender<Option<Arc<Connection>>>,
    leaving: AtomicBool,
    left: watch::Sender<bool>,
    templates: Arc<watch::Sender<Option<bool>>>,
}

/// A sandbox that the launcher has made.
#[derive(Debug)]
pub(crate) struct Made {
    /// Its init.
    pub(crate) pidfd: OwnedFd,
    /// Resolves when nothing of it runs; fails when the launcher died first.
    pub(crate) gone: oneshot::Receiver<Figures>,
}

/// What the launcher says of a copy of a booted node, once.
#[derive(Debug)]
pub(crate) enum ForkNews {
    /// There is no booted node to copy.
    NotForked,
    /// It has ended, and what the sandbox has used by then.
    Ended(Exited, Figures),
}

#[derive(Debug)]
struct Connection {
    channel: Channel,
    own_uids: bool,
    overlays: bool,
    created: Mutex<HashMap<String, oneshot::Sender<Result<OwnedFd, String>>>>,
    gone: Mutex<HashMap<String, oneshot::Sender<Figures>>>,
    forks: Mutex<HashMap<CommandName, oneshot::Sender<ForkNews>>>,
    templates: Arc<watch::Sender<Option<bool>>>,
    /// Whether there are to be templates.
    wants_templates: bool,
    /// What the launcher and all that it makes ask is heard as long as it is spoken to.
    _hearing: Option<Hearing>,
}

impl Launcher {
    /// Starts it.
    pub(crate) async fn start(
        program: LauncherProgram,
        configuration: Configuration,
        lock: File,
        network: Arc<Shared>,
    ) -> Result<Arc<Self>, SandboxError> {
        if program == LauncherProgram::CurrentExe && !hook_was_called() {
            return Err(unavailable(
                "this program has not called `workers_engine::run_launcher_if_asked` at the start of `main`, so it \
                 cannot be its own sandbox launcher",
            ));
        }
        let current = watch::Sender::new(None);
        let launcher = Arc::new(Self {
            program,
            configuration,
            lock,
            network,
            current,
            leaving: AtomicBool::new(false),
            left: watch::Sender::new(false),
            templates: Arc::new(watch::Sender::new(None)),
        });
        let (connection, child) = launcher.connect().await?;
        launcher.current.send_replace(Some(Arc::clone(&connection)));
        tokio::spawn(Arc::clone(&launcher).supervise(connection, child));
        Ok(launcher)
    }

    /// Whether each sandbox has a user id of its own.
    pub(crate) fn own_uids(&self) -> bool {
        self.current.borrow().as_ref().is_some_and(|connection| connection.own_uids)
    }

    /// Whether working directories are overlays.
    pub(crate) fn overlays(&self) -> bool {
        self.current.borrow().as_ref().is_some_and(|connection| connection.overlays)
    }

    /// Waits until it is known whether there are templates; tells.
    pub(crate) async fn has_templates(&self) -> bool {
        let wanted = self.wants_templates();
        let mut known = self.templates.subscribe();
        let known = tokio::time::timeout(RESTART_PATIENCE, known.wait_for(Option::is_some)).await;
        wanted && known.is_ok_and(|known| known.is_ok_and(|known| *known == Some(true)))
    }

    fn wants_templates(&self) -> bool {
        self.configuration.walls.as_ref().is_some_and(|walls| walls.templates.is_some())
    }

    /// Who brokers the network of sandboxes.
    pub(crate) fn network(&self) -> &Arc<Shared> {
        &self.network
    }

    /// Whether it runs.
    pub(crate) fn is_up(&self) -> bool {
        self.current.borrow().is_some()
    }

    /// What it was told.
    pub(crate) fn configuration(&self) -> &Configuration {
        &self.configuration
    }

    /// Makes a sandbox; `channel` goes to its init.
    pub(crate) async fn create(&self, order: CreateSandbox, channel: OwnedFd) -> Result<Made, SandboxError> {
        let connection = self.connection().await?;
        let name = order.name.clone();
        let (created, gone) = (oneshot::channel(), oneshot::channel());
        lock(&connection.created).insert(name.clone(), created.0);
        lock(&connection.gone).insert(name.clone(), gone.0);
        let sent = connection.channel.send(&ToLauncher::Create(order), &[channel.as_fd()]).await;
        drop(channel);
        let answer = match sent {
            Ok(()) => created.1.await.map_err(|_| unavailable("the sandbox launcher died")),
            Err(error) => Err(SandboxError::failed("the sandbox launcher cannot be reached", error)),
        };
        match answer {
            Ok(Ok(pidfd)) => Ok(Made { pidfd, gone: gone.1 }),
            Ok(Err(message)) => {
                lock(&connection.gone).remove(&name);
                Err(unavailable(format!("a sandbox cannot be made: {message}")))
            }
            Err(error) => Err(error),
        }
    }

    /// Puts a copy of a booted node into a sandbox; `channel` goes to the copy. Nothing is said of it when the sandbox ends first.
    pub(crate) async fn fork(
        &self,
        order: Fork,
        channel: OwnedFd,
    ) -> Result<oneshot::Receiver<ForkNews>, SandboxError> {
        let connection = self.connection().await?;
        let (sender, news) = oneshot::channel();
        let name = order.name.clone();
        lock(&connection.forks).insert(name.clone(), sender);
        let sent = connection.channel.send(&ToLauncher::Fork(order), &[channel.as_fd()]).await;
        sent.map_err(|error| {
            lock(&connection.forks).remove(&name);
            SandboxError::failed("the sandbox launcher cannot be reached", error)
        })?;
        Ok(news)
    }

    /// Kills such a copy.
    pub(crate) async fn kill_fork(&self, name: CommandName) -> Result<(), SandboxError> {
        let sent = self.connection().await?.channel.send(&ToLauncher::KillFork(name), &[]).await;
        sent.map_err(|error| SandboxError::failed("the sandbox launcher cannot be reached", error))
    }

    /// Kills such a copy, unless the launcher is drowned in messages.
    pub(crate) fn try_kill_fork(&self, name: CommandName) {
        if let Some(connection) = self.current.borrow().as_ref() {
            let _ = connection.channel.try_send(&ToLauncher::KillFork(name));
        }
    }

    /// Ends it, and all sandboxes with it.
    async fn shut_down(&self) {
        self.leaving.store(true, Ordering::Release);
        if let Some(connection) = self.current.borrow().as_ref() {
            connection.channel.close();
        }
        // Fails when there is no supervisor any more, which then has left.
        let _ = self.left.subscribe().wait_for(|left| *left).await;
    }

    /// Ends it, and removes the cgroups that are left. When this returns nothing of the engine runs.
    pub(crate) async fn end(&self) {
        self.shut_down().await;
        let Some(walls) = self.configuration.walls.clone() else { return };
        let cleared = blocking("clearing away", move || {
            sweep_cgroups(&walls.cgroups);
            walls.cgroups.group("").remove()
        });
        if let Err(error) = cleared.await {
            tracing::warn!(error = %error, "the engine left a cgroup behind; the next start removes it");
        }
    }

    async fn connection(&self) -> Result<Arc<Connection>, SandboxError> {
        let mut current = self.current.subscribe();
        let found = tokio::time::timeout(RESTART_PATIENCE, current.wait_for(Option::is_some)).await;
        let connection = found.ok().and_then(|found| found.ok()?.clone());
        connection.ok_or_else(|| unavailable("the sandbox launcher is not running"))
    }

    async fn connect(&self) -> Result<(Arc<Connection>, Child), SandboxError> {
        let failed = |error: io::Error| SandboxError::failed("the sandbox launcher cannot be started", error);
        let (ours, theirs) = wire::channel().map_err(failed)?;
        let program = match &self.program {
            LauncherProgram::CurrentExe => std::env::current_exe().map_err(failed)?,
            LauncherProgram::Path(path) => path.clone(),
        };
        let lock = self.lock.try_clone().map_err(failed)?;
        let child = Command::new(&program)
            // What every sandbox sees as the command line of its first process.
            .arg0("workers-sandbox")
            .arg(HOOK_ARGUMENT)
            .env_clear()
            .current_dir("/")
            .stdin(Stdio::from(theirs))
            .stdout(Stdio::from(lock))
            .stderr(Stdio::inherit())
            .spawn()
            .map_err(|error| failed(io::Error::new(error.kind(), format!("{}: {error}", program.display()))))?;
        let channel = Channel::new(ours).map_err(failed)?;
        let hello = ToLauncher::Configure(Box::new(self.configuration.clone()));
        channel.send(&hello, &[]).await.map_err(failed)?;
        match channel.receive::<FromLauncher>().await.map_err(failed)? {
            Some(Received { message: FromLauncher::Configured { own_uids, overlays }, descriptors }) => {
                let hearing = self.hear(descriptors)?;
                let (created, gone, forks) = (Mutex::default(), Mutex::default(), Mutex::default());
                let templates = Arc::clone(&self.templates);
                let wants_templates = self.wants_templates();
                let connection = Connection {
                    channel,
                    own_uids,
                    overlays,
                    created,
                    gone,
                    forks,
                    templates,
                    wants_templates,
                    _hearing: hearing,
                };
                Ok((Arc::new(connection), child))
            }
            Some(Received { message: FromLauncher::ConfigurationFailed(reason), .. }) => {
                Err(unavailable(format!("the sandbox launcher cannot work: {reason}")))
            }
            _ => Err(unavailable("the sandbox launcher left without a word; see its message above")),
        }
    }

    /// Hears what processes behind walls ask.
    fn hear(&self, descriptors: Vec<OwnedFd>) -> Result<Option<Hearing>, SandboxError> {
        if self.configuration.walls.is_none() {
            return Ok(None);
        }
        let missing = |reason: &str| unavailable(format!("the network of sandboxes cannot be brokered: {reason}"));
        let listener = descriptors.into_iter().next().ok_or_else(|| missing("the filter has no listener"))?;
        let hearing = Hearing::start(listener, Arc::clone(&self.network));
        hearing.map(Some).map_err(|error| missing(&error.to_string()))
    }

    /// Follows what the launcher says; starts it again when it dies.
    async fn supervise(self: Arc<Self>, mut connection: Arc<Connection>, mut child: Child) {
        loop {
            let ended = connection.follow().await;
            self.current.send_replace(None);
            connection.let_go();
            // Its socket is closed or broken, so it leaves by itself; only a launcher gone mad is killed.
            if tokio::time::timeout(RESTART_PATIENCE, child.wait()).await.is_err() {
                let _ = child.kill().await;
            }
            if self.leaving.load(Ordering::Acquire) {
                self.left.send_replace(true);
                return;
            }
            tracing::error!(reason = %ended, "the sandbox launcher died; its sandboxes are lost and it is started again");
            if let Some(walls) = self.configuration.walls.clone() {
                let swept = blocking("sweep", move || {
                    sweep_cgroups(&walls.cgroups);
                    Ok(())
                })
                .await;
                swept.unwrap_or_else(|error| tracing::error!(error = %error, "cgroups could not be swept"));
            }
            (connection, child) = loop {
                match self.connect().await {
                    Ok(connected) => break connected,
                    Err(error) => tracing::error!(error = %error, "the sandbox launcher cannot be started again"),
                }
                tokio::time::sleep(RESTART_PAUSE).await;
                if self.leaving.load(Ordering::Acquire) {
                    self.left.send_replace(true);
                    return;
                }
            };
            self.current.send_replace(Some(Arc::clone(&connection)));
            if self.leaving.load(Ordering::Acquire) {
                // We were asked to leave while nobody was there to be closed.
                connection.channel.close();
            }
        }
    }
}

impl Connection {
    /// Hands on what the launcher says, until it says no more.
    async fn follow(&self) -> String {
        loop {
            match self.channel.receive::<FromLauncher>().await {
                Ok(Some(received)) => self.take(received),
                Ok(None) => return "it closed its socket".to_owned(),
                Err(error) => return error.to_string(),
            }
        }
    }

    /// Whoever waits is gone if nobody takes an answer, which is fine.
    fn take(&self, Received { message, descriptors }: Received<FromLauncher>) {
        match message {
            FromLauncher::Created { name } => {
                let waiting = lock(&self.created).remove(&name);
                let pidfd = descriptors.into_iter().next().ok_or_else(|| "no pidfd came".to_owned());
                let _ = waiting.map(|waiting| waiting.send(pidfd));
            }
            FromLauncher::CreateFailed { name, message } => {
                let _ = lock(&self.created).remove(&name).map(|waiting| waiting.send(Err(message)));
            }
            FromLauncher::NotForked(name) => self.tell(&name, ForkNews::NotForked),
            FromLauncher::ForkEnded { sandbox, exited, figures } => {
                self.tell(&CommandName { sandbox, command: exited.command }, ForkNews::Ended(exited, figures));
            }
            FromLauncher::Gone { name, figures } => {
                lock(&self.forks).retain(|fork, _| fork.sandbox != name);
                let _ = lock(&self.gone).remove(&name).map(|waiting| waiting.send(figures));
            }
            FromLauncher::Templates { are_ready } => {
                let before = self.templates.send_replace(Some(are_ready));
                if self.wants_templates && !are_ready && before != Some(false) {
                    tracing::warn!("node cannot be forked here: every command starts its own node, which takes longer");
                }
            }
            FromLauncher::Configured { .. } | FromLauncher::ConfigurationFailed(_) => {}
        }
    }

    fn tell(&self, name: &CommandName, news: ForkNews) {
        let _ = lock(&self.forks).remove(name).map(|fork| fork.send(news));
    }

    /// Tells everybody who waits that nothing will come.
    fn let_go(&self) {
        // First, so that nobody who comes later waits for an answer.
        self.channel.close();
        lock(&self.created).clear();
        lock(&self.gone).clear();
        lock(&self.forks).clear();
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    // Held for single statements only, so a panic elsewhere has torn nothing.
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
