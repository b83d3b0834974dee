//! Snapshots: frozen trees of files, kept by content.
//!
//! ```text
//! snapshots/contents/<2 digits>/<sha-256>/    a tree; its name is the digest of all paths, modes and digests in it
//! snapshots/refs/<2 digits>/<snapshot id>     which content, and until when
//! snapshots/incoming/                         what is being written
//! snapshots/trash/                            what is being removed
//! ```
//!
//! So a snapshot costs little more than its files, and no directory has many entries. Contents lie in levels by the
//! first two digits of their name, references by the last two, which are random. At the start, the files of earlier
//! versions (`flat.rs`) are moved there, and what was being written is moved to the trash.
//!
//! Several snapshots may share a content. It is removed with the last of them, but not before the last sandbox that
//! runs from it has ended. A snapshot is a cache of what the database has, so nothing is synced to the disk. Instead a
//! content is read completely and compared with its name when it is first used after a start, and again when one of its
//! files is not the one that was checked. A content that is damaged by a power loss or by a person counts as gone.
//! Files in these directories that are not ours are left alone.

mod files;
mod flat;
mod layout;
pub(crate) mod manifest;
mod reference;
mod staging;
mod store;
#[cfg(test)]
mod tests;
mod trash;
mod uses;

pub(crate) use reference::NewSnapshot;
pub(crate) use staging::Staging;
pub(crate) use store::{Lease, SnapshotStore};
