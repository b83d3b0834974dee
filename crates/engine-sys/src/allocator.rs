//! Settings of the C library's allocator, which all our programs use.

/// Bytes. A buffer of at least this size gets a mapping of its own, which returns to the system as soon as the buffer
/// is freed.
#[cfg(target_env = "gnu")]
const MAPPED_ALONE: i32 = 128 * 1024;

/// Bytes that may be free at the end of a heap before they return to the system.
#[cfg(target_env = "gnu")]
const KEPT_AT_END: i32 = 1024 * 1024;

/// The number of heaps that threads share. Each heap keeps the memory that is free between buffers in use.
#[cfg(target_env = "gnu")]
const HEAPS: i32 = 2;

/// Makes the allocator return long buffers to the system when they are freed. By default it raises the size from which
/// it does so with every longer buffer that is freed, up to 32 MiB. Then it keeps long buffers in as many heaps as
/// there are threads, for good. Call this before the process has a second thread.
pub fn give_memory_back() {
    #[cfg(target_env = "gnu")]
    for (parameter, value) in
        [(libc::M_MMAP_THRESHOLD, MAPPED_ALONE), (libc::M_TRIM_THRESHOLD, KEPT_AT_END), (libc::M_ARENA_MAX, HEAPS)]
    {
        // SAFETY: the call takes numbers only, and locks what it changes.
        let taken = unsafe { libc::mallopt(parameter, value) };
        // If the allocator refuses a setting, it keeps its default.
        debug_assert_eq!(taken, 1, "parameter {parameter}");
    }
}

/// Returns free memory between buffers in use to the system: buffers shorter than those with a mapping of their own,
/// and the state of connections. The allocator does not do that without this call. Threads that allocate meanwhile may
/// wait.
pub fn trim_memory() {
    // SAFETY: the call takes a number only, and locks what it touches.
    #[cfg(target_env = "gnu")]
    unsafe {
        libc::malloc_trim(0);
    }
}

/// The longest buffer, in bytes, that [`gather_memory`] takes; the allocator maps much longer ones alone.
#[cfg(target_env = "gnu")]
const LONGEST: usize = 64 * 1024;

/// The memory in bytes that is ready at the end of the heap afterwards.
#[cfg(target_env = "gnu")]
const READY: i32 = 512 * 1024;

/// Takes for good what is free between buffers in use, so that the next buffers follow each other at the end of the
/// heap. For a process that is about to be forked again and again: each page that a child writes to is copied, and
/// buffers in free places lie in a page of their own each.
pub fn gather_memory() {
    trim_memory();
    #[cfg(target_env = "gnu")]
    // SAFETY: the calls allocate, and free what they have allocated themselves, once. `sbrk(0)` only returns the end of
    // the heap. Addresses are compared, never used.
    unsafe {
        libc::mallopt(libc::M_TOP_PAD, READY);
        libc::mallopt(libc::M_TRIM_THRESHOLD, 4 * READY);
        let end = libc::sbrk(0).addr();
        // A buffer from the end of the heap, or where that is too short, from beyond it.
        let mut last = libc::malloc(LONGEST);
        while !last.is_null() && last.addr() + 4 * LONGEST < end {
            last = libc::malloc(LONGEST);
        }
        let first = last.addr();
        libc::free(last);
        // From long to short: the rest of a place that is longer than a buffer is taken by shorter ones.
        let sizes = (1..=LONGEST / 1024).rev().map(|kib| kib * 1024).chain((1..64).rev().map(|part| part * 16));
        for size in sizes {
            loop {
                let taken = libc::malloc(size);
                if taken.is_null() || taken.addr() >= first {
                    libc::free(taken);
                    break;
                }
            }
        }
    }
}

#[cfg(all(test, target_env = "gnu"))]
mod tests {
    use super::*;

    /// Returns how many bytes are in mappings of their own, and how many such mappings there are.
    fn mapped() -> (usize, usize) {
        // SAFETY: the call only counts.
        let info = unsafe { libc::mallinfo2() };
        (info.hblkhd, info.hblks)
    }

    #[test]
    fn long_memory_is_its_own_mapping_also_after_longer_memory_was_freed() {
        give_memory_back();
        drop(std::hint::black_box(vec![1_u8; 16 * 1024 * 1024]));
        let before = mapped();
        let long = std::hint::black_box(vec![1_u8; 1024 * 1024]);
        let with = mapped();
        assert!(with.0 >= before.0 + 1024 * 1024 && with.1 > before.1);
        drop(long);
        assert_eq!(mapped(), before);
    }

    #[test]
    fn after_memory_was_gathered_buffers_follow_each_other() {
        // Long enough for the heap of this thread to have free places between others.
        let (places, _between): (Vec<_>, Vec<_>) =
            (0..1000).map(|_| (vec![1_u8; 200], std::hint::black_box(Box::new([0_u8; 4000])))).unzip();
        drop(std::hint::black_box(places));
        let spread = || {
            let buffers: Vec<_> = (0..100).map(|_| std::hint::black_box(vec![1_u8; 200])).collect();
            let pages: std::collections::BTreeSet<_> = buffers.iter().map(|one| one.as_ptr().addr() / 4096).collect();
            pages.len()
        };
        assert!(spread() > 50);
        gather_memory();
        assert!(spread() < 15, "{}", spread());
    }

    #[test]
    fn a_trim_gives_back_what_is_free_between_what_is_in_use() {
        const BUFFERS: u64 = 1000;
        const LENGTH: usize = 64 * 1024;
        let anonymous = || {
            let figures = std::fs::read_to_string("/proc/self/smaps_rollup").unwrap();
            let line = figures.lines().find_map(|line| line.strip_prefix("Anonymous:")).unwrap();
            line.trim().trim_end_matches(" kB").parse::<u64>().unwrap() * 1024
        };
        let (buffers, _between): (Vec<_>, Vec<_>) =
            (0..BUFFERS).map(|_| (vec![1_u8; LENGTH], std::hint::black_box(Box::new([0_u8; 64])))).unzip();
        drop(std::hint::black_box(buffers));
        let before = anonymous();
        trim_memory();
        let after = anonymous();
        assert!(after + BUFFERS * LENGTH as u64 / 2 < before, "{before} bytes before, {after} after");
    }
}
