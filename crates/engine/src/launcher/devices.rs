//! Devices of a sandbox's own: the kernel's devices, in device files that no other sandbox can lock or watch.

use std::collections::BTreeMap;
use std::io;
use std::os::fd::{AsFd, OwnedFd};

use rustix::fs::{Dev, FileType, Mode, mknodat, stat, symlinkat};
use rustix::mount::fsconfig_set_string;
use rustix::process::umask;
use workers_engine_sys::{MountAttributes, mount_attributes};

use super::mounts::{attach, bind, make_file_system, open_path};
use crate::message::IsolationSetup;

/// Links that programs look for beside devices, and their targets.
pub(crate) const LINKS: [(&str, &str); 4] = [
    ("fd", "/proc/self/fd"),
    ("stdin", "/proc/self/fd/0"),
    ("stdout", "/proc/self/fd/1"),
    ("stderr", "/proc/self/fd/2"),
];

/// The mount attributes of devices.
const OF_DEVICES: MountAttributes = MountAttributes::NO_SETUID.and(MountAttributes::NO_EXEC);

/// The device files that a sandbox gets.
pub(super) enum DeviceSource {
    /// From a file system that has only devices in it and belongs to this sandbox alone.
    Own(OwnedFd),
    /// From the host, which all sandboxes share.
    Host(BTreeMap<String, OwnedFd>),
}

impl DeviceSource {
    /// Takes the sandbox's own devices, if they were made; otherwise opens those of the host.
    pub(super) fn open(own: Option<OwnedFd>, isolation: &IsolationSetup) -> io::Result<Self> {
        let open = |name: &String| Ok((name.clone(), open_path(&format!("/dev/{name}"))?));
        match own {
            Some(tree) => Ok(Self::Own(tree)),
            None => Ok(Self::Host(isolation.runtime.devices.iter().map(open).collect::<io::Result<_>>()?)),
        }
    }

    /// Makes the devices appear below `dev`, in the current directory. Devices of the host are mounted on files of the
    /// same names, which must exist.
    pub(super) fn attach(&self) -> io::Result<()> {
        match self {
            Self::Own(tree) => attach(tree, "dev").map(drop),
            Self::Host(devices) => devices.iter().try_for_each(|(name, device)| bind_device(device, name)),
        }
    }

    /// Makes each device appear on its file below `dev`, in the current directory. `beside` is an empty directory where
    /// the sandbox's own devices are attached for that.
    pub(super) fn attach_each(&self, isolation: &IsolationSetup, beside: &str) -> io::Result<()> {
        match self {
            Self::Own(tree) => {
                attach(tree, beside)?;
                let names = isolation.runtime.devices.iter();
                names
                    .map(|name| (name, open_path(&format!("{beside}/{name}"))))
                    .try_for_each(|(name, device)| bind_device(&device?, name))
            }
            Self::Host(_) => self.attach(),
        }
    }
}

/// Makes a device appear below `dev`, in the current directory.
fn bind_device(device: &OwnedFd, name: &str) -> io::Result<()> {
    let device = bind(device, Some(&format!("dev/{name}")))?;
    mount_attributes(device.as_fd(), OF_DEVICES)
}

/// Names and numbers of devices.
pub(super) struct Devices(Vec<(String, Dev)>);

impl Devices {
    /// Reads the numbers of the host's devices with these names.
    pub(super) fn of_host(names: &[String]) -> io::Result<Self> {
        let numbers = names.iter().map(|name| Ok((name.clone(), stat(format!("/dev/{name}"))?.st_rdev)));
        Ok(Self(numbers.collect::<io::Result<_>>()?))
    }

    /// Makes a file system with the devices, read-only and not attached anywhere. Only the host's root can make one: in
    /// a user namespace the kernel makes no devices.
    pub(super) fn make(&self) -> io::Result<OwnedFd> {
        let tree = make_file_system("tmpfs", |system| fsconfig_set_string(system, "mode", "0755"))?;
        // The launcher's umask would keep others from writing to the devices, and each sandbox's user is another one.
        let before = umask(Mode::empty());
        let made = self.make_files(&tree);
        umask(before);
        made?;
        mount_attributes(tree.as_fd(), OF_DEVICES.and(MountAttributes::READ_ONLY))?;
        Ok(tree)
    }

    fn make_files(&self, tree: &OwnedFd) -> io::Result<()> {
        for (name, number) in &self.0 {
            mknodat(tree, name, FileType::CharacterDevice, Mode::from_raw_mode(0o666), *number)?;
        }
        LINKS.iter().try_for_each(|(name, target)| Ok(symlinkat(*target, tree, *name)?))
    }
}
