//! The layout of earlier versions, and how it is converted to the current one:
//!
//! ```text
//! snapshots/contents/<sha-256>/manifest.json   what is in the tree
//! snapshots/contents/<sha-256>/files/          the tree
//! snapshots/refs/<snapshot id>                 as today, without a level in between
//! ```

use std::io;
use std::path::{Path, PathBuf};

use workers_domain::SnapshotId;

use super::files::{entries, move_tree};
use super::layout::Layout;
use super::manifest::Digest256;
use super::reference::{is_name, path_of};
use super::trash::Trash;

/// Moves the files of an earlier version to their current place, and logs when that begins and ends: with many
/// snapshots it takes long, and the server answers no request meanwhile. After each step the store is usable, and the
/// next start continues where this one stopped.
///
/// # Errors
///
/// When the directories cannot be read, or the data directory is missing.
pub(super) fn adopt(layout: &Layout, trash: &Trash) -> io::Result<()> {
    let contents: Vec<(PathBuf, Digest256)> = entries(&layout.contents)?
        .into_iter()
        .filter_map(|(path, name)| Digest256::parse(&name).map(|content| (path, content)))
        .collect();
    let references: Vec<(PathBuf, PathBuf)> = entries(&layout.references)?
        .into_iter()
        .filter(|(_, name)| is_name(name))
        .filter_map(|(path, name)| path_of(&layout.references, &SnapshotId::new(name)).map(|place| (path, place)))
        .collect();
    if contents.is_empty() && references.is_empty() {
        return Ok(());
    }
    tracing::info!(
        snapshots = references.len(),
        "moving the snapshots of an earlier version; the server answers when that is done"
    );
    // Before the references, because a reference without its content is a snapshot that cannot be read.
    for (path, content) in contents {
        move_unless_taken(layout, &path.join("files"), &layout.tree_of(&content))?;
        trash.take(&path)?;
    }
    let mut moved = 0;
    for (path, place) in references {
        moved += usize::from(move_unless_taken(layout, &path, &place)?);
    }
    tracing::info!(snapshots = moved, "moved the snapshots of an earlier version");
    Ok(())
}

/// Moves something to a path where nothing is, and returns whether it did. What cannot be moved counts as gone, and is
/// made again when it is needed.
fn move_unless_taken(layout: &Layout, from: &Path, to: &Path) -> io::Result<bool> {
    if to.symlink_metadata().is_ok() || from.symlink_metadata().is_err() {
        return Ok(false);
    }
    let Err(error) = layout.in_level(to, || move_tree(from, to)) else { return Ok(true) };
    tracing::warn!(error = %error, path = %from.display(), "a snapshot of an earlier version cannot be taken over");
    layout.data_dir.check().map(|()| false)
}
