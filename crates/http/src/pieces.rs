//! Sends a long response in pieces, so that the server copies no more of it than the client accepts.

use std::convert::Infallible;
use std::pin::Pin;
use std::task::{Context, Poll};

use actix_web::body::{BodySize, MessageBody};
use actix_web::web::Bytes;
use workers_service::UnreadPermit;

/// Maximum size of a piece, in bytes. The server requests the next piece after it has sent about this much.
const PIECE: usize = 32 * 1024;

/// A body that is complete in memory, and counts against the memory budget until it is sent.
pub(crate) struct Pieces {
    rest: Bytes,
    _permit: UnreadPermit,
}

impl Pieces {
    pub(crate) fn new(bytes: Bytes, permit: UnreadPermit) -> Self {
        Self { rest: bytes, _permit: permit }
    }
}

impl MessageBody for Pieces {
    type Error = Infallible;

    fn size(&self) -> BodySize {
        BodySize::Sized(self.rest.len() as u64)
    }

    fn poll_next(mut self: Pin<&mut Self>, _context: &mut Context<'_>) -> Poll<Option<Result<Bytes, Infallible>>> {
        // All pieces share one buffer, which is freed with the last of them. So the permit covers the whole body until
        // then.
        Poll::Ready(next_piece(&mut self.rest).map(Ok))
    }
}

/// Returns whether a body of this size is sent in several pieces.
pub(crate) const fn is_long(bytes: usize) -> bool {
    bytes > PIECE
}

/// Splits off the next piece; returns `None` if nothing is left.
pub(crate) fn next_piece(rest: &mut Bytes) -> Option<Bytes> {
    (!rest.is_empty()).then(|| rest.split_to(rest.len().min(PIECE)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pieces_are_short_and_make_up_the_whole() {
        for length in [0, 1, PIECE, PIECE + 1, 3 * PIECE] {
            // 251 does not divide the size of a piece, so equal pieces, or pieces in another order, would show.
            let whole: Bytes = (0..length).map(|at| u8::try_from(at % 251).unwrap()).collect();
            let mut rest = whole.clone();
            let pieces: Vec<Bytes> = std::iter::from_fn(|| next_piece(&mut rest)).collect();
            assert!(pieces.iter().all(|piece| (1..=PIECE).contains(&piece.len())));
            assert_eq!(pieces.concat(), whole);
        }
    }
}
