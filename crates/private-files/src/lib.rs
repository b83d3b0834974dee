#![doc = include_str!("../README.md")]

mod directory;
mod file;
mod named;
mod owner;

pub use directory::{close_data_directory, make_data_directory, make_directory};
pub use file::{close_file, open_file, read_file, replace_file};
pub use named::named;

/// What only we may enter.
const DIRECTORY_MODE: u32 = 0o700;

/// What only we may read and change.
const FILE_MODE: u32 = 0o600;
