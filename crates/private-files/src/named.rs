//! Errors that say what they are about.

use std::error::Error;
use std::fmt::{self, Display};
use std::io;

/// An error with what it is about. It keeps the number that the operating system gave.
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

/// Says what an error is about, as a path or a step. The number that the operating system gave is found in its source.
#[must_use]
pub fn named(what: impl Display, source: io::Error) -> io::Error {
    io::Error::new(source.kind(), Named { what: what.to_string(), source })
}
