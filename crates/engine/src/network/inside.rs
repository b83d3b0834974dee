//! Connections of a sandbox to itself. The socket is the sandbox's own and belongs to its network, so that whatever it is connected to is
//! in there; the call is made here all the same, on the socket that was looked at.

use std::fs;
use std::os::fd::{AsRawFd, OwnedFd};

use rustix::fs::{CWD, Mode, OFlags, ResolveFlags, openat2};
use rustix::io::Errno;
use rustix::net::{SocketAddrUnix, connect, connect_unspec};

use super::asked::{Address, Asked};

/// Connects a socket to where its own network or its own file system leads. With `INPROGRESS` for one that blocks, and with `AGAIN`, it is
/// to be waited for.
pub(super) fn begin(asked: &Asked) -> Result<(), Errno> {
    // The description of the socket is shared with whoever asks, who cannot use it before it is connected.
    if asked.is_blocking {
        rustix::io::ioctl_fionbio(&asked.socket, true)?;
    }
    let begun = match &asked.address {
        Address::Internet(address) => connect(&asked.socket, address),
        Address::Unix(name) => connect_local(asked, name),
        Address::Nobody => connect_unspec(&asked.socket),
        Address::Unknown => Err(Errno::AFNOSUPPORT),
    };
    if asked.is_blocking && begun != Err(Errno::INPROGRESS) {
        end(asked)?;
    }
    begun
}

/// What is left to do when a socket that blocks was waited for.
pub(super) fn end(asked: &Asked) -> Result<(), Errno> {
    rustix::io::ioctl_fionbio(&asked.socket, false)
}

fn connect_local(asked: &Asked, name: &[u8]) -> Result<(), Errno> {
    if let [0, name @ ..] = name {
        return connect(&asked.socket, &SocketAddrUnix::new_abstract_name(name)?);
    }
    let found = find(asked, name.split(|byte| *byte == 0).next().unwrap_or_default())?;
    // Had whoever asked died before, it would have been looked for from another one's root.
    if !asked.question.is_open() {
        return Err(Errno::SRCH);
    }
    connect(&asked.socket, &SocketAddrUnix::new(format!("/proc/self/fd/{}", found.as_raw_fd()))?)
}

/// Finds a file as whoever asks would: from its root and its working directory, out of which nothing leads.
fn find(asked: &Asked, path: &[u8]) -> Result<OwnedFd, Errno> {
    let process = format!("/proc/{}", asked.thread().as_raw_nonzero());
    let flags = OFlags::PATH | OFlags::CLOEXEC;
    let root = rustix::fs::openat(CWD, format!("{process}/root"), flags | OFlags::DIRECTORY, Mode::empty())?;
    let path = if path.starts_with(b"/") {
        path.to_vec()
    } else {
        let directory = fs::read_link(format!("{process}/cwd")).map_err(|_| Errno::NOENT)?;
        [directory.as_os_str().as_encoded_bytes(), b"/", path].concat()
    };
    openat2(root, path, flags, Mode::empty(), ResolveFlags::IN_ROOT | ResolveFlags::NO_MAGICLINKS)
}
