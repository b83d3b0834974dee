//! Reads uploaded files: a gzipped tar.

use std::io::Read as _;

use flate2::read::GzDecoder;
use serde_json::{Value, json};
use tar::Archive;

/// Returns the entries without their times. Names from an extended header count as names.
pub(super) fn read(packed: &[u8]) -> Value {
    let mut archive = Archive::new(GzDecoder::new(packed));
    let entries = archive.entries().unwrap().map(|entry| {
        let mut entry = entry.unwrap();
        let mut content = Vec::new();
        entry.read_to_end(&mut content).unwrap();
        let header = entry.header();
        json!({
            "name": String::from_utf8(entry.path_bytes().into_owned()).unwrap(),
            "mode": format!("{:o}", header.mode().unwrap()),
            "owner": [header.uid().unwrap(), header.gid().unwrap()],
            "size": entry.size(),
            "type": char::from(header.entry_type().as_byte()).to_string(),
            "content": String::from_utf8_lossy(&content),
        })
    });
    entries.collect()
}
