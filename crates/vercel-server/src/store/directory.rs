//! A folder of JSON files.

use std::fs::{self, File};
use std::io;
use std::path::Path;

use serde::de::DeserializeOwned;
use workers_private_files::read_file;

use workers_domain::error_chain;

use super::home::named;

/// The records of a folder.
#[derive(Debug)]
pub(crate) struct Loaded<T> {
    /// The records that could be read.
    pub(crate) records: Vec<T>,
    /// Whether every record could be read.
    pub(crate) is_whole: bool,
}

/// File name extension of records that could not be read.
const SET_ASIDE: &str = "set-aside";
/// File name extension of records that were being written when an earlier server died.
const UNFINISHED: &str = "new";

/// Reads every record. A record that cannot be read is set aside: an extension is added to its file name, so that it is
/// not overwritten.
pub(super) fn load<T: DeserializeOwned>(folder: &Path) -> io::Result<Loaded<T>> {
    let mut records = Vec::new();
    let mut is_whole = true;
    for entry in fs::read_dir(folder).map_err(|error| named(folder, &error))? {
        let path = entry.map_err(|error| named(folder, &error))?.path();
        match path.extension().and_then(|extension| extension.to_str()) {
            Some("json") => match read_file(&path).and_then(|text| parse(&path, &text)) {
                Ok(record) => records.push(record),
                Err(error) => {
                    is_whole = false;
                    set_aside(&path, &error)?;
                }
            },
            // Never acknowledged: a record gets its name once it is complete. If the removal fails, the next start
            // tries again.
            Some(UNFINISHED) => drop(fs::remove_file(&path)),
            Some(SET_ASIDE) => {
                is_whole = false;
                tracing::error!(path = %path.display(), "a record is set aside, as an earlier start could not read it");
            }
            // Not a file of ours, for example `lost+found`.
            _ => {}
        }
    }
    Ok(Loaded { records, is_whole })
}

fn parse<T: DeserializeOwned>(path: &Path, text: &[u8]) -> io::Result<T> {
    serde_json::from_slice(text).map_err(|error| named(path, &error.into()))
}

/// Sets a record aside. First opens the folder, because a failure may mean only that this process cannot open any file
/// now, for example for lack of descriptors; then the record stays.
fn set_aside(path: &Path, error: &io::Error) -> io::Result<()> {
    if let Some(folder) = path.parent() {
        File::open(folder).map_err(|lack| named(folder, &lack))?;
    }
    let mut aside = path.as_os_str().to_owned();
    aside.push(format!(".{SET_ASIDE}"));
    fs::rename(path, &aside).map_err(|error| named(path, &error))?;
    tracing::error!(
        error = error_chain(error),
        path = %Path::new(&aside).display(),
        "a record cannot be read and is set aside: mend it, or remove it, and give it its name back"
    );
    Ok(())
}

/// Removes a file. Succeeds if the file does not exist.
pub(super) fn remove(path: &Path) -> io::Result<()> {
    match fs::remove_file(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        Err(error) => Err(error),
        // Else a power failure could bring the record back, and with it what a client has deleted.
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
    fn what_is_no_record_is_set_aside_and_what_was_never_finished_removed() {
        let folder = tempfile::tempdir().unwrap();
        fs::write(folder.path().join("broken.json"), b"{").unwrap();
        fs::write(folder.path().join("cut.new"), b"{").unwrap();
        fs::write(folder.path().join("good.json"), b"7").unwrap();
        let loaded = load::<u32>(folder.path()).unwrap();
        assert!(loaded.records == [7] && !loaded.is_whole);
        assert!(!folder.path().join("cut.new").exists());
        let aside = folder.path().join("broken.json.set-aside");
        assert_eq!(fs::read(&aside).unwrap(), b"{");
        // While the file lies there, the records are incomplete.
        assert!(!load::<u32>(folder.path()).unwrap().is_whole);
        fs::write(&aside, b"8").unwrap();
        fs::rename(&aside, folder.path().join("broken.json")).unwrap();
        assert!(load::<u32>(folder.path()).unwrap().is_whole);
    }

    #[test]
    fn what_is_none_of_ours_is_left_alone() {
        let folder = tempfile::tempdir().unwrap();
        fs::create_dir(folder.path().join("lost+found")).unwrap();
        fs::write(folder.path().join("notes.txt"), b"mine").unwrap();
        assert!(load::<u32>(folder.path()).unwrap().is_whole);
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 2);
    }
}
