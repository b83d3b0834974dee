//! Interrupts a blocking system call of another thread of this process.
//!
//! A blocking system call returns `EINTR` when its thread gets a signal that has a handler. The signal is `SIGURG`: its
//! default action is to be ignored, so it does no harm to a process that did not call [`allow_interrupts`].

use std::io;

const SIGNAL: libc::c_int = libc::SIGURG;

/// The kernel's id of a thread of this process. The caller ensures that the thread still lives when it interrupts it,
/// because the kernel reuses the ids of threads that have ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ThreadId(libc::pid_t);

impl ThreadId {
    /// Returns the id of the calling thread. From now on the thread can be interrupted.
    #[must_use]
    pub fn current() -> Self {
        // SAFETY: `sigset_t` is plain old data; sigemptyset and sigaddset initialise it and are given a live local and
        // a valid signal. pthread_sigmask reads it and changes this thread's mask only. gettid takes nothing.
        unsafe {
            let mut set: libc::sigset_t = std::mem::zeroed();
            libc::sigemptyset(&raw mut set);
            libc::sigaddset(&raw mut set, SIGNAL);
            libc::pthread_sigmask(libc::SIG_UNBLOCK, &raw const set, std::ptr::null_mut());
            Self(libc::gettid())
        }
    }

    /// Makes the thread's current system call return `EINTR`, if it is a call that a signal can interrupt. A thread
    /// that is about to make the call still makes it, so the caller repeats this until the thread has continued.
    ///
    /// # Errors
    ///
    /// `ESRCH` when there is no such thread.
    pub fn interrupt(self) -> io::Result<()> {
        // SAFETY: tgkill takes three integers. The signal has a handler that does nothing, or is ignored.
        let result = unsafe { libc::syscall(libc::SYS_tgkill, libc::getpid(), self.0, SIGNAL) };
        if result == 0 { Ok(()) } else { Err(io::Error::last_os_error()) }
    }
}

extern "C" fn do_nothing(_: libc::c_int) {}

/// Installs a handler for the signal, for the whole process.
///
/// # Errors
///
/// When the kernel refuses.
pub fn allow_interrupts() -> io::Result<()> {
    // SAFETY: `sigaction` is plain old data for which all zeroes is a valid value: an empty mask and no flags, so calls
    // are not started again (no SA_RESTART).
    let mut action: libc::sigaction = unsafe { std::mem::zeroed() };
    action.sa_sigaction = do_nothing as *const () as libc::sighandler_t;
    // SAFETY: `action` lives across the call; its handler takes a signal number, as an action without SA_SIGINFO does,
    // and does nothing, so it is safe in any thread at any time.
    let result = unsafe { libc::sigaction(SIGNAL, &raw const action, std::ptr::null_mut()) };
    if result == 0 { Ok(()) } else { Err(io::Error::last_os_error()) }
}

#[cfg(test)]
mod tests {
    use std::os::unix::net::UnixStream;
    use std::sync::mpsc;

    use super::*;

    #[test]
    fn a_read_that_waits_for_ever_ends_when_its_thread_is_interrupted() {
        allow_interrupts().unwrap();
        let (reader, _writer) = UnixStream::pair().unwrap();
        let (tell, reported) = mpsc::sync_channel(1);
        let waits = std::thread::spawn(move || {
            tell.send(ThreadId::current()).unwrap();
            rustix::io::read(&reader, &mut [0; 1])
        });
        let thread = reported.recv().unwrap();
        while !waits.is_finished() {
            // The thread may not have begun to wait the first time.
            thread.interrupt().unwrap();
            std::thread::yield_now();
        }
        assert_eq!(waits.join().unwrap(), Err(rustix::io::Errno::INTR));
    }
}
