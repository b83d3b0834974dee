//! The part of a kept sandbox's init that lets its zygote fork a run, and compares the sandbox after each one with what
//! it was before the first: processes, files, the network, the zygote's priority. A run that has changed something, or
//! of which that is not known, is the last one of its sandbox.

use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};

use rustix::fs::{AtFlags, OFlags, RawDir, StatxFlags};
use rustix::process::{Pid, Signal};
use workers_engine_sys::{pending_signals, scheduling_of};

use super::networks::NetworkCounters;
use super::steps::open_directory;
use super::thorough;
use super::zygote::RUN_PID;
use crate::fault::named;
use crate::message::{Comparison, Exited, FromZygote, MISSED, ToZygote, ZygoteState};
use crate::wire;

/// The ids of the processes that are there between two runs, in the sandbox.
const OWN: [&[u8]; 2] = [b"1", b"2"];
const ZYGOTE: i32 = 2;

/// The file through which the id of the next process is set, opened while the host's `/proc` is mounted.
pub(super) struct ProcessIds(OwnedFd);

impl ProcessIds {
    /// Opens it.
    ///
    /// # Errors
    ///
    /// Where `/proc/sys` is read-only, as in some containers, or the kernel is older than 5.9.
    pub(super) fn open() -> io::Result<Self> {
        const PATH: &str = "/proc/sys/kernel/ns_last_pid";
        let opened = rustix::fs::open(PATH, OFlags::RDWR | OFlags::CLOEXEC, rustix::fs::Mode::empty());
        Ok(Self(opened.map_err(|error| named(PATH, error.into()))?))
    }

    /// Makes [`RUN_PID`] the id of the next process.
    ///
    /// # Errors
    ///
    /// Without `CAP_CHECKPOINT_RESTORE` over the pid namespace, or when this process is in another one.
    pub(super) fn reset(&self) -> io::Result<()> {
        rustix::io::pwrite(&self.0, (RUN_PID - 1).to_string().as_bytes(), 0)?;
        Ok(())
    }

    /// Returns whether no process or thread was made after the run.
    fn is_last_of_run(&self) -> io::Result<bool> {
        let mut space = [0; 16];
        let length = rustix::io::pread(&self.0, &mut space, 0)?;
        let last = space.get(..length).and_then(|text| std::str::from_utf8(text).ok());
        Ok(last.and_then(|text| text.trim().parse().ok()) == Some(RUN_PID))
    }
}

/// Keeps a sandbox as it was.
pub(super) struct Keeper {
    ids: ProcessIds,
    proc: OwnedFd,
    private: OwnedFd,
    network: NetworkCounters,
    comparison: Comparison,
    zygote: Option<Zygote>,
}

/// The zygote of a sandbox, and the sandbox as it was before its program was loaded.
struct Zygote {
    channel: OwnedFd,
    work: OwnedFd,
    before: State,
    phase: Phase,
    /// The number of the current run, which is its number as a command; the server counts, too.
    run: u32,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd)]
enum Phase {
    /// It loads its program.
    Loading,
    /// It forks a run.
    Forking,
    /// A run waits or runs.
    Running,
    /// The zygote has ended, or does what it should not, while a run goes on.
    Orphaned,
    /// It is used no more.
    Ended,
}

/// What follows from a message of the zygote.
pub(super) enum Verdict {
    None,
    /// The run has ended; [`Keeper::renew`] must follow.
    Ended(Exited),
    /// The server is to know this.
    State(ZygoteState),
}

/// What a run could change, as far as the kernel shows it. Everything else in a sandbox either belongs to a process and
/// goes with it, or cannot be changed from inside (docs/security.md).
#[derive(Debug, PartialEq, Eq)]
struct State {
    /// The two directories that can be written to: each entry that is made or removed changes their times.
    work: Stamps,
    private: Stamps,
    /// The blocks and inodes that are free where files are kept.
    free: (u64, u64),
    network: Vec<u8>,
    scheduling: [i64; workers_engine_sys::SCHEDULING],
    /// The signals that init has been sent; it blocks all of them.
    signals: u64,
    /// All that init can see, if that is compared.
    all: Option<String>,
}

/// When a directory was changed last, and its owner and mode.
#[derive(Debug, PartialEq, Eq)]
struct Stamps {
    changed: (i64, u32),
    modified: (i64, u32),
    read: (i64, u32),
    mode: u16,
    owner: (u32, u32),
}

impl Stamps {
    fn of(directory: &OwnedFd) -> io::Result<Self> {
        let found = rustix::fs::statx(directory, "", AtFlags::EMPTY_PATH, StatxFlags::BASIC_STATS)?;
        let at = |stamp: rustix::fs::StatxTimestamp| (stamp.tv_sec, stamp.tv_nsec);
        Ok(Self {
            changed: at(found.stx_ctime),
            modified: at(found.stx_mtime),
            read: at(found.stx_atime),
            mode: found.stx_mode,
            owner: (found.stx_uid, found.stx_gid),
        })
    }
}

impl State {
    fn read(work: &OwnedFd, private: &OwnedFd, network: &NetworkCounters) -> io::Result<Self> {
        let free = rustix::fs::fstatfs(private)?;
        Ok(Self {
            work: Stamps::of(work)?,
            private: Stamps::of(private)?,
            free: (free.f_bfree, free.f_ffree),
            network: network.read(),
            scheduling: scheduling_of(ZYGOTE),
            signals: pending_signals(),
            all: None,
        })
    }

    /// Returns the first part that is not the same.
    fn difference(&self, now: &Self) -> Option<&'static str> {
        let parts = [
            (self.work == now.work, "files in /work"),
            (self.private == now.private, "files in /tmp"),
            (self.free == now.free, "files that are still open"),
            (self.network == now.network, "the network"),
            (self.scheduling == now.scheduling, "the priority of the process that runs are forked from"),
            (self.signals == now.signals, "signals to the first process"),
            (self.all == now.all, MISSED),
        ];
        parts.into_iter().find(|(is_same, _)| !is_same).map(|(_, what)| what)
    }
}

impl Keeper {
    /// Opens what is compared, once the sandbox's root is in place.
    pub(super) fn new(ids: ProcessIds, comparison: Comparison) -> io::Result<Self> {
        let (proc, private) = (open_directory("/proc")?, open_directory("/tmp")?);
        Ok(Self { ids, proc, private, network: NetworkCounters::open(), comparison, zygote: None })
    }

    /// Takes a zygote that has not begun to load its program.
    pub(super) fn take(&mut self, channel: OwnedFd, work: &OwnedFd) -> io::Result<()> {
        let work = work.try_clone()?;
        let before = self.read_state(&work)?;
        self.zygote = Some(Zygote { channel, work, before, phase: Phase::Loading, run: 0 });
        Ok(())
    }

    /// Returns the zygote's channel while messages may come.
    pub(super) fn zygote(&self) -> Option<BorrowedFd<'_>> {
        self.zygote.as_ref().filter(|zygote| zygote.phase <= Phase::Running).map(|zygote| zygote.channel.as_fd())
    }

    /// Kills a run, unless it has ended.
    pub(super) fn kill_run(&self, number: u32) {
        if let Some(zygote) = &self.zygote
            && zygote.run == number
            && matches!(zygote.phase, Phase::Running | Phase::Orphaned)
            && let Some(run) = i32::try_from(RUN_PID).ok().and_then(Pid::from_raw)
        {
            // It may have ended; then no other process has its id, because the next run is forked only after that.
            let _ = rustix::process::kill_process(run, Signal::KILL);
        }
    }

    /// Returns the number of the run if this process, which was a child of init, was the run.
    pub(super) fn adopts(&mut self, pid: Pid) -> Option<u32> {
        let is_run = u32::try_from(pid.as_raw_nonzero().get()) == Ok(RUN_PID);
        match &mut self.zygote {
            // If its zygote has ended, too, that may be reported after this.
            Some(zygote) if is_run && matches!(zygote.phase, Phase::Running | Phase::Orphaned) => {
                zygote.phase = Phase::Ended;
                Some(zygote.run)
            }
            _ => None,
        }
    }

    /// Reads a message of the zygote.
    pub(super) fn handle(&mut self) -> Verdict {
        let Some(zygote) = &mut self.zygote else { return Verdict::None };
        let changed = |what: &str| Verdict::State(ZygoteState::Changed { what: what.to_owned() });
        let verdict = match (wire::receive_from_user(&zygote.channel), zygote.phase) {
            (Ok(Some(FromZygote::Loaded)), Phase::Loading) => {
                zygote.phase = Phase::Forking;
                self.note_all();
                return self.renew().map_or(Verdict::None, Verdict::State);
            }
            (Ok(Some(FromZygote::Forked)), Phase::Forking) => {
                zygote.phase = Phase::Running;
                zygote.run += 1;
                return Verdict::State(ZygoteState::Ready);
            }
            (Ok(Some(FromZygote::Ended(exited))), Phase::Running) => {
                zygote.phase = Phase::Forking;
                return Verdict::Ended(Exited { command: zygote.run, ..exited });
            }
            (Ok(Some(FromZygote::Unfit { reason })), Phase::Loading) => Verdict::State(ZygoteState::Unfit { reason }),
            (Ok(None), Phase::Loading) => {
                Verdict::State(ZygoteState::Unfit { reason: "it ends while it loads".to_owned() })
            }
            _ => changed("the process that runs are forked from"),
        };
        zygote.phase = if zygote.phase == Phase::Running { Phase::Orphaned } else { Phase::Ended };
        verdict
    }

    /// Lets the zygote fork the next run if the sandbox is as it was. Otherwise returns what has become of it.
    pub(super) fn renew(&mut self) -> Option<ZygoteState> {
        let zygote = self.zygote.as_ref()?;
        let checked = self.find_change(zygote).and_then(|change| {
            if change.is_none() {
                self.ids.reset()?;
                wire::send(&zygote.channel, &ToZygote::Fork, &[])?;
            }
            Ok(change)
        });
        let what = match checked {
            Ok(change) => change?.to_owned(),
            Err(error) => error.to_string(),
        };
        if let Some(zygote) = &mut self.zygote {
            zygote.phase = Phase::Ended;
        }
        Some(ZygoteState::Changed { what })
    }

    /// Notes all that init can see, once the zygote has loaded its program: until then that changes.
    fn note_all(&mut self) {
        if self.comparison == Comparison::Thorough
            && let Some(zygote) = &mut self.zygote
        {
            zygote.before.all = Some(thorough::describe());
        }
    }

    fn find_change(&self, zygote: &Zygote) -> io::Result<Option<&'static str>> {
        // Ids are given out in their order, so if the run has the last one, there never was another process or thread.
        if !self.ids.is_last_of_run()? && self.has_others()? {
            return Ok(Some("a process is left"));
        }
        Ok(zygote.before.difference(&self.read_state(&zygote.work)?))
    }

    fn read_state(&self, work: &OwnedFd) -> io::Result<State> {
        let all = (self.comparison == Comparison::Thorough).then(thorough::describe);
        Ok(State { all, ..State::read(work, &self.private, &self.network)? })
    }

    /// Returns whether there is any process but init and the zygote.
    fn has_others(&self) -> io::Result<bool> {
        rustix::fs::seek(&self.proc, rustix::fs::SeekFrom::Start(0))?;
        let mut space = [std::mem::MaybeUninit::uninit(); 8192];
        let mut entries = RawDir::new(&self.proc, &mut space);
        while let Some(entry) = entries.next() {
            let entry = entry?;
            let name = entry.file_name().to_bytes();
            if name.first().is_some_and(u8::is_ascii_digit) && !OWN.contains(&name) {
                return Ok(true);
            }
        }
        Ok(false)
    }
}
