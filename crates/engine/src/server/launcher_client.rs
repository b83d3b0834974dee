//! The client of the launcher: starts the launcher, sends it requests, and starts another launcher when it exits or
//! when too many of its sandboxes do not end.

use std::fmt;
use std::fs::File;
use std::io;
use std::os::fd::{AsFd, OwnedFd};
use std::path::PathBuf;
use std::process::Stdio;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::sync::{Arc, Mutex, OnceLock, PoisonError, Weak};
use std::time::Duration;

use tokio::process::{Child, Command};
use tokio::sync::{oneshot, watch};
use workers_domain::ports::{KeptStep, SandboxError, SandboxObserver};

use super::channel::Channel;
use super::connection::{ChildEvent, Connection};
use super::data_dir::sweep_cgroups;
use super::{blocking, unavailable};
use crate::container;
use crate::fault::{named, refused};
use crate::launcher::event_loop::MOST_SLOTS;
use crate::launcher::{HOOK_ARGUMENT, hook_was_called};
use crate::message::{CommandName, Configuration, ForkChild, FromLauncher, HostFeatures, ToLauncher};
use crate::network::{EngineNetwork, NotifyListener};
use crate::options::LauncherProgram;
use crate::wire::{self, Received};

/// How long a request waits for a launcher that is being started again.
const RESTART_PATIENCE: Duration = Duration::from_secs(5);

/// The time between two attempts to start the launcher, so that a launcher that cannot start does not use up the host's
/// CPU time.
const RESTART_PAUSE: Duration = Duration::from_millis(200);

/// How many attempts the first start has, because a failure may pass.
const FIRST_ATTEMPTS: u32 = 3;

/// How long a launcher may take to start, and to respond to a ping.
const START_PATIENCE: Duration = Duration::from_secs(15);
const PING_PATIENCE: Duration = Duration::from_millis(1500);

/// How long a launcher whose socket is closed may take to clear away and exit; it takes two seconds at most. After that
/// it is killed.
const EXIT_PATIENCE: Duration = Duration::from_secs(3);

/// The number of sandboxes set aside at which another launcher takes over.
const MOST_SET_ASIDE: usize = 8;

/// How many retired launchers, with sandboxes that do not end, may run beside the current one.
const MOST_RETIRED: usize = 4;

/// The number of ranges of user ids that successive launchers of one server use in turn, so that a new launcher does
/// not use the ids of processes that an earlier one left behind.
const GENERATIONS: u32 = 16;

/// This program, even after its file was replaced by another version.
const OWN_PROGRAM: &str = "/proc/self/exe";

/// The server's client of the launcher.
pub(crate) struct LauncherClient {
    program: LauncherProgram,
    configuration: Configuration,
    lock: File,
    network: Arc<EngineNetwork>,
    observer: Arc<dyn SandboxObserver>,
    /// The launcher that makes sandboxes; `None` while it is being started again.
    current: watch::Sender<Option<Arc<Connection>>>,
    /// The number of launchers that run: the current one, and those that only wait for the ends of their sandboxes.
    running: watch::Sender<usize>,
    generation: AtomicU32,
    /// The features of the host that the first launcher has found. Later launchers must find them, too.
    features: OnceLock<HostFeatures>,
    is_shutting_down: AtomicBool,
    /// All launchers that run.
    known: Mutex<Vec<Weak<Connection>>>,
    templates: Arc<watch::Sender<Option<bool>>>,
}

impl fmt::Debug for LauncherClient {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("LauncherClient").field("program", &self.program).finish_non_exhaustive()
    }
}

impl LauncherClient {
    /// Starts the first launcher.
    pub(crate) async fn start(
        program: LauncherProgram,
        configuration: Configuration,
        lock: File,
        network: Arc<EngineNetwork>,
        observer: Arc<dyn SandboxObserver>,
    ) -> Result<Arc<Self>, SandboxError> {
        if program == LauncherProgram::CurrentExe && !hook_was_called() {
            return Err(unavailable(
                "this program has not called `workers_engine::run_launcher_if_asked` at the start of `main`, so it \
                 cannot be its own sandbox launcher",
            ));
        }
        let launcher = Arc::new(Self {
            program,
            configuration,
            lock,
            network,
            observer,
            current: watch::Sender::new(None),
            running: watch::Sender::new(0),
            generation: AtomicU32::new(0),
            features: OnceLock::new(),
            is_shutting_down: AtomicBool::new(false),
            known: Mutex::default(),
            templates: Arc::new(watch::Sender::new(None)),
        });
        let mut attempt = 1;
        let (connection, child) = loop {
            match launcher.connect().await {
                Ok(connected) => break connected,
                Err(error) if attempt >= FIRST_ATTEMPTS => return Err(error),
                Err(_) => attempt += 1,
            }
            tokio::time::sleep(RESTART_PAUSE).await;
        };
        launcher.begin(connection, child);
        Ok(launcher)
    }

    /// Makes this launcher the current one, and supervises it.
    fn begin(self: &Arc<Self>, connection: Arc<Connection>, child: Child) {
        self.running.send_modify(|running| *running += 1);
        self.current.send_replace(Some(Arc::clone(&connection)));
        if self.is_shutting_down.load(Ordering::Acquire) {
            // `shut_down` has run while there was no launcher to close.
            connection.close();
        }
        tokio::spawn(Arc::clone(self).supervise(connection, child));
    }

    fn features(&self) -> Option<HostFeatures> {
        self.features.get().copied()
    }

    /// Returns whether each sandbox has a user id of its own.
    pub(crate) fn own_uids(&self) -> bool {
        self.features().is_some_and(|features| features.own_uids)
    }

    /// Returns whether a sandbox's init can set the id of the next process.
    pub(crate) fn sets_process_ids(&self) -> bool {
        self.features().is_some_and(|features| features.sets_process_ids)
    }

    /// Returns whether working directories are overlays.
    pub(crate) fn overlays(&self) -> bool {
        self.features().is_some_and(|features| features.overlays)
    }

    /// Waits until the launcher has reported whether there are templates, at most [`RESTART_PATIENCE`]; returns whether
    /// there are.
    pub(crate) async fn has_templates(&self) -> bool {
        let wanted = self.wants_templates();
        let mut known = self.templates.subscribe();
        let known = tokio::time::timeout(RESTART_PATIENCE, known.wait_for(Option::is_some)).await;
        wanted && known.is_ok_and(|known| known.is_ok_and(|known| *known == Some(true)))
    }

    /// Returns whether templates are configured but cannot be booted.
    pub(crate) fn has_lost_templates(&self) -> bool {
        self.wants_templates() && *self.templates.borrow() == Some(false)
    }

    fn wants_templates(&self) -> bool {
        self.configuration.isolation.as_ref().is_some_and(|isolation| isolation.templates.is_some())
    }

    /// Returns the network of its sandboxes.
    pub(crate) fn network(&self) -> &Arc<EngineNetwork> {
        &self.network
    }

    /// Checks that the launcher responds.
    ///
    /// # Errors
    ///
    /// When it does not run or does not respond in time, or too many sandboxes do not end.
    pub(crate) async fn check(&self) -> Result<(), SandboxError> {
        let current = self.current.borrow().clone();
        let connection = current.ok_or_else(|| unavailable("the sandbox launcher is not running"))?;
        // Shorter than the patience of the whole check (`health::PULSE_PATIENCE`), so that the message is about the
        // launcher.
        let answered = tokio::time::timeout(PING_PATIENCE, connection.ping()).await;
        answered.map_err(|_| unavailable("the sandbox launcher does not respond"))??;
        // With fewer launchers, another one takes over and goes on making sandboxes.
        if connection.set_aside() >= MOST_SET_ASIDE && *self.running.borrow() > MOST_RETIRED {
            return Err(unavailable("too many sandboxes do not end"));
        }
        Ok(())
    }

    /// Returns the process id of the current launcher.
    pub(crate) fn process(&self) -> Option<u32> {
        self.current.borrow().as_ref().and_then(|connection| connection.process())
    }

    /// Pings all launchers; one that does not respond is killed and replaced.
    pub(crate) async fn watch(&self) {
        for connection in self.connections() {
            // A launcher that has exited is replaced by its `supervise` task.
            let _ = connection.unless_silent(connection.ping()).await;
        }
    }

    /// Makes launchers replace their templates, because the templates' files were made again.
    pub(crate) async fn renew_templates(&self) {
        for connection in self.connections() {
            // A launcher that has exited has no templates.
            let _ = connection.send(&ToLauncher::RenewTemplates, &[]).await;
        }
    }

    /// Returns the launcher's configuration.
    pub(crate) fn configuration(&self) -> &Configuration {
        &self.configuration
    }

    /// Orders to fork a template; the child joins a sandbox. `channel` goes to the child. The receiver gets no message
    /// when the sandbox ends before the child.
    pub(crate) async fn fork_child(
        &self,
        order: ForkChild,
        channel: OwnedFd,
    ) -> Result<oneshot::Receiver<ChildEvent>, SandboxError> {
        let connection = self.connection_of(&order.name.sandbox).await?;
        let event = connection.register_child(&order.name);
        let name = order.name.clone();
        connection
            .send(&ToLauncher::ForkChild(order), &[channel.as_fd()])
            .await
            .inspect_err(|_| connection.unregister_child(&name))?;
        Ok(event)
    }

    /// Kills such a child.
    pub(crate) async fn kill_child(&self, name: CommandName) -> Result<(), SandboxError> {
        let connection = self.connection_of(&name.sandbox).await?;
        connection.send(&ToLauncher::KillChild(name), &[]).await
    }

    /// Kills such a child, unless the socket to the launcher is full.
    pub(crate) fn try_kill_child(&self, name: CommandName) {
        for connection in self.connections() {
            if connection.has(&name.sandbox) {
                // Without waiting, because a command that is dropped comes here, too.
                connection.try_send(&ToLauncher::KillChild(name));
                return;
            }
        }
    }

    /// Stops waiting for the end of a sandbox. If there are too many such sandboxes, another launcher takes over.
    pub(super) async fn set_aside(self: &Arc<Self>, connection: &Arc<Connection>, name: &str) {
        self.observer.set_aside();
        let many = connection.put_aside(name).await;
        if many >= MOST_SET_ASIDE && !self.is_shutting_down.load(Ordering::Acquire) {
            tracing::error!("too many sandboxes do not end; another launcher makes the next ones");
            self.take_over(connection).await;
        }
    }

    /// Reports a step of a sandbox that is kept to the observer.
    pub(crate) fn report_kept(&self, step: KeptStep) {
        self.observer.kept(step);
    }

    /// Reports to the observer that a sandbox that was set aside has ended.
    pub(super) fn ended_after_all(&self) {
        self.observer.ended_after_all();
    }

    /// Starts another launcher that makes all further sandboxes, because the files that sandboxes are made of were made
    /// again.
    pub(crate) async fn replace(self: &Arc<Self>) {
        let current = self.current.borrow().clone();
        if let Some(current) = current {
            tracing::warn!("files that all sandboxes share were made again; another launcher makes the next sandboxes");
            self.take_over(&current).await;
        }
    }

    /// Starts another launcher that makes sandboxes in place of `old`, which goes on until its own sandboxes have
    /// ended.
    async fn take_over(self: &Arc<Self>, old: &Arc<Connection>) {
        let is_current = self.current.borrow().as_ref().is_some_and(|current| Arc::ptr_eq(current, old));
        // Marked before the other one is started: several callers may come here meanwhile, and one successor is enough.
        if !is_current || *self.running.borrow() > MOST_RETIRED || !old.retire() {
            return;
        }
        match self.connect().await {
            Ok((connection, child)) => {
                old.try_send(&ToLauncher::Replaced);
                self.begin(connection, child);
            }
            Err(error) => {
                old.unretire();
                tracing::error!(error = %error, "no other launcher can be started");
            }
        }
        // If all its sandboxes had ended before it was retired, no later end closes it.
        old.close_if_done();
    }

    /// Ends all launchers, and all sandboxes with them.
    async fn shut_down(&self) {
        self.is_shutting_down.store(true, Ordering::Release);
        for connection in self.connections() {
            connection.close();
        }
        // The `supervise` task of each launcher limits the time that it may take.
        let _ = self.running.subscribe().wait_for(|running| *running == 0).await;
    }

    /// Ends the launchers, and removes the cgroups that are left. When this returns, nothing of the engine runs, except
    /// processes that cannot be killed.
    pub(crate) async fn end(&self) {
        self.shut_down().await;
        let Some(isolation) = self.configuration.isolation.clone() else { return };
        let cleared = blocking("clearing away", move || {
            sweep_cgroups(&isolation.cgroups, None);
            isolation.cgroups.group("").remove()
        });
        if let Err(error) = cleared.await {
            tracing::warn!(error = %error, "the engine left a cgroup behind; the next start removes it");
        }
    }

    /// Waits for the current launcher; `dead` is one that has exited and does not count.
    pub(super) async fn connection(&self, dead: Option<&Arc<Connection>>) -> Result<Arc<Connection>, SandboxError> {
        let mut current = self.current.subscribe();
        let is_dead = |connection: &Arc<Connection>| dead.is_some_and(|dead| Arc::ptr_eq(dead, connection));
        let is_there = |current: &Option<_>| current.as_ref().is_some_and(|connection| !is_dead(connection));
        let found = tokio::time::timeout(RESTART_PATIENCE, current.wait_for(is_there)).await;
        let connection = found.ok().and_then(|found| found.ok()?.clone());
        connection.ok_or_else(|| unavailable("the sandbox launcher is not running"))
    }

    /// Returns the launcher that has made a sandbox, or the current one.
    async fn connection_of(&self, sandbox: &str) -> Result<Arc<Connection>, SandboxError> {
        match self.connections().into_iter().find(|connection| connection.has(sandbox)) {
            Some(connection) => Ok(connection),
            // It has ended, or its launcher has; the current launcher does not know it and reports that.
            None => self.connection(None).await,
        }
    }

    fn connections(&self) -> Vec<Arc<Connection>> {
        let known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        known.iter().filter_map(Weak::upgrade).collect()
    }

    /// Starts a launcher, and sends it its configuration.
    async fn connect(&self) -> Result<(Arc<Connection>, Child), SandboxError> {
        let (mut child, channel) = self.spawn()?;
        let configured = tokio::time::timeout(START_PATIENCE, self.configure(channel, child.id())).await;
        let configured = configured.unwrap_or_else(|_| Err(unavailable("the sandbox launcher does not respond")));
        match configured {
            Ok(connection) => Ok((connection, child)),
            Err(error) => {
                end(&mut child, true).await;
                Err(error)
            }
        }
    }

    fn spawn(&self) -> Result<(Child, Channel), SandboxError> {
        let failed = |error: io::Error| refused("the sandbox launcher cannot be started", &error);
        let (ours, theirs) = wire::channel().map_err(failed)?;
        let program = match &self.program {
            LauncherProgram::CurrentExe => PathBuf::from(OWN_PROGRAM),
            LauncherProgram::Path(path) => path.clone(),
        };
        let lock = self.lock.try_clone().map_err(failed)?;
        // The first process of each sandbox is a fork of the launcher. So it gets neither the server's environment
        // (with tokens and the database's URL) nor a descriptor besides 0, 1 and 2, and the lock has to be one of
        // these.
        let child = Command::new(&program)
            // Every sandbox sees this as the command line of its first process.
            .arg0("workers-sandbox")
            .arg(HOOK_ARGUMENT)
            .env_clear()
            .current_dir("/")
            .stdin(Stdio::from(theirs))
            .stdout(Stdio::from(lock))
            .stderr(Stdio::inherit())
            .spawn()
            .map_err(|error| failed(named(program.display(), error)))?;
        Ok((child, Channel::new(ours).map_err(failed)?))
    }

    async fn configure(&self, channel: Channel, process: Option<u32>) -> Result<Arc<Connection>, SandboxError> {
        let failed = |error: io::Error| refused("the sandbox launcher cannot be started", &error);
        let configure = ToLauncher::Configure(Box::new(self.configuration_now()));
        channel.send(&configure, &[]).await.map_err(failed)?;
        match channel.receive::<FromLauncher>().await.map_err(failed)? {
            Some(Received { message: FromLauncher::Configured(features), descriptors }) => {
                // The launcher compares them itself (`probe`), but finds out only later whether containers have ids of
                // their own.
                let required = *self.features.get_or_init(|| features);
                if !features.includes(required) {
                    return Err(unavailable(
                        "the sandbox launcher would make sandboxes with less isolation than before",
                    ));
                }
                let listener = self.listen(descriptors)?;
                let templates = Arc::clone(&self.templates);
                let wanted = self.wants_templates();
                let connection = Arc::new(Connection::new(channel, process, templates, wanted, listener));
                let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
                known.retain(|other| other.strong_count() > 0);
                known.push(Arc::downgrade(&connection));
                Ok(Arc::clone(&connection))
            }
            Some(Received { message: FromLauncher::ConfigurationFailed(reason), .. }) => {
                Err(unavailable(format!("the sandbox launcher cannot work: {reason}")))
            }
            _ => Err(unavailable("the sandbox launcher exited without a response; see its message above")),
        }
    }

    /// Returns the configuration for a launcher that is started now, with the next range of user ids.
    fn configuration_now(&self) -> Configuration {
        let mut configuration = Configuration { required: self.features(), ..self.configuration.clone() };
        let generation = self.generation.fetch_add(1, Ordering::Relaxed);
        if let Some(isolation) = &mut configuration.isolation {
            // The remainders keep the ids within the range of this engine (`UIDS_PER_ENGINE`,
            // `container::first_of_engine`).
            isolation.first_uid += match isolation.containers {
                Some(_) => generation % container::LAUNCHERS * container::MOST_CONTAINERS * container::IDS,
                None => generation % GENERATIONS * MOST_SLOTS,
            };
        }
        configuration
    }

    /// Starts to receive the calls that the filter reports from isolated processes.
    fn listen(&self, descriptors: Vec<OwnedFd>) -> Result<Option<NotifyListener>, SandboxError> {
        if self.configuration.isolation.is_none() {
            return Ok(None);
        }
        let missing = |reason: &str| unavailable(format!("the connections of sandboxes cannot be made: {reason}"));
        let notify_fd = descriptors.into_iter().next().ok_or_else(|| missing("the filter has no listener"))?;
        let listener = NotifyListener::start(notify_fd, Arc::clone(&self.network));
        listener.map(Some).map_err(|error| missing(&error.to_string()))
    }

    /// Handles a launcher's messages until it ends. If it was the current one, another one is started.
    async fn supervise(self: Arc<Self>, connection: Arc<Connection>, mut child: Child) {
        let ended = connection.follow().await;
        // Another launcher may already be the current one (`take_over`).
        let was_current = self.current.send_if_modified(|current| {
            let is_this = current.as_ref().is_some_and(|current| Arc::ptr_eq(current, &connection));
            if is_this {
                *current = None;
            }
            is_this
        });
        // Before the launcher's exit, which may take seconds.
        let left = connection.fail_all_waits();
        end(&mut child, connection.is_silent()).await;
        if was_current && !self.is_shutting_down.load(Ordering::Acquire) {
            tracing::error!(reason = %ended, "the sandbox launcher died; its sandboxes are lost and it is started again");
        }
        if let Some(isolation) = self.configuration.isolation.clone() {
            let swept = blocking("sweep", move || {
                // Only those of its own sandboxes, because another launcher's are in the same directories.
                sweep_cgroups(&isolation.cgroups, Some(left));
                Ok(())
            });
            swept.await.unwrap_or_else(|error| tracing::error!(error = %error, "cgroups could not be swept"));
        }
        if was_current {
            self.start_again().await;
        }
        // Last, because `shut_down` waits for it: until then the cgroups are being swept, or another launcher begins.
        self.running.send_modify(|running| *running -= 1);
    }

    async fn start_again(self: &Arc<Self>) {
        let mut failures = 0_u64;
        while !self.is_shutting_down.load(Ordering::Acquire) {
            match self.connect().await {
                Ok((connection, child)) => return self.begin(connection, child),
                // Logged at the first failure and then ever more rarely, because we try several times a second.
                Err(error) if failures.is_power_of_two() || failures == 0 => {
                    tracing::error!(error = %error, attempt = failures + 1, "the sandbox launcher cannot be started again");
                }
                Err(_) => {}
            }
            failures += 1;
            tokio::time::sleep(RESTART_PAUSE).await;
        }
    }
}

/// Waits for the end of a launcher whose socket is closed. One that takes too long is killed; with `at_once` it is
/// killed immediately.
async fn end(child: &mut Child, at_once: bool) {
    let patience = if at_once { Duration::ZERO } else { EXIT_PATIENCE };
    if tokio::time::timeout(patience, child.wait()).await.is_err() {
        if !at_once {
            tracing::error!("the sandbox launcher does not exit; it is killed");
        }
        // Fails if it has exited meanwhile.
        let _ = child.start_kill();
        // A process that the kernel does not let go does not end even now.
        let _ = tokio::time::timeout(EXIT_PATIENCE, child.wait()).await;
    }
}
