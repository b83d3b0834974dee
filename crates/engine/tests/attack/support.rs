//! Lets attacks loose, and sees what becomes of all others meanwhile and afterwards.

use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, mpsc};
use std::time::{Duration, Instant};

use tokio::sync::Notify;
use workers_domain::ResourceLimits;

use super::ground::{Ground, Started};
use super::programs::programs;
use crate::support::{host_processes_with, unique};

/// Within this a sandbox is gone that was stopped, and an engine that was shut down.
pub(crate) const END: Duration = Duration::from_secs(10);

/// Within this somebody else is served, on a machine that has more to do.
pub(crate) const SERVED: Duration = Duration::from_secs(5);

/// How long others are served beside an attack.
const BESIDE: Duration = Duration::from_secs(1);

/// Attacks end by themselves after this many seconds, so that a test that fails does not hang.
const LIFE: u64 = 14;

/// More than all of a test may take.
const PATIENCE: Duration = Duration::from_secs(55);

/// How an attack comes to run.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Way {
    /// In the place of the process that the engine has started.
    Exec,
    /// As a child of it.
    Spawn,
    /// Within it.
    Library,
}

/// An attack.
#[derive(Debug, Clone)]
pub(crate) struct Attack {
    /// Its name and arguments, as `programs/` knows them.
    pub(crate) words: String,
    pub(crate) way: Way,
    pub(crate) limits: ResourceLimits,
    pub(crate) network: &'static str,
    /// In how many sandboxes at one time.
    pub(crate) copies: usize,
    /// In a machine.
    pub(crate) as_root: bool,
}

impl Attack {
    /// In the place of the process that the engine has started.
    pub(crate) fn new(words: &str) -> Self {
        let limits = ResourceLimits { wall_clock: Duration::from_mins(1), ..ResourceLimits::default() };
        Self { words: words.to_owned(), way: Way::Exec, limits, network: "deny-all", copies: 1, as_root: false }
    }

    pub(crate) fn by(self, way: Way) -> Self {
        Self { way, ..self }
    }

    /// From more sandboxes than the engine has threads.
    pub(crate) fn in_many(self) -> Self {
        Self { copies: 3, ..self }
    }

    pub(crate) fn by_root(self) -> Self {
        Self { as_root: true, ..self }
    }

    /// What follows the program's name.
    pub(crate) fn arguments(&self, marker: &str) -> String {
        format!("{marker} {LIFE} {}", self.words)
    }
}

/// What an attack has said so far.
#[derive(Debug, Default)]
pub(crate) struct Said {
    text: Mutex<String>,
    more: Notify,
}

impl Said {
    /// Hears more of it; who says too much is not listened to any longer.
    pub(crate) fn hear(&self, bytes: &[u8]) {
        let mut text = self.text.lock().unwrap();
        if text.len() < 1 << 20 {
            text.push_str(&String::from_utf8_lossy(bytes));
        }
        drop(text);
        self.more.notify_waiters();
    }

    /// The attack has ended.
    pub(crate) fn end(&self) {
        self.hear(b"\nended\n");
    }

    /// All lines.
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

/// What came of an attack: what each of its copies said.
pub(crate) type Report = Vec<String>;

/// Lets attacks loose, one after the other, on an engine of their own.
pub(crate) fn withstand<G: Ground>(attacks: &[Attack]) -> Vec<Report> {
    let attacks = attacks.to_vec();
    test_on(|ground: Arc<G>| async move {
        let mut reports = Vec::new();
        for attack in &attacks {
            reports.push(one(&*ground, attack).await);
        }
        reports
    })
}

/// Does something with an engine, which must end in time and leave nothing.
pub(crate) fn test_on<G: Ground, T: Send + 'static, F: Future<Output = T> + Send + 'static>(
    run: impl FnOnce(Arc<G>) -> F + Send + 'static,
) -> T {
    G::require();
    // Before anything is in a hurry.
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
    // As many threads as the smallest host has processors, so that an attack that takes them takes all.
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
    // On a thread of the runtime, as a server's work is.
    let path = directory.path().to_owned();
    let done = runtime.block_on(runtime.spawn(async move {
        let ground = Arc::new(G::start(&path).await);
        let done = run(Arc::clone(&ground)).await;
        in_time("shutting down", END, ground.shutdown()).await;
        assert_eq!(cgroups_left(&path), 0, "cgroups are left");
        done
    }));
    match done {
        Ok(done) => done,
        Err(failed) => std::panic::resume_unwind(failed.into_panic()),
    }
}

/// The same for attacks that try what must not work; each says when it has tried all, and nothing may have worked.
pub(crate) fn refuse<G: Ground>(attacks: &[Attack]) {
    for (attack, report) in attacks.iter().zip(withstand::<G>(attacks)) {
        assert_nothing_got(attack, &report);
    }
}

/// Whatever an attack got, it must not have.
pub(crate) fn assert_nothing_got(attack: &Attack, report: &Report) {
    let got: Vec<_> = report.iter().filter(|line| line.starts_with("got ") || line.starts_with("failed")).collect();
    assert!(got.is_empty(), "{}: {got:#?}", attack.words);
}

async fn one<G: Ground>(ground: &G, attack: &Attack) -> Report {
    let marker = unique();
    let mut running = Vec::new();
    for _ in 0..attack.copies {
        let begun = ground.begin(attack, &marker);
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
        in_time("being served beside the attack", SERVED, ground.serve()).await;
    }
    let mut report = Report::new();
    for Started { said, stop } in running {
        in_time("stopping the sandbox", END, stop).await;
        report.extend(said.lines());
    }
    assert_eq!(host_processes_with(&marker), 0, "{}: processes are left", attack.words);
    in_time("being served after the attack", SERVED, ground.serve()).await;
    report
}

/// Waits for something that must not take longer, not even where nothing is left to tell the time.
pub(crate) async fn in_time<T>(what: &str, most: Duration, work: impl Future<Output = T>) -> T {
    let began = Instant::now();
    let done = tokio::time::timeout(most, work).await;
    let took = began.elapsed();
    assert!(took <= most, "{what} took {took:?}");
    done.unwrap_or_else(|_| panic!("{what} took longer than {most:?}"))
}

/// Sandboxes that have cgroups, by the plan that the engine wrote down.
fn cgroups_left(directory: &Path) -> usize {
    let plan = std::fs::read_to_string(directory.join("cgroups.json")).unwrap_or_default();
    let bases = plan.split('"').filter(|text| text.starts_with('/'));
    let inside = |base: &str| {
        std::fs::read_dir(base).map_or(0, |all| all.filter(|entry| entry.as_ref().unwrap().path().is_dir()).count())
    };
    bases.map(inside).sum()
}

/// A test that fails leaves no launcher behind, whatever it waits for.
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

/// Processes that have the lock of this directory's launcher open, and its name.
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

/// What an attack says, shared with whoever listens to it.
pub(crate) type Heard = Arc<Said>;
