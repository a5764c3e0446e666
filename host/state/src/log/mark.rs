//! How far a segment is synced: two pages that are written in turn, so that one always stands.
//!
//! A mark is written after the sync that it tells of, and not synced itself. After `kill -9` the system still has it; after a
//! power cut the one before may be found, which says less, and nothing that is not so.

use crate::bytes::{Malformed, Reader, Writer, checksum};

/// A page; also how long a mark is. What was synced is never written again in one page with it.
pub(super) const PAGE_BYTES: usize = 4096;

/// What is on the disk for certain.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Mark {
    /// Each mark's is one more than the last.
    pub(super) turn: u64,
    /// The segment's first index.
    pub(super) first: u64,
    /// The entries below this index,
    pub(super) next: u64,
    /// which end here, in bytes from the file's start.
    pub(super) end: u64,
    /// Whether the log goes on in the segment that begins with `next`.
    pub(super) sealed: bool,
}

impl Mark {
    /// Which of the two pages it is written to.
    pub(super) fn page(&self) -> usize {
        (self.turn % 2) as usize
    }

    /// [`PAGE_BYTES`]; every bit counts.
    pub(super) fn encode(&self, identity: u128) -> Vec<u8> {
        let mut writer = Writer::with_capacity(PAGE_BYTES);
        writer.u128(identity);
        for field in [self.turn, self.first, self.next, self.end] {
            writer.u64(field);
        }
        writer.bool(self.sealed);
        let mut bytes = writer.into_bytes();
        bytes.resize(PAGE_BYTES - size_of::<u64>(), 0);
        let sum = checksum(&bytes);
        bytes.extend(sum.to_le_bytes());
        bytes
    }

    fn decode(page: &[u8], identity: u128, first: u64) -> Result<Self, Malformed> {
        let mut reader = Reader::new(page);
        let whose = reader.u128()?;
        let mark = Self {
            turn: reader.u64()?,
            first: reader.u64()?,
            next: reader.u64()?,
            end: reader.u64()?,
            sealed: reader.bool()?,
        };
        reader.raw(PAGE_BYTES - size_of::<u64>() - reader.at())?;
        let sum = reader.u64()?;
        let intact = page.get(..PAGE_BYTES - size_of::<u64>()).map(checksum) == Some(sum);
        match intact && (whose, mark.first) == (identity, first) {
            true => Ok(mark),
            false => Err(reader.malformed("no mark of this segment")),
        }
    }

    /// The newer of the marks in two pages, and whether the other one is damaged.
    pub(super) fn newest(pages: [&[u8]; 2], identity: u128, first: u64) -> (Option<Self>, bool) {
        let [one, two] = pages.map(|page| Self::decode(page, identity, first).ok());
        match (one, two) {
            (Some(one), Some(two)) if one.turn > two.turn => (Some(one), false),
            (Some(_), Some(two)) => (Some(two), false),
            (one, two) => (one.or(two), true),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn mark(turn: u64) -> Mark {
        Mark { turn, first: 3, next: 3 + turn, end: 100 * turn, sealed: false }
    }

    #[test]
    fn the_newer_one_counts_and_one_always_stands() {
        let pages = [mark(4).encode(9), mark(5).encode(9)];
        let newest = |pages: &[Vec<u8>; 2]| Mark::newest([&pages[0], &pages[1]], 9, 3);
        assert_eq!(newest(&pages), (Some(mark(5)), false));
        assert_eq!(pages[0].len(), PAGE_BYTES);
        for bit in 0..PAGE_BYTES * 8 {
            let mut damaged = pages.clone();
            damaged[1][bit / 8] ^= 1 << (bit % 8);
            assert_eq!(newest(&damaged), (Some(mark(4)), true), "bit {bit}");
        }
        assert_eq!(Mark::newest([&pages[0], &pages[1]], 8, 3), (None, true), "another query's");
        assert_eq!(Mark::newest([&pages[0], &pages[1]], 9, 4), (None, true), "another segment's");
        assert_eq!(Mark::newest([&[], &[]], 9, 3), (None, true));
    }
}
