//! The out-of-memory scores of processes.

use std::io;
use std::os::fd::OwnedFd;

use rustix::fs::OFlags;

use super::proc_self::ProcSelf;

/// More than any process of the host has by default, so that the kernel kills sandboxes first when the host is out of
/// memory.
const OOM_SCORE: &[u8] = b"800";

/// The out-of-memory score of a process. When memory runs out, the kernel has to kill the commands of a container
/// before its init, without which there is no container.
pub(super) struct OomScore {
    file: OwnedFd,
    own: Vec<u8>,
}

impl OomScore {
    pub(super) fn open(proc_self: &ProcSelf) -> io::Result<Self> {
        let file = proc_self.file("oom_score_adj", OFlags::RDWR)?;
        // Enough: `-1000` is the longest value.
        let mut own = vec![0; 16];
        let length = rustix::io::read(&file, &mut own)?;
        own.truncate(length);
        Ok(Self { file, own: own.trim_ascii().to_vec() })
    }

    /// Runs `work`, which makes child processes, with the higher score, so that the kernel kills the children first.
    pub(super) fn for_children<T>(&self, work: impl FnOnce() -> T) -> io::Result<T> {
        rustix::io::pwrite(&self.file, OOM_SCORE, 0)?;
        let done = work();
        rustix::io::pwrite(&self.file, &self.own, 0)?;
        Ok(done)
    }
}

/// Raises the out-of-memory score of the process and of the descendants that it makes from now on.
pub(super) fn raise_oom_score(proc_self: &ProcSelf) -> io::Result<()> {
    rustix::io::write(proc_self.file("oom_score_adj", OFlags::WRONLY)?, OOM_SCORE)?;
    Ok(())
}
