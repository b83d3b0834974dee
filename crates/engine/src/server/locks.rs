//! The locks of a data directory: one engine and one launcher at a time work in it.
//!
//! The directory is closed to other users before the locks are opened, so no other user can hold them. Earlier versions
//! left the locks open to others, and a user who has opened such a lock once can hold it forever. So we replace a lock
//! that was open to others with a new one. If the old lock is held at that time, it counts only if the holder is a
//! process of our own user, or cannot be seen from here.

use std::fs::{self, File};
use std::io;
use std::os::unix::fs::MetadataExt;
use std::path::Path;

use rustix::fs::{FlockOperation, Mode, OFlags, flock};
use workers_private_files::open_file;

const ENGINE: &str = "engine.lock";
const LAUNCHER: &str = "launcher.lock";

/// Takes the engine's lock in a data directory that is closed to others.
///
/// # Errors
///
/// When another server holds it.
pub(super) fn lock_engine(data_dir: &Path) -> io::Result<File> {
    let taken = || io::Error::other(format!("another server is running on the data directory {}", data_dir.display()));
    let path = data_dir.join(ENGINE);
    let displaced = Displaced::find(&path)?;
    if displaced.as_ref().is_some_and(|displaced| displaced.is_held) {
        return Err(taken());
    }
    lock(&path, displaced, FlockOperation::NonBlockingLockExclusive).map_err(|error| match error.kind() {
        io::ErrorKind::WouldBlock => taken(),
        _ => error,
    })
}

/// Takes the launcher's lock. Waits for the launcher of an engine that was killed, because it may still be clearing
/// away.
///
/// # Errors
///
/// When it cannot be opened.
pub(super) fn lock_launcher(data_dir: &Path) -> io::Result<File> {
    let path = data_dir.join(LAUNCHER);
    let displaced = Displaced::find(&path)?;
    if let Some(Displaced { file, is_held: true }) = &displaced {
        flock(file, FlockOperation::LockExclusive)?;
    }
    lock(&path, displaced, FlockOperation::LockExclusive)
}

fn lock(path: &Path, displaced: Option<Displaced>, operation: FlockOperation) -> io::Result<File> {
    if displaced.is_some() {
        fs::remove_file(path)?;
    }
    let lock = open_file(path)?;
    flock(&lock, operation)?;
    // Not earlier: until now the old lock has kept out another server of ours that found the same file.
    drop(displaced);
    Ok(lock)
}

/// A lock that others could open, and that is to be replaced.
struct Displaced {
    file: File,
    /// Whether a process that counts holds it. Otherwise we hold it, or a process of another user does.
    is_held: bool,
}

impl Displaced {
    fn find(path: &Path) -> io::Result<Option<Self>> {
        // What is there may be a link, or a pipe whose opening blocks.
        let flags = OFlags::RDONLY | OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::CLOEXEC;
        let file = match rustix::fs::open(path, flags, Mode::empty()) {
            Ok(file) => File::from(file),
            // Either it does not exist; or it is a link, or we have no rights to it: then the code that opens it next
            // refuses it with a reason.
            Err(_) => return Ok(None),
        };
        let status = file.metadata()?;
        let of_others = status.mode() & 0o077;
        let was_closed = of_others == 0 && status.uid() == rustix::process::geteuid().as_raw();
        if was_closed || !status.is_file() {
            return Ok(None);
        }
        let is_locked = flock(&file, FlockOperation::NonBlockingLockExclusive).is_err();
        if !is_locked && !is_at(&file, path)? {
            // Another server of ours has just replaced it.
            return Self::find(path);
        }
        let is_held = is_locked && (is_open_in_a_process_of_ours(&file)? || !is_lock_of_a_process_here(&file)?);
        Ok(Some(Self { file, is_held }))
    }
}

/// Returns whether a path still leads to a file.
fn is_at(file: &File, path: &Path) -> io::Result<bool> {
    let (file, at) = (file.metadata()?, fs::symlink_metadata(path));
    Ok(at.is_ok_and(|at| (at.dev(), at.ino()) == (file.dev(), file.ino())))
}

/// Returns whether another process of our user has a file open.
fn is_open_in_a_process_of_ours(file: &File) -> io::Result<bool> {
    let (file, own, itself) = (file.metadata()?, rustix::process::geteuid().as_raw(), std::process::id().to_string());
    let is_it = |path: &Path| fs::metadata(path).is_ok_and(|it| (it.dev(), it.ino()) == (file.dev(), file.ino()));
    for process in fs::read_dir("/proc")?.filter_map(Result::ok) {
        let is_number = |name: &str| name.bytes().all(|byte| byte.is_ascii_digit());
        let is_other = process.file_name().to_str().is_some_and(|name| is_number(name) && name != itself);
        if !is_other || process.metadata().map_or(true, |status| status.uid() != own) {
            continue;
        }
        // A process that has ended meanwhile holds nothing.
        let Ok(descriptors) = fs::read_dir(process.path().join("fd")) else { continue };
        if descriptors.filter_map(Result::ok).any(|descriptor| is_it(&descriptor.path())) {
            return Ok(true);
        }
    }
    Ok(false)
}

/// Returns whether a lock was taken by a process that can be seen from here. If not, the holder may be another server
/// in another container.
fn is_lock_of_a_process_here(file: &File) -> io::Result<bool> {
    let end = format!(":{}", file.metadata()?.ino());
    let is_it = |line: &str| {
        let mut words = line.split_whitespace();
        words.any(|word| word == "FLOCK") && words.any(|word| word.ends_with(&end))
    };
    Ok(fs::read_to_string("/proc/locks")?.lines().any(is_it))
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;
    use std::process::{Child, Command, Stdio};

    use super::*;

    /// A process that holds a lock until it is killed.
    struct Holder(Child);

    impl Holder {
        fn of(path: &Path, uid: Option<u32>) -> Self {
            use std::io::Read as _;
            use std::os::unix::process::CommandExt as _;
            let mut command = Command::new("sh");
            command.args(["-c", "exec 9< \"$0\"; flock 9; echo held; read line"]).arg(path);
            command.stdin(Stdio::piped()).stdout(Stdio::piped());
            if let Some(uid) = uid {
                command.uid(uid);
            }
            let mut child = command.spawn().unwrap();
            child.stdout.as_mut().unwrap().read_exact(&mut [0; 5]).unwrap();
            Self(child)
        }
    }

    impl Drop for Holder {
        fn drop(&mut self) {
            drop(self.0.stdin.take());
            self.0.wait().unwrap();
        }
    }

    fn old_locks(directory: &Path) {
        fs::set_permissions(directory, fs::Permissions::from_mode(0o755)).unwrap();
        for name in [ENGINE, LAUNCHER] {
            fs::write(directory.join(name), b"").unwrap();
            fs::set_permissions(directory.join(name), fs::Permissions::from_mode(0o644)).unwrap();
        }
    }

    fn mode(path: &Path) -> u32 {
        fs::metadata(path).unwrap().mode() & 0o7777
    }

    #[test]
    fn a_lock_is_held_once_and_is_free_after_its_end() {
        let directory = tempfile::tempdir().unwrap();
        let lock = lock_engine(directory.path()).unwrap();
        assert!(lock_engine(directory.path()).unwrap_err().to_string().contains("another server"));
        drop(lock);
        assert!(lock_engine(directory.path()).is_ok());
        assert_eq!(mode(&directory.path().join(ENGINE)), 0o600);
    }

    #[test]
    fn a_lock_that_others_could_open_is_replaced_by_one_that_they_cannot() {
        let directory = tempfile::tempdir().unwrap();
        old_locks(directory.path());
        // As another user has it who opened it before.
        let [engine, launcher] = [ENGINE, LAUNCHER].map(|name| File::open(directory.path().join(name)).unwrap());
        let _locks = [lock_engine(directory.path()).unwrap(), lock_launcher(directory.path()).unwrap()];
        for (before, name) in [(engine, ENGINE), (launcher, LAUNCHER)] {
            assert!(!is_at(&before, &directory.path().join(name)).unwrap());
            assert_eq!(mode(&directory.path().join(name)), 0o600);
        }
        assert!(lock_engine(directory.path()).is_err());
    }

    #[test]
    fn a_server_of_an_earlier_version_that_holds_an_open_lock_is_respected() {
        let directory = tempfile::tempdir().unwrap();
        old_locks(directory.path());
        let holder = Holder::of(&directory.path().join(ENGINE), None);
        assert!(lock_engine(directory.path()).unwrap_err().to_string().contains("another server"));
        drop(holder);
        assert!(lock_engine(directory.path()).is_ok());
    }

    #[test]
    fn an_open_lock_that_another_user_holds_stops_no_server() {
        if !rustix::process::geteuid().is_root() {
            return;
        }
        let directory = tempfile::tempdir().unwrap();
        old_locks(directory.path());
        let _holders = [ENGINE, LAUNCHER].map(|name| Holder::of(&directory.path().join(name), Some(12345)));
        assert!(lock_engine(directory.path()).is_ok());
        assert!(lock_launcher(directory.path()).is_ok());
    }

    #[test]
    fn a_link_in_the_place_of_a_lock_is_refused_with_its_path() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join(ENGINE);
        std::os::unix::fs::symlink("/etc/passwd", &path).unwrap();
        let error = lock_engine(directory.path()).unwrap_err().to_string();
        assert!(error.starts_with(path.to_str().unwrap()) && error.contains("link"), "{error}");
    }
}
