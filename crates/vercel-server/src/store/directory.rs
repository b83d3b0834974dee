//! A folder of JSON files.

use std::fs::{self, File};
use std::io;
use std::path::Path;

use serde::de::DeserializeOwned;
use workers_private_files::read_file;

use crate::error::chain;

/// Records that were read.
#[derive(Debug)]
pub(crate) struct Loaded<T> {
    /// Those that can be read.
    pub(crate) records: Vec<T>,
    /// Whether these are all.
    pub(crate) is_whole: bool,
}

/// Reads every record. What cannot be read is left alone, and logged.
pub(super) fn load<T: DeserializeOwned>(folder: &Path) -> io::Result<Loaded<T>> {
    let mut records = Vec::new();
    let mut is_whole = true;
    for entry in fs::read_dir(folder)? {
        let path = entry?.path();
        if path.extension().is_none_or(|extension| extension != "json") {
            // Left over from a write that was cut short.
            let _ = fs::remove_file(&path);
            continue;
        }
        let record = read_file(&path).and_then(|text| serde_json::from_slice(&text).map_err(io::Error::from));
        match record {
            Ok(record) => records.push(record),
            Err(error) => {
                is_whole = false;
                tracing::error!(error = chain(&error), path = %path.display(), "a record cannot be read, and is skipped");
            }
        }
    }
    Ok(Loaded { records, is_whole })
}

/// Removes a file. One that is not there is no error.
pub(super) fn remove(path: &Path) -> io::Result<()> {
    match fs::remove_file(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        Err(error) => Err(error),
        Ok(()) => sync_parent(path),
    }
}

fn sync_parent(path: &Path) -> io::Result<()> {
    path.parent().map_or(Ok(()), |folder| File::open(folder)?.sync_all())
}

#[cfg(test)]
mod tests {
    use workers_private_files::replace_file;

    use super::*;

    #[test]
    fn a_record_is_read_as_it_was_written_last() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.json");
        replace_file(&path, b"1").unwrap();
        replace_file(&path, b"2").unwrap();
        let loaded = load::<u32>(folder.path()).unwrap();
        assert!(loaded.records == [2] && loaded.is_whole);
        remove(&path).unwrap();
        remove(&path).unwrap();
        assert!(load::<u32>(folder.path()).unwrap().records.is_empty());
    }

    #[test]
    fn what_is_no_record_is_skipped_and_what_was_never_finished_removed() {
        let folder = tempfile::tempdir().unwrap();
        fs::write(folder.path().join("broken.json"), b"{").unwrap();
        fs::write(folder.path().join("cut.new"), b"{").unwrap();
        fs::write(folder.path().join("good.json"), b"7").unwrap();
        let loaded = load::<u32>(folder.path()).unwrap();
        assert!(loaded.records == [7] && !loaded.is_whole);
        assert!(folder.path().join("broken.json").exists() && !folder.path().join("cut.new").exists());
    }
}
