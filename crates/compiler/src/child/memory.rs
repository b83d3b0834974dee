//! Measures the memory of this process.

use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt as _;

/// The kernel's memory account of this process (`statm`), opened while files can still be opened.
pub(super) struct Memory {
    statm: File,
    page_bytes: u64,
}

impl Memory {
    pub(super) fn open() -> io::Result<Self> {
        let page_bytes = u64::try_from(rustix::param::page_size()).map_err(io::Error::other)?;
        Ok(Self { statm: File::open("/proc/self/statm")?, page_bytes })
    }

    /// Returns how many bytes are resident in memory now.
    pub(super) fn resident_bytes(&self) -> io::Result<u64> {
        let mut text = [0; 128];
        let length = self.statm.read_at(&mut text, 0)?;
        let pages = String::from_utf8_lossy(&text[..length]).split(' ').nth(1).and_then(|pages| pages.parse().ok());
        let pages: u64 = pages.ok_or_else(|| io::Error::other("the kernel's account of memory has no second field"))?;
        Ok(pages.saturating_mul(self.page_bytes))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_touched_counts() {
        let memory = Memory::open().unwrap();
        let before = memory.resident_bytes().unwrap();
        let touched = vec![1_u8; 64 << 20];
        let after = memory.resident_bytes().unwrap();
        assert!(after >= before + (48 << 20), "{before} {after} {}", touched.len());
    }
}
