//! Adds the subject to I/O errors.

use std::error::Error;
use std::fmt::{self, Display};
use std::io;

/// An error with its subject. It keeps the error code of the operating system.
#[derive(Debug)]
struct Named {
    what: String,
    source: io::Error,
}

impl Display for Named {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{}: {}", self.what, self.source)
    }
}

impl Error for Named {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        Some(&self.source)
    }
}

/// Adds a subject, such as a path or a step, to an error. The error code of the operating system stays available
/// through its source.
#[must_use]
pub fn named(what: impl Display, source: io::Error) -> io::Error {
    io::Error::new(source.kind(), Named { what: what.to_string(), source })
}
