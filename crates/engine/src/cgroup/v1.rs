//! Version 1: a hierarchy a controller.

use std::fs::File;
use std::io;
use std::os::fd::OwnedFd;
use std::path::Path;

use workers_engine_sys::notify_on_memory_exhaustion;

use super::{GroupLimits, keyed_number, number, write};
use crate::message::Figures;

/// Sets the limits of a group.
pub(super) fn set_limits(memory: &Path, pids: &Path, limits: GroupLimits) -> io::Result<()> {
    let bytes = limits.memory_bytes.to_string();
    write(&memory.join("memory.limit_in_bytes"), &bytes)?;
    // Memory and swap together may be no more than memory alone: no swap. A kernel that does not account swap lacks the file;
    // then the group must not swap by itself.
    let with_swap = memory.join("memory.memsw.limit_in_bytes");
    if with_swap.exists() {
        write(&with_swap, &bytes)?;
    } else {
        write(&memory.join("memory.swappiness"), "0")?;
    }
    write(&pids.join("pids.max"), &limits.processes.to_string())
}

/// A descriptor that is readable when memory runs out.
pub(super) fn watch(memory: &Path) -> io::Result<OwnedFd> {
    let control = File::open(memory.join("memory.oom_control"))?;
    let registrar = File::options().write(true).open(memory.join("cgroup.event_control"))?;
    notify_on_memory_exhaustion(&control, &registrar)
}

/// What a group's processes have used.
pub(super) fn figures(memory: &Path, cpuacct: Option<&Path>) -> Figures {
    Figures {
        cpu_micros: cpuacct.and_then(|base| number(&base.join("cpuacct.usage"))).map(|nanos| nanos / 1000),
        max_memory_bytes: number(&memory.join("memory.max_usage_in_bytes")),
        out_of_memory: keyed_number(&memory.join("memory.oom_control"), "oom_kill").is_some_and(|kills| kills > 0),
    }
}
