//! Arguments of calls that are not about sockets.

use super::*;

#[test]
fn clone_makes_threads_and_processes_as_libraries_do() {
    let parts = Parts::new();
    for flags in [
        "SIGCHLD",
        "SIGCHLD|CLONE_CHILD_SETTID|CLONE_CHILD_CLEARTID",
        "SIGCHLD|CLONE_VM|CLONE_VFORK",
        "SIGCHLD|CLONE_VM|CLONE_VFORK|CLONE_PIDFD",
        // The flags of glibc, musl and Go.
        "CLONE_VM|CLONE_FS|CLONE_FILES|CLONE_SYSVSEM|CLONE_SIGHAND|CLONE_THREAD|CLONE_SETTLS|CLONE_PARENT_SETTID|CLONE_CHILD_CLEARTID",
        "CLONE_VM|CLONE_FS|CLONE_FILES|CLONE_SYSVSEM|CLONE_SIGHAND|CLONE_THREAD|CLONE_SETTLS|CLONE_PARENT_SETTID|CLONE_CHILD_CLEARTID|CLONE_DETACHED",
        "CLONE_VM|CLONE_FS|CLONE_FILES|CLONE_SIGHAND|CLONE_SYSVSEM|CLONE_THREAD",
    ] {
        assert_eq!(parts.with("clone", 0, flags), Verdict::Allow, "{flags}");
    }
}

#[test]
fn clone_makes_no_namespace_has_no_other_parent_and_no_other_signal() {
    let parts = Parts::new();
    let thread = "CLONE_VM|CLONE_SIGHAND|CLONE_THREAD";
    for more in [
        "CLONE_PARENT",
        "CLONE_PTRACE",
        "CLONE_UNTRACED",
        "CLONE_IO",
        "CLONE_NEWNS",
        "CLONE_NEWCGROUP",
        "CLONE_NEWUTS",
        "CLONE_NEWIPC",
        "CLONE_NEWUSER",
        "CLONE_NEWPID",
        "CLONE_NEWNET",
        // The flag of a time namespace is among the bits of the exit signal.
        "128",
    ] {
        for flags in [format!("SIGCHLD|{more}"), format!("{thread}|{more}"), more.to_owned()] {
            assert_eq!(parts.with("clone", 0, &flags), EPERM, "{flags}");
        }
    }
    for signal in (0..256).filter(|signal| *signal != 17) {
        assert_eq!(parts.answer("clone", [signal, 0, 0, 0, 0, 0]), EPERM, "{signal}");
        assert_eq!(parts.answer("clone", [signal | number("CLONE_VM|CLONE_VFORK"), 0, 0, 0, 0, 0]), EPERM, "{signal}");
    }
    assert_eq!(parts.answer("clone3", [0; 6]), ENOSYS);
}

#[test]
fn requests_to_devices_are_reported_as_unknown() {
    let parts = Parts::new();
    for request in ["TIOCSTI", "TIOCLINUX", "TCGETS", "TIOCGWINSZ", "FICLONE"] {
        assert_eq!(parts.with("ioctl", 1, request), ENOTTY, "{request}");
    }
    // IOC_WATCH_QUEUE_SET_SIZE, UFFDIO_API, NS_GET_USERNS, FS_IOC_SETFLAGS, BLKDISCARD, FIFREEZE.
    for request in [0x5760, 0xC018_AA3F, 0xB701, 0x4008_6602, 0x1277, 0xC004_5877] {
        assert_eq!(parts.answer("ioctl", [0, request, 0, 0, 0, 0]), ENOTTY, "{request:#x}");
    }
}

#[test]
fn descriptors_are_copied_locked_and_sealed_and_no_more() {
    let parts = Parts::new();
    for command in ["F_DUPFD_CLOEXEC", "F_GETFL", "F_SETFD", "F_SETLK", "F_OFD_SETLKW", "F_GETPIPE_SZ", "F_ADD_SEALS"] {
        assert_eq!(parts.with("fcntl", 1, command), Verdict::Allow, "{command}");
    }
    // The numbers are F_SETSIG and F_SET_RW_HINT.
    for command in ["F_SETLEASE", "F_GETLEASE", "F_NOTIFY", "F_SETOWN", "F_SETPIPE_SZ", "10", "1036"] {
        assert_eq!(parts.with("fcntl", 1, command), EINVAL, "{command}");
    }
}

#[test]
fn a_process_says_nothing_of_itself_that_reaches_others() {
    let parts = Parts::new();
    for allowed in ["PR_SET_NAME", "PR_SET_PDEATHSIG", "PR_SET_NO_NEW_PRIVS", "PR_CAPBSET_DROP"] {
        assert_eq!(parts.with("prctl", 0, allowed), Verdict::Allow, "{allowed}");
    }
    // The numbers are PR_SET_TIMING, PR_MCE_KILL, PR_SET_SPECULATION_CTRL, PR_SET_SYSCALL_USER_DISPATCH, PR_SCHED_CORE.
    for refused in [
        "PR_SET_CHILD_SUBREAPER",
        "PR_SET_SECCOMP",
        "PR_SET_MEMORY_MERGE",
        "PR_SET_PTRACER",
        "PR_SET_VMA",
        "14",
        "33",
        "53",
        "59",
        "62",
    ] {
        assert_eq!(parts.with("prctl", 0, refused), EINVAL, "{refused}");
    }
    let memory = |operation: u64| parts.answer("prctl", [number("PR_SET_MM"), operation, 0, 0, 0, 0]);
    assert_eq!(memory(14), Verdict::Allow);
    // PR_SET_MM_EXE_FILE, PR_SET_MM_ARG_START.
    assert_eq!([memory(13), memory(8)], [EINVAL, EINVAL]);
}

#[test]
fn the_processor_is_set_up_for_threads_and_no_more() {
    let parts = Parts::new();
    if cfg!(target_arch = "x86_64") {
        assert_eq!(parts.with("arch_prctl", 0, "ARCH_SET_FS"), Verdict::Allow);
        for refused in ["ARCH_SET_CPUID", "ARCH_REQ_XCOMP_PERM"] {
            assert_eq!(parts.with("arch_prctl", 0, refused), EINVAL, "{refused}");
        }
    }
    assert_eq!(parts.with("personality", 0, "4294967295"), Verdict::Allow);
    assert_eq!(parts.with("personality", 0, "262144"), EPERM);
    assert_eq!(parts.with("membarrier", 0, "MEMBARRIER_CMD_PRIVATE_EXPEDITED"), Verdict::Allow);
    for refused in ["MEMBARRIER_CMD_GLOBAL", "MEMBARRIER_CMD_GLOBAL_EXPEDITED"] {
        assert_eq!(parts.with("membarrier", 0, refused), EINVAL, "{refused}");
    }
    for (policy, expected) in [
        ("SCHED_OTHER", Verdict::Allow),
        ("SCHED_BATCH|SCHED_RESET_ON_FORK", Verdict::Allow),
        ("SCHED_FIFO", EPERM),
        ("SCHED_IDLE", EPERM),
    ] {
        assert_eq!(parts.with("sched_setscheduler", 1, policy), expected, "{policy}");
    }
    assert_eq!(parts.answer("sched_setattr", [0; 6]), ENOSYS);
    // Process 1 is the sandbox's first process, which is ours and must not be changed.
    for call in ["sched_setaffinity", "sched_setparam", "sched_setscheduler"] {
        assert_eq!(
            [0, 1, 2].map(|process| parts.answer(call, [process, 0, 0, 0, 0, 0])),
            [Verdict::Allow, EPERM, Verdict::Allow],
            "{call}"
        );
    }
    assert_eq!(
        [0, 1, 2].map(|process| parts.answer("setpriority", [0, process, 0, 0, 0, 0])),
        [Verdict::Allow, EPERM, Verdict::Allow]
    );
    assert_eq!([1, 2].map(|kind| parts.answer("setpriority", [kind, 0, 0, 0, 0, 0])), [EPERM, EPERM]);
}

#[test]
fn huge_pages_of_the_host_are_not_there() {
    let parts = Parts::new();
    for flags in
        ["MAP_PRIVATE|MAP_ANONYMOUS", "MAP_SHARED", "MAP_PRIVATE|MAP_FIXED|MAP_DENYWRITE", "MAP_SHARED|MAP_PRIVATE"]
    {
        assert_eq!(parts.with("mmap", 3, flags), Verdict::Allow, "{flags}");
    }
    assert_eq!(parts.with("mmap", 3, "MAP_PRIVATE|MAP_ANONYMOUS|MAP_HUGETLB"), ENOMEM);
    assert_eq!(parts.with("memfd_create", 1, "MFD_CLOEXEC|MFD_ALLOW_SEALING"), Verdict::Allow);
    assert_eq!(parts.with("memfd_create", 1, "MFD_CLOEXEC|MFD_HUGETLB"), EINVAL);
}

#[test]
fn memory_that_others_share_is_neither_merged_pushed_out_nor_looked_for() {
    let parts = Parts::new();
    for advice in ["MADV_DONTNEED", "MADV_FREE", "MADV_DONTFORK", "MADV_HUGEPAGE"] {
        assert_eq!(parts.with("madvise", 2, advice), Verdict::Allow, "{advice}");
    }
    for advice in ["MADV_MERGEABLE", "MADV_COLD", "MADV_PAGEOUT", "MADV_COLLAPSE", "MADV_HWPOISON"] {
        assert_eq!(parts.with("madvise", 2, advice), EINVAL, "{advice}");
    }
    assert_eq!(parts.with("fadvise64", 3, "POSIX_FADV_WILLNEED"), Verdict::Allow);
    assert_eq!(parts.with("fadvise64", 3, "POSIX_FADV_DONTNEED"), DONE);
    assert_eq!(parts.answer("mincore", [0; 6]), ENOSYS);
    for call in ["preadv2", "pwritev2"] {
        assert_eq!(parts.with(call, 5, "RWF_DSYNC|RWF_APPEND"), Verdict::Allow);
        for flags in ["RWF_NOWAIT", "RWF_DONTCACHE"] {
            assert_eq!(parts.with(call, 5, flags), EOPNOTSUPP, "{call} {flags}");
        }
    }
}

#[test]
fn no_pipe_is_held_while_its_writer_waits() {
    let parts = Parts::new();
    assert_eq!([parts.answer("splice", [0; 6]), parts.answer("tee", [0; 6])], [EINVAL, EINVAL]);
    assert_eq!(parts.answer("sendfile", [1, 3, 0, 4096, 0, 0]), EINVAL);
    assert_eq!(parts.answer("sendfile", [1, 3, 0x7FFF_0000, 4096, 0, 0]), Verdict::Allow);
    assert_eq!(parts.answer("sendfile", [1, 3, 0x7FFF_0000_0000, 4096, 0, 0]), Verdict::Allow);
    assert_eq!(parts.with("pipe2", 1, "O_CLOEXEC|O_NONBLOCK"), Verdict::Allow);
    assert_eq!(parts.with("pipe2", 1, "O_EXCL"), EINVAL);
}

#[test]
fn the_limit_of_core_dumps_seems_to_be_set_and_stays() {
    let parts = Parts::new();
    let (core, files) = (number("RLIMIT_CORE"), number("RLIMIT_NOFILE"));
    assert_eq!(parts.answer("prlimit64", [0, core, 0x7FFF_0000, 0, 0, 0]), DONE);
    assert_eq!(
        parts.answer("prlimit64", [0, core, 0x7FFF_0000_0000, 0, 0, 0]),
        DONE,
        "only the upper half of a pointer"
    );
    assert_eq!(parts.answer("prlimit64", [0, core, 0, 0x7FFF_0000, 0, 0]), Verdict::Allow);
    assert_eq!(parts.answer("prlimit64", [0, files, 0x7FFF_0000, 0, 0, 0]), Verdict::Allow);
    assert_eq!(parts.answer_outside("prlimit64", [0, core, 0x7FFF_0000, 0, 0, 0]), Verdict::Allow);
    assert_eq!(parts.answer("setrlimit", [core, 0x7FFF_0000, 0, 0, 0, 0]), DONE);
    assert_eq!(parts.answer("setrlimit", [files, 0x7FFF_0000, 0, 0, 0, 0]), Verdict::Allow);
}

#[test]
fn limits_of_other_processes_can_be_read_and_not_set() {
    let (parts, files) = (Parts::new(), number("RLIMIT_NOFILE"));
    for resource in [files, number("RLIMIT_CORE")] {
        assert_eq!(parts.answer("prlimit64", [1, resource, 0x7FFF_0000, 0, 0, 0]), EPERM);
        assert_eq!(parts.answer("prlimit64", [1, resource, 0, 0x7FFF_0000, 0, 0]), Verdict::Allow);
    }
}

#[test]
fn no_disk_of_the_host_is_flushed() {
    let parts = Parts::new();
    for call in ["fsync", "fdatasync", "sync_file_range"] {
        assert_eq!(parts.answer(call, [0; 6]), DONE, "{call}");
    }
    for (flags, expected) in [
        ("MS_SYNC", DONE),
        ("MS_SYNC|MS_INVALIDATE", DONE),
        ("MS_ASYNC", Verdict::Allow),
        ("MS_INVALIDATE", Verdict::Allow),
        ("MS_SYNC|MS_ASYNC", EINVAL),
    ] {
        assert_eq!(parts.with("msync", 2, flags), expected, "{flags}");
    }
}
