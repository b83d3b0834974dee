//! How long is waited for what.

use std::time::Duration;

/// How long is waited for what. Each is for one attempt; how many attempts there are, and until when, is the
/// [`RetryPolicy`](crate::RetryPolicy)'s.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Timeouts {
    /// For a connection, name look-up and TLS included: 10 s. One that takes longer is not going to be.
    pub connect: Duration,
    /// For a whole answer, where the API has little to do: 30 s. Most take a tenth of a second, stopping and deleting a
    /// running sandbox two to three seconds.
    pub request: Duration,
    /// For a sandbox: 60 s. From a snapshot that has just been made it was seen to take 9 s, from others below 1 s.
    pub create: Duration,
    /// For an upload of files: 120 s, for their size counts.
    pub upload: Duration,
    /// For a snapshot, and for stopping a sandbox that makes one: 120 s. Some were seen to take 23 s.
    pub snapshot: Duration,
    /// For a command to start, which is when its stream begins: 60 s. The first command after a restore was seen to
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
