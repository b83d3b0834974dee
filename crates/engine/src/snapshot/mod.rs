//! Snapshots: frozen trees of files, kept by content.
//!
//! ```text
//! snapshots/contents/<2 digits>/<sha-256>/    a tree; its name is the digest of all paths, modes and digests in it
//! snapshots/refs/<2 digits>/<snapshot id>     which content, and until when
//! snapshots/incoming/                         what is being written
//! snapshots/trash/                            what is being removed
//! ```
//!
//! So a snapshot costs its files and little more, and no directory has many entries. Contents lie by the first two
//! digits of their name, references by the last two, which are random. What earlier versions made (`flat.rs`) is moved
//! there at the start; what was being written goes to the trash then.
//!
//! Several snapshots may share a content; it goes with the last of them, and not before the last sandbox that runs from
//! it. A snapshot is a cache of what the database has, so nothing is forced to the disk: instead a content is read
//! whole and held against its name when it is first used after a start, and again when one of its files is not the one
//! that was checked. One that a loss of power or a person has torn counts as gone. What lies here and is not ours is
//! left alone.

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

pub(crate) use reference::Naming;
pub(crate) use staging::Staging;
pub(crate) use store::{Lease, SnapshotStore};
