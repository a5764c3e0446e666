//! A guess: the fields of an object come as in the record before.

/// The bytes between two values, with what they were found to mean: `{"name":`, `,"name": ` and the like.
///
/// They mean the same wherever they stand between two values, so a record that is laid out as the one before it is
/// read without looking at its keys byte by byte.
#[derive(Clone, Copy, Debug)]
pub(super) struct Gap {
    /// The first and the last sixteen bytes; the same ones where there are fewer.
    first: u128,
    last: u128,
    /// Which of the sixteen count.
    mask: u128,
    last_at: usize,
    /// How many bytes; 0 = unknown.
    pub(super) len: usize,
    /// The field whose value follows, if it is read.
    pub(super) field: Option<usize>,
}

/// The longest gap that is remembered.
const GAP_BYTES_MAX: usize = 32;
/// How many fields of an object are remembered.
const FIELDS_MAX: usize = 256;

impl Gap {
    fn new(bytes: &[u8], field: Option<usize>) -> Self {
        let len = if bytes.len() <= GAP_BYTES_MAX { bytes.len() } else { 0 };
        let mask = if len < 16 { (1 << (8 * len)) - 1 } else { u128::MAX };
        let last_at = len.saturating_sub(16);
        let part = |at: usize| {
            let mut part = [0; 16];
            part.iter_mut().zip(bytes.iter().skip(at)).for_each(|(part, &byte)| *part = byte);
            u128::from_le_bytes(part) & mask
        };
        Self { first: part(0), last: part(last_at), mask, last_at, len, field }
    }

    /// Whether it stands at `at`. Never true in the last bytes of the buffer, which is only slower.
    #[inline(always)]
    pub(super) fn is_at(&self, bytes: &[u8], at: usize) -> bool {
        let load = |at: usize| bytes.get(at..)?.first_chunk::<16>().map(|part| u128::from_le_bytes(*part));
        let (Some(first), Some(last)) = (load(at), load(at + self.last_at)) else { return false };
        self.len > 0 && ((first ^ self.first) | (last ^ self.last)) & self.mask == 0
    }
}

/// The gaps of one object in order, as they were seen last.
#[derive(Clone, Debug, Default)]
pub(super) struct Layout {
    gaps: Vec<Gap>,
}

impl Layout {
    #[inline(always)]
    pub(super) fn get(&self, number: usize) -> Option<&Gap> {
        self.gaps.get(number)
    }

    /// Remembers the gap before the value of this number.
    pub(super) fn learn(&mut self, number: usize, bytes: &[u8], field: Option<usize>) {
        let gap = Gap::new(bytes, field);
        if let Some(known) = self.gaps.get_mut(number) {
            *known = gap;
        } else if number < FIELDS_MAX {
            self.gaps.push(gap);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_gap_is_found_where_all_its_bytes_are() {
        for len in 1..=40 {
            let text: Vec<u8> = (0..len).map(|place| b'a' + place).collect();
            let gap = Gap::new(&text, None);
            let mut buffer = [b"..".as_slice(), &text, &[b'.'; 16]].concat();
            assert_eq!(gap.is_at(&buffer, 2), len <= 32, "{len}");
            assert!(!gap.is_at(&buffer, 1));
            for place in 2..2 + usize::from(len) {
                buffer[place] ^= 1;
                assert!(!gap.is_at(&buffer, 2), "{len} {place}");
                buffer[place] ^= 1;
            }
            buffer[2 + usize::from(len)] ^= 1;
            assert_eq!(gap.is_at(&buffer, 2), len <= 32, "what follows does not count: {len}");
            assert!(!gap.is_at(&buffer, buffer.len() + 5));
        }
        assert!(!Gap::new(b"", None).is_at(&[0; 64], 0));
    }
}
