//! Operations on file descriptors, some of them known only by number.

use std::io;
use std::mem::ManuallyDrop;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd, RawFd};
use std::sync::Arc;

use tokio::io::Interest;
use tokio::io::unix::AsyncFd;

/// Closes every descriptor but 0, 1, 2 and those given. It is for the child of a fork, which has copies of all that its
/// parent had open, and whose owners no longer run there. It is also for a program at its start, before it opens
/// anything.
///
/// # Errors
///
/// When the kernel is older than 5.9.
pub fn keep_only(kept: &[BorrowedFd<'_>]) -> io::Result<()> {
    let mut numbers: Vec<u32> = kept.iter().filter_map(|one| u32::try_from(one.as_raw_fd()).ok()).collect();
    numbers.sort_unstable();
    // As an end: each round closes what lies before its number, the last one all that is left.
    numbers.push(u32::MAX);
    let mut first = 3;
    for number in numbers {
        if number > first {
            close_range(first, number - 1)?;
        }
        first = first.max(number.saturating_add(1));
    }
    Ok(())
}

/// Closes every descriptor from this number on. It is for the child of a fork, as [`keep_only`].
///
/// # Errors
///
/// When the kernel is older than 5.9.
pub fn close_from(first: RawFd) -> io::Result<()> {
    close_range(u32::try_from(first).map_err(io::Error::other)?, u32::MAX)
}

/// Closes the descriptors from `first` to `last`.
fn close_range(first: u32, last: u32) -> io::Result<()> {
    // SAFETY: close_range takes three integers and touches no memory of ours. In a forked child, values that own one of
    // the closed numbers still exist, on frames that never continue; if one were used, the kernel would return EBADF.
    let result = unsafe { libc::syscall(libc::SYS_close_range, first, last, 0_u32) };
    if result == 0 { Ok(()) } else { Err(io::Error::last_os_error()) }
}

/// Duplicates `descriptor` to `number`, which stays open across `exec`. Closes what was open under that number before.
///
/// # Errors
///
/// When the kernel refuses.
pub fn install_as(descriptor: BorrowedFd<'_>, number: i32) -> io::Result<()> {
    if descriptor.as_raw_fd() == number {
        // dup2 of a descriptor onto itself would leave close-on-exec set.
        rustix::io::fcntl_setfd(descriptor, rustix::io::FdFlags::empty())?;
        return Ok(());
    }
    // SAFETY: dup2 takes two integers; the first is a live descriptor because it is borrowed for the call.
    let result = unsafe { libc::dup2(descriptor.as_raw_fd(), number) };
    if result == number { Ok(()) } else { Err(io::Error::last_os_error()) }
}

/// Returns an event descriptor that becomes readable when the cgroup (version 1) of `control` runs out of memory.
///
/// `control` is the cgroup's `memory.oom_control`, `registrar` its `cgroup.event_control` opened for writing.
///
/// # Errors
///
/// When the kernel refuses the registration.
pub fn notify_on_memory_exhaustion(control: impl AsFd, registrar: impl AsFd) -> io::Result<OwnedFd> {
    use rustix::event::{EventfdFlags, eventfd};
    let event = eventfd(0, EventfdFlags::CLOEXEC | EventfdFlags::NONBLOCK)?;
    let line = format!("{} {}", event.as_raw_fd(), control.as_fd().as_raw_fd());
    rustix::io::write(registrar, line.as_bytes())?;
    Ok(event)
}

/// Makes the kernel close a descriptor, known by its number, at the next `exec`.
///
/// # Errors
///
/// When it is not open.
pub fn close_at_exec(number: i32) -> io::Result<()> {
    // SAFETY: fcntl with F_SETFD takes integers only.
    let result = unsafe { libc::fcntl(number, libc::F_SETFD, libc::FD_CLOEXEC) };
    if result == 0 { Ok(()) } else { Err(io::Error::last_os_error()) }
}

/// Returns the state of the reading end of a pipe, known by its number: how many bytes it holds, and whether reading
/// blocks.
///
/// # Errors
///
/// When it is no pipe.
pub fn pipe_state(number: i32) -> io::Result<(u64, bool)> {
    // SAFETY: the number is borrowed for this function only. If nothing is open under it, the calls fail with EBADF.
    let pipe = unsafe { BorrowedFd::borrow_raw(number) };
    let waiting = rustix::io::ioctl_fionread(pipe)?;
    let flags = rustix::fs::fcntl_getfl(pipe)?;
    Ok((waiting, !flags.contains(rustix::fs::OFlags::NONBLOCK)))
}

/// Closes descriptors in place of [`OwnedFd`]'s own drop.
pub trait Closer {
    /// Closes the descriptor now or later, on the thread that the implementation chooses.
    fn close(&self, descriptor: OwnedFd);
}

/// A descriptor that a [`Closer`] closes when this is dropped.
#[derive(Debug)]
pub struct ClosedBy<C: Closer> {
    descriptor: ManuallyDrop<OwnedFd>,
    closer: C,
}

impl<C: Closer> ClosedBy<C> {
    /// Takes ownership of a descriptor.
    pub const fn new(descriptor: OwnedFd, closer: C) -> Self {
        Self { descriptor: ManuallyDrop::new(descriptor), closer }
    }

    /// Returns the closer.
    pub const fn closer(&self) -> &C {
        &self.closer
    }
}

impl<C: Closer> AsFd for ClosedBy<C> {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.descriptor.as_fd()
    }
}

impl<C: Closer> AsRawFd for ClosedBy<C> {
    fn as_raw_fd(&self) -> RawFd {
        self.descriptor.as_raw_fd()
    }
}

/// Registers a descriptor with the runtime, which then reports when it is ready. Must be called within the runtime.
///
/// # Errors
///
/// When it is no descriptor that can be waited for, or the kernel is out of memory.
pub fn watch<C: Closer>(descriptor: Arc<ClosedBy<C>>, interest: Interest) -> io::Result<AsyncFd<Arc<ClosedBy<C>>>> {
    // SAFETY: the descriptor of a `ClosedBy` stays open and the same until it is dropped, and the registration, which
    // holds the `Arc`, ends before that.
    unsafe { AsyncFd::register_with_interest(descriptor, interest) }.map_err(io::Error::from)
}

impl<C: Closer> Drop for ClosedBy<C> {
    fn drop(&mut self) {
        // SAFETY: this is the only place that takes the descriptor out, it runs once, and the field is not used
        // afterwards.
        let descriptor = unsafe { ManuallyDrop::take(&mut self.descriptor) };
        self.closer.close(descriptor);
    }
}
