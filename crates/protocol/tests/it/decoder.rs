//! What holds for any bytes.

use proptest::prelude::*;
use workers_protocol::{Decoder, Encoder, Meta, OutputStream, Piece};

const TOKEN: &str = "0123456789abcdef0123456789abcdef";

/// Pieces of output as a hostile script may write them: text, separators, parts of frames, whole frames.
fn written() -> impl Strategy<Value = Vec<u8>> {
    let encoder = || Encoder::new(TOKEN);
    let part = prop_oneof![
        prop::collection::vec(any::<u8>(), 0..20),
        Just(vec![0x1e]),
        (0..40usize).prop_map(move |length| {
            let frame = encoder().frame("O5:\"cut\"");
            frame[..length.min(frame.len())].to_vec()
        }),
        (any::<i64>(), ".{0,20}").prop_map(move |(at, text)| encoder().chunk(OutputStream::Stderr, at, &text)),
        "[0-9]{1,30}".prop_map(move |json| encoder().outcome(&Meta::default(), &json)),
        Just(encoder().started()),
        ".{0,12}".prop_map(move |body| encoder().frame(body)),
    ];
    prop::collection::vec(part, 0..12).prop_map(|parts| parts.concat())
}

/// Decodes the bytes cut at these lengths, and joins adjacent raw pieces.
fn decode(bytes: &[u8], mut cuts: impl Iterator<Item = usize>) -> Vec<Piece> {
    let (mut pieces, mut rest) = (Vec::new(), bytes);
    let mut emit = |piece: Piece| match (pieces.last_mut(), piece) {
        (Some(Piece::Raw(before)), Piece::Raw(more)) => before.extend(more),
        (_, piece) => pieces.push(piece),
    };
    let mut decoder = Decoder::new(TOKEN, 64);
    while !rest.is_empty() {
        let (now, later) = rest.split_at(cuts.next().unwrap_or(rest.len()).clamp(1, rest.len()));
        decoder.push(now, &mut emit);
        rest = later;
    }
    decoder.finish(&mut emit);
    pieces
}

proptest! {
    #[test]
    fn where_the_bytes_are_cut_does_not_matter(bytes in written(), cuts in prop::collection::vec(1..40usize, 0..60)) {
        prop_assert_eq!(decode(&bytes, cuts.into_iter()), decode(&bytes, std::iter::empty()));
    }

    #[test]
    fn text_without_separators_passes_through_unchanged(text in "[^\u{1e}]{0,200}") {
        let expected = if text.is_empty() { vec![] } else { vec![Piece::Raw(text.clone().into_bytes())] };
        prop_assert_eq!(decode(text.as_bytes(), std::iter::empty()), expected);
    }

    #[test]
    fn what_the_encoder_writes_the_decoder_reads(text in ".{0,200}", at in -1_000_000_000_000i64..4_000_000_000_000) {
        let bytes = Encoder::new(TOKEN).chunk(OutputStream::Stdout, at, &text);
        let chunk = Piece::Chunk { stream: OutputStream::Stdout, at_millis: at, text };
        prop_assert_eq!(decode(&bytes, std::iter::empty()), vec![chunk]);
    }
}
