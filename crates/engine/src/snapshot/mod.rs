//! Snapshots: frozen trees of files, kept by content.
//!
//! ```text
//! snapshots/contents/<sha-256>/manifest.json   every file with its digest; the directory's name is the digest of this
//! snapshots/contents/<sha-256>/files/          the tree
//! snapshots/refs/<snapshot id>                 which content, and until when
//! snapshots/incoming/                          what is being written or removed; cleared at start
//! ```
//!
//! Several snapshots may share a content; it goes with the last of them, and not before the last sandbox that runs from
//! it. A snapshot is a cache of what the database has, so nothing is forced to the disk: instead a content is checked
//! against its manifest when it is first used after a start, and again when one of its files is not the one that was
//! checked. One that a loss of power or a person has torn counts as gone. What lies here and is not ours is left alone.

mod files;
pub(crate) mod manifest;
mod reference;
mod staging;
mod store;

pub(crate) use reference::Naming;
pub(crate) use staging::Staging;
pub(crate) use store::{Lease, SnapshotStore};
