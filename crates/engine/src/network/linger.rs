//! Handles a sandbox's `setsockopt` call with `SO_LINGER`.
//!
//! A socket that lingers blocks the process that closes it. The process that closes the last descriptor may be the
//! server, or a kernel thread that closes sockets for all processes. So a sandbox's socket either resets its connection
//! when it is closed (a time of 0), or closes in the background, as sockets do by default. The value of the option lies
//! in memory, where the seccomp filter cannot see it, so the kernel reports the call to the server.

use std::time::Duration;

use rustix::io::Errno;
use rustix::net::sockopt;
use workers_engine_sys::notify::Notification;

use super::connect_request::{duplicate_socket, low_half};
use super::pending_call::PendingCall;
use crate::sandbox_io::{OnSandboxThread, SandboxFd, SandboxIo, read_memory};

/// The length of the kernel's `struct linger`: two integers, whether to linger and for how many seconds.
const LENGTH: usize = 8;

/// The level and the name of the option; the filter reports only this one.
const SOL_SOCKET: [u8; 4] = 1_i32.to_ne_bytes();
const SO_LINGER: [u8; 4] = 13_i32.to_ne_bytes();

/// Sets the option on behalf of the calling thread.
///
/// # Errors
///
/// The error that the kernel would have returned.
pub(super) fn set(call: &PendingCall, io: &SandboxIo, on: &OnSandboxThread) -> Result<(), Errno> {
    let Notification { thread, arguments: [number, level, name, value, length, _], .. } = call.notification;
    if low_half(level) != SOL_SOCKET || low_half(name) != SO_LINGER {
        return Err(Errno::ACCESS);
    }
    if i32::from_ne_bytes(low_half(length)) < 8 {
        return Err(Errno::INVAL);
    }
    let socket = SandboxFd::new(io, duplicate_socket(thread, i32::from_ne_bytes(low_half(number)), on)?);
    let mut bytes = [0; LENGTH];
    if read_memory(thread, value, &mut bytes, on).map_err(|_| Errno::FAULT)? < LENGTH {
        return Err(Errno::FAULT);
    }
    // If the thread has ended, what was read may belong to another process by now.
    if !call.is_pending() {
        return Err(Errno::SRCH);
    }
    sockopt::set_socket_linger(socket.get(on), resets(bytes).then_some(Duration::ZERO))
}

/// Returns whether the connection is to be reset when the socket is closed: lingering is on, with a time of 0.
const fn resets([on @ .., a, b, c, d]: [u8; LENGTH]) -> bool {
    i32::from_ne_bytes(on) != 0 && i32::from_ne_bytes([a, b, c, d]) == 0
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_time_of_zero_is_kept() {
        let option =
            |on: i32, seconds: i32| resets([on.to_ne_bytes(), seconds.to_ne_bytes()].concat().try_into().unwrap());
        assert!(option(1, 0));
        assert!(!option(1, 3600) && !option(0, 0) && !option(0, 5) && !option(1, -1));
    }
}
