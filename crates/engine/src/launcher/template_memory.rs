//! How much memory templates may take, and how much is available.

use std::fs;
use std::path::Path;

use rustix::process::Pid;

use crate::cgroup::discover::own_groups;
use crate::message::TemplateBudget;

/// At least the templates' memory limit divided by this number has to be available to others. If less is available,
/// templates are ended.
const AVAILABLE_PARTS: u64 = 4;

/// The size in bytes that we assume for a template whose size cannot be read.
const USUAL_SIZE: u64 = 16 << 20;

impl TemplateBudget {
    /// Returns how many templates have to be ended. `sizes` are their sizes in bytes, the least recently used first.
    /// The most recently used one always stays.
    pub(super) fn surplus(self, sizes: &[u64], available: Option<u64>) -> usize {
        let mut left = sizes.iter().sum::<u64>();
        let wanted = self.memory_bytes / AVAILABLE_PARTS;
        let missing = available.map_or(0, |available| wanted.saturating_sub(available));
        let allowed = self.memory_bytes.min(left.saturating_sub(missing));
        let most = usize::try_from(self.max_templates).unwrap_or(usize::MAX);
        let mut gone = 0;
        for size in sizes.iter().take(sizes.len().saturating_sub(1)) {
            if left <= allowed && sizes.len() - gone <= most {
                break;
            }
            left -= size;
            gone += 1;
        }
        gone
    }
}

/// Returns the process's memory in bytes that does not belong to a file. Its children share this memory until they
/// change it.
pub(super) fn size_of(pid: Pid) -> u64 {
    let path = format!("/proc/{}/smaps_rollup", pid.as_raw_nonzero());
    let text = fs::read_to_string(path).unwrap_or_default();
    let parts = ["Anonymous:", "Swap:"].map(|name| amount(&text, name));
    parts[0].map_or(USUAL_SIZE, |anonymous| anonymous + parts[1].unwrap_or_default())
}

/// Returns the memory in bytes that is available on the host and in the cgroups of this process, whichever is least.
pub(crate) fn available() -> Option<u64> {
    let of_host = amount(&fs::read_to_string("/proc/meminfo").ok()?, "MemAvailable:");
    // Where the cgroups cannot be read, the host's memory alone counts.
    let groups = own_groups("memory").unwrap_or_default();
    groups.iter().map(|group| left_in(group)).chain([of_host]).flatten().min()
}

/// Returns how many bytes a group has left of its limit, if it has one. Cached files that were not used lately count as
/// free.
fn left_in(group: &Path) -> Option<u64> {
    let read = |name: &str| fs::read_to_string(group.join(name)).ok();
    let number = |names: [&str; 2]| names.into_iter().find_map(read)?.trim().parse::<u64>().ok();
    let limit = number(["memory.max", "memory.limit_in_bytes"])?;
    let used = number(["memory.current", "memory.usage_in_bytes"])?;
    let files = read("memory.stat").and_then(|text| {
        let of = |name: &str| text.lines().find_map(|line| line.strip_prefix(name)?.trim().parse::<u64>().ok());
        of("total_inactive_file ").or_else(|| of("inactive_file "))
    });
    Some(limit.saturating_sub(used.saturating_sub(files.unwrap_or_default())))
}

/// Returns the value, in bytes, of a line that a file of the kernel gives in kilobytes.
fn amount(text: &str, name: &str) -> Option<u64> {
    let line = text.lines().find_map(|line| line.strip_prefix(name))?;
    line.trim().strip_suffix("kB")?.trim().parse::<u64>().ok()?.checked_mul(1024)
}

#[cfg(test)]
mod tests {
    use super::*;

    const BUDGET: TemplateBudget = TemplateBudget { max_templates: 4, memory_bytes: 100 };

    #[test]
    fn the_number_of_templates_follows_their_memory() {
        assert_eq!(BUDGET.surplus(&[], None), 0);
        assert_eq!(BUDGET.surplus(&[25, 25, 25, 25], None), 0);
        assert_eq!(BUDGET.surplus(&[60, 30, 30], None), 1);
        assert_eq!(BUDGET.surplus(&[10, 60, 60], None), 2);
        assert_eq!(BUDGET.surplus(&[1, 1, 1, 1, 1, 1], None), 2);
    }

    #[test]
    fn the_template_that_was_used_last_stays() {
        assert_eq!(BUDGET.surplus(&[500], Some(0)), 0);
        assert_eq!(TemplateBudget { max_templates: 0, memory_bytes: 0 }.surplus(&[7, 8], Some(0)), 1);
    }

    #[test]
    fn templates_go_where_others_lack_memory() {
        // 25 is the quarter of the budget that has to be available to others.
        assert_eq!(BUDGET.surplus(&[20, 20, 20], Some(25)), 0);
        assert_eq!(BUDGET.surplus(&[20, 20, 20], Some(24)), 1);
        assert_eq!(BUDGET.surplus(&[20, 20, 20], Some(0)), 2);
    }

    #[test]
    fn the_size_of_a_process_is_what_it_has_written() {
        let own = rustix::process::getpid();
        let before = size_of(own);
        let written = std::hint::black_box(vec![1_u8; 64 << 20]);
        assert!(size_of(own) >= before + (60 << 20));
        drop(written);
        assert!(available().is_some_and(|available| available > 1 << 20));
    }

    #[test]
    fn what_a_group_has_left_is_its_limit_without_what_is_used_but_for_idle_files() {
        let group = tempfile::tempdir().unwrap();
        let write = |name: &str, text: &str| fs::write(group.path().join(name), text).unwrap();
        assert_eq!(left_in(group.path()), None);
        write("memory.current", "700\n");
        write("memory.max", "max\n");
        assert_eq!(left_in(group.path()), None);
        write("memory.max", "1000\n");
        assert_eq!(left_in(group.path()), Some(300));
        write("memory.stat", "anon 500\ninactive_file 200\nactive_file 7\n");
        assert_eq!(left_in(group.path()), Some(500));
    }
}
