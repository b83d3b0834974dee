//! Directories and files of the server's own: only its user may enter, read and change them, whatever the umask is.
//!
//! What is there already is looked at before it is used. If it is ours and open to others, it is closed; if it is another user's, or a link
//! where there must be none, it is refused with its path and what to do. The look is taken at what was opened, not at a name.
//!
//! The data directory comes first ([`make_data_directory`]): once nobody else can enter it, nobody can put a link or a file of his own
//! in the way of what lies in it.

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
