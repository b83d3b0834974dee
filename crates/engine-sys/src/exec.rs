//! Replacing the process by another program.

use std::ffi::CString;
use std::io;
use std::ptr;

/// A program with its arguments and environment. It is built before the fork, so that the child allocates as little as
/// possible.
#[derive(Debug)]
pub struct CommandImage {
    candidates: Vec<CString>,
    arguments: Vec<CString>,
    environment: Vec<CString>,
}

impl CommandImage {
    /// Builds the image. `candidates` are the paths to try, in order; `arguments` start with the program's name.
    ///
    /// # Errors
    ///
    /// When a text contains NUL.
    pub fn new(candidates: Vec<String>, arguments: Vec<String>, environment: Vec<String>) -> io::Result<Self> {
        let convert = |texts: Vec<String>| -> io::Result<Vec<CString>> {
            texts.into_iter().map(|text| CString::new(text).map_err(io::Error::from)).collect()
        };
        Ok(Self {
            candidates: convert(candidates)?,
            arguments: convert(arguments)?,
            environment: convert(environment)?,
        })
    }
}

/// Replaces the process by the first candidate that exists. Returns only if that fails, with the reason.
#[must_use]
pub fn exec(image: &CommandImage) -> io::Error {
    let pointers = |texts: &[CString]| -> Vec<*const libc::c_char> {
        texts.iter().map(|text| text.as_ptr()).chain([ptr::null()]).collect()
    };
    let arguments = pointers(&image.arguments);
    let environment = pointers(&image.environment);
    let mut reason = io::Error::from_raw_os_error(libc::ENOENT);
    for candidate in &image.candidates {
        // SAFETY: `candidate` and every element of both arrays point to NUL-terminated strings owned by `image`, which
        // is borrowed for the whole call; both arrays end with a null pointer and live on this frame. execve only reads
        // them.
        unsafe { libc::execve(candidate.as_ptr(), arguments.as_ptr(), environment.as_ptr()) };
        reason = io::Error::last_os_error();
        if reason.raw_os_error() != Some(libc::ENOENT) {
            break;
        }
    }
    reason
}
