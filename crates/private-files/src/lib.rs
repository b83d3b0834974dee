#![doc = include_str!("../README.md")]

mod directory;
mod file;
mod named;
mod owner;

pub use directory::{close_data_directory, make_data_directory, make_directory};
pub use file::{close_file, open_file, read_file, replace_file};
pub use named::named;

/// The mode of a directory that only its owner may enter.
const DIRECTORY_MODE: u32 = 0o700;

/// The mode of a file that only its owner may read and write.
const FILE_MODE: u32 = 0o600;
