//! Creates, ends and reaps processes.

use std::io;
use std::os::fd::{AsRawFd, BorrowedFd, FromRawFd, OwnedFd};
use std::time::Duration;

use rustix::process::Pid;

/// Proof that this process had only one thread when it was checked. Only then is it sound for a forked child to
/// continue normally: with more threads, a lock that another thread holds at the fork stays locked in the child for
/// ever.
#[derive(Debug, Clone, Copy)]
pub struct SingleThread(());

impl SingleThread {
    /// Counts the threads of this process. A caller that holds the token promises not to start any.
    ///
    /// # Errors
    ///
    /// When there are more threads than this one, or they cannot be counted.
    pub fn check() -> io::Result<Self> {
        let threads = std::fs::read_dir("/proc/self/task")?.count();
        if threads == 1 { Ok(Self(())) } else { Err(io::Error::other(format!("the process has {threads} threads"))) }
    }
}

impl SingleThread {
    /// Checks a process whose other threads were started by foreign code: each of them must sleep until this thread
    /// wakes it, which it must not do while it forks. Then no other thread holds a lock.
    ///
    /// # Errors
    ///
    /// When a thread is not asleep, or its state cannot be read.
    pub fn check_others_sleep() -> io::Result<Self> {
        let own = rustix::thread::gettid().as_raw_nonzero().to_string();
        for entry in std::fs::read_dir("/proc/self/task")? {
            let entry = entry?;
            if entry.file_name().to_str() == Some(&own) {
                continue;
            }
            // The first field is the number of the system call that the thread sleeps in, or `running`.
            let state = std::fs::read_to_string(entry.path().join("syscall"))?;
            let number = state.split(' ').next().and_then(|number| number.parse().ok());
            // Threads of node wait for work on a lock, or in an event loop of their own.
            let sleeps = [libc::SYS_futex, libc::SYS_epoll_pwait].iter().any(|call| Some(*call) == number);
            if !sleeps {
                return Err(io::Error::other(format!("a thread of the process is busy: {}", state.trim())));
            }
        }
        Ok(Self(()))
    }
}

/// The namespaces that a new process gets, and does not share with its parent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct NewNamespaces(u64);

impl NewNamespaces {
    /// All namespaces are shared.
    pub const NONE: Self = Self(0);
    /// A user namespace and a PID namespace of its own. A process can be the first one of these only if it is created
    /// in them.
    pub const USER_AND_PID: Self = Self((libc::CLONE_NEWUSER | libc::CLONE_NEWPID) as u64);
    /// A user namespace of its own.
    pub const USER: Self = Self(libc::CLONE_NEWUSER as u64);
}

/// The two sides of a fork.
#[derive(Debug)]
pub enum Cloned {
    /// This is the new process.
    Child,
    /// This is the process that forked.
    Parent {
        /// The child's id in this PID namespace.
        pid: Pid,
        /// The child's process descriptor.
        pidfd: OwnedFd,
    },
}

/// Forks a child in new namespaces.
///
/// # Errors
///
/// When the kernel refuses: no permission to make a namespace, or a limit of processes or namespaces is reached.
pub fn clone_process(thread: SingleThread, namespaces: NewNamespaces) -> io::Result<Cloned> {
    clone_at(thread, namespaces.0, libc::SIGCHLD, 0)
}

/// Forks a child that shares all namespaces and is a child of the caller's parent, not of the caller. The kernel writes
/// the child's id to where the C library keeps it, so the child can continue as a program that uses threads.
///
/// # Errors
///
/// As [`clone_process`]; also on a kernel that does not report where the C library keeps the id
/// (`CONFIG_CHECKPOINT_RESTORE`).
pub fn clone_sibling(thread: SingleThread) -> io::Result<Cloned> {
    let flags = libc::CLONE_PARENT | libc::CLONE_CHILD_SETTID | libc::CLONE_CHILD_CLEARTID;
    // With CLONE_PARENT the kernel takes the exit signal of the caller.
    clone_at(thread, u64::from(flags.unsigned_abs()), 0, thread_id_address()?)
}

/// Returns the address at which the kernel and the C library keep the id of this thread. It is the same in forked
/// children.
///
/// # Errors
///
/// When the kernel is built without checkpoints of processes.
pub fn thread_id_address() -> io::Result<u64> {
    let mut address: u64 = 0;
    // SAFETY: PR_GET_TID_ADDRESS writes one pointer to the place given, a live local of that size.
    let result = unsafe { libc::prctl(libc::PR_GET_TID_ADDRESS, &raw mut address) };
    if result == 0 && address != 0 { Ok(address) } else { Err(io::Error::last_os_error()) }
}

fn clone_at(_: SingleThread, flags: u64, exit_signal: libc::c_int, child_id_at: u64) -> io::Result<Cloned> {
    let mut pidfd: libc::c_int = -1;
    // SAFETY: `clone_args` is plain old data for which all zeroes is a valid value.
    let mut arguments: libc::clone_args = unsafe { std::mem::zeroed() };
    arguments.flags = flags | libc::CLONE_PIDFD as u64;
    arguments.exit_signal = u64::from(exit_signal.unsigned_abs());
    arguments.child_tid = child_id_at;
    arguments.pidfd = (&raw mut pidfd) as u64;
    // SAFETY: without CLONE_VM the child has its own copy of the address space and returns on its own copy of this
    // stack (`stack` is 0). `pidfd` lives across the call. The token proves that no other thread runs, so no other
    // thread holds a lock of the allocator or of the standard library, and we hold none here. `child_tid` is 0, or
    // where the C library keeps this thread's id, which in the child is the child's own copy.
    let result = unsafe { libc::syscall(libc::SYS_clone3, &raw mut arguments, size_of::<libc::clone_args>()) };
    match result {
        -1 => Err(io::Error::last_os_error()),
        0 => Ok(Cloned::Child),
        number => {
            let pid = i32::try_from(number).ok().and_then(Pid::from_raw);
            // SAFETY: the kernel has just made this descriptor for us (CLONE_PIDFD); it has no other owner.
            let pidfd = unsafe { OwnedFd::from_raw_fd(pidfd) };
            pid.map(|pid| Cloned::Parent { pid, pidfd })
                .ok_or_else(|| io::Error::other("clone3 returned no process id"))
        }
    }
}

/// Forks a child that shares all namespaces. Unlike [`clone_process`], this makes no call that a sandbox's own filter
/// refuses.
///
/// # Errors
///
/// When a limit of processes is reached, or there is no memory.
pub fn fork_process(_: SingleThread) -> io::Result<Option<Pid>> {
    // SAFETY: the token proves that there is one thread, so the child inherits no lock that would never be released.
    match unsafe { libc::fork() } {
        -1 => Err(io::Error::last_os_error()),
        number => Ok(Pid::from_raw(number)),
    }
}

/// Forks a child like [`fork_process`], without what the C library does at a fork. That is to repair locks and the
/// lists of threads that the child does not have, and touches memory for each of them; a process that has one thread,
/// and had no other when it was itself forked, needs none of it. `id_at` is [`thread_id_address`] of this process.
///
/// # Errors
///
/// As [`fork_process`].
pub fn clone_child(_: SingleThread, id_at: u64) -> io::Result<Option<Pid>> {
    let flags = u64::from((libc::CLONE_CHILD_SETTID | libc::CLONE_CHILD_CLEARTID | libc::SIGCHLD).unsigned_abs());
    // SAFETY: without CLONE_VM the child has its own copy of the address space and returns on its own copy of this
    // stack (0 as the second argument). The token proves that no other thread runs, so none holds a lock. The kernel
    // writes the child's id to where the C library keeps it, in the child's own copy.
    let result = unsafe { libc::syscall(libc::SYS_clone, flags, 0_u64, 0_u64, id_at, 0_u64) };
    match i32::try_from(result) {
        Ok(number) if number >= 0 => Ok(Pid::from_raw(number)),
        _ => Err(io::Error::last_os_error()),
    }
}

/// Moves this process to new mount, IPC, UTS and cgroup namespaces. The root of the cgroup namespace is the group that
/// the process is in.
///
/// # Errors
///
/// Without `CAP_SYS_ADMIN` over the user namespace, or when the kernel lacks one of them.
pub fn unshare_namespaces(thread: SingleThread) -> io::Result<()> {
    unshare_namespaces_except(thread, KeptNamespace::None)
}

/// The namespace that [`unshare_namespaces_except`] keeps.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum KeptNamespace {
    /// None of them.
    None,
    /// The IPC namespace.
    Ipc,
    /// The cgroup namespace.
    Cgroup,
}

/// Does the same as [`unshare_namespaces`], but one of the namespaces stays shared.
///
/// # Errors
///
/// As [`unshare_namespaces`].
pub fn unshare_namespaces_except(thread: SingleThread, kept: KeptNamespace) -> io::Result<()> {
    let all = libc::CLONE_NEWNS | libc::CLONE_NEWIPC | libc::CLONE_NEWUTS | libc::CLONE_NEWCGROUP;
    let kept = match kept {
        KeptNamespace::None => 0,
        KeptNamespace::Ipc => libc::CLONE_NEWIPC,
        KeptNamespace::Cgroup => libc::CLONE_NEWCGROUP,
    };
    unshare(thread, all & !kept)
}

/// Moves this process to a new network namespace.
///
/// # Errors
///
/// As [`unshare_namespaces`].
pub fn unshare_network(thread: SingleThread) -> io::Result<()> {
    unshare(thread, libc::CLONE_NEWNET)
}

/// Enters a network namespace, given by its file.
///
/// # Errors
///
/// Without `CAP_SYS_ADMIN` over it.
pub fn enter_network(_: SingleThread, network: BorrowedFd<'_>) -> io::Result<()> {
    enter(network, libc::CLONE_NEWNET)
}

fn unshare(_: SingleThread, flags: libc::c_int) -> io::Result<()> {
    // SAFETY: unshare takes flags only. A new mount namespace also unshares the current directory and root of this
    // thread from those of others; the token proves that there are no others. No memory of ours is touched.
    let result = unsafe { libc::unshare(flags) };
    if result == 0 { Ok(()) } else { Err(io::Error::last_os_error()) }
}

/// Makes the children that this process creates from now on start in the PID namespace of another process.
///
/// # Errors
///
/// When that process has ended, or without `CAP_SYS_ADMIN` over both namespaces.
pub fn set_child_pid_namespace(process: BorrowedFd<'_>) -> io::Result<()> {
    enter(process, libc::CLONE_NEWPID)
}

/// Joins all other namespaces of a process, with every capability over them. The root and the current directory become
/// the root of its mount namespace.
///
/// # Errors
///
/// As [`set_child_pid_namespace`].
pub fn join_namespaces(_: SingleThread, process: BorrowedFd<'_>) -> io::Result<()> {
    let flags = libc::CLONE_NEWUSER
        | libc::CLONE_NEWNS
        | libc::CLONE_NEWNET
        | libc::CLONE_NEWIPC
        | libc::CLONE_NEWUTS
        | libc::CLONE_NEWCGROUP;
    enter(process, flags)
}

/// Enters namespaces, given by their file or by a process that is in them.
fn enter(process: BorrowedFd<'_>, namespaces: libc::c_int) -> io::Result<()> {
    // SAFETY: setns takes a descriptor, which is live because it is borrowed for the call, and flags. No memory of ours
    // is touched. A new mount namespace unshares the current directory and root from those of other threads; the caller
    // that passes its flag holds the token, which proves that there are none.
    let result = unsafe { libc::setns(process.as_raw_fd(), namespaces) };
    if result == 0 { Ok(()) } else { Err(io::Error::last_os_error()) }
}

/// Exits at once, without running destructors or exit handlers that a fork has copied from the parent.
pub fn exit_now(code: i32) -> ! {
    // SAFETY: _exit takes an integer and never returns.
    unsafe { libc::_exit(code) }
}

/// Kills every process in the caller's PID namespace except the caller.
///
/// # Errors
///
/// When the process is not the first one of its namespace, where this would kill the host's processes.
pub fn kill_all_others() -> io::Result<()> {
    if std::process::id() != 1 {
        return Err(io::Error::other("not the first process of a pid namespace"));
    }
    // SAFETY: kill takes two integers.
    let result = unsafe { libc::kill(-1, libc::SIGKILL) };
    let error = io::Error::last_os_error();
    if result == 0 || error.raw_os_error() == Some(libc::ESRCH) { Ok(()) } else { Err(error) }
}

/// A child that has ended and was reaped.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ReapedChild {
    /// Its id.
    pub pid: Pid,
    /// Its exit code, or as the error the signal that ended it.
    pub status: Result<i32, i32>,
    /// Processor time of the child and of its own reaped children.
    pub cpu: Duration,
    /// The largest resident size of the child or of one of its own reaped children, in bytes.
    pub max_resident_bytes: u64,
}

/// Reaps a child that has ended, if there is one. Never blocks.
///
/// # Errors
///
/// `ECHILD` when there is no child at all.
pub fn wait_any() -> io::Result<Option<ReapedChild>> {
    wait(-1, libc::WNOHANG)
}

/// Reaps a child if it has ended, whatever its exit signal is. Never blocks.
///
/// # Errors
///
/// `ECHILD` when it is no child.
pub fn try_wait_for(pid: Pid) -> io::Result<Option<ReapedChild>> {
    wait(pid.as_raw_nonzero().get(), libc::WNOHANG)
}

/// Waits until a child ends, and reaps it.
///
/// # Errors
///
/// `ECHILD` when it is no child.
pub fn wait_for(pid: Pid) -> io::Result<ReapedChild> {
    loop {
        match wait(pid.as_raw_nonzero().get(), 0) {
            Ok(Some(ended)) => return Ok(ended),
            Ok(None) => {}
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
}

fn wait(which: libc::pid_t, options: libc::c_int) -> io::Result<Option<ReapedChild>> {
    let mut status: libc::c_int = 0;
    // SAFETY: `rusage` is plain old data for which all zeroes is a valid value.
    let mut usage: libc::rusage = unsafe { std::mem::zeroed() };
    // Without `__WALL` the kernel does not report a child whose exit signal is not `SIGCHLD`.
    // SAFETY: both out-pointers are to live locals of the right types.
    let result = unsafe { libc::wait4(which, &raw mut status, options | libc::__WALL, &raw mut usage) };
    if result < 0 {
        return Err(io::Error::last_os_error());
    }
    let Some(pid) = Pid::from_raw(result) else { return Ok(None) };
    let ended = if libc::WIFSIGNALED(status) { Err(libc::WTERMSIG(status)) } else { Ok(libc::WEXITSTATUS(status)) };
    let time = |value: libc::timeval| {
        Duration::from_secs(u64::try_from(value.tv_sec).unwrap_or_default())
            + Duration::from_micros(u64::try_from(value.tv_usec).unwrap_or_default())
    };
    Ok(Some(ReapedChild {
        pid,
        status: ended,
        cpu: time(usage.ru_utime) + time(usage.ru_stime),
        // The kernel reports it in units of 1024 bytes.
        max_resident_bytes: u64::try_from(usage.ru_maxrss).unwrap_or_default() * 1024,
    }))
}

/// How many numbers [`scheduling_of`] returns.
pub const SCHEDULING: usize = 4 + 16;

/// Returns what other processes of the same user can change of how a process is scheduled: its policy, its real-time
/// priority, its priority, that of its input and output, and which of the first 1,024 processors it may run on. What
/// cannot be read is a negative number or stays 0, so that two results can be compared in any case.
#[must_use]
pub fn scheduling_of(pid: libc::pid_t) -> [i64; SCHEDULING] {
    let mut parameter = libc::sched_param { sched_priority: -1 };
    let mut processors = [0_u64; 16];
    // SAFETY: each call takes integers, or a live local that it fills, of the size that is passed or that the kernel
    // knows. `cpu_set_t` is a bit set as long as the kernel wants; the array has room for 1,024 processors.
    unsafe {
        let policy = libc::sched_getscheduler(pid);
        libc::sched_getparam(pid, &raw mut parameter);
        // The raw call returns 20 minus the priority, and so never a negative number but for an error.
        let priority = libc::syscall(libc::SYS_getpriority, libc::PRIO_PROCESS, pid);
        let input_output = libc::syscall(libc::SYS_ioprio_get, 1, pid);
        libc::syscall(libc::SYS_sched_getaffinity, pid, size_of_val(&processors), processors.as_mut_ptr());
        let mut found = [0; SCHEDULING];
        let others = [policy.into(), parameter.sched_priority.into(), priority, input_output];
        for (place, value) in found.iter_mut().zip(others.into_iter().chain(processors.map(u64::cast_signed))) {
            *place = value;
        }
        found
    }
}
