//! Our own copy of the node program.
//!
//! A file that is written in large pieces lies in large pages where the file system supports that. Each process then
//! maps it with about two dozen page faults instead of three hundred. The copy also stays the same when the program is
//! replaced on the disk.

use std::fs::{self, File, Permissions};
use std::io::{self, Read, Write};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use workers_private_files::{make_directory, open_file};

use super::libraries::libraries;
use crate::data_dir_root::{is_for_lack_of_resource, remove, set_aside};

/// The size of a large page, in bytes.
const PIECE: u64 = 2 << 20;

/// Makes a copy of `node` in `directory`. It replaces an earlier copy, because that may lie in small pages if it was
/// read from the disk.
///
/// # Errors
///
/// When the program cannot be read or the copy cannot be written; then no copy is left.
pub(crate) fn copy(node: &Path, directory: &Path) -> io::Result<PathBuf> {
    let copy = directory.join("node");
    remove(&copy)?;
    match make_directory(directory) {
        Err(error) if !is_for_lack_of_resource(&error) => {
            set_aside(directory)?;
            make_directory(directory)?;
        }
        made => made?,
    }
    let made = write(node, &copy).and_then(|()| {
        // A program may name libraries by their place relative to itself (`$ORIGIN`), which leads elsewhere from the
        // copy.
        if libraries(node)? == libraries(&copy).unwrap_or_default() {
            Ok(copy.clone())
        } else {
            Err(io::Error::other("it loads libraries from beside itself"))
        }
    });
    made.inspect_err(|_| {
        // We report the first error, not that of cleaning up.
        let _ = fs::remove_file(&copy);
    })
}

fn write(from: &Path, to: &Path) -> io::Result<()> {
    let (from, mut file) = (File::open(from)?, open_file(to)?);
    // Sandboxes run it as users of their own, so others may read and execute it. Only we may change it, and it has no
    // set-user-id bit.
    file.set_permissions(Permissions::from_mode(from.metadata()?.permissions().mode() & 0o755))?;
    file.set_len(0)?;
    let mut piece = Vec::new();
    while (&from).take(PIECE).read_to_end(&mut piece)? > 0 {
        file.write_all(&piece)?;
        piece.clear();
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_program_is_copied_whole_and_anew() {
        let directory = tempfile::tempdir().unwrap();
        let (node, own) = (directory.path().join("program"), directory.path().join("own"));
        // More than one piece, and no whole number of pieces.
        let long: Vec<u8> = (0..PIECE + 12_345).map(|index| index.to_le_bytes()[0]).collect();
        for bytes in [long.as_slice(), b"another"] {
            fs::write(&node, bytes).unwrap();
            fs::set_permissions(&node, fs::Permissions::from_mode(0o755)).unwrap();
            write(&node, &own).unwrap();
            assert_eq!(fs::read(&own).unwrap(), bytes);
            assert_eq!(fs::metadata(&own).unwrap().permissions().mode() & 0o777, 0o755);
        }
    }

    #[test]
    fn a_copy_that_cannot_be_finished_is_not_there() {
        let directory = tempfile::tempdir().unwrap();
        let node = directory.path().join("program");
        fs::write(&node, "not a program").unwrap();
        assert!(copy(&node, &directory.path().join("own")).is_err());
        assert_eq!(fs::read_dir(directory.path().join("own")).unwrap().count(), 0);
    }
}
