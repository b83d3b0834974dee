//! Timeouts of requests.

use std::time::Duration;

/// Timeouts of requests. Each is for one attempt; [`RetryPolicy`](crate::RetryPolicy) limits the number of attempts and
/// their total time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Timeouts {
    /// For a connection, including name look-up and TLS: 10 s. A connection that takes longer is not going to succeed.
    pub connect: Duration,
    /// For a whole response, where the API has little to do: 30 s. Most take a tenth of a second; stopping and deleting
    /// a running sandbox takes two to three seconds.
    pub request: Duration,
    /// For creating a sandbox: 60 s. From a snapshot that had just been taken it was measured to take 9 s, from others
    /// below 1 s.
    pub create: Duration,
    /// For an upload of files: 120 s, because it depends on their size.
    pub upload: Duration,
    /// For taking a snapshot, and for stopping a sandbox that takes one: 120 s. Some were measured to take 23 s.
    pub snapshot: Duration,
    /// For a command to start, which is when its stream begins: 60 s. The first command after a restore was measured to
    /// take 33 s.
    pub command_start: Duration,
}

impl Default for Timeouts {
    fn default() -> Self {
        Self {
            connect: Duration::from_secs(10),
            request: Duration::from_secs(30),
            create: Duration::from_mins(1),
            upload: Duration::from_mins(2),
            snapshot: Duration::from_mins(2),
            command_start: Duration::from_mins(1),
        }
    }
}
