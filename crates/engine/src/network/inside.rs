//! Connections of a sandbox to itself. The socket is the sandbox's own and belongs to its network, so its destination
//! is always inside. We make the call nevertheless, on the socket that we have checked, and do not hand it back to the
//! kernel.

use std::fs;
use std::os::fd::{AsRawFd, BorrowedFd, OwnedFd};

use rustix::fs::{CWD, Mode, OFlags, ResolveFlags, openat2};
use rustix::io::Errno;
use rustix::net::SocketAddrUnix;

use super::connect_request::{Address, ConnectRequest};
use super::credentials::as_user_of;
use crate::sandbox_io::{OnSandboxThread, connect, connect_unspec};

/// Connects a socket to an address in the sandbox's own network or file system. With `INPROGRESS` for a blocking socket
/// the caller has to wait for the connection, with `AGAIN` it has to wait and try again.
pub(super) fn begin(request: &ConnectRequest, on: &OnSandboxThread) -> Result<(), Errno> {
    // The sandbox shares the open file of the socket, so its other threads can still make the call below block. Then it
    // costs one of the sandbox's own threads, until the watchdog ends the call.
    let socket = request.socket.get(on);
    if request.is_blocking {
        rustix::io::ioctl_fionbio(socket, true)?;
    }
    let begun = match &request.address {
        Address::Internet(address) => connect(socket, address, on),
        Address::Unix(name) => connect_local(request, socket, name, on),
        Address::Unspecified => connect_unspec(socket, on),
        Address::Unknown => Err(Errno::AFNOSUPPORT),
    };
    if request.is_blocking && begun != Err(Errno::INPROGRESS) {
        end(request, on)?;
    }
    begun
}

/// Makes a blocking socket blocking again, after waiting for it.
pub(super) fn end(request: &ConnectRequest, on: &OnSandboxThread) -> Result<(), Errno> {
    rustix::io::ioctl_fionbio(request.socket.get(on), false)
}

/// Connects with the rights of the calling thread's user: what that user may not connect to is refused, and the peer
/// sees that user.
fn connect_local(
    request: &ConnectRequest,
    socket: BorrowedFd<'_>,
    name: &[u8],
    on: &OnSandboxThread,
) -> Result<(), Errno> {
    if let [0, name @ ..] = name {
        let name = SocketAddrUnix::new_abstract_name(name)?;
        return as_user_of(request.thread(), || connect(socket, &name, on));
    }
    // With the server's own rights, because `/proc/<pid>/root` takes the right to trace the process. The kernel, too,
    // ends a path at its first NUL.
    let path = CallerPath::read(request, name.split(|byte| *byte == 0).next().unwrap_or_default())?;
    as_user_of(request.thread(), || {
        let found = path.open()?;
        // If the calling thread had ended before, all that we read would belong to another thread.
        if !request.call.is_pending() {
            return Err(Errno::SRCH);
        }
        // Through the descriptor, because the path may lead elsewhere by now.
        connect(socket, &SocketAddrUnix::new(format!("/proc/self/fd/{}", found.as_raw_fd()))?, on)
    })
}

/// A path as the calling thread resolves it: from its root or its working directory, and never out of its root.
struct CallerPath {
    root: OwnedFd,
    path: Vec<u8>,
}

impl CallerPath {
    fn read(request: &ConnectRequest, path: &[u8]) -> Result<Self, Errno> {
        let process = format!("/proc/{}", request.thread().as_raw_nonzero());
        let flags = OFlags::PATH | OFlags::CLOEXEC | OFlags::DIRECTORY;
        let root = rustix::fs::openat(CWD, format!("{process}/root"), flags, Mode::empty())?;
        let path = if path.starts_with(b"/") {
            path.to_vec()
        } else {
            let directory = fs::read_link(format!("{process}/cwd")).map_err(|_| Errno::NOENT)?;
            [directory.as_os_str().as_encoded_bytes(), b"/", path].concat()
        };
        Ok(Self { root, path })
    }

    fn open(&self) -> Result<OwnedFd, Errno> {
        // `IN_ROOT` includes `NO_MAGICLINKS` today; openat2(2) says to name it, because that may change.
        let resolve = ResolveFlags::IN_ROOT | ResolveFlags::NO_MAGICLINKS;
        openat2(&self.root, self.path.as_slice(), OFlags::PATH | OFlags::CLOEXEC, Mode::empty(), resolve)
    }
}
