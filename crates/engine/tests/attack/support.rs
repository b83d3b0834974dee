//! Starts attacks, and checks what happens to all others meanwhile and afterwards.

use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, mpsc};
use std::time::{Duration, Instant};

use tokio::sync::Notify;
use workers_domain::ResourceLimits;

use super::programs::programs;
use super::target::{Started, Target};
use crate::support::{host_processes_with, unique};

/// The time within which a stopped sandbox, or an engine that was shut down, must be gone.
pub(crate) const END: Duration = Duration::from_secs(10);

/// The time within which another client must be served, on a busy host.
pub(crate) const SERVED: Duration = Duration::from_secs(5);

/// How long other clients are served beside an attack.
const BESIDE: Duration = Duration::from_secs(1);

/// Attacks end after this many seconds, so that a test that fails does not hang.
const LIFE: u64 = 14;

/// More than a whole test may take.
const PATIENCE: Duration = Duration::from_secs(55);

/// How an attack is started.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Way {
    /// It replaces the process that the engine has started.
    Exec,
    /// It is a child of that process.
    Spawn,
    /// It runs within that process, as a library.
    Library,
}

/// An attack.
#[derive(Debug, Clone)]
pub(crate) struct Attack {
    /// Its name and arguments, as in `programs/`.
    pub(crate) words: String,
    pub(crate) way: Way,
    pub(crate) limits: ResourceLimits,
    pub(crate) network: &'static str,
    /// In how many sandboxes it runs at the same time.
    pub(crate) copies: usize,
    /// Whether it runs as root. For containers only.
    pub(crate) as_root: bool,
}

impl Attack {
    /// Creates an attack that replaces the process that the engine has started.
    pub(crate) fn new(words: &str) -> Self {
        let limits = ResourceLimits { wall_clock: Duration::from_mins(1), ..ResourceLimits::default() };
        Self { words: words.to_owned(), way: Way::Exec, limits, network: "deny-all", copies: 1, as_root: false }
    }

    pub(crate) fn by(self, way: Way) -> Self {
        Self { way, ..self }
    }

    /// Runs it in more sandboxes than the engine has threads.
    pub(crate) fn in_many(self) -> Self {
        Self { copies: 3, ..self }
    }

    pub(crate) fn by_root(self) -> Self {
        Self { as_root: true, ..self }
    }

    /// Returns the arguments of the attacks' program.
    pub(crate) fn arguments(&self, marker: &str) -> String {
        format!("{marker} {LIFE} {}", self.words)
    }
}

/// The output of an attack so far.
#[derive(Debug, Default)]
pub(crate) struct Said {
    text: Mutex<String>,
    more: Notify,
}

impl Said {
    /// Appends to the output. More than 1 MiB is discarded.
    pub(crate) fn hear(&self, bytes: &[u8]) {
        let mut text = self.text.lock().unwrap();
        if text.len() < 1 << 20 {
            text.push_str(&String::from_utf8_lossy(bytes));
        }
        drop(text);
        self.more.notify_waiters();
    }

    /// Records that the attack has ended.
    pub(crate) fn end(&self) {
        self.hear(b"\nended\n");
    }

    /// Returns all lines so far.
    pub(crate) fn lines(&self) -> Vec<String> {
        self.text.lock().unwrap().lines().map(str::to_owned).collect()
    }

    /// Waits for one of these lines.
    pub(crate) async fn wait_for(&self, wanted: &[&str]) {
        loop {
            let more = self.more.notified();
            if self.lines().iter().any(|line| wanted.contains(&line.as_str())) {
                return;
            }
            more.await;
        }
    }
}

/// The result of an attack: the lines that all of its copies printed.
pub(crate) type Report = Vec<String>;

/// Runs attacks, one after the other, on an engine of their own.
pub(crate) fn withstand<G: Target>(attacks: &[Attack]) -> Vec<Report> {
    let attacks = attacks.to_vec();
    test_on(|target: Arc<G>| async move {
        let mut reports = Vec::new();
        for attack in &attacks {
            reports.push(one(&*target, attack).await);
        }
        reports
    })
}

/// Runs a test with an engine, which must end in time and leave nothing.
pub(crate) fn test_on<G: Target, T: Send + 'static, F: Future<Output = T> + Send + 'static>(
    run: impl FnOnce(Arc<G>) -> F + Send + 'static,
) -> T {
    G::require();
    // Compile first, before any time limit runs.
    programs();
    let directory = tempfile::tempdir().unwrap();
    let (_done, is_done) = mpsc::channel::<()>();
    let watched = directory.path().to_owned();
    std::thread::spawn(move || {
        if is_done.recv_timeout(PATIENCE) == Err(mpsc::RecvTimeoutError::Timeout) {
            give_up(&watched);
        }
    });
    let _launchers = Launchers(directory.path().to_owned());
    // As many threads as the smallest host has processors, so that an attack that blocks threads blocks all of them.
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
    // On a thread of the runtime, like a server's work.
    let path = directory.path().to_owned();
    let done = runtime.block_on(runtime.spawn(async move {
        let target = Arc::new(G::start(&path).await);
        let done = run(Arc::clone(&target)).await;
        in_time("shutting down", END, target.shutdown()).await;
        assert_eq!(cgroups_left(&path), 0, "cgroups are left");
        done
    }));
    match done {
        Ok(done) => done,
        Err(failed) => std::panic::resume_unwind(failed.into_panic()),
    }
}

/// Does the same for attacks that try what must not work. Each one reports when it has tried everything, and nothing
/// may have worked.
pub(crate) fn refuse<G: Target>(attacks: &[Attack]) {
    for (attack, report) in attacks.iter().zip(withstand::<G>(attacks)) {
        assert_nothing_got(attack, &report);
    }
}

/// Checks that an attack got nothing.
pub(crate) fn assert_nothing_got(attack: &Attack, report: &Report) {
    let got: Vec<_> = report.iter().filter(|line| line.starts_with("got ") || line.starts_with("failed")).collect();
    assert!(got.is_empty(), "{}: {got:#?}", attack.words);
}

async fn one<G: Target>(target: &G, attack: &Attack) -> Report {
    let marker = unique();
    let mut running = Vec::new();
    for _ in 0..attack.copies {
        let begun = target.begin(attack, &marker);
        running.push(in_time("starting an attack", END, begun).await);
    }
    let heard: Vec<Heard> = running.iter().map(|started| Arc::clone(&started.said)).collect();
    for said in heard {
        in_time("the attack", END, said.wait_for(&["ready", "done", "ended"])).await;
        let said = said.lines();
        assert!(said.iter().any(|line| line == "ready" || line == "done"), "{}: {said:#?}", attack.words);
    }
    let began = Instant::now();
    while began.elapsed() < BESIDE {
        in_time("being served beside the attack", SERVED, target.serve()).await;
    }
    let mut report = Report::new();
    for Started { said, stop } in running {
        in_time("stopping the sandbox", END, stop).await;
        report.extend(said.lines());
    }
    assert_eq!(host_processes_with(&marker), 0, "{}: processes are left", attack.words);
    in_time("being served after the attack", SERVED, target.serve()).await;
    report
}

/// Waits for work that must not take longer than `most`, and also checks the time afterwards, in case the runtime
/// itself was blocked.
pub(crate) async fn in_time<T>(what: &str, most: Duration, work: impl Future<Output = T>) -> T {
    let began = Instant::now();
    let done = tokio::time::timeout(most, work).await;
    let took = began.elapsed();
    assert!(took <= most, "{what} took {took:?}");
    done.unwrap_or_else(|_| panic!("{what} took longer than {most:?}"))
}

/// Counts the sandboxes that have cgroups, from the plan that the engine wrote.
fn cgroups_left(directory: &Path) -> usize {
    let plan = std::fs::read_to_string(directory.join("cgroups.json")).unwrap_or_default();
    let bases = plan.split('"').filter(|text| text.starts_with('/'));
    let inside = |base: &str| {
        std::fs::read_dir(base).map_or(0, |all| all.filter(|entry| entry.as_ref().unwrap().path().is_dir()).count())
    };
    bases.map(inside).sum()
}

/// Kills the launchers of a test that fails, whatever they wait for, when it is dropped.
struct Launchers(PathBuf);

impl Drop for Launchers {
    fn drop(&mut self) {
        if !std::thread::panicking() {
            return;
        }
        let began = Instant::now();
        while began.elapsed() < Duration::from_secs(3) {
            if launchers_of(&self.0).is_empty() {
                return;
            }
            std::thread::yield_now();
        }
        kill_launchers(&self.0);
    }
}

#[expect(clippy::print_stderr, reason = "it says why the test ends")]
fn give_up(directory: &Path) {
    eprintln!("the test hangs: after {PATIENCE:?} it is ended, with the launcher of its engine");
    kill_launchers(directory);
    std::process::exit(101);
}

fn kill_launchers(directory: &Path) {
    for launcher in launchers_of(directory) {
        let _ = rustix::process::kill_process(launcher, rustix::process::Signal::KILL);
    }
}

/// Returns the launchers that have the lock of this directory open.
fn launchers_of(directory: &Path) -> Vec<rustix::process::Pid> {
    let Ok(directory) = directory.canonicalize() else { return Vec::new() };
    let holds = |pid: &str| {
        let command = std::fs::read_to_string(format!("/proc/{pid}/cmdline")).unwrap_or_default();
        command.contains("workers-sandbox-launcher")
            && std::fs::read_dir(format!("/proc/{pid}/fd")).is_ok_and(|mut open| {
                open.any(|entry| {
                    let target = entry.and_then(|entry| std::fs::read_link(entry.path()));
                    target.is_ok_and(|target| target.starts_with(&directory))
                })
            })
    };
    let processes = std::fs::read_dir("/proc").unwrap().filter_map(|entry| entry.ok()?.file_name().into_string().ok());
    let launchers = processes.filter(|pid| pid.parse::<u32>().is_ok() && holds(pid));
    launchers.filter_map(|pid| rustix::process::Pid::from_raw(pid.parse().ok()?)).collect()
}

/// The output of an attack, shared with the task that reads it.
pub(crate) type Heard = Arc<Said>;
