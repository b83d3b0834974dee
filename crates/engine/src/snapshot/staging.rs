//! The files of a sandbox in which no command has run yet: an ordinary directory, and a list of what is in it.

use std::collections::BTreeMap;
use std::fs::{self, Permissions};
use std::io::{self, Write};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use workers_domain::ports::SandboxFile;

use super::manifest::{Digest256, Entry, EntryKind, Manifest};
use crate::copy::{DIRECTORY_MODE, file_mode, give_away};
use crate::fault::named;

/// The files of a sandbox in which no command has run yet.
#[derive(Debug)]
pub(crate) struct Staging {
    directory: PathBuf,
    files: BTreeMap<String, EntryKind>,
    limit: u64,
    owner: Option<u32>,
}

impl Staging {
    /// Makes an empty one, in a new directory.
    pub(crate) fn new(directory: PathBuf, limit: u64, owner: Option<u32>) -> io::Result<Self> {
        make_directory(&directory, owner)?;
        Ok(Self { directory, files: BTreeMap::new(), limit, owner })
    }

    /// Returns the directory with the files.
    pub(crate) fn directory(&self) -> &Path {
        &self.directory
    }

    /// Writes files.
    pub(crate) fn write(&mut self, files: &[SandboxFile]) -> io::Result<()> {
        for file in files {
            let path = file.path.as_str();
            self.write_one(path, &file.contents).map_err(|error| named(path, error))?;
        }
        Ok(())
    }

    fn write_one(&mut self, path: &str, contents: &[u8]) -> io::Result<()> {
        let length = u64::try_from(contents.len()).unwrap_or(u64::MAX);
        // A file that is written again replaces its earlier content.
        let others = self.files.iter().filter(|(known, _)| *known != path);
        let used: u64 = others.map(|(_, kind)| if let EntryKind::File { size, .. } = kind { *size } else { 0 }).sum();
        if used.saturating_add(length) > self.limit {
            return Err(io::Error::new(
                io::ErrorKind::FileTooLarge,
                format!("more than {} bytes of files", self.limit),
            ));
        }
        for (position, _) in path.match_indices('/') {
            let parent = path.get(..position).unwrap_or_default();
            if !self.files.contains_key(parent) {
                make_directory(&self.directory.join(parent), self.owner)?;
                self.files.insert(parent.to_owned(), EntryKind::Directory);
            }
        }
        let target = self.directory.join(path);
        let mut opened = fs::File::create(&target)?;
        opened.write_all(contents)?;
        // Set afterwards, because the umask applies to what is created.
        opened.set_permissions(Permissions::from_mode(file_mode(false).as_raw_mode()))?;
        give_away(&opened, self.owner)?;
        // Here, where the bytes are in memory, so that no file is read again for the manifest.
        let digest = Digest256::of(contents);
        self.files.insert(path.to_owned(), EntryKind::File { executable: false, size: length, digest });
        Ok(())
    }

    /// Returns the manifest of the files.
    pub(crate) fn manifest(&self) -> Manifest {
        Manifest::new(self.files.iter().map(|(path, kind)| Entry { path: path.clone(), kind: kind.clone() }).collect())
    }
}

fn make_directory(path: &Path, owner: Option<u32>) -> io::Result<()> {
    fs::create_dir(path)?;
    give_away(fs::File::open(path)?, owner)?;
    fs::set_permissions(path, Permissions::from_mode(DIRECTORY_MODE.as_raw_mode()))
}
