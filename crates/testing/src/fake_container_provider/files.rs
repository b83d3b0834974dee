//! The files of a fake container, in memory.

use std::collections::{BTreeMap, BTreeSet};
use std::io::{self, Read as _};

use async_trait::async_trait;
use flate2::read::GzDecoder;
use workers_domain::ports::{ByteSource, SandboxError, SandboxErrorKind};

/// Files and directories by absolute path.
#[derive(Debug, Clone, Default)]
pub(super) struct Files {
    files: BTreeMap<String, Vec<u8>>,
    directories: BTreeSet<String>,
}

impl Files {
    /// Returns the files of a new container.
    pub(super) fn fresh() -> Self {
        // `is_directory` takes the slash from the end of `/`, so the root is the empty text.
        let directories = ["", "/vercel", "/tmp"].map(str::to_owned).into();
        Self { files: BTreeMap::new(), directories }
    }

    pub(super) fn size(&self) -> u64 {
        self.files.values().map(|contents| contents.len() as u64).sum::<u64>() + 1
    }

    pub(super) fn is_directory(&self, path: &str) -> bool {
        self.directories.contains(path.trim_end_matches('/'))
    }

    pub(super) fn unpack(&mut self, directory: &str, archive: &[u8]) -> Result<(), SandboxError> {
        let malformed = |error: io::Error| refused(format!("the archive is malformed: {error}"));
        let mut archive = tar::Archive::new(GzDecoder::new(archive));
        for entry in archive.entries().map_err(malformed)? {
            let mut entry = entry.map_err(malformed)?;
            let name = entry.path().map_err(malformed)?.to_string_lossy().into_owned();
            if !entry.header().entry_type().is_file()
                || name.starts_with('/')
                || name.split('/').any(|part| part == "..")
            {
                return Err(refused(format!("`{name}` is not an ordinary file below the directory")));
            }
            let mut contents = Vec::new();
            entry.read_to_end(&mut contents).map_err(malformed)?;
            let path = format!("{}/{name}", directory.trim_end_matches('/'));
            let parents: Vec<String> = path.match_indices('/').map(|(end, _)| path[..end].to_owned()).collect();
            self.directories.extend(parents);
            self.files.insert(path, contents);
        }
        Ok(())
    }

    pub(super) fn read(&self, path: &str) -> Result<Vec<u8>, SandboxError> {
        if self.is_directory(path) {
            return Err(refused(format!("`{path}` is a directory")));
        }
        let missing = || SandboxError::new(SandboxErrorKind::FileNotFound, format!("there is no `{path}`"));
        self.files.get(path).cloned().ok_or_else(missing)
    }

    pub(super) fn make_directory(&mut self, path: &str, recursive: bool) -> Result<(), SandboxError> {
        let path = path.trim_end_matches('/');
        let parents: Vec<&str> = path.match_indices('/').map(|(end, _)| &path[..end]).collect();
        if !recursive {
            if self.is_directory(path) || self.files.contains_key(path) {
                return Err(refused(format!("`{path}` is there already")));
            }
            if !parents.last().is_none_or(|parent| self.is_directory(parent)) {
                return Err(refused(format!("the directory of `{path}` is not there")));
            }
        }
        self.directories.extend(parents.into_iter().chain([path]).map(str::to_owned));
        Ok(())
    }
}

fn refused(message: String) -> SandboxError {
    SandboxError::new(SandboxErrorKind::FileRefused, message)
}

/// A source that returns bytes in pieces of 4096.
pub(super) struct Pieces(pub(super) std::vec::IntoIter<u8>);

#[async_trait]
impl ByteSource for Pieces {
    async fn next(&mut self) -> io::Result<Option<Vec<u8>>> {
        let piece: Vec<u8> = self.0.by_ref().take(4096).collect();
        Ok((!piece.is_empty()).then_some(piece))
    }
}
