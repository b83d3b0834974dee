//! The address on which the server of a data directory listens. The server writes it to a file, where `workersd doctor`
//! finds it.
//!
//! The server holds a lock on the file as long as it runs. A file that an earlier server left is not locked and does
//! not count.

use std::fs::{self, File};
use std::io::{self, Read as _, Write as _};
use std::net::SocketAddr;
use std::path::Path;

use rustix::fs::{FlockOperation, flock};
use workers_private_files::open_file;

const NAME: &str = "listening.lock";
/// The file's name until it is complete and locked.
const NEW_NAME: &str = "listening.lock.new";

/// The most bytes that are read: more than an address has.
const MAX_BYTES: u64 = 128;

/// Held by the server while it listens. Dropping it releases the lock.
#[derive(Debug)]
pub(crate) struct Listening {
    _lock: File,
}

impl Listening {
    /// Writes the server's address into the data directory.
    ///
    /// # Errors
    ///
    /// When the file cannot be written.
    pub(crate) fn publish(data_dir: &Path, address: SocketAddr) -> io::Result<Self> {
        let (path, new) = (data_dir.join(NAME), data_dir.join(NEW_NAME));
        // A server that was killed in between has left it.
        match fs::remove_file(&new) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
            _ => {}
        }
        let mut file = open_file(&new)?;
        // Locked before it gets its name: a `workersd doctor` that reads it at that moment could otherwise hold the
        // lock.
        flock(&file, FlockOperation::NonBlockingLockExclusive)?;
        writeln!(file, "{address}")?;
        fs::rename(&new, &path)?;
        Ok(Self { _lock: file })
    }
}

/// Returns the address of the server that runs on a data directory, if it has written one. Changes nothing.
pub(crate) fn address_of_server(data_dir: &Path) -> Option<SocketAddr> {
    let file = File::open(data_dir.join(NAME)).ok()?;
    // A shared lock, so that two doctors at one time do not take each other for the server.
    let is_held = flock(&file, FlockOperation::NonBlockingLockShared).is_err();
    let mut text = String::new();
    file.take(MAX_BYTES).read_to_string(&mut text).ok()?;
    text.trim().parse().ok().filter(|_| is_held)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_counts_as_long_as_its_server_runs_and_the_next_one_takes_its_place() {
        let directory = tempfile::tempdir().unwrap();
        let [first, second]: [SocketAddr; 2] = ["127.0.0.1:3000", "[::1]:4000"].map(|text| text.parse().unwrap());
        assert_eq!(address_of_server(directory.path()), None);
        let server = Listening::publish(directory.path(), first).unwrap();
        assert_eq!(address_of_server(directory.path()), Some(first));
        drop(server);
        assert_eq!(address_of_server(directory.path()), None);
        // An unfinished file of a server that was killed does not stop the next one.
        fs::write(directory.path().join(NEW_NAME), "unfinished").unwrap();
        let _server = Listening::publish(directory.path(), second).unwrap();
        assert_eq!(address_of_server(directory.path()), Some(second));
        assert_eq!(fs::read_dir(directory.path()).unwrap().count(), 1);
    }

    #[test]
    fn what_is_no_address_is_none() {
        let directory = tempfile::tempdir().unwrap();
        let lock = File::create(directory.path().join(NAME)).unwrap();
        flock(&lock, FlockOperation::NonBlockingLockExclusive).unwrap();
        for text in ["", "nowhere\n", "\u{0}"] {
            fs::write(directory.path().join(NAME), text).unwrap();
            assert_eq!(address_of_server(directory.path()), None, "{text:?}");
        }
    }
}
