//! System calls that a seccomp filter reports to another process (`SECCOMP_RET_USER_NOTIF`), and the responses to them.
//! The calling thread waits in the kernel for the response.

use std::io;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd, RawFd};

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::io::Errno;
use rustix::process::Pid;

/// The descriptor on which the kernel reports the calls that get [`Verdict::Notify`](crate::seccomp::Verdict::Notify),
/// from all processes under the filter.
#[derive(Debug)]
pub struct NotifyFd {
    descriptor: OwnedFd,
    /// The size of the buffers for requests and responses in words of eight bytes: what the running kernel uses, but at
    /// least the sizes of our structures.
    words: usize,
}

/// The kernel's report of a system call that waits for a response.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Notification {
    /// The id of the notification.
    pub id: u64,
    /// The thread that made the call. The thread may end meanwhile, and its id may be reused. So after you read its
    /// state, call [`NotifyFd::is_pending`]: if it returns false, what you read may belong to another thread.
    pub thread: Pid,
    /// The number of the call.
    pub call: u32,
    /// The arguments of the call.
    pub arguments: [u64; 6],
}

/// The result of [`NotifyFd::try_receive`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TryReceive {
    /// A call that waits for a response.
    Received(Notification),
    /// No new call waits.
    Empty,
    /// No process is left under the filter.
    Disconnected,
}

impl NotifyFd {
    /// Takes over the descriptor that [`install_with_listener`](crate::seccomp::install_with_listener) returned, in
    /// this process or in another one.
    ///
    /// # Errors
    ///
    /// When the kernel does not support notifications.
    pub fn new(descriptor: OwnedFd) -> io::Result<Self> {
        let mut sizes = libc::seccomp_notif_sizes { seccomp_notif: 0, seccomp_notif_resp: 0, seccomp_data: 0 };
        // SAFETY: the operation writes one `seccomp_notif_sizes`, a live local of that type.
        let result = unsafe { libc::syscall(libc::SYS_seccomp, libc::SECCOMP_GET_NOTIF_SIZES, 0_u32, &raw mut sizes) };
        if result != 0 {
            return Err(io::Error::last_os_error());
        }
        let known = size_of::<libc::seccomp_notif>().max(size_of::<libc::seccomp_notif_resp>());
        let wanted = usize::from(sizes.seccomp_notif).max(usize::from(sizes.seccomp_notif_resp));
        Ok(Self { descriptor, words: known.max(wanted).div_ceil(size_of::<u64>()) })
    }

    /// Returns the next notification, if there is one now. Two threads must not call this at the same time: one of them
    /// could block.
    ///
    /// # Errors
    ///
    /// When the kernel refuses.
    pub fn try_receive(&self) -> io::Result<TryReceive> {
        // The ioctl below blocks, whatever flags the descriptor has, so poll first.
        let mut ready = [PollFd::new(&self.descriptor, PollFlags::IN)];
        rustix::io::retry_on_intr(|| poll(&mut ready, Some(&Timespec { tv_sec: 0, tv_nsec: 0 })))?;
        let [ready] = ready.map(|ready| ready.revents());
        if !ready.contains(PollFlags::IN) {
            let ended = ready.intersects(PollFlags::HUP | PollFlags::ERR);
            return Ok(if ended { TryReceive::Disconnected } else { TryReceive::Empty });
        }
        // The kernel requires a buffer of zeroes.
        let mut space = vec![0_u64; self.words];
        // SAFETY: the request writes one `seccomp_notif` of the kernel's size; `space` is at least that long, aligned
        // for it, and lives across the call.
        let result =
            unsafe { libc::ioctl(self.descriptor.as_raw_fd(), libc::SECCOMP_IOCTL_NOTIF_RECV, space.as_mut_ptr()) };
        if result != 0 {
            let error = io::Error::last_os_error();
            return match error.raw_os_error() {
                // The thread has been killed, or its call was interrupted.
                Some(libc::ENOENT | libc::EINTR) => Ok(TryReceive::Empty),
                _ => Err(error),
            };
        }
        // SAFETY: `space` is as long as the structure at least, aligned, and initialised; any bytes are a valid value
        // of its integers.
        let received = unsafe { &*space.as_ptr().cast::<libc::seccomp_notif>() };
        let thread = i32::try_from(received.pid).ok().and_then(Pid::from_raw);
        let thread = thread.ok_or_else(|| io::Error::other("a process outside of this pid namespace made the call"))?;
        let call = received.data.nr.unsigned_abs();
        Ok(TryReceive::Received(Notification { id: received.id, thread, call, arguments: received.data.args }))
    }

    /// Returns whether the thread that made the call still waits for the response.
    #[must_use]
    pub fn is_pending(&self, id: u64) -> bool {
        // SAFETY: the request reads one integer, which lives across the call.
        let result =
            unsafe { libc::ioctl(self.descriptor.as_raw_fd(), libc::SECCOMP_IOCTL_NOTIF_ID_VALID, &raw const id) };
        result == 0
    }

    /// Ends the call without making it: to the thread it returns 0, or fails with this error.
    ///
    /// # Errors
    ///
    /// `ENOENT` when the thread does not wait any more.
    pub fn respond(&self, id: u64, result: Result<(), Errno>) -> io::Result<()> {
        let mut space = vec![0_u64; self.words];
        // SAFETY: `space` is as long as the structure at least, aligned, and initialised; any bytes are a valid value
        // of its integers.
        let response = unsafe { &mut *space.as_mut_ptr().cast::<libc::seccomp_notif_resp>() };
        // The flags stay 0. With the flag "continue" the kernel would make the call itself, with arguments that the
        // sandbox may have changed since they were checked.
        response.id = id;
        response.error = result.map_or_else(|error| -error.raw_os_error(), |()| 0);
        // SAFETY: the request reads one `seccomp_notif_resp` of the kernel's size; `space` is at least that long and
        // lives across the call.
        let sent =
            unsafe { libc::ioctl(self.descriptor.as_raw_fd(), libc::SECCOMP_IOCTL_NOTIF_SEND, space.as_mut_ptr()) };
        if sent == 0 { Ok(()) } else { Err(io::Error::last_os_error()) }
    }

    /// Installs a descriptor in the process that made the call, under the given number. A descriptor that the
    /// process had open under that number is closed.
    ///
    /// # Errors
    ///
    /// `ENOENT` when the thread does not wait any more; `EBADF` when the number is beyond the process's limit.
    pub fn install(&self, id: u64, descriptor: BorrowedFd<'_>, number: i32, close_at_exec: bool) -> io::Result<()> {
        let request = libc::seccomp_notif_addfd {
            id,
            // Under the given number, because the program goes on with the descriptor that it has passed to the call.
            flags: u32::try_from(libc::SECCOMP_ADDFD_FLAG_SETFD).map_err(io::Error::other)?,
            srcfd: descriptor.as_raw_fd().unsigned_abs(),
            newfd: number.unsigned_abs(),
            newfd_flags: if close_at_exec { libc::O_CLOEXEC.unsigned_abs() } else { 0 },
        };
        // SAFETY: the request reads one `seccomp_notif_addfd`, whose size is part of its number; it lives across the
        // call, as does the descriptor, which is borrowed.
        let result =
            unsafe { libc::ioctl(self.descriptor.as_raw_fd(), libc::SECCOMP_IOCTL_NOTIF_ADDFD, &raw const request) };
        if result < 0 { Err(io::Error::last_os_error()) } else { Ok(()) }
    }
}

impl AsFd for NotifyFd {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.descriptor.as_fd()
    }
}

impl AsRawFd for NotifyFd {
    fn as_raw_fd(&self) -> RawFd {
        self.descriptor.as_raw_fd()
    }
}

/// Reads the memory of the process that this thread belongs to. Returns how many bytes could be read.
///
/// # Errors
///
/// When there is no such thread, nothing is mapped at the address, or there is no permission to trace the process.
pub fn read_memory_of(thread: Pid, address: u64, into: &mut [u8]) -> io::Result<usize> {
    let local = libc::iovec { iov_base: into.as_mut_ptr().cast(), iov_len: into.len() };
    let remote = libc::iovec {
        iov_base: std::ptr::with_exposed_provenance_mut(usize::try_from(address).map_err(io::Error::other)?),
        iov_len: into.len(),
    };
    // SAFETY: the kernel writes at most `iov_len` bytes to `into`, which is borrowed mutably for the call. The remote
    // address is looked up in the other process and never dereferenced here.
    let read =
        unsafe { libc::process_vm_readv(thread.as_raw_nonzero().get(), &raw const local, 1, &raw const remote, 1, 0) };
    if read < 0 { Err(io::Error::last_os_error()) } else { usize::try_from(read).map_err(io::Error::other) }
}
