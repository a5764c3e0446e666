//! One entry behind the other: length (4 bytes), index (8), payload, checksum (8) of all of it.
//!
//! The checksum is seeded with the state's identity: an entry of another query that found its way here is none.

use std::ops::Range;

use xxhash_rust::xxh3::xxh3_64_with_seed;

use crate::bytes::Reader;

/// The longest payload.
pub(super) const PAYLOAD_BYTES_MAX: usize = 64 << 20;

const BEFORE: usize = 12;
const BEHIND: usize = 8;

/// Whose entries they are, as a seed.
pub(super) fn seed(identity: u128) -> u64 {
    (identity >> 64) as u64 ^ identity as u64
}

/// Appends an entry.
pub(super) fn write(bytes: &mut Vec<u8>, seed: u64, index: u64, payload: &[u8]) {
    debug_assert!(payload.len() <= PAYLOAD_BYTES_MAX, "the log looked at its length");
    let start = bytes.len();
    bytes.reserve(BEFORE + payload.len() + BEHIND);
    bytes.extend((payload.len() as u32).to_le_bytes());
    bytes.extend(index.to_le_bytes());
    bytes.extend_from_slice(payload);
    let sum = xxh3_64_with_seed(bytes.get(start..).unwrap_or_default(), seed);
    bytes.extend(sum.to_le_bytes());
}

/// What stands at a place.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Found {
    /// The entry that is expected: where its payload is. The next one stands [`after`] it.
    Entry(Range<usize>),
    /// Nothing but zeros, to the end.
    Nothing,
    /// Anything else.
    Torn(&'static str),
}

/// Where the next entry begins.
pub(super) fn after(payload: &Range<usize>) -> usize {
    payload.end + BEHIND
}

/// Looks for the entry of an index.
pub(super) fn find(bytes: &[u8], at: usize, seed: u64, index: u64) -> Found {
    let rest = bytes.get(at..).unwrap_or_default();
    match read(rest, seed, index) {
        Ok(length) => Found::Entry(at + BEFORE..at + BEFORE + length),
        Err(_) if rest.iter().all(|byte| *byte == 0) => Found::Nothing,
        Err(why) => Found::Torn(why),
    }
}

/// The length of the payload of an intact entry.
fn read(rest: &[u8], seed: u64, index: u64) -> Result<usize, &'static str> {
    const SHORT: &str = "an entry is cut short";
    let mut reader = Reader::new(rest);
    let length = reader.u32().map_err(|_| SHORT)? as usize;
    let found = reader.u64().map_err(|_| SHORT)?;
    if length > PAYLOAD_BYTES_MAX {
        return Err("an entry has an impossible length");
    }
    reader.raw(length).map_err(|_| SHORT)?;
    let sum = reader.u64().map_err(|_| SHORT)?;
    let summed = rest.get(..BEFORE + length).unwrap_or_default();
    match (xxh3_64_with_seed(summed, seed) == sum, found == index) {
        (false, _) => Err("an entry does not have its checksum"),
        (true, false) => Err("an entry has another index"),
        (true, true) => Ok(length),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn entries_come_back_and_every_flipped_bit_is_seen() {
        let mut bytes = vec![9; 3];
        write(&mut bytes, 5, 7, b"first");
        let next = bytes.len();
        write(&mut bytes, 5, 8, b"");
        let found = find(&bytes, 3, 5, 7);
        assert_eq!(found, Found::Entry(15..20));
        assert_eq!(after(&(15..20)), next);
        assert_eq!(&bytes[15..20], b"first");
        assert_eq!(find(&bytes, next, 5, 8), Found::Entry(next + 12..next + 12));
        for bit in 3 * 8..next * 8 {
            let mut bytes = bytes.clone();
            bytes[bit / 8] ^= 1 << (bit % 8);
            assert!(matches!(find(&bytes, 3, 5, 7), Found::Torn(_)), "bit {bit}");
        }
        assert!(matches!(find(&bytes, 3, 6, 7), Found::Torn(_)), "another query's");
        assert!(matches!(find(&bytes, 3, 5, 8), Found::Torn(_)), "another index");
    }

    #[test]
    fn zeros_are_the_end() {
        assert_eq!(find(&[0; 100], 20, 0, 0), Found::Nothing);
        assert_eq!(find(&[], 0, 0, 1), Found::Nothing);
        assert_eq!(find(&[0; 5], 0, 0, 1), Found::Nothing);
        assert!(matches!(find(&[0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1], 0, 0, 1), Found::Torn(_)));
    }
}
