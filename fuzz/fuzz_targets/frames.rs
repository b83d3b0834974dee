//! A script's output is decoded the same wherever it is cut, no byte of it is lost or invented outside of frames, and
//! the decoder holds no more than its limits. The first bytes of the input say where the rest is cut.
#![no_main]

use std::alloc::System;
use std::hash::{DefaultHasher, Hasher};

use cap::Cap;
use libfuzzer_sys::fuzz_target;
use workers_protocol::{Decoder, Encoder, Piece, SEPARATOR};

#[global_allocator]
static ALLOCATOR: Cap<System> = Cap::new(System, usize::MAX);

/// Shorter than a real token, so that the fuzzer gets past it.
const TOKEN: &str = "tk";
const MAX_RESULT: usize = 64;
/// The limits of an outcome and of a frame, each in a vector that doubles when it grows.
const MAX_HELD: usize = 2 * (2 * (1024 * 1024 + MAX_RESULT));

/// Decodes the bytes cut at these lengths, and joins adjacent raw pieces.
fn decode(bytes: &[u8], cuts: impl Iterator<Item = usize>) -> Vec<Piece> {
    let (mut pieces, mut rest, mut cuts) = (Vec::new(), bytes, cuts);
    let mut emit = |piece: Piece| match (pieces.last_mut(), piece) {
        (Some(Piece::Raw(before)), Piece::Raw(more)) => before.extend(more),
        (_, piece) => pieces.push(piece),
    };
    let mut decoder = Decoder::new(TOKEN, MAX_RESULT);
    while !rest.is_empty() {
        let (now, later) = rest.split_at(cuts.next().unwrap_or(rest.len()).clamp(1, rest.len()));
        decoder.push(now, &mut emit);
        rest = later;
    }
    decoder.finish(&mut emit);
    pieces
}

/// The bytes outside of frames, found in another way than the decoder does.
fn outside_of_frames(bytes: &[u8]) -> Vec<u8> {
    let prefix = [&[SEPARATOR], TOKEN.as_bytes()].concat();
    let (mut outside, mut rest) = (Vec::new(), bytes);
    while let Some(start) = rest.windows(prefix.len()).position(|window| window == prefix) {
        outside.extend_from_slice(&rest[..start]);
        let frame = &rest[start..];
        rest = frame.iter().position(|byte| *byte == b'\n').map_or(&[], |end| &frame[end + 1..]);
    }
    // What may be the beginning of a frame at the end is none of the function's output; a single separator is.
    let held_back = (2..prefix.len()).find(|length| rest.ends_with(&prefix[..*length])).unwrap_or(0);
    outside.extend_from_slice(&rest[..rest.len() - held_back]);
    outside
}

/// Feeds the bytes again and again, until they are more than all limits together.
fn hold(bytes: &[u8]) {
    let before = ALLOCATOR.allocated();
    let mut decoder = Decoder::new(TOKEN, MAX_RESULT);
    for _ in 0..=2 * MAX_HELD / bytes.len() {
        decoder.push(bytes, drop);
        let held = ALLOCATOR.allocated() - before;
        assert!(held <= MAX_HELD, "{held} bytes are held");
    }
}

fuzz_target!(|input: &[u8]| {
    let Some((cuts, bytes)) = input.split_at_checked(4) else { return };
    let pieces = decode(bytes, std::iter::empty());
    assert_eq!(decode(bytes, cuts.iter().cycle().map(|cut| usize::from(*cut))), pieces);
    assert_eq!(decode(bytes, std::iter::repeat(1)), pieces);

    let raw = pieces.iter().filter_map(|piece| if let Piece::Raw(raw) = piece { Some(&raw[..]) } else { None });
    assert_eq!(raw.collect::<Vec<_>>().concat(), outside_of_frames(bytes));
    for piece in pieces {
        if let Piece::Chunk { stream, at_millis, text } = &piece {
            let again = Encoder::new(TOKEN).chunk(*stream, *at_millis, text);
            assert_eq!(decode(&again, std::iter::empty()), [piece]);
        }
    }

    // Only for a few inputs, which the fuzzer cannot choose, because it takes long.
    let mut hasher = DefaultHasher::new();
    hasher.write(input);
    if hasher.finish().is_multiple_of(16 * 1024) && !bytes.is_empty() {
        hold(bytes);
    }
});
