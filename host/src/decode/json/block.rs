//! Finding the end of a string or a number sixteen bytes at a time.
//!
//! The loops over a block have no branches and a fixed length: the compiler makes vector instructions of them.

/// How many bytes are looked at together.
const WIDTH: usize = 16;

/// Sixteen bytes from `at` on; past the end of the buffer they are 0.
#[inline(always)]
fn load(bytes: &[u8], at: usize) -> [u8; WIDTH] {
    match bytes.get(at..).and_then(|rest| rest.first_chunk::<WIDTH>()) {
        Some(block) => *block,
        None => load_tail(bytes, at),
    }
}

#[cold]
fn load_tail(bytes: &[u8], at: usize) -> [u8; WIDTH] {
    let mut block = [0; WIDTH];
    let tail = bytes.get(at..).unwrap_or_default();
    block.iter_mut().zip(tail).for_each(|(byte, &tail)| *byte = tail);
    block
}

/// The place of the first byte of the block for which `is` holds; [`WIDTH`] if there is none.
#[inline(always)]
fn first(block: [u8; WIDTH], is: impl Fn(u8) -> bool) -> usize {
    let hits = block.map(|byte| if is(byte) { 0xff } else { 0 });
    u128::from_le_bytes(hits).trailing_zeros() as usize / 8
}

/// The first byte from `at` on for which `is` holds; `end` if there is none before it.
///
/// The buffer may go on behind `end`: what is found there does not count.
#[inline(always)]
fn find(bytes: &[u8], mut at: usize, end: usize, is: impl Fn(u8) -> bool) -> usize {
    while at < end {
        let place = first(load(bytes, at), &is);
        at += place;
        if place < WIDTH {
            break;
        }
    }
    at.min(end)
}

/// The first quote or backslash.
#[inline]
pub(super) fn find_quote(bytes: &[u8], at: usize, end: usize) -> usize {
    find(bytes, at, end, |byte| (byte == b'"') | (byte == b'\\'))
}

/// The end of a number, `true`, `false` or `null`: the first white space or structural character.
#[inline]
pub(super) fn find_delimiter(bytes: &[u8], at: usize, end: usize) -> usize {
    // Up to `"` are the white space and what no value holds; `[` and `]` differ from `{` and `}` by one bit.
    find(bytes, at, end, |byte| {
        (byte <= b'"') | (byte == b',') | (byte == b':') | (byte | 0x20 == b'{') | (byte | 0x20 == b'}')
    })
}

/// The first quote, bracket or brace.
#[inline]
pub(super) fn find_structure(bytes: &[u8], at: usize, end: usize) -> usize {
    find(bytes, at, end, |byte| (byte == b'"') | (byte | 0x20 == b'{') | (byte | 0x20 == b'}'))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn what_is_found_is_what_a_plain_loop_finds(
            bytes in prop::collection::vec(prop::sample::select(b"ab0,:\"\\[]{} \n\t\x7f\xe9\xfb\xfd\x00".to_vec()), 0..80),
            at in 0usize..80,
            end in 0usize..80,
        ) {
            let end = end.min(bytes.len());
            let at = at.min(end);
            let plain = |set: &dyn Fn(u8) -> bool| {
                bytes[at..end].iter().position(|&byte| set(byte)).map_or(end, |place| at + place)
            };
            prop_assert_eq!(find_quote(&bytes, at, end), plain(&|byte| b"\"\\".contains(&byte)));
            prop_assert_eq!(find_structure(&bytes, at, end), plain(&|byte| b"\"[]{}".contains(&byte)));
            prop_assert_eq!(
                find_delimiter(&bytes, at, end),
                plain(&|byte| byte <= b'"' || b",:[]{}".contains(&byte))
            );
        }
    }
}
