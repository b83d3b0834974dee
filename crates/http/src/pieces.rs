//! A long answer is sent in pieces: the server copies no more of it than its client takes.

use std::convert::Infallible;
use std::pin::Pin;
use std::task::{Context, Poll};

use actix_web::body::{BodySize, MessageBody};
use actix_web::web::Bytes;
use workers_service::UnreadRoom;

/// The longest piece. The server asks for the next one when it has sent about as much.
const PIECE: usize = 32 * 1024;

/// A body whose bytes are there, and take room until they are sent.
pub(crate) struct Pieces {
    rest: Bytes,
    _room: UnreadRoom,
}

impl Pieces {
    pub(crate) fn new(bytes: Bytes, room: UnreadRoom) -> Self {
        Self { rest: bytes, _room: room }
    }
}

impl MessageBody for Pieces {
    type Error = Infallible;

    fn size(&self) -> BodySize {
        BodySize::Sized(self.rest.len() as u64)
    }

    fn poll_next(mut self: Pin<&mut Self>, _context: &mut Context<'_>) -> Poll<Option<Result<Bytes, Infallible>>> {
        Poll::Ready(next_piece(&mut self.rest).map(Ok))
    }
}

/// Whether a body is sent in several pieces.
pub(crate) const fn is_long(bytes: usize) -> bool {
    bytes > PIECE
}

/// Cuts the next piece off; `None` when nothing is left.
pub(crate) fn next_piece(rest: &mut Bytes) -> Option<Bytes> {
    (!rest.is_empty()).then(|| rest.split_to(rest.len().min(PIECE)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pieces_are_short_and_make_up_the_whole() {
        for length in [0, 1, PIECE, PIECE + 1, 3 * PIECE] {
            let whole: Bytes = (0..length).map(|at| u8::try_from(at % 251).unwrap()).collect();
            let mut rest = whole.clone();
            let pieces: Vec<Bytes> = std::iter::from_fn(|| next_piece(&mut rest)).collect();
            assert!(pieces.iter().all(|piece| (1..=PIECE).contains(&piece.len())));
            assert_eq!(pieces.concat(), whole);
        }
    }
}
