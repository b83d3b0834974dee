//! The layout that earlier versions made, and how it becomes the one of this version:
//!
//! ```text
//! snapshots/contents/<sha-256>/manifest.json   what is in the tree
//! snapshots/contents/<sha-256>/files/          the tree
//! snapshots/refs/<snapshot id>                 as today, without a level in between
//! ```

use std::io;
use std::path::Path;

use workers_domain::SnapshotId;

use super::files::{entries, move_tree};
use super::layout::Layout;
use super::manifest::Digest256;
use super::reference::{is_name, path_of};
use super::trash::Trash;

/// Moves what an earlier version has made to where it lies today. Each step leaves a store that can be used: the next
/// start goes on with what was not done.
///
/// # Errors
///
/// When the directories cannot be read, or the data directory is away.
pub(super) fn adopt(layout: &Layout, trash: &Trash) -> io::Result<()> {
    for (path, name) in entries(&layout.contents)? {
        if let Some(content) = Digest256::parse(&name) {
            move_unless_taken(layout, &path.join("files"), &layout.tree_of(&content))?;
            trash.take(&path)?;
        }
    }
    for (path, name) in entries(&layout.references)? {
        if let Some(place) = path_of(&layout.references, &SnapshotId::new(name.as_str())).filter(|_| is_name(&name)) {
            move_unless_taken(layout, &path, &place)?;
        }
    }
    Ok(())
}

/// Moves something to where nothing is. What cannot be moved counts as gone, and is made again when it is needed.
fn move_unless_taken(layout: &Layout, from: &Path, to: &Path) -> io::Result<()> {
    if to.symlink_metadata().is_ok() || from.symlink_metadata().is_err() {
        return Ok(());
    }
    layout.in_level(to, || move_tree(from, to)).or_else(|error| {
        tracing::warn!(error = %error, path = %from.display(), "a snapshot of an earlier version cannot be taken over");
        layout.home.check()
    })
}
