//! Files for an upload, and how they are packed: a gzipped tar archive.

use std::io;

use bytes::Bytes;
use flate2::Compression;
use flate2::write::GzEncoder;
use tar::{Builder, EntryType, Header};

/// A file to write.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UploadFile {
    /// The path, relative to the root of the file system; the leading slash may be omitted.
    pub path: String,
    /// The contents of the file.
    pub contents: Vec<u8>,
    /// The permissions, for example `0o644`.
    pub mode: u32,
}

impl UploadFile {
    /// Creates a file that its owner may write and every user may read.
    pub fn new(path: impl Into<String>, contents: impl Into<Vec<u8>>) -> Self {
        Self { path: path.into(), contents: contents.into(), mode: 0o644 }
    }
}

/// Packs files. Their paths are relative to the root, so the request needs no directory.
///
/// There are no entries for directories, because the API creates them. Paths that the plain format cannot hold (long,
/// or not in ASCII) are in an extended header of POSIX, as in the official client.
pub(super) fn pack(files: &[UploadFile], modified_at: u64) -> io::Result<Bytes> {
    let mut archive = Builder::new(GzEncoder::new(Vec::new(), Compression::fast()));
    for file in files {
        let path = file.path.trim_start_matches('/');
        let mut header = Header::new_ustar();
        header.set_entry_type(EntryType::Regular);
        header.set_mode(file.mode);
        header.set_uid(0);
        header.set_gid(0);
        header.set_mtime(modified_at);
        header.set_size(u64::try_from(file.contents.len()).map_err(io::Error::other)?);
        if !path.is_ascii() || header.set_path(path).is_err() {
            check_path(path)?;
            archive.append_pax_extensions([("path", path.as_bytes())])?;
            // Readers without support for the extension use this path instead.
            header.set_path("long-name")?;
        }
        header.set_cksum();
        archive.append(&header, file.contents.as_slice())?;
    }
    Ok(archive.into_inner()?.finish()?.into())
}

/// Refuses paths that the plain format refuses too, except for their length.
fn check_path(path: &str) -> io::Result<()> {
    let ordinary = |name: &str| !name.is_empty() && name != "." && name != ".." && !name.contains('\0');
    if path.split('/').all(ordinary) {
        Ok(())
    } else {
        Err(io::Error::new(io::ErrorKind::InvalidInput, "a path must consist of ordinary names"))
    }
}

#[cfg(test)]
mod tests {
    use std::io::Read;

    use flate2::read::GzDecoder;

    use super::*;

    fn unpacked(files: &[UploadFile]) -> Vec<(String, u32, EntryType, Vec<u8>)> {
        let packed = pack(files, 1_763_890_000).unwrap();
        let mut archive = tar::Archive::new(GzDecoder::new(&*packed));
        let entries = archive.entries().unwrap().map(|entry| {
            let mut entry = entry.unwrap();
            let mut contents = Vec::new();
            entry.read_to_end(&mut contents).unwrap();
            let path = String::from_utf8(entry.path_bytes().into_owned()).unwrap();
            (path, entry.header().mode().unwrap(), entry.header().entry_type(), contents)
        });
        entries.collect()
    }

    #[test]
    fn files_come_out_as_they_went_in() {
        // Longer than the name in a plain header (100 bytes), but not than name and prefix together.
        let long = format!("vercel/{}/f.txt", "x".repeat(140));
        let files = [
            UploadFile::new("/vercel/hello.txt", "hello"),
            UploadFile { mode: 0o755, ..UploadFile::new("vercel/deep/er/run.sh", [0, 255]) },
            UploadFile::new(long.clone(), ""),
            UploadFile::new("vercel/grüße 😀.txt", "ä"),
        ];
        let regular = EntryType::Regular;
        assert_eq!(
            unpacked(&files),
            [
                ("vercel/hello.txt".to_owned(), 0o644, regular, b"hello".to_vec()),
                ("vercel/deep/er/run.sh".to_owned(), 0o755, regular, vec![0, 255]),
                (long, 0o644, regular, Vec::new()),
                ("vercel/grüße 😀.txt".to_owned(), 0o644, regular, "ä".as_bytes().to_vec()),
            ]
        );
    }

    #[test]
    fn a_path_that_leads_out_or_nowhere_is_refused() {
        // Too long for a plain header, so that `check_path` has to refuse the path.
        let long = "x".repeat(300);
        for path in ["", "/", "../a", "a/../b", &format!("{long}/../b"), &format!("{long}//b"), &format!("{long}\0")] {
            assert!(pack(&[UploadFile::new(path, "")], 0).is_err(), "{path}");
        }
    }
}
