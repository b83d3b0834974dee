//! Blocks, ignores and receives signals.

use std::io;
use std::os::fd::{BorrowedFd, FromRawFd, OwnedFd};

fn empty_set() -> libc::sigset_t {
    // SAFETY: `sigset_t` is plain old data; sigemptyset initialises all of it and cannot fail with a valid pointer.
    unsafe {
        let mut set: libc::sigset_t = std::mem::zeroed();
        libc::sigemptyset(&raw mut set);
        set
    }
}

/// Blocks every signal, and returns a descriptor that is readable while `SIGCHLD` is pending, or also `SIGTERM` if
/// `termination` is set. A handler that the process has inherited never runs.
///
/// # Errors
///
/// When the kernel is out of descriptors.
pub fn child_signals(termination: bool) -> io::Result<OwnedFd> {
    let mut set = empty_set();
    // SAFETY: `set` and `all` are initialised signal sets that live across the calls; both signals are valid. The
    // descriptor that signalfd returns is new and has no other owner.
    unsafe {
        let mut all = empty_set();
        libc::sigfillset(&raw mut all);
        libc::sigaddset(&raw mut set, libc::SIGCHLD);
        if termination {
            libc::sigaddset(&raw mut set, libc::SIGTERM);
        }
        if libc::sigprocmask(libc::SIG_BLOCK, &raw const all, std::ptr::null_mut()) != 0 {
            return Err(io::Error::last_os_error());
        }
        match libc::signalfd(-1, &raw const set, libc::SFD_CLOEXEC | libc::SFD_NONBLOCK) {
            -1 => Err(io::Error::last_os_error()),
            descriptor => Ok(OwnedFd::from_raw_fd(descriptor)),
        }
    }
}

/// Takes all pending signals from a descriptor of [`child_signals`]. Returns whether `SIGTERM` was among them.
///
/// # Errors
///
/// When it cannot be read.
pub fn drain_signals(signals: BorrowedFd<'_>) -> io::Result<bool> {
    let mut terminated = false;
    let mut record = [0_u8; size_of::<libc::signalfd_siginfo>()];
    loop {
        match rustix::io::read(signals, &mut record) {
            // The signal's number is the record's first field.
            Ok(_) => {
                let number = u32::from_ne_bytes([record[0], record[1], record[2], record[3]]);
                terminated |= i32::try_from(number) == Ok(libc::SIGTERM);
            }
            Err(rustix::io::Errno::AGAIN) => return Ok(terminated),
            Err(rustix::io::Errno::INTR) => {}
            Err(error) => return Err(error.into()),
        }
    }
}

/// Ignores the signals by which a terminal or a service manager ends a whole process group.
pub fn ignore_requests_to_end() {
    for number in [libc::SIGINT, libc::SIGTERM, libc::SIGHUP, libc::SIGQUIT] {
        // SAFETY: SIG_IGN is a valid action for each of these, and no code runs when one of them comes.
        unsafe { libc::signal(number, libc::SIG_IGN) };
    }
}

/// Unblocks every signal and resets each one to its default action, as a freshly started program expects.
pub fn reset_signals() {
    for number in 1..=libc::SIGRTMAX() {
        // SAFETY: SIG_DFL is a valid action for every number; the kernel refuses those that cannot be set, which is
        // fine.
        unsafe { libc::signal(number, libc::SIG_DFL) };
    }
    // Last, because a signal that waits would still run a handler of the parent's.
    unblock_signals();
}

/// Unblocks every signal.
pub fn unblock_signals() {
    let none = empty_set();
    // SAFETY: `none` is an initialised signal set that lives across the call.
    unsafe { libc::sigprocmask(libc::SIG_SETMASK, &raw const none, std::ptr::null_mut()) };
}

/// Returns the signals that wait until this process unblocks them, one bit each, without `SIGCHLD`, which comes and
/// goes with children.
#[must_use]
pub fn pending_signals() -> u64 {
    let mut pending: u64 = 0;
    // SAFETY: the kernel's set of signals is 64 bits long; it writes them to a live local, and is passed that size.
    unsafe { libc::syscall(libc::SYS_rt_sigpending, &raw mut pending, size_of::<u64>()) };
    pending & !(1 << (libc::SIGCHLD - 1))
}
