//! A sandbox provider without processes: its commands play a script that the test wrote.

use std::collections::{HashMap, VecDeque};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use async_trait::async_trait;
use chrono::{DateTime, Utc};
use tokio::sync::{Notify, Semaphore, watch};
use tokio::time::Instant;
use workers_domain::ports::{
    Command, CommandEvent, CommandExit, CommandSpec, ExitStatus, KillReason, NodePreload, Sandbox, SandboxError,
    SandboxErrorKind, SandboxFile, SandboxProvider, SandboxSource, SandboxSpec, Snapshot,
};
use workers_domain::{Fault, LogStream, Part, ResourceLimits, ResourceUsage, SandboxId, SnapshotId};
use workers_protocol::{Encoder, Meta, OutcomeCode, OutputStream, Payload, ReceivedCall};

/// How long a function takes that returns: 1.5 ms of loading and 2.25 ms of running.
const RETURNED_AFTER: Duration = Duration::from_micros(1500 + 2250);

/// The next step of a scripted command. A script without [`Step::Exit`] ends with exit code 0.
#[derive(Debug, Clone)]
pub enum Step {
    /// Prints bytes outside any frame.
    Raw(LogStream, Vec<u8>),
    /// Prints a frame: kind and body, as `O5:"text"`.
    Frame(String),
    /// Prints a frame with this console output, at a time long ago.
    Log(LogStream, &'static str),
    /// Prints the outcome frame of a function that returned this JSON. The frame reports 1.5 ms of loading and 2.25 ms
    /// of running, and the step takes that long.
    Return(String),
    /// Prints the outcome frame of a function that threw an error with this message.
    Throw(&'static str),
    /// Waits until it is notified.
    WaitFor(Arc<Notify>),
    /// Does nothing until it is killed.
    Hang,
    /// Exits.
    Exit(ExitStatus, Option<KillReason>),
    /// The provider loses the command: reading its events fails.
    Lose,
}

/// A command that the platform runs, as the script sees it.
#[derive(Debug, Clone)]
pub struct ScriptedCall {
    /// The function's name.
    pub function: String,
    /// The payload, read from its file if it came in one.
    pub payload: String,
    /// The whole command.
    pub spec: CommandSpec,
    /// The sandbox's files.
    pub files: HashMap<String, Vec<u8>>,
}

/// The number of the next snapshot. All providers of this process share it, so their snapshots have different names.
static SNAPSHOTS: AtomicU64 = AtomicU64::new(1);

type Script = dyn Fn(&ScriptedCall) -> Vec<Step> + Send + Sync;

/// A sandbox provider without processes. Clones are cheap and are the same provider.
#[derive(Clone)]
pub struct ScriptedSandboxProvider {
    state: Arc<State>,
}

struct State {
    script: Box<Script>,
    inner: Mutex<Inner>,
    live: watch::Sender<usize>,
    held_removals: watch::Sender<usize>,
}

#[derive(Default)]
struct Inner {
    snapshots: HashMap<SnapshotId, HashMap<String, Vec<u8>>>,
    made: u64,
    limits: Option<ResourceLimits>,
    expected: Vec<SnapshotId>,
    preloads: Vec<NodePreload>,
    failure: Option<SandboxErrorKind>,
    hangs: bool,
    names_snapshots_itself: bool,
    snapshots_made: usize,
    on_snapshot: Option<Box<dyn FnOnce() + Send>>,
    removals: Option<Arc<Semaphore>>,
}

impl ScriptedSandboxProvider {
    /// Creates a provider whose commands play the steps that `script` returns for them.
    pub fn new(script: impl Fn(&ScriptedCall) -> Vec<Step> + Send + Sync + 'static) -> Self {
        let (live, held_removals) = (watch::Sender::new(0), watch::Sender::new(0));
        Self { state: Arc::new(State { script: Box::new(script), inner: Mutex::default(), live, held_removals }) }
    }

    /// Makes the creation of sandboxes fail with this kind from now on. `None` ends that.
    pub fn fail_with(&self, kind: Option<SandboxErrorKind>) {
        self.state.lock().failure = kind;
    }

    /// Makes the creation of sandboxes wait for ever from now on.
    pub fn hang(&self) {
        self.state.lock().hangs = true;
    }

    /// From now on the provider chooses the names of snapshots, as a cloud does that several servers share.
    pub fn name_snapshots_itself(&self) {
        self.state.lock().names_snapshots_itself = true;
    }

    /// Calls `then` once, after the next snapshot has been made.
    pub fn when_next_snapshot_is_made(&self, then: impl FnOnce() + Send + 'static) {
        self.state.lock().on_snapshot = Some(Box::new(then));
    }

    /// From now on the removal of a snapshot first takes a permit, and does not return it.
    pub fn hold_removals(&self, permits: Arc<Semaphore>) {
        self.state.lock().removals = Some(permits);
    }

    /// Waits until a removal waits for its permit.
    pub async fn wait_for_held_removal(&self) {
        // The sender lives as long as `self`, so this cannot fail.
        let _ = self.state.held_removals.subscribe().wait_for(|held| *held > 0).await;
    }

    /// Returns how many snapshots were made so far.
    #[must_use]
    pub fn snapshots_made(&self) -> usize {
        self.state.lock().snapshots_made
    }

    /// Removes every snapshot, as a provider does whose cache was emptied.
    pub fn lose_snapshots(&self) {
        self.state.lock().snapshots.clear();
    }

    /// Returns how many snapshots exist.
    #[must_use]
    pub fn snapshot_count(&self) -> usize {
        self.state.lock().snapshots.len()
    }

    /// Returns the snapshots that were passed to `expect`.
    #[must_use]
    pub fn expected(&self) -> Vec<SnapshotId> {
        self.state.lock().expected.clone()
    }

    /// Returns the preloads that were passed to `preload`.
    #[must_use]
    pub fn preloads(&self) -> Vec<NodePreload> {
        self.state.lock().preloads.clone()
    }

    /// Returns how many sandboxes were created so far.
    #[must_use]
    pub fn sandboxes_made(&self) -> u64 {
        self.state.lock().made
    }

    /// Returns the limits of the sandbox that was created last.
    #[must_use]
    pub fn limits_of_last(&self) -> Option<ResourceLimits> {
        self.state.lock().limits
    }

    /// Waits until exactly this number of sandboxes lives.
    pub async fn wait_for_live_sandboxes(&self, number: usize) {
        // The sender lives as long as `self`, so this cannot fail.
        let _ = self.state.live.subscribe().wait_for(|live| *live == number).await;
    }
}

impl State {
    fn lock(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[async_trait]
impl SandboxProvider for ScriptedSandboxProvider {
    fn name(&self) -> &'static str {
        "scripted"
    }

    async fn create(&self, spec: SandboxSpec) -> Result<Box<dyn Sandbox>, SandboxError> {
        // In a statement of its own: the guard of the lock must not live over the `await`.
        let hangs = self.state.lock().hangs;
        if hangs {
            std::future::pending::<()>().await;
        }
        let mut inner = self.state.lock();
        if let Some(kind) = inner.failure {
            return Err(SandboxError::new(kind, "the test asked for this failure"));
        }
        let files = match spec.source {
            SandboxSource::Empty => HashMap::new(),
            SandboxSource::Snapshot(id) => inner.snapshots.get(&id).cloned().ok_or_else(|| {
                SandboxError::new(SandboxErrorKind::SnapshotNotFound, format!("there is no snapshot {id}"))
            })?,
        };
        inner.made += 1;
        inner.limits = Some(spec.limits);
        let id = SandboxId::new(format!("sbx_{}", inner.made));
        self.state.live.send_modify(|live| *live += 1);
        let life = Mutex::new(Some(LiveGuard { state: Arc::clone(&self.state) }));
        Ok(Box::new(ScriptedSandbox {
            id,
            files: Mutex::new(files),
            life,
            stopped: Arc::default(),
            state: Arc::clone(&self.state),
        }))
    }

    fn preload(&self, preload: NodePreload) {
        self.state.lock().preloads.push(preload);
    }

    fn expect(&self, spec: SandboxSpec) {
        if let SandboxSource::Snapshot(snapshot) = spec.source {
            self.state.lock().expected.push(snapshot);
        }
    }

    async fn find_snapshot(&self, id: &SnapshotId) -> Result<Option<Snapshot>, SandboxError> {
        let found = self.state.lock().snapshots.contains_key(id);
        Ok(found.then(|| Snapshot { id: id.clone(), size_bytes: 0, expires_at: None }))
    }

    async fn delete_snapshot(&self, id: &SnapshotId) -> Result<(), SandboxError> {
        let permits = self.state.lock().removals.clone();
        if let Some(permits) = permits {
            self.state.held_removals.send_modify(|held| *held += 1);
            if let Ok(permit) = permits.acquire().await {
                permit.forget();
            }
            self.state.held_removals.send_modify(|held| *held -= 1);
        }
        self.state.lock().snapshots.remove(id);
        Ok(())
    }

    fn keeps_own_snapshots(&self) -> bool {
        !self.state.lock().names_snapshots_itself
    }

    async fn own_snapshots(&self, _before: DateTime<Utc>) -> Result<Vec<SnapshotId>, SandboxError> {
        let inner = self.state.lock();
        Ok(if inner.names_snapshots_itself { Vec::new() } else { inner.snapshots.keys().cloned().collect() })
    }

    async fn check(&self) -> Result<(), SandboxError> {
        match self.state.lock().failure {
            Some(kind) => Err(SandboxError::new(kind, "the test asked for this failure")),
            None => Ok(()),
        }
    }

    async fn faults(&self) -> Vec<Fault> {
        let fault = |error: SandboxError| {
            let is_short = error.kind == SandboxErrorKind::Exhausted;
            let part = if is_short { Part::Descriptors } else { Part::Sandboxes };
            Fault::fatal(part, error.to_string())
        };
        self.check().await.err().map(fault).into_iter().collect()
    }
}

/// Counts one live sandbox until it is dropped.
struct LiveGuard {
    state: Arc<State>,
}

impl Drop for LiveGuard {
    fn drop(&mut self) {
        self.state.live.send_modify(|live| *live -= 1);
    }
}

struct ScriptedSandbox {
    id: SandboxId,
    files: Mutex<HashMap<String, Vec<u8>>>,
    life: Mutex<Option<LiveGuard>>,
    stopped: Arc<Notify>,
    state: Arc<State>,
}

impl ScriptedSandbox {
    fn files(&self) -> MutexGuard<'_, HashMap<String, Vec<u8>>> {
        self.files.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn check_alive(&self) -> Result<(), SandboxError> {
        let alive = self.life.lock().unwrap_or_else(PoisonError::into_inner).is_some();
        if alive { Ok(()) } else { Err(SandboxError::new(SandboxErrorKind::Stopped, "the sandbox was stopped")) }
    }

    fn keep(&self, id: SnapshotId, expires_at: Option<DateTime<Utc>>) -> Result<Snapshot, SandboxError> {
        self.check_alive()?;
        let files = self.files().clone();
        let size_bytes = files.values().map(|contents| contents.len() as u64).sum();
        let mut inner = self.state.lock();
        inner.snapshots_made += 1;
        inner.snapshots.insert(id.clone(), files);
        let on_snapshot = inner.on_snapshot.take();
        // The function may call this provider, which would then wait for its own lock.
        drop(inner);
        if let Some(on_snapshot) = on_snapshot {
            on_snapshot();
        }
        self.end();
        Ok(Snapshot { id, size_bytes, expires_at })
    }

    fn end(&self) {
        self.life.lock().unwrap_or_else(PoisonError::into_inner).take();
        // `notify_one` also reaches a command that begins to wait only later; `notify_waiters` would not.
        self.stopped.notify_one();
    }
}

#[async_trait]
impl Sandbox for ScriptedSandbox {
    fn id(&self) -> &SandboxId {
        &self.id
    }

    async fn write_files(&self, files: Vec<SandboxFile>) -> Result<(), SandboxError> {
        self.check_alive()?;
        self.files().extend(files.into_iter().map(|file| (file.path.as_str().to_owned(), file.contents)));
        Ok(())
    }

    async fn run(&self, command: CommandSpec) -> Result<Box<dyn Command>, SandboxError> {
        self.check_alive()?;
        let files = self.files().clone();
        let ReceivedCall { function, payload, token } = ReceivedCall::read(&command.args, &command.env);
        let payload = match payload {
            Payload::Inline(json) => json,
            Payload::File(path) => {
                files.get(&path).map(|contents| String::from_utf8_lossy(contents).into_owned()).unwrap_or_default()
            }
        };
        let call = ScriptedCall { function, payload, spec: command, files };
        let steps = (self.state.script)(&call).into();
        Ok(Box::new(ScriptedCommand {
            steps,
            encoder: Encoder::new(token),
            killed: Arc::default(),
            stopped: Arc::clone(&self.stopped),
            began: Instant::now(),
            over: false,
        }))
    }

    async fn snapshot(&self, expires_at: Option<DateTime<Utc>>) -> Result<Snapshot, SandboxError> {
        // The number is unique among all providers of the process.
        let number = SNAPSHOTS.fetch_add(1, Ordering::Relaxed);
        self.keep(SnapshotId::new(format!("snap_{number}")), expires_at)
    }

    async fn snapshot_as(&self, id: &SnapshotId, expires_at: Option<DateTime<Utc>>) -> Result<Snapshot, SandboxError> {
        let names_itself = self.state.lock().names_snapshots_itself;
        if names_itself { self.snapshot(expires_at).await } else { self.keep(id.clone(), expires_at) }
    }

    async fn stop(&self) -> Result<(), SandboxError> {
        self.end();
        Ok(())
    }
}

struct ScriptedCommand {
    steps: VecDeque<Step>,
    encoder: Encoder,
    killed: Arc<Notify>,
    stopped: Arc<Notify>,
    began: Instant,
    over: bool,
}

impl ScriptedCommand {
    fn exit(&mut self, status: ExitStatus, killed: Option<KillReason>) -> CommandEvent {
        self.over = true;
        CommandEvent::Exited(CommandExit { status, killed, usage: ResourceUsage::default() })
    }

    fn asked_to_end(&mut self) -> CommandEvent {
        self.exit(ExitStatus::Signal(9), Some(KillReason::Requested))
    }
}

/// Returns an event with these bytes of the script's standard output.
const fn written(bytes: Vec<u8>) -> CommandEvent {
    CommandEvent::Output { stream: LogStream::Stdout, bytes }
}

#[async_trait]
impl Command for ScriptedCommand {
    async fn next_event(&mut self) -> Result<Option<CommandEvent>, SandboxError> {
        if self.over {
            return Ok(None);
        }
        // A step that waits stays at the front until it is done, so that a dropped call loses nothing.
        loop {
            let event = match self.steps.front() {
                Some(Step::WaitFor(notify)) => {
                    let notify = Arc::clone(notify);
                    tokio::select! {
                        () = notify.notified() => {}
                        () = self.killed.notified() => return Ok(Some(self.asked_to_end())),
                        () = self.stopped.notified() => return Ok(Some(self.asked_to_end())),
                    }
                    self.steps.pop_front();
                    continue;
                }
                Some(Step::Hang) => {
                    tokio::select! {
                        () = self.killed.notified() => {}
                        () = self.stopped.notified() => {}
                    }
                    self.asked_to_end()
                }
                Some(Step::Raw(stream, bytes)) => CommandEvent::Output { stream: *stream, bytes: bytes.clone() },
                Some(Step::Frame(body)) => written(self.encoder.frame(body)),
                Some(Step::Log(stream, text)) => {
                    let stream = match stream {
                        LogStream::Stdout => OutputStream::Stdout,
                        LogStream::Stderr => OutputStream::Stderr,
                    };
                    written(self.encoder.chunk(stream, 5, text))
                }
                Some(Step::Return(json)) => {
                    let meta = Meta { code: OutcomeCode::Ok, load_ms: 1.5, run_ms: 2.25, ..Meta::default() };
                    let frame = written(self.encoder.outcome(&meta, json));
                    // The platform does not believe a run time longer than it has measured itself, so the step must
                    // take as long.
                    tokio::time::sleep_until(self.began + RETURNED_AFTER).await;
                    frame
                }
                Some(Step::Throw(message)) => written(self.encoder.thrown(message)),
                Some(Step::Exit(status, killed)) => {
                    let (status, killed) = (*status, *killed);
                    self.exit(status, killed)
                }
                Some(Step::Lose) => {
                    self.over = true;
                    return Err(SandboxError::new(SandboxErrorKind::Failed, "the test asked for this failure"));
                }
                None => self.exit(ExitStatus::Code(0), None),
            };
            self.steps.pop_front();
            return Ok(Some(event));
        }
    }

    async fn kill(&self) -> Result<(), SandboxError> {
        self.killed.notify_one();
        Ok(())
    }
}
