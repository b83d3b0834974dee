//! Whatever archive a client uploads, only ordinary files and directories are made, all of them below the directory,
//! and an archive that is unpacked without an error is there as a whole. The first byte of the input says whether the
//! rest is the gzipped archive, or a tar archive whose sums and compression the target makes, which a fuzzer cannot.
#![no_main]

use std::collections::BTreeMap;
use std::fs;
use std::io::{self, Read};
use std::path::{Component, Path, PathBuf};

use flate2::Crc;
use flate2::read::MultiGzDecoder;
use libfuzzer_sys::{Corpus, fuzz_target};
use tar::{Archive, EntryType, Header};
use workers_engine::fuzzing::unpack_archive;

const BLOCK: usize = 512;
/// The most that an archive may unpack to, in bytes: no limit of the code's, which leaves it to the machine's disk.
const MAX_UNPACKED: u64 = 1024 * 1024;

/// Corrects the sum of each header.
fn with_sums(mut tar: Vec<u8>) -> Vec<u8> {
    let mut at = 0;
    while let Some(block) = tar.get_mut(at..at + BLOCK) {
        let mut header = Header::from_byte_slice(block).clone();
        header.set_cksum();
        block.copy_from_slice(header.as_bytes());
        let content = header.entry_size().ok().and_then(|size| usize::try_from(size).ok()).unwrap_or(0);
        at = at.saturating_add(BLOCK).saturating_add(content.checked_next_multiple_of(BLOCK).unwrap_or(usize::MAX / 2));
    }
    tar
}

/// Makes a gzip file without compression; an encoder would take most of the time.
fn gzipped(tar: &[u8]) -> Vec<u8> {
    let mut file = vec![0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 0xff];
    for block in tar.chunks(usize::from(u16::MAX)) {
        let length = u16::try_from(block.len()).expect("a short block");
        file.push(0);
        file.extend([length.to_le_bytes(), (!length).to_le_bytes()].concat());
        file.extend(block);
    }
    // An empty last block.
    file.extend([1, 0, 0, 0xff, 0xff]);
    let mut sum = Crc::new();
    sum.update(tar);
    file.extend([sum.sum().to_le_bytes(), sum.amount().to_le_bytes()].concat());
    file
}

/// Returns the paths of the files in an archive, with their lengths; `None` if they are too long. What cannot be read
/// is left out.
fn files(archive: &[u8]) -> Option<Vec<(PathBuf, u64)>> {
    let mut tar = Vec::new();
    // After an error, what could be read until there is unpacked too.
    let _ = MultiGzDecoder::new(archive).take(MAX_UNPACKED + 1).read_to_end(&mut tar);
    let (mut files, mut unpacked) = (Vec::new(), tar.len() as u64);
    let mut archive = Archive::new(&*tar);
    for entry in archive.entries().into_iter().flatten().map_while(Result::ok) {
        unpacked = unpacked.checked_add(entry.size()).filter(|unpacked| *unpacked <= MAX_UNPACKED)?;
        let kinds = [EntryType::Regular, EntryType::Continuous, EntryType::GNUSparse];
        if kinds.contains(&entry.header().entry_type()) {
            files.push((entry.path().map_or_else(|_| PathBuf::new(), |path| path.into_owned()), entry.size()));
        }
    }
    Some(files)
}

/// Checks that there are only ordinary files and directories, and returns how many files.
fn count(directory: &Path) -> io::Result<usize> {
    let mut files = 0;
    for entry in fs::read_dir(directory)? {
        let entry = entry?;
        let kind = entry.file_type()?;
        assert!(kind.is_file() || kind.is_dir(), "{} is a {kind:?}", entry.path().display());
        files += if kind.is_dir() { count(&entry.path())? } else { 1 };
    }
    Ok(files)
}

fn names(directory: &Path) -> Vec<PathBuf> {
    fs::read_dir(directory).expect("a directory").map(|entry| entry.expect("an entry").path()).collect()
}

fuzz_target!(|input: &[u8]| -> Corpus {
    let Some((&form, rest)) = input.split_first() else { return Corpus::Reject };
    let archive = if form == 0 { rest.to_vec() } else { gzipped(&with_sums(rest.to_vec())) };
    let Some(files) = files(&archive) else { return Corpus::Reject };

    let outer = tempfile::tempdir().expect("a directory");
    let root = outer.path().join("root");
    fs::create_dir(&root).expect("a directory");
    let unpacked = unpack_archive(&root, &*archive);

    assert_eq!(names(outer.path()), [&*root], "a file beside the directory");
    let made = count(&root).expect("a directory that can be read");
    if unpacked.is_ok() {
        // The last of two files of one name is the one that stays.
        let mut expected = BTreeMap::new();
        for (path, length) in files {
            assert!(path.components().all(|part| matches!(part, Component::Normal(_) | Component::CurDir)), "{path:?}");
            expected.insert(root.join(path).components().collect::<PathBuf>(), length);
        }
        assert_eq!(made, expected.len());
        for (path, length) in expected {
            assert_eq!(fs::metadata(&path).expect("a file of the archive").len(), length, "{}", path.display());
        }
    }
    Corpus::Keep
});
