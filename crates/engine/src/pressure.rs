//! Measures how long processes of this host have waited for memory: a program that was stalled for that reason is not
//! slow itself.

use std::fs::File;
use std::os::unix::fs::FileExt as _;
use std::sync::{Mutex, OnceLock, PoisonError};
use std::time::{Duration, Instant};

use crate::cgroup::CgroupStats;

/// The kernel's file with these times. Some kernels lack it, or have it only with a boot option.
const FILE: &str = "/proc/pressure/memory";

/// A program that ended sooner than this was not slow.
const SHORTEST: Duration = Duration::from_secs(1);

/// Measures how long processes wait for memory while a program runs.
#[derive(Debug, Default)]
pub(crate) struct MemoryWatch {
    /// When the program began, and how long processes had waited for memory by then.
    began: Mutex<Option<(Instant, Duration)>>,
}

impl MemoryWatch {
    /// Records that a program begins.
    pub(crate) fn begin(&self) {
        // The kernel has the values in memory, so this does not block.
        let began = stalled().map(|stalled| (Instant::now(), stalled));
        *self.began.lock().unwrap_or_else(PoisonError::into_inner) = began;
    }

    /// Returns whether a program was stalled because the host, or a group around all sandboxes, lacked memory:
    /// processes have waited for memory at least half of the time, and the program neither used the processors for as
    /// long nor reached its own limit.
    pub(crate) fn has_lacked_memory(&self, stats: CgroupStats, limit: u64) -> bool {
        let began = *self.began.lock().unwrap_or_else(PoisonError::into_inner);
        let Some(((began, before), now)) = began.zip(stalled()) else { return false };
        let time = began.elapsed();
        time >= SHORTEST && stood_still(time, now.saturating_sub(before), stats, limit)
    }
}

fn stood_still(time: Duration, stalled: Duration, stats: CgroupStats, limit: u64) -> bool {
    let cpu = stats.cpu_micros.map(Duration::from_micros);
    let has_worked = cpu.is_none_or(|cpu| cpu >= time / 2);
    // A group can run out of memory a little below its limit.
    let has_reached_limit = stats.max_memory_bytes.is_none_or(|peak| peak >= limit - limit / 16);
    stalled >= time / 2 && !has_worked && !has_reached_limit
}

/// Returns how long any process has waited for memory since the host was started.
fn stalled() -> Option<Duration> {
    static OPENED: OnceLock<Option<File>> = OnceLock::new();
    let file = OPENED.get_or_init(|| File::open(FILE).ok()).as_ref()?;
    let mut space = [0; 256];
    // From a given position, because all threads share the descriptor.
    let length = file.read_at(&mut space, 0).ok()?;
    total(std::str::from_utf8(space.get(..length)?).ok()?)
}

fn total(text: &str) -> Option<Duration> {
    let line = text.lines().find(|line| line.starts_with("some "))?;
    let micros = line.split_whitespace().find_map(|word| word.strip_prefix("total="))?;
    micros.parse().ok().map(Duration::from_micros)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_time_that_any_process_has_waited_is_read() {
        let text =
            "some avg10=0.00 avg60=1.50 avg300=0.10 total=2500000\nfull avg10=0.00 avg60=0.00 avg300=0.00 total=7\n";
        assert_eq!(total(text), Some(Duration::from_millis(2500)));
        assert_eq!(total(""), None);
    }

    #[test]
    fn a_program_that_worked_or_used_up_what_was_its_own_did_not_stand_still_for_want_of_memory() {
        let (time, limit) = (Duration::from_secs(30), 256 << 20);
        let stats = |seconds: u64, peak| CgroupStats {
            cpu_micros: Some(seconds * 1_000_000),
            max_memory_bytes: Some(peak),
            ..CgroupStats::default()
        };
        let stood_still = |stalled, stats| stood_still(time, Duration::from_secs(stalled), stats, limit);
        assert!(stood_still(25, stats(3, 40 << 20)));
        assert!(!stood_still(5, stats(3, 40 << 20)), "memory was hardly short");
        assert!(!stood_still(25, stats(29, 40 << 20)), "it has worked");
        assert!(!stood_still(25, stats(3, limit)), "its own limit was reached");
        assert!(!stood_still(25, CgroupStats::default()), "nothing is known of it");
    }
}
