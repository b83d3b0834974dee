//! Parsers of what comes out of a sandbox or from its clients, for the targets of `fuzz/`. No other crate uses them.

use std::io::{self, Read};
use std::path::Path;

pub use crate::network::fuzzing::{Dns, dns_answer, read_dns};

/// Unpacks the gzipped tar archive of an upload into a directory, as a process of a container does.
///
/// # Errors
///
/// When it is no such archive, has more than ordinary files, or cannot be written.
pub fn unpack_archive(directory: &Path, archive: impl Read) -> io::Result<()> {
    crate::launcher::unpack(directory, archive)
}
