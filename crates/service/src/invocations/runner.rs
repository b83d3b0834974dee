//! Runs one invocation: creates a fresh sandbox, runs the command, forwards events, decides the outcome, and cleans up.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::{Duration, Instant};

use chrono::{DateTime, Utc};
use tokio::sync::{mpsc, oneshot};
use uuid::Uuid;
use workers_domain::ports::{
    Command, CommandEvent, CommandExit, CommandSpec, ExitStatus, NodeScript, Program, Sandbox, SandboxAge,
    SandboxError, SandboxErrorKind, SandboxFile, SandboxPath,
};
use workers_domain::{
    Failure, FailureCode, InvocationEvent, InvocationEventKind, InvocationId, InvocationReport, Isolation, LogStream,
    Outcome, Part, ResourceUsage, Timings, ValueWarning, Worker,
};
use workers_protocol::{self as protocol, Decoder, MAX_INLINE_PAYLOAD, OutputStream, Payload, Piece};

use super::Inner;
use super::admission::InvocationPermit;
use super::claims::{ClaimedMoment, ClaimedTime};
use super::lines::{LineAssembler, Source};
use super::outcome::{self, Observed, Reported};
use crate::shared::Shared;
use crate::snapshot::{node_script, sandbox_spec, stop};
use crate::workers::RebuildError;
use crate::{EffectiveLimits, LogDecision, UnreadPermit};

/// The file in the sandbox that contains a long payload.
const PAYLOAD_FILE: &str = "payload.json";

/// Maximum number of events that wait here, in addition to the channel, before the runner stops reading the sandbox's
/// output.
const HIGH_WATER: usize = 256;

/// How long the provider may take to end the command after the wall-clock limit, before the runner kills it.
const GRACE: Duration = Duration::from_secs(5);

/// The pauses before the retries of an invocation that has not begun. There are only a few, so that the caller soon
/// gets an error if the fault persists.
const RETRIES: [Duration; 2] = [Duration::from_millis(100), Duration::from_millis(400)];

/// The error message for a result that the memory budget of unread results has no room for.
const UNREAD: &str = "The function has run, but its result had to be thrown away: too many results wait for clients that do not read \
                      them. This is not the function's doing; try again later.";

/// The invocation to run.
pub(super) struct Call {
    pub(super) id: InvocationId,
    pub(super) worker: Worker,
    pub(super) function: String,
    /// The payload as JSON; `None` after a whole payload was moved into a sandbox.
    pub(super) payload: Option<String>,
    /// The warning that the caller's payload could not be read and was replaced.
    pub(super) warning: Option<ValueWarning>,
    /// The limits that apply to this invocation.
    pub(super) limits: EffectiveLimits,
    /// How long it waited for its permit.
    pub(super) queue: Duration,
}

/// A running invocation.
pub(super) struct Runner {
    inner: Arc<Inner>,
    call: Call,
    events: EventForwarder,
    /// Where to send the permit for the memory that the outcome takes until it is read.
    unread_sender: oneshot::Sender<UnreadPermit>,
    permit: InvocationPermit,
    sandbox: Option<Box<dyn Sandbox>>,
    /// How new that sandbox was.
    age: SandboxAge,
    began: Instant,
    began_at: DateTime<Utc>,
    timings: Timings,
}

/// Forwards events to the reader as soon as it accepts them, but only once the user's code is about to run.
struct EventForwarder {
    sender: mpsc::Sender<InvocationEvent>,
    waiting: VecDeque<InvocationEvent>,
    /// Number of events so far.
    sequence: u64,
    /// Size of everything that was printed: a reader may keep all of it until the end.
    log_bytes: usize,
    /// Events from before that moment: lines of a process that may be replaced by another one, without the caller
    /// noticing. The output limits apply to them.
    held: Option<Vec<InvocationEventKind>>,
}

/// The caller disconnected, or the platform is shutting down.
struct Cancelled;

/// The reason why an invocation could not be run. The function is not the cause.
struct RunError {
    code: FailureCode,
    error: Box<dyn std::error::Error + Send + Sync>,
    /// Whether any of the user's code may have run. If not, the invocation can be tried again.
    begun: bool,
}

/// The result of a command.
struct Ended {
    outcome: Outcome,
    usage: ResourceUsage,
}

impl Runner {
    pub(super) fn new(
        inner: Arc<Inner>,
        call: Call,
        sender: mpsc::Sender<InvocationEvent>,
        unread_sender: oneshot::Sender<UnreadPermit>,
        permit: InvocationPermit,
    ) -> Self {
        let timings = Timings { queue: call.queue, ..Timings::default() };
        let events =
            EventForwarder { sender, waiting: VecDeque::new(), sequence: 0, log_bytes: 0, held: Some(Vec::new()) };
        let began_at = inner.shared.clock.now();
        Self {
            inner,
            call,
            events,
            unread_sender,
            permit,
            sandbox: None,
            age: SandboxAge::default(),
            began: Instant::now(),
            began_at,
            timings,
        }
    }

    /// Runs the invocation to its end, whatever happens.
    pub(super) async fn run(mut self) {
        // Clones, because `execute` borrows the whole runner meanwhile.
        let caller = self.events.sender.clone();
        let abort = self.inner.abort.clone();
        // Each of the other arms drops the work, and with it a running command, which kills its processes.
        let ended = tokio::select! {
            ended = self.execute_and_reserve_memory() => Ok(ended),
            () = caller.closed() => Err(Cancelled),
            () = abort.cancelled() => {
                Ok((failed(FailureCode::SandboxFailed, "The server is shutting down."), Some(UnreadPermit::default())))
            }
        };
        let Self { inner, call, mut events, unread_sender, permit, sandbox, age, timings, .. } = self;
        // After an abort before the function began, lines are still held back, and the report would be too.
        events.release();
        let Ok((Ended { outcome, usage }, unread_permit)) = ended else {
            // Dropping the sandbox stops it in the background.
            inner.shared.observer.cancelled();
            return;
        };
        let outcome = outcome::warned(outcome, call.warning);
        let isolation = if age.is_kept { Isolation::Process } else { Isolation::Sandbox };
        let is_reused = age.is_reused;
        let report = InvocationReport { invocation_id: call.id, outcome, timings, usage, isolation, is_reused };
        inner.shared.observer.finished(&report);
        match unread_permit {
            // A reader that has disconnected is detected elsewhere.
            Some(unread_permit) => drop(unread_sender.send(unread_permit)),
            // The log counts in the memory that was refused; only the failure may be passed on.
            None => events.waiting.clear(),
        }
        events.push(InvocationEventKind::Finished(Box::new(report)));
        // The caller does not have to wait until the sandbox is removed, but the next invocation that gets this permit
        // does.
        let cleared = async {
            if let Some(sandbox) = &sandbox {
                stop(&**sandbox, &inner.shared.health).await;
            }
            drop(permit);
        };
        tokio::join!(cleared, events.drain());
    }

    /// Runs the invocation, and takes a permit for the memory that its outcome and its log need until they are read.
    /// The invocation keeps its permit to run while it waits for that one, so that no further outcomes queue up.
    /// Without the memory, the result is discarded.
    async fn execute_and_reserve_memory(&mut self) -> (Ended, Option<UnreadPermit>) {
        let ended = self.execute().await;
        let bytes = outcome::bytes_of(&ended.outcome) + self.events.log_bytes;
        let shared = &self.inner.shared;
        let unread_permit =
            shared.unread_budget.acquire(Some(self.call.worker.id), bytes, shared.options.queue_timeout).await;
        if unread_permit.is_some() {
            return (ended, unread_permit);
        }
        (Ended { outcome: failed(FailureCode::Busy, UNREAD).outcome, ..ended }, None)
    }

    async fn execute(&mut self) -> Ended {
        let mut pauses = RETRIES.into_iter();
        loop {
            let RunError { code, error, begun } = match self.try_execute().await {
                Ok(ended) => return ended,
                Err(error) => error,
            };
            let is_gone = matches!(code, FailureCode::WorkerNotFound | FailureCode::WorkerExpired);
            // Neither tried again nor logged: it is no fault of the platform that the worker was deleted or has
            // expired.
            if is_gone {
                self.events.release();
                return failed(code, message_of(code));
            }
            // A payload that was moved into a sandbox is not available for a retry.
            let again = pauses.next().filter(|_| !begun && self.call.payload.is_some());
            let Some(pause) = again else {
                self.events.release();
                self.log_failure(code, &*error);
                return failed(code, message_of(code));
            };
            tracing::debug!(invocation.id = %self.call.id, error = &*error as &dyn std::error::Error, "trying again");
            // The output came from a process that ran none of the user's code.
            self.events.held.as_mut().map(Vec::clear);
            // Dropping the sandbox stops it in the background.
            self.sandbox = None;
            tokio::time::sleep(pause).await;
        }
    }

    /// Logs why the invocation cannot be run: the first failure of a series in full, later ones as a count.
    fn log_failure(&self, code: FailureCode, error: &(dyn std::error::Error + 'static)) {
        let (failures, what) = match self.inner.shared.failed(code.as_str()) {
            LogDecision::First => (None, "failed to run an invocation in a sandbox"),
            LogDecision::Count(failures) => {
                (Some(failures), "failed to run invocations in sandboxes; this is the latest of them")
            }
            LogDecision::Suppress => return,
        };
        tracing::error!(
            failures,
            invocation.id = %self.call.id,
            worker.id = %self.call.worker.id,
            sandbox.id = self.sandbox.as_ref().map(|sandbox| sandbox.id().as_str()),
            error,
            advice = part_of(code).advice(),
            "{what}"
        );
    }

    async fn try_execute(&mut self) -> Result<Ended, RunError> {
        // A handle of its own, because `execute_in` borrows the whole runner.
        let shared = Arc::clone(&self.inner.shared);
        let sandbox = self.make_sandbox(&shared).await?;
        tracing::Span::current().record("sandbox.id", tracing::field::display(sandbox.id()));
        self.age = sandbox.age();
        let ended = self.execute_in(&*sandbox, &shared).await;
        // Also after a failure: its id is logged, and the end of `run` stops it before it releases the permit.
        self.sandbox = Some(sandbox);
        ended
    }

    async fn make_sandbox(&self, shared: &Shared) -> Result<Box<dyn Sandbox>, RunError> {
        let missing = || SandboxError::new(SandboxErrorKind::SnapshotNotFound, "the worker has no snapshot");
        let snapshot = self.call.worker.snapshot_id().ok_or_else(missing).map_err(RunError::before)?;
        let spec = |id| sandbox_spec(id, &self.call.limits, &shared.options.network);
        match shared.sandboxes.create(spec(snapshot.clone())).await {
            Err(error) if error.kind == SandboxErrorKind::SnapshotNotFound => {
                let id = shared.rebuild(self.call.worker.id).await?;
                shared.sandboxes.create(spec(id)).await.map_err(RunError::before)
            }
            made => made.map_err(RunError::before),
        }
    }

    async fn execute_in(&mut self, sandbox: &dyn Sandbox, shared: &Shared) -> Result<Ended, RunError> {
        // 32 hexadecimal digits, as `PROTOCOL.md` demands.
        let token = Uuid::new_v4().simple().to_string();
        let started = tokio::time::Instant::now();
        let mut command = self.start(sandbox, &token).await.map_err(RunError::before)?;
        let mut reader = OutputReader::new(&self.call.limits, &token, self.began_at);
        let exit = self.follow(&mut *command, &mut reader, shared).await;
        let begun = reader.observed.started;
        let exit = exit.map_err(|error| RunError { begun, ..RunError::before(error) })?;
        let measured = started.elapsed();
        reader.finish(shared, &mut self.events);
        // Before `release`, so that an attempt that failed because of the platform can be repeated without a trace.
        if outcome::blames_the_function(reader.outcome.as_ref(), &exit, &reader.observed)
            && let Some(fault) = find_fault(sandbox, &exit, &reader.observed, self.call.limits.sandbox.wall_clock).await
        {
            return Err(RunError { begun, ..RunError::before(fault) });
        }
        self.events.release();
        if reader.observed.started {
            self.timings.sandbox = reader.sandbox_time(self.began);
        }
        match (&reader.outcome, reader.started) {
            (Some(Reported::Outcome(frame)), _) => {
                self.timings.load = ClaimedTime(frame.meta.load_ms).at_most(measured);
                // User code may have forged both times, so together they are limited to what was measured.
                let rest = measured.saturating_sub(self.timings.load);
                self.timings.run = ClaimedTime(frame.meta.run_ms).at_most(rest);
            }
            (Some(Reported::Unreadable), _) | (None, None) => {}
            // The process was killed or crashed, so the harness could not report how long the function ran.
            (None, Some(started)) => self.timings.run = started.elapsed(),
        }
        let outcome = outcome::decide(reader.outcome, &exit, &reader.observed, &self.call.limits);
        Ok(Ended { outcome, usage: exit.usage })
    }

    /// Ends a command that has reported its outcome. That is the last message of a worker script; waiting for its
    /// process to exit could take milliseconds more.
    async fn kill_and_drain(
        &mut self,
        command: &mut dyn Command,
        reader: &mut OutputReader,
        shared: &Shared,
    ) -> Result<CommandExit, SandboxError> {
        let drained = command.kill_and_drain().await?;
        for (stream, bytes) in drained.output {
            reader.take(stream, &bytes, shared, &mut self.events);
        }
        // Only the usage counts: with an outcome, the end of the process decides nothing (`outcome.rs`).
        Ok(CommandExit { status: ExitStatus::Code(0), killed: None, usage: drained.usage })
    }

    async fn start(&mut self, sandbox: &dyn Sandbox, token: &str) -> Result<Box<dyn Command>, SandboxError> {
        let payload = match self.call.payload.take_if(|payload| payload.len() > MAX_INLINE_PAYLOAD) {
            Some(payload) => {
                let path = SandboxPath::parse(PAYLOAD_FILE)
                    .map_err(|error| SandboxError::failed("failed to name the payload's file", error))?;
                sandbox.write_files(vec![SandboxFile { path, contents: payload.into_bytes() }]).await?;
                Payload::File(PAYLOAD_FILE.to_owned())
            }
            // A copy, so that a retry still has the payload.
            None => Payload::Inline(self.call.payload.clone().unwrap_or_default()),
        };
        let call = protocol::Call {
            function: self.call.function.clone(),
            payload,
            token: token.to_owned(),
            result_limit: self.call.limits.result_bytes,
        };
        let NodeScript { path, heap_mib, .. } = node_script(self.call.limits.sandbox);
        let program = Program::NodeScript { path, heap_mib };
        let spec = CommandSpec { program, args: call.arguments(), env: call.environment() };
        sandbox.run(spec).await
    }

    /// Reads the command's output until its end. While the reader is slow, output is left in the sandbox, which makes
    /// the function wait. After the wall-clock limit, all remaining output is read, because its amount is limited by
    /// then.
    async fn follow(
        &mut self,
        command: &mut dyn Command,
        reader: &mut OutputReader,
        shared: &Shared,
    ) -> Result<CommandExit, SandboxError> {
        let deadline = tokio::time::sleep(self.call.limits.sandbox.wall_clock);
        tokio::pin!(deadline);
        let mut overdue = false;
        loop {
            let may_read = overdue || self.events.waiting.len() < HIGH_WATER;
            tokio::select! {
                // Forward everything that was printed before reading more.
                biased;
                () = self.events.forward_one(), if !self.events.waiting.is_empty() => {}
                event = command.next_event(), if may_read => match event? {
                    Some(CommandEvent::Output { stream, bytes }) => {
                        reader.take(stream, &bytes, shared, &mut self.events);
                        if reader.outcome.is_some() {
                            return self.kill_and_drain(command, reader, shared).await;
                        }
                    }
                    Some(CommandEvent::Exited(exit)) => return Ok(exit),
                    None => {
                        return Err(SandboxError::new(SandboxErrorKind::Failed, "the command vanished"));
                    }
                },
                () = &mut deadline => {
                    // The provider ends the command at the same limit. This is only for one that does not, so it gets
                    // some time first.
                    if overdue {
                        command.kill().await?;
                    }
                    overdue = true;
                    deadline.as_mut().reset(tokio::time::Instant::now() + GRACE);
                }
            }
        }
    }
}

/// Interprets a command's output.
struct OutputReader {
    /// When the invocation began.
    began_at: DateTime<Utc>,
    decoder: Decoder,
    lines: LineAssembler,
    observed: Observed,
    started: Option<Instant>,
    outcome: Option<Reported>,
}

impl OutputReader {
    fn new(limits: &EffectiveLimits, token: &str, began_at: DateTime<Utc>) -> Self {
        Self {
            began_at,
            decoder: Decoder::new(token, limits.result_bytes),
            lines: LineAssembler::new(limits.log),
            observed: Observed::default(),
            started: None,
            outcome: None,
        }
    }

    fn take(&mut self, stream: LogStream, bytes: &[u8], shared: &Shared, events: &mut EventForwarder) {
        let Self { began_at, decoder, lines, observed, started, outcome } = self;
        match stream {
            LogStream::Stderr => {
                observed.see_stderr(bytes);
                // Raw output has no time of its own, so it gets the time of its arrival.
                lines.push(Source::RawStderr, bytes, shared.clock.now(), |entry| {
                    events.push(InvocationEventKind::Log(entry));
                });
            }
            LogStream::Stdout => decoder.push(bytes, |piece| match piece {
                Piece::Started => {
                    observed.started = true;
                    events.release();
                    started.get_or_insert_with(Instant::now);
                }
                Piece::Raw(bytes) => lines.push(Source::Stdout, &bytes, shared.clock.now(), |entry| {
                    events.push(InvocationEventKind::Log(entry));
                }),
                Piece::Chunk { stream, at_millis, text } => {
                    // The harness has written this frame, so user code may be running.
                    observed.started = true;
                    events.release();
                    let at = ClaimedMoment(at_millis).within(*began_at, shared.clock.now());
                    lines.push(source_of(stream), text.as_bytes(), at, |entry| {
                        events.push(InvocationEventKind::Log(entry));
                    });
                }
                // Only the first outcome counts: the harness never writes a second one.
                Piece::Outcome(frame) => {
                    outcome.get_or_insert(Reported::Outcome(frame));
                }
                Piece::Unreadable => {
                    outcome.get_or_insert(Reported::Unreadable);
                }
            }),
        }
    }

    fn finish(&mut self, shared: &Shared, events: &mut EventForwarder) {
        let Self { decoder, lines, .. } = self;
        let now = shared.clock.now();
        decoder.finish(|piece| {
            if let Piece::Raw(bytes) = piece {
                lines.push(Source::Stdout, &bytes, now, |entry| events.push(InvocationEventKind::Log(entry)));
            }
        });
        let dropped = lines.finish(now, |entry| events.push(InvocationEventKind::Log(entry)));
        if dropped.bytes > 0 || dropped.lines > 0 {
            shared.observer.log_dropped(dropped.lines, dropped.bytes);
        }
    }

    fn sandbox_time(&self, began: Instant) -> Duration {
        self.started.map(|started| started.duration_since(began)).unwrap_or_default()
    }
}

impl EventForwarder {
    /// Forwards the held events, and all that follow.
    fn release(&mut self) {
        for event in self.held.take().into_iter().flatten() {
            self.push(event);
        }
    }

    fn push(&mut self, kind: InvocationEventKind) {
        if let Some(held) = &mut self.held {
            held.push(kind);
            return;
        }
        if let InvocationEventKind::Log(entry) = &kind {
            self.log_bytes += entry.message.len();
        }
        self.sequence += 1;
        let event = InvocationEvent { sequence: self.sequence, kind };
        if self.waiting.is_empty() {
            match self.sender.try_send(event) {
                // A reader that has disconnected is detected elsewhere.
                Ok(()) | Err(mpsc::error::TrySendError::Closed(_)) => {}
                Err(mpsc::error::TrySendError::Full(event)) => self.waiting.push_back(event),
            }
        } else {
            self.waiting.push_back(event);
        }
    }

    /// Forwards the oldest waiting event. Cancel-safe: the event stays in the queue until there is room for it.
    async fn forward_one(&mut self) {
        let Ok(slot) = self.sender.reserve().await else {
            self.waiting.clear();
            return;
        };
        if let Some(event) = self.waiting.pop_front() {
            slot.send(event);
        }
    }

    async fn drain(mut self) {
        while !self.waiting.is_empty() {
            self.forward_one().await;
        }
    }
}

impl RunError {
    /// Creates a failure that happened before any of the user's code ran.
    fn before(error: SandboxError) -> Self {
        let code = match error.kind {
            SandboxErrorKind::Exhausted => FailureCode::Busy,
            SandboxErrorKind::StorageFull => FailureCode::StorageFull,
            SandboxErrorKind::StorageReadOnly => FailureCode::StorageReadOnly,
            _ => FailureCode::SandboxFailed,
        };
        Self { code, error: error.into(), begun: false }
    }
}

impl From<RebuildError> for RunError {
    fn from(error: RebuildError) -> Self {
        match error {
            RebuildError::Sandbox(error) => Self::before(error),
            RebuildError::Repository(_) => {
                Self { code: FailureCode::DatabaseUnavailable, error: error.into(), begun: false }
            }
            RebuildError::Deleted => Self { code: FailureCode::WorkerNotFound, error: error.into(), begun: false },
            RebuildError::Expired => Self { code: FailureCode::WorkerExpired, error: error.into(), begun: false },
            RebuildError::Source(_) => Self { code: FailureCode::SandboxFailed, error: error.into(), begun: false },
        }
    }
}

/// Returns the source of output in frames.
const fn source_of(stream: OutputStream) -> Source {
    match stream {
        OutputStream::Stdout => Source::Stdout,
        OutputStream::Stderr => Source::Stderr,
    }
}

/// Looks for a fault of the platform as the reason for an end that would otherwise be blamed on the function.
async fn find_fault(
    sandbox: &dyn Sandbox,
    exit: &CommandExit,
    observed: &outcome::Observed,
    wall_clock: Duration,
) -> Option<SandboxError> {
    if let Some(fault) = sandbox.find_fault().await {
        return Some(fault);
    }
    outcome::never_began(exit, observed, wall_clock).then(|| {
        let message = format!("the process ended before it ran any of the function's code: {exit:?}");
        SandboxError::new(SandboxErrorKind::Failed, message)
    })
}

/// Returns the message for users about a failure of the platform.
const fn message_of(code: FailureCode) -> &'static str {
    match code {
        FailureCode::Busy => "The platform has too little left to run this now. Try again later.",
        FailureCode::StorageFull => "The platform's storage is full. This is not the function's doing.",
        FailureCode::StorageReadOnly => {
            "The platform's storage takes no writes now. This is not the function's doing; try again later."
        }
        FailureCode::WorkerNotFound => "The worker was deleted before the function began.",
        FailureCode::WorkerExpired => "The worker expired before the function began; deploy it again.",
        FailureCode::DatabaseUnavailable => {
            "The platform's database cannot be reached. This is not the function's doing; try again later."
        }
        _ => "The sandbox failed. This is not the function's doing; try again.",
    }
}

/// Returns the part of the platform that an operator has to check when invocations fail with this code.
const fn part_of(code: FailureCode) -> Part {
    match code {
        FailureCode::Busy => Part::Processes,
        FailureCode::StorageFull | FailureCode::StorageReadOnly => Part::Storage,
        FailureCode::DatabaseUnavailable => Part::Database,
        _ => Part::Sandboxes,
    }
}

fn failed(code: FailureCode, message: &str) -> Ended {
    Ended { outcome: Outcome::Failed(Failure::new(code, message)), usage: ResourceUsage::default() }
}
