//! Messages between server, launcher and a sandbox's init, over seqpacket sockets: JSON, with descriptors attached.
//!
//! Each packet is one message. A message that is too long for a packet is sent in a memory file, whose descriptor comes
//! last.

use std::io::{self, IoSlice, IoSliceMut, Read, Seek, Write};
use std::mem::MaybeUninit;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};

use rustix::io::Errno;
use rustix::net::{
    AddressFamily, RecvAncillaryBuffer, RecvAncillaryMessage, RecvFlags, SendAncillaryBuffer, SendAncillaryMessage,
    SendFlags, SocketFlags, SocketType,
};
use serde::Serialize;
use serde::de::DeserializeOwned;

/// The longest message in a packet, in bytes; well below the default send buffer of a socket.
const INLINE_LIMIT: usize = 32 * 1024;

/// The most descriptors of one message.
const MAX_DESCRIPTORS: usize = 8;

/// The most bytes that [`send_bytes`] puts into a packet.
const LONG_INLINE_LIMIT: usize = 96 * 1024;

const INLINE: u8 = 0;
const IN_MEMORY_FILE: u8 = 1;

/// A message as it was received.
#[derive(Debug)]
pub(crate) struct Received<M> {
    /// The message itself.
    pub(crate) message: M,
    /// The attached descriptors. Those for which this process has no room are missing.
    pub(crate) descriptors: Vec<OwnedFd>,
}

/// Returns the first descriptor of a message that always has one.
///
/// # Errors
///
/// When this process was out of descriptors when the message arrived.
pub(crate) fn first(descriptors: Vec<OwnedFd>) -> io::Result<OwnedFd> {
    descriptors.into_iter().next().ok_or_else(|| Errno::MFILE.into())
}

/// Makes the two ends of a channel.
///
/// # Errors
///
/// When the process is out of descriptors.
pub(crate) fn channel() -> io::Result<(OwnedFd, OwnedFd)> {
    Ok(rustix::net::socketpair(AddressFamily::UNIX, SocketType::SEQPACKET, SocketFlags::CLOEXEC, None)?)
}

/// Sends a message. Waits for room unless the socket is non-blocking.
///
/// # Errors
///
/// When the other end is closed, or (`WouldBlock`) there is no room.
pub(crate) fn send<M: Serialize>(socket: impl AsFd, message: &M, descriptors: &[BorrowedFd<'_>]) -> io::Result<()> {
    send_body(socket.as_fd(), &serde_json::to_vec(message)?, INLINE_LIMIT, descriptors)
}

/// Sends a body: in the packet if it has at most `inline_limit` bytes, and in a memory file otherwise.
fn send_body(
    socket: BorrowedFd<'_>,
    body: &[u8],
    inline_limit: usize,
    descriptors: &[BorrowedFd<'_>],
) -> io::Result<()> {
    if body.len() <= inline_limit {
        return send_packet(socket, INLINE, body, descriptors);
    }
    let file = memory_file(body)?;
    let with_file: Vec<_> = descriptors.iter().copied().chain([file.as_fd()]).collect();
    send_packet(socket, IN_MEMORY_FILE, &[], &with_file)
}

fn send_packet(socket: BorrowedFd<'_>, kind: u8, body: &[u8], descriptors: &[BorrowedFd<'_>]) -> io::Result<()> {
    let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(MAX_DESCRIPTORS))];
    let mut control = SendAncillaryBuffer::new(&mut space);
    if !descriptors.is_empty() && !control.push(SendAncillaryMessage::ScmRights(descriptors)) {
        return Err(io::Error::other("too many descriptors for one message"));
    }
    let parts = [IoSlice::new(std::slice::from_ref(&kind)), IoSlice::new(body)];
    // A closed socket is to be an error here, and not a signal that ends the process.
    rustix::io::retry_on_intr(|| rustix::net::sendmsg(socket, &parts, &mut control, SendFlags::NOSIGNAL))?;
    Ok(())
}

/// Receives a message; returns `None` when the other end is closed. Waits for a message unless the socket is
/// non-blocking.
///
/// # Errors
///
/// When the packet is not a valid message, or (`WouldBlock`) there is none yet.
pub(crate) fn receive<M: DeserializeOwned>(socket: impl AsFd) -> io::Result<Option<Received<M>>> {
    // One more for the kind.
    let mut packet = vec![0; INLINE_LIMIT + 1];
    let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(MAX_DESCRIPTORS))];
    let mut control = RecvAncillaryBuffer::new(&mut space);
    let answer = rustix::io::retry_on_intr(|| {
        let mut parts = [IoSliceMut::new(&mut packet)];
        rustix::net::recvmsg(&socket, &mut parts, &mut control, RecvFlags::CMSG_CLOEXEC)
    })?;
    let mut descriptors = take_descriptors(&mut control);
    let message = match packet.get(..answer.bytes) {
        // A packet of ours has at least one byte, its kind.
        None | Some([]) => return Ok(None),
        Some([INLINE, body @ ..]) => serde_json::from_slice(body)?,
        Some([IN_MEMORY_FILE, ..]) => serde_json::from_slice(&read_long_body(&mut descriptors)?)?,
        Some(_) => return Err(io::Error::other("a message of unknown kind")),
    };
    Ok(Some(Received { message, descriptors }))
}

/// Takes the descriptors that came with a packet.
fn take_descriptors(control: &mut RecvAncillaryBuffer<'_>) -> Vec<OwnedFd> {
    let rights = control.drain().filter_map(|message| match message {
        RecvAncillaryMessage::ScmRights(rights) => Some(rights),
        _ => None,
    });
    rights.flatten().collect()
}

/// Reads the body of a long message from its memory file, which is the last descriptor.
fn read_long_body(descriptors: &mut Vec<OwnedFd>) -> io::Result<Vec<u8>> {
    let file = descriptors.pop().ok_or_else(|| io::Error::other("a long message came without its file"))?;
    read_from_start(file)
}

/// Sends bytes. Waits for room unless the socket is non-blocking.
///
/// # Errors
///
/// As [`send`].
pub(crate) fn send_bytes(socket: impl AsFd, bytes: &[u8], descriptors: &[BorrowedFd<'_>]) -> io::Result<()> {
    send_body(socket.as_fd(), bytes, LONG_INLINE_LIMIT, descriptors)
}

/// Receives bytes and descriptors; returns `None` when the other end is closed. Unlike [`receive`], this touches no
/// more memory than the bytes need.
///
/// # Errors
///
/// As [`receive`].
pub(crate) fn receive_bytes(socket: impl AsFd) -> io::Result<Option<(Vec<u8>, Vec<OwnedFd>)>> {
    let look = RecvFlags::PEEK | RecvFlags::TRUNC;
    let (_, length) = rustix::io::retry_on_intr(|| rustix::net::recv(&socket, &mut [0_u8; 1][..], look))?;
    let mut packet = vec![0; length];
    let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(MAX_DESCRIPTORS))];
    let mut control = RecvAncillaryBuffer::new(&mut space);
    rustix::io::retry_on_intr(|| {
        let mut parts = [IoSliceMut::new(&mut packet)];
        rustix::net::recvmsg(&socket, &mut parts, &mut control, RecvFlags::CMSG_CLOEXEC)
    })?;
    let mut descriptors = take_descriptors(&mut control);
    match packet.first() {
        None => Ok(None),
        Some(&INLINE) => {
            packet.remove(0);
            Ok(Some((packet, descriptors)))
        }
        Some(&IN_MEMORY_FILE) => {
            let body = read_long_body(&mut descriptors)?;
            Ok(Some((body, descriptors)))
        }
        Some(_) => Err(io::Error::other("a message of unknown kind")),
    }
}

/// Receives a short message from a process that a user's code may control; returns `None` when the other end is closed.
/// Descriptors that come with it are not taken.
///
/// # Errors
///
/// When the packet is not a valid message of at most 4 KiB, or (`WouldBlock`) there is none yet.
pub(crate) fn receive_from_user<M: DeserializeOwned>(socket: impl AsFd) -> io::Result<Option<M>> {
    let mut packet = [0; 4096];
    // Without room for descriptors the kernel drops them.
    let (_, length) = rustix::io::retry_on_intr(|| rustix::net::recv(&socket, &mut packet, RecvFlags::empty()))?;
    match packet.get(..length) {
        Some([]) => Ok(None),
        Some([INLINE, body @ ..]) => Ok(Some(serde_json::from_slice(body)?)),
        _ => Err(io::Error::other("a message of unknown kind")),
    }
}

/// Makes a file in memory with this content.
///
/// # Errors
///
/// When there is no memory.
pub(crate) fn memory_file(content: &[u8]) -> io::Result<OwnedFd> {
    let file = rustix::fs::memfd_create("message", rustix::fs::MemfdFlags::CLOEXEC)?;
    let mut file = std::fs::File::from(file);
    file.write_all(content)?;
    Ok(file.into())
}

/// Returns the whole content of a file.
///
/// # Errors
///
/// When it cannot be read.
pub(crate) fn read_from_start(file: OwnedFd) -> io::Result<Vec<u8>> {
    let mut file = std::fs::File::from(file);
    // The position is shared with the sender's descriptor, and the sender has written up to the end.
    file.rewind()?;
    let mut content = Vec::new();
    file.read_to_end(&mut content)?;
    Ok(content)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_message_arrives_with_its_descriptors_however_long_it_is() {
        let (here, there) = channel().unwrap();
        let file = memory_file(b"beside").unwrap();
        for text in ["short".to_owned(), "long".repeat(100_000)] {
            send(&here, &text, &[file.as_fd()]).unwrap();
            let received = receive::<String>(&there).unwrap().unwrap();
            assert_eq!(received.message, text);
            let [beside] = <[OwnedFd; 1]>::try_from(received.descriptors).unwrap();
            assert_eq!(read_from_start(beside).unwrap(), b"beside");
        }
        drop(here);
        assert!(receive::<String>(&there).unwrap().is_none());
    }

    #[test]
    fn bytes_arrive_with_their_descriptors_however_long_they_are() {
        let (here, there) = channel().unwrap();
        let file = memory_file(b"beside").unwrap();
        for bytes in [b"short".to_vec(), vec![7; LONG_INLINE_LIMIT], vec![7; 1_000_000]] {
            send_bytes(&here, &bytes, &[file.as_fd()]).unwrap();
            let (received, descriptors) = receive_bytes(&there).unwrap().unwrap();
            assert_eq!(received, bytes);
            let [beside] = <[OwnedFd; 1]>::try_from(descriptors).unwrap();
            assert_eq!(read_from_start(beside).unwrap(), b"beside");
        }
        drop(here);
        assert!(receive_bytes(&there).unwrap().is_none());
    }

    #[test]
    fn of_a_process_that_a_user_may_control_only_short_messages_are_taken_and_no_descriptors() {
        let (here, there) = channel().unwrap();
        let file = memory_file(b"beside").unwrap();
        send(&here, &"text", &[file.as_fd()]).unwrap();
        assert_eq!(receive_from_user::<String>(&there).unwrap().as_deref(), Some("text"));
        for packet in [&b"\0no json"[..], b"", b"\x09\"text\"", &[b' '; 5000], b"\x01"] {
            rustix::net::send(&here, packet, SendFlags::NOSIGNAL).unwrap();
            let received = receive_from_user::<String>(&there);
            assert!(received.is_err() || packet.is_empty(), "{packet:?}: {received:?}");
        }
        let long = "long".repeat(20_000);
        send(&here, &long, &[]).unwrap();
        assert!(receive_from_user::<String>(&there).is_err());
        drop(here);
        assert_eq!(receive_from_user::<String>(&there).unwrap(), None);
    }

    #[test]
    fn a_packet_that_is_no_message_is_an_error() {
        let (here, there) = channel().unwrap();
        send_packet(here.as_fd(), 9, b"", &[]).unwrap();
        assert!(receive::<String>(&there).is_err());
        send_packet(here.as_fd(), IN_MEMORY_FILE, b"", &[]).unwrap();
        assert!(receive::<String>(&there).is_err());
    }
}
