//! Reads the state and the processor time of a compiler process from `/proc`.

use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt as _;
use std::sync::Arc;
use std::time::Duration;

/// The file `/proc/<pid>/stat` of one process. It is opened when the process starts, so that reading it needs no
/// descriptor later and never returns another process that got the same id.
#[derive(Clone)]
pub(super) struct ProcStat {
    stat: Arc<File>,
}

/// What the file says at one time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Reading {
    /// The letter of the state, as in `ps`.
    pub(super) state: char,
    /// The processor time that all threads of the process have used.
    pub(super) used: Duration,
}

impl ProcStat {
    /// Opens the file of a child that has not been reaped.
    pub(super) fn open(process: u32) -> io::Result<Self> {
        Ok(Self { stat: Arc::new(File::open(format!("/proc/{process}/stat"))?) })
    }

    /// Reads the file; `None` if that is not possible, for example because the process is gone.
    pub(super) fn read(&self) -> Option<Reading> {
        let mut text = [0; 1024];
        let length = self.stat.read_at(&mut text, 0).ok()?;
        parse(&String::from_utf8_lossy(&text[..length]))
    }
}

impl Reading {
    /// Returns whether a signal or a debugger has stopped the process.
    pub(super) const fn is_stopped(self) -> bool {
        matches!(self.state, 'T' | 't')
    }
}

fn parse(stat: &str) -> Option<Reading> {
    // The name is in parentheses and may contain anything. After it come the state and, ten fields later, user and
    // system time.
    let mut fields = stat.rsplit_once(')')?.1.split_whitespace();
    let state = fields.next()?.chars().next()?;
    let in_program: u64 = fields.nth(10)?.parse().ok()?;
    let in_kernel: u64 = fields.next()?.parse().ok()?;
    let ticks = in_program.saturating_add(in_kernel);
    let used = Duration::from_millis(ticks.saturating_mul(1000) / rustix::param::clock_ticks_per_second().max(1));
    Some(Reading { state, used })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn state_and_processor_time_are_found_behind_any_name() {
        let stat = "7 (a) R (b) T 1 7 7 0 -1 4194560 100 0 0 0 150 50 9 9 20 0 1 0 5 0 0";
        let ticks = rustix::param::clock_ticks_per_second();
        let reading = parse(stat).unwrap();
        assert_eq!(reading, Reading { state: 'T', used: Duration::from_millis(200 * 1000 / ticks) });
        assert!(reading.is_stopped());
        assert_eq!(parse("7 (a) S 1 7"), None);
        assert_eq!(parse(""), None);
    }

    #[test]
    fn a_process_that_works_uses_processor_time() {
        let proc_stat = ProcStat::open(std::process::id()).unwrap();
        let before = proc_stat.read().unwrap().used;
        let mut number = 0_u64;
        while proc_stat.read().unwrap().used < before + Duration::from_millis(20) {
            number = std::hint::black_box(number.wrapping_add(1));
        }
    }
}
