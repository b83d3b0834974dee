//! Makes the files that containers have from the host: a directory with the system's settings that programs need and
//! that reveal nothing, made anew at every start; and the layer over the host's `/usr`.

use std::fs::{self, Permissions};
use std::io;
use std::os::unix::fs::{PermissionsExt, lchown, symlink};
use std::path::{Path, PathBuf};

use super::{FIRST_ID, HOME, NODE, OPAQUE};
use crate::data_dir_root::remove;
use crate::fault::named;
use crate::launcher::user::ORDINARY;
use crate::message::ContainerSetup;

/// The files of the host's `/etc` that are copied: how programs are found and linked, whose signatures are trusted,
/// what names mean. Files that other users may not read on the host are left out.
const SETTINGS: [&str; 26] = [
    "alternatives",
    "bash.bashrc",
    "ca-certificates.conf",
    "debian_version",
    "default/useradd",
    "inputrc",
    "ld.so.cache",
    "ld.so.conf",
    "ld.so.conf.d",
    "login.defs",
    "lsb-release",
    "magic",
    "mime.types",
    "os-release",
    "pki/tls/certs",
    "profile",
    "protocols",
    "python3",
    "rpc",
    "services",
    "shells",
    "skel",
    "ssl/certs",
    "ssl/openssl.cnf",
    "terminfo",
    "xattr.conf",
];

/// Files with nothing of the host in them, and their modes.
const FILES: [(&str, u32, &str); 11] = [
    (
        "etc/passwd",
        0o644,
        "root:x:0:0:root:/root:/bin/sh\ndaemon:x:1:1:daemon:/usr/sbin:/usr/sbin/nologin\n\
         ubuntu:x:1000:1000::/vercel:/bin/sh\nnobody:x:65534:65534:nobody:/nonexistent:/usr/sbin/nologin\n",
    ),
    (
        "etc/group",
        0o644,
        "root:x:0:\ndaemon:x:1:\nadm:x:4:\ntty:x:5:\nmail:x:8:\nsudo:x:27:ubuntu\nshadow:x:42:\nstaff:x:50:\nusers:x:100:\n\
         ubuntu:x:1000:\nnogroup:x:65534:\n",
    ),
    ("etc/shadow", 0o640, "root:*:20000:0:99999:7:::\nubuntu:*:20000:0:99999:7:::\n"),
    ("etc/gshadow", 0o640, "root:*::\nsudo:*::ubuntu\nubuntu:!::\n"),
    // A user who runs a container owns it, so passwords would protect nothing from that user. Other users may not use
    // `sudo`.
    (
        "etc/sudoers",
        0o440,
        "Defaults env_reset, !use_pty, !lecture\n\
         Defaults secure_path=\"/vercel/bin:/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin\"\n\
         root ALL=(ALL:ALL) ALL\nubuntu ALL=(ALL:ALL) NOPASSWD:ALL\n",
    ),
    (
        "etc/pam.d/other",
        0o644,
        "auth sufficient pam_rootok.so\nauth required pam_unix.so\naccount required pam_permit.so\n\
         password required pam_unix.so\nsession required pam_permit.so\n",
    ),
    ("etc/hosts", 0o644, "127.0.0.1 localhost sandbox\n::1 localhost\n"),
    ("etc/hostname", 0o644, "sandbox\n"),
    ("etc/nsswitch.conf", 0o644, "passwd: files\ngroup: files\nshadow: files\nhosts: files dns\n"),
    ("etc/resolv.conf", 0o644, "nameserver 127.0.0.53\n"),
    // The host's id would identify the host.
    ("etc/machine-id", 0o444, ""),
];

/// Directories and their modes.
const DIRECTORIES: [(&str, u32); 26] = [
    ("dev", 0o755),
    ("etc", 0o755),
    ("etc/pam.d", 0o755),
    ("home", 0o755),
    ("media", 0o755),
    ("mnt", 0o755),
    ("opt", 0o755),
    ("proc", 0o755),
    ("root", 0o700),
    ("run", 0o755),
    ("run/lock", 0o1777),
    ("srv", 0o755),
    ("sys", 0o555),
    ("tmp", 0o1777),
    ("usr", 0o755),
    ("var", 0o755),
    ("var/cache", 0o755),
    ("var/empty", 0o755),
    ("var/lib", 0o755),
    ("var/local", 0o755),
    ("var/log", 0o755),
    ("var/mail", 0o1777),
    ("var/opt", 0o755),
    ("var/spool", 0o755),
    ("var/tmp", 0o1777),
    ("vercel", 0o755),
];

/// The directories that programs expect in `/usr/local`.
const LOCAL: [&str; 7] = ["", "bin", "etc", "include", "lib", "sbin", "share"];

/// Links in the root of a system whose programs all lie below `/usr`.
const MERGED: [&str; 5] = ["bin", "lib", "lib32", "lib64", "sbin"];

/// The directories that containers are made of.
pub(crate) const PARTS: [&str; 3] = ["base", "places", "stage"];

/// Makes the directories that containers are made of.
///
/// # Errors
///
/// When the system's programs do not all lie below `/usr`, or a file cannot be made.
pub(crate) fn make(directory: &Path, system: &Path, images: &Path) -> io::Result<ContainerSetup> {
    let part = |name: &str| directory.join(name);
    // Running containers use the old directories and have mounts on the stage, so the stage stays if it exists.
    for name in PARTS.iter().filter(|name| **name != "stage" || !part(name).is_dir()) {
        let old = part(&format!("{name}.old"));
        remove(&old)?;
        match fs::rename(part(name), &old) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(named(old.display(), error)),
            _ => {}
        }
    }
    // Containers enter it as users of their own.
    make_directory(&part("stage"), 0o755)?;
    make_directory(&part("stage/container"), 0o755)?;
    let base = part("base");
    make_directory(&base, 0o755)?;
    for (name, mode) in DIRECTORIES {
        make_directory(&base.join(name), mode)?;
    }
    link_merged(&base, system)?;
    for name in SETTINGS {
        copy_setting(&system.join("etc"), &base.join("etc"), Path::new(name))?;
    }
    for (name, mode, text) in FILES {
        write(&base.join(name), mode, text)?;
    }
    symlink("/proc/self/mounts", base.join("etc/mtab"))?;
    let places = part("places");
    make_places(&places)?;
    give_to_root(&places)?;
    give_to_root(&base)?;
    let home = base.join(HOME.trim_start_matches('/'));
    lchown(home, Some(FIRST_ID + ORDINARY), Some(FIRST_ID + ORDINARY))?;
    let text = |path: &Path| {
        path.to_str().map(str::to_owned).ok_or_else(|| io::Error::other(format!("{} is not UTF-8", path.display())))
    };
    Ok(ContainerSetup {
        stage: text(&part("stage"))?,
        base: text(&base)?,
        places: text(&places)?,
        images: text(images)?,
        usr: text(&system.join("usr"))?,
        allow_shared_ids: false,
    })
}

/// Makes the layer over the host's `/usr`: an empty `/usr/local`, because the host's belongs to its administrator, with
/// the file on which our node is mounted.
fn make_places(places: &Path) -> io::Result<()> {
    make_directory(places, 0o755)?;
    for name in LOCAL {
        make_directory(&places.join("local").join(name), 0o755)?;
    }
    rustix::fs::setxattr(places.join("local"), OPAQUE, b"y", rustix::fs::XattrFlags::empty())?;
    write(&places.join(Path::new(NODE).strip_prefix("usr").unwrap_or(Path::new(NODE))), 0o755, "")
}

fn link_merged(base: &Path, system: &Path) -> io::Result<()> {
    for name in MERGED {
        match fs::read_link(system.join(name)) {
            Ok(target) => symlink(target, base.join(name))?,
            Err(error) if error.kind() == io::ErrorKind::NotFound => {}
            Err(_) => {
                return Err(io::Error::other(format!(
                    "{} is no link into /usr: containers need a system whose programs all lie there",
                    system.join(name).display()
                )));
            }
        }
    }
    Ok(())
}

/// Makes a directory whose parent exists, unless it exists itself.
fn make_directory(path: &Path, mode: u32) -> io::Result<()> {
    match fs::create_dir(path) {
        Err(error) if error.kind() != io::ErrorKind::AlreadyExists => Err(named(path.display(), error)),
        // Set afterwards, because the umask applies to what is created.
        _ => fs::set_permissions(path, Permissions::from_mode(mode)),
    }
}

fn write(path: &Path, mode: u32, text: &str) -> io::Result<()> {
    fs::write(path, text)?;
    fs::set_permissions(path, Permissions::from_mode(mode))
}

/// Copies a setting of the host, and makes the directories that lead to it. A missing setting is skipped.
fn copy_setting(from: &Path, to: &Path, name: &Path) -> io::Result<()> {
    let source = from.join(name);
    if fs::symlink_metadata(&source).is_err() {
        return Ok(());
    }
    let mut parent = to.to_owned();
    for component in name.parent().into_iter().flat_map(Path::components) {
        parent.push(component);
        make_directory(&parent, 0o755)?;
    }
    copy(&source, &to.join(name))
}

/// Copies what every user may read; what is missing is skipped.
fn copy(from: &Path, to: &Path) -> io::Result<()> {
    let Ok(status) = fs::symlink_metadata(from) else { return Ok(()) };
    let mode = status.permissions().mode();
    if status.is_symlink() {
        symlink(fs::read_link(from)?, to)
    } else if mode & 0o004 == 0 {
        Ok(())
    } else if status.is_dir() {
        make_directory(to, 0o755)?;
        for item in fs::read_dir(from)? {
            let name: PathBuf = item?.file_name().into();
            copy(&from.join(&name), &to.join(&name))?;
        }
        Ok(())
    } else if status.is_file() {
        fs::copy(from, to).map(drop)?;
        // `copy` takes the mode over: without set-user-id bits, and only the owner may write.
        fs::set_permissions(to, Permissions::from_mode(mode & 0o755))
    } else {
        Ok(())
    }
}

fn give_to_root(path: &Path) -> io::Result<()> {
    // The change would clear set-user-id bits; there are none.
    lchown(path, Some(FIRST_ID), Some(FIRST_ID))?;
    if fs::symlink_metadata(path)?.is_dir() {
        for item in fs::read_dir(path)? {
            give_to_root(&item?.path())?;
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::super::USER;
    use super::*;

    #[test]
    fn the_tables_of_users_name_the_ordinary_user_and_its_home() {
        let table = FILES.iter().find(|(name, ..)| *name == "etc/passwd").map(|(.., text)| *text).unwrap();
        assert!(table.contains(&format!("\n{USER}:x:{ORDINARY}:{ORDINARY}::{HOME}:")));
        assert!(DIRECTORIES.iter().any(|(name, _)| format!("/{name}") == HOME));
    }

    #[test]
    fn what_others_may_not_read_is_not_taken_from_the_host() {
        let (from, to) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        for (name, mode) in [("open", 0o644), ("secret", 0o640)] {
            write(&from.path().join(name), mode, "text").unwrap();
        }
        fs::set_permissions(from.path(), Permissions::from_mode(0o755)).unwrap();
        copy(from.path(), &to.path().join("copy")).unwrap();
        assert!(to.path().join("copy/open").exists() && !to.path().join("copy/secret").exists());
    }
}
