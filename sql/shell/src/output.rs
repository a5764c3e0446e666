//! What a kernel writes, and how it becomes columns.
//!
//! A kernel writes booleans and validity as one byte a row (1 or 0), which is quicker than bits in a loop over rows.

use crate::bindings::exports::streamgauge::plugin::columns::{BytesList, Column, Values};

/// A text in memory; a kernel writes it as two words of 32 bits.
#[derive(Clone, Copy)]
#[repr(C)]
pub(crate) struct TextView {
    pub(crate) pointer: *const u8,
    pub(crate) length: usize,
}

impl TextView {
    const EMPTY: Self = Self { pointer: std::ptr::null(), length: 0 };

    /// The bytes.
    ///
    /// # Safety
    /// They must be there: in a column, in the arena, or none at all; and stay until the end of `'a`.
    #[expect(unsafe_code, reason = "a kernel names texts by address and length")]
    pub(crate) unsafe fn bytes<'a>(self) -> &'a [u8] {
        if self.length == 0 {
            return &[];
        }
        // SAFETY: as the caller promises.
        unsafe { std::slice::from_raw_parts(self.pointer, self.length) }
    }
}

/// One value a row; at rows that a kernel does not write, zero or empty.
pub(crate) enum Buffer {
    Booleans(Vec<u8>),
    Int64s(Vec<i64>),
    Float64s(Vec<f64>),
    Timestamps(Vec<i64>),
    Texts(Vec<TextView>),
}

impl Buffer {
    /// Of the type with this number, in the order of `wit/columns.wit`.
    pub(crate) fn new(data_type: u32, rows: usize) -> Self {
        match data_type {
            0 => Self::Booleans(vec![0; rows]),
            1 => Self::Int64s(vec![0; rows]),
            2 => Self::Float64s(vec![0.0; rows]),
            3 => Self::Timestamps(vec![0; rows]),
            4 => Self::Texts(vec![TextView::EMPTY; rows]),
            number => unreachable!("no data type has the number {number}"),
        }
    }

    /// Where row 0 is written.
    pub(crate) fn pointer(&mut self) -> *mut u8 {
        match self {
            Self::Booleans(values) => values.as_mut_ptr(),
            Self::Int64s(values) | Self::Timestamps(values) => values.as_mut_ptr().cast(),
            Self::Float64s(values) => values.as_mut_ptr().cast(),
            Self::Texts(values) => values.as_mut_ptr().cast(),
        }
    }

    fn into_values(self, valid: Option<&[u8]>) -> Values {
        match self {
            Self::Booleans(values) => Values::Booleans(pack(&values)),
            Self::Int64s(values) => Values::Int64s(values),
            Self::Float64s(values) => Values::Float64s(values),
            Self::Timestamps(values) => Values::Timestamps(values),
            Self::Texts(texts) => Values::Texts(collect(&texts, valid)),
        }
    }
}

/// A computed column in the making.
pub(crate) struct Output {
    pub(crate) values: Buffer,
    /// One byte a row, none = no row can be NULL.
    pub(crate) valid: Option<Vec<u8>>,
}

impl Output {
    /// The column; without a bitmap if no row is NULL.
    pub(crate) fn into_column(self, rows: u32) -> Column {
        let values = self.values.into_values(self.valid.as_deref());
        Column { rows, values, valid: self.valid.as_deref().and_then(pack_unless_full) }
    }
}

/// The texts one behind the other; those that are NULL are empty.
fn collect(texts: &[TextView], valid: Option<&[u8]>) -> BytesList {
    let is_null = |row: usize| valid.is_some_and(|valid| valid.get(row) != Some(&1));
    let present =
        || texts.iter().enumerate().map(|(row, &text)| if is_null(row) { TextView::EMPTY } else { text });
    let mut list = BytesList {
        ends: Vec::with_capacity(texts.len()),
        bytes: Vec::with_capacity(present().map(|text| text.length).sum()),
    };
    for text in present() {
        #[expect(unsafe_code, reason = "the kernel names texts by address")]
        // SAFETY: a kernel writes texts of the columns and of the arena, both of which are left until the call ends.
        list.bytes.extend_from_slice(unsafe { text.bytes() });
        list.ends.push(list.bytes.len() as u32);
    }
    list
}

/// A bitmap of bytes that are 1 or 0, least bit first; none if all are 1.
pub(crate) fn pack_unless_full(bytes: &[u8]) -> Option<Vec<u8>> {
    bytes.contains(&0).then(|| pack(bytes))
}

fn pack(bytes: &[u8]) -> Vec<u8> {
    let (eights, rest) = bytes.as_chunks::<8>();
    let mut bits: Vec<u8> = eights.iter().map(|eight| pack_eight(*eight)).collect();
    if !rest.is_empty() {
        let mut eight = [0; 8];
        eight.iter_mut().zip(rest).for_each(|(to, from)| *to = *from);
        bits.push(pack_eight(eight));
    }
    bits
}

/// The product moves bit 0 of byte `i` to bit `56 + i`; no two of its partial products meet.
fn pack_eight(bytes: [u8; 8]) -> u8 {
    (u64::from_le_bytes(bytes).wrapping_mul(0x0102_0408_1020_4080) >> 56) as u8
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_byte_of_bits_packs() {
        for bits in 0..=255u8 {
            let bytes: Vec<u8> = (0..8).map(|i| bits >> i & 1).collect();
            assert_eq!(pack(&bytes), [bits]);
        }
    }

    #[test]
    fn the_last_byte_is_filled_up_with_zeros() {
        assert_eq!(pack(&[]), []);
        assert_eq!(pack(&[1; 11]), [0xff, 0b111]);
        assert_eq!(pack_unless_full(&[1; 11]), None);
        assert_eq!(pack_unless_full(&[1, 0, 1]), Some(vec![0b101]));
    }
}
