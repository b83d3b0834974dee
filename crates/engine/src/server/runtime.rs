//! The root that sandboxes get: a directory with node's libraries, a shell if there is one, and five small files. It is
//! made again at every start.

use std::fs::{self, Permissions};
use std::io;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::{Path, PathBuf};

use serde::Deserialize;

use super::libraries::libraries;
use super::shell::Shell;
use crate::data_dir_root::{make_below, remove};
use crate::fault::named;
use crate::launcher::devices::LINKS;
use crate::message::Runtime;

/// What a sandbox sees of the kernel's own files. Kept as data, so that it can be reviewed.
const MOUNTS: &str = include_str!("../../policy/mounts.json");

#[derive(Debug, Deserialize)]
struct Mounts {
    devices: Vec<String>,
    masked_proc_files: Masked,
    masked_proc_directories: Masked,
}

#[derive(Debug, Deserialize)]
struct Masked {
    names: Vec<String>,
}

/// Files that programs look for, with nothing of the host in them.
const FILES: [(&str, &str); 5] = [
    ("etc/passwd", "worker:x:1000:1000:worker:/tmp:/sbin/nologin\n"),
    ("etc/group", "worker:x:1000:\n"),
    ("etc/hosts", "127.0.0.1 localhost\n::1 localhost\n"),
    ("etc/nsswitch.conf", "passwd: files\ngroup: files\nhosts: files dns\n"),
    ("etc/resolv.conf", "nameserver 127.0.0.53\n"),
];

const DIRECTORIES: [&str; 10] =
    ["dev", "etc/ssl/certs", "lib", "lib64", "proc", "tmp", "usr/bin", "usr/lib", "var/empty", "work"];

/// A link from `/bin` to the directory of programs, because programs look for a shell there.
const OTHER_BIN: (&str, &str) = ("bin", "usr/bin");

/// The file with the certificates of authorities, on different systems.
const CERTIFICATES: [&str; 3] =
    ["/etc/ssl/certs/ca-certificates.crt", "/etc/pki/tls/certs/ca-bundle.crt", "/etc/ssl/cert.pem"];

/// The suffix of the previous root's name.
const OLD: &str = ".old";

/// Makes the root. An earlier one is moved aside.
///
/// # Errors
///
/// When node's libraries cannot be found or copied.
pub(crate) fn make(directory: &Path, node: &Path, shell: Option<&Shell>) -> io::Result<Runtime> {
    // Made beside the old one and then renamed, so that a sandbox that starts meanwhile gets either the old root or the
    // new one, as a whole.
    let (new, old) = (with_suffix(directory, ".new"), with_suffix(directory, OLD));
    // A start that was interrupted may have left one.
    remove(&new)?;
    let has_node = make_files(&new, node, shell)?;
    remove(&old)?;
    match fs::rename(directory, &old) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(named(directory.display(), error)),
        _ => fs::rename(&new, directory).map_err(|error| named(directory.display(), error))?,
    }
    let mounts: Mounts = serde_json::from_str(MOUNTS)?;
    Ok(Runtime {
        root: directory.join("root"),
        nothing: directory.join("nothing"),
        node: node.to_path_buf(),
        has_node,
        masked_files: mounts.masked_proc_files.names,
        masked_directories: mounts.masked_proc_directories.names,
        devices: mounts.devices,
    })
}

/// Removes the previous root. It must stay as long as sandboxes run from it.
pub(crate) fn remove_old(directory: &Path) -> io::Result<()> {
    remove(&with_suffix(directory, OLD))
}

fn with_suffix(path: &Path, suffix: &str) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(suffix);
    name.into()
}

/// Makes the files. Returns whether node is among them.
fn make_files(directory: &Path, node: &Path, shell: Option<&Shell>) -> io::Result<bool> {
    let mounts: Mounts = serde_json::from_str(MOUNTS)?;
    let nothing = directory.join("nothing");
    fs::create_dir(directory)
        .and_then(|()| fs::create_dir(&nothing))
        .map_err(|error| named(nothing.display(), error))?;
    let directory = &directory.join("root");
    fs::create_dir(directory)?;
    for name in DIRECTORIES {
        make_below(directory, Path::new(name))?;
    }
    symlink(OTHER_BIN.1, directory.join(OTHER_BIN.0))?;
    for (name, text) in FILES {
        write(&directory.join(name), text.as_bytes())?;
    }
    // Without the file node still has its own certificates.
    if let Some(certificates) = CERTIFICATES.iter().find_map(|path| fs::read(path).ok()) {
        write(&directory.join("etc/ssl/certs/ca-certificates.crt"), &certificates)?;
    }
    // Files to mount devices on.
    for name in &mounts.devices {
        write(&directory.join("dev").join(name), b"")?;
    }
    let place = directory.join("usr/bin/node");
    // Without links in the path, because a hard link to a symbolic link is that link and not the program.
    let node_file = node.canonicalize().map_err(|error| named(node.display(), error))?;
    // On another file system a hard link is not possible; then node is mounted there.
    let has_node = fs::hard_link(node_file, &place).is_ok();
    if !has_node {
        write(&place, b"")?;
    }
    for (name, target) in LINKS {
        symlink(target, directory.join("dev").join(name))?;
    }
    for library in libraries(node)? {
        let content = fs::read(&library).map_err(|error| named(library.display(), error))?;
        write_program(directory, library.strip_prefix("/").unwrap_or(&library), &content)?;
    }
    for (path, content) in shell.into_iter().flat_map(Shell::files) {
        write_program(directory, path, content)?;
    }
    open_directories(directory)?;
    open_directories(&nothing)?;
    Ok(has_node)
}

fn write(path: &Path, content: &[u8]) -> io::Result<()> {
    fs::write(path, content)?;
    fs::set_permissions(path, Permissions::from_mode(0o444))
}

/// Writes a program or a library below the root, and makes the directories that lead to it.
fn write_program(root: &Path, place: &Path, content: &[u8]) -> io::Result<()> {
    if let Some(parent) = place.parent() {
        make_below(root, parent)?;
    }
    let path = root.join(place);
    fs::write(&path, content)
        .and_then(|()| fs::set_permissions(&path, Permissions::from_mode(0o555)))
        .map_err(|error| named(path.display(), error))
}

/// Sets the mode of every directory so that other users can enter it, whatever the umask was.
fn open_directories(directory: &Path) -> io::Result<()> {
    fs::set_permissions(directory, Permissions::from_mode(0o755))?;
    for item in fs::read_dir(directory)? {
        let item = item?;
        if item.file_type()?.is_dir() {
            open_directories(&item.path())?;
        }
    }
    Ok(())
}
