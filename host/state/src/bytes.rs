//! Fields as bytes: little-endian numbers one behind the other, every length checked when they are read.

use streamgauge_common::{offset::Offset, partition::Partition};
use thiserror::Error;
use xxhash_rust::xxh3::xxh3_64;

/// The checksum of all that is kept: XXH3, 64 bits.
pub fn checksum(bytes: &[u8]) -> u64 {
    xxh3_64(bytes)
}

/// Bytes that are not what they should be.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
#[error("malformed at byte {at}: {what}")]
pub struct Malformed {
    /// Where, counted from the reader's start.
    pub at: usize,
    /// What is wrong, for people.
    pub what: String,
}

/// Appends fields to bytes.
#[derive(Clone, Debug, Default)]
pub struct Writer {
    bytes: Vec<u8>,
}

impl Writer {
    /// Nothing yet.
    pub fn new() -> Self {
        Self::default()
    }

    /// Nothing yet, with room for so many bytes.
    pub fn with_capacity(bytes: usize) -> Self {
        Self { bytes: Vec::with_capacity(bytes) }
    }

    /// One byte.
    pub fn u8(&mut self, value: u8) {
        self.bytes.push(value);
    }

    /// Two bytes.
    pub fn u16(&mut self, value: u16) {
        self.bytes.extend(value.to_le_bytes());
    }

    /// Four bytes.
    pub fn u32(&mut self, value: u32) {
        self.bytes.extend(value.to_le_bytes());
    }

    /// Eight bytes.
    pub fn u64(&mut self, value: u64) {
        self.bytes.extend(value.to_le_bytes());
    }

    /// Eight bytes.
    pub fn i64(&mut self, value: i64) {
        self.bytes.extend(value.to_le_bytes());
    }

    /// Sixteen bytes.
    pub fn u128(&mut self, value: u128) {
        self.bytes.extend(value.to_le_bytes());
    }

    /// Eight bytes, every bit of the number.
    pub fn f64(&mut self, value: f64) {
        self.u64(value.to_bits());
    }

    /// One byte, 0 or 1.
    pub fn bool(&mut self, value: bool) {
        self.u8(u8::from(value));
    }

    /// Eight bytes of length, then the bytes.
    pub fn bytes(&mut self, bytes: &[u8]) {
        self.u64(bytes.len() as u64);
        self.raw(bytes);
    }

    /// As [`Writer::bytes`], in UTF-8.
    pub fn str(&mut self, text: &str) {
        self.bytes(text.as_bytes());
    }

    /// As many bytes as there are; where they end must be known otherwise.
    pub fn raw(&mut self, bytes: &[u8]) {
        self.bytes.extend_from_slice(bytes);
    }

    /// What was written.
    pub fn as_bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// What was written.
    pub fn into_bytes(self) -> Vec<u8> {
        self.bytes
    }
}

/// Takes fields from the front of bytes that nobody vouches for.
#[derive(Clone, Debug)]
pub struct Reader<'a> {
    rest: &'a [u8],
    at: usize,
}

impl<'a> Reader<'a> {
    /// Reads from the start.
    pub fn new(bytes: &'a [u8]) -> Self {
        Self { rest: bytes, at: 0 }
    }

    /// Where it stands, in bytes from the start.
    pub fn at(&self) -> usize {
        self.at
    }

    /// How many bytes are left.
    pub fn left(&self) -> usize {
        self.rest.len()
    }

    /// An error at this place, for what only the caller can tell.
    pub fn malformed(&self, what: impl Into<String>) -> Malformed {
        Malformed { at: self.at, what: what.into() }
    }

    /// So many bytes.
    pub fn raw(&mut self, length: usize) -> Result<&'a [u8], Malformed> {
        let Some((taken, rest)) = self.rest.split_at_checked(length) else {
            return Err(self.malformed(format!("{length} bytes are announced, {} are left", self.left())));
        };
        self.rest = rest;
        self.at += length;
        Ok(taken)
    }

    fn array<const N: usize>(&mut self) -> Result<[u8; N], Malformed> {
        let Some((taken, rest)) = self.rest.split_first_chunk() else {
            return Err(self.malformed(format!("{N} bytes are expected, {} are left", self.left())));
        };
        self.rest = rest;
        self.at += N;
        Ok(*taken)
    }

    /// One byte.
    pub fn u8(&mut self) -> Result<u8, Malformed> {
        self.array().map(u8::from_le_bytes)
    }

    /// Two bytes.
    pub fn u16(&mut self) -> Result<u16, Malformed> {
        self.array().map(u16::from_le_bytes)
    }

    /// Four bytes.
    pub fn u32(&mut self) -> Result<u32, Malformed> {
        self.array().map(u32::from_le_bytes)
    }

    /// Eight bytes.
    pub fn u64(&mut self) -> Result<u64, Malformed> {
        self.array().map(u64::from_le_bytes)
    }

    /// Eight bytes.
    pub fn i64(&mut self) -> Result<i64, Malformed> {
        self.array().map(i64::from_le_bytes)
    }

    /// Sixteen bytes.
    pub fn u128(&mut self) -> Result<u128, Malformed> {
        self.array().map(u128::from_le_bytes)
    }

    /// Eight bytes.
    pub fn f64(&mut self) -> Result<f64, Malformed> {
        self.u64().map(f64::from_bits)
    }

    /// One byte that is 0 or 1.
    pub fn bool(&mut self) -> Result<bool, Malformed> {
        let error = self.malformed("neither 0 nor 1");
        match self.u8()? {
            0 => Ok(false),
            1 => Ok(true),
            _ => Err(error),
        }
    }

    /// A number of things that take at least so many bytes each: never more than can be left.
    pub fn count(&mut self, bytes_each_min: usize) -> Result<usize, Malformed> {
        let at = self.at;
        let count = self.u64()?;
        let count_max = self.left() / bytes_each_min.max(1);
        match usize::try_from(count) {
            Ok(count) if count <= count_max => Ok(count),
            _ => Err(Malformed {
                at,
                what: format!("{count} are announced, there is room for at most {count_max}"),
            }),
        }
    }

    /// Bytes behind their length.
    pub fn bytes(&mut self) -> Result<&'a [u8], Malformed> {
        let length = self.count(1)?;
        self.raw(length)
    }

    /// Text behind its length.
    pub fn str(&mut self) -> Result<&'a str, Malformed> {
        let error = self.malformed("not UTF-8");
        std::str::from_utf8(self.bytes()?).map_err(|_| error)
    }

    /// Nothing may be left.
    pub fn finish(&self) -> Result<(), Malformed> {
        match self.left() {
            0 => Ok(()),
            left => Err(self.malformed(format!("{left} bytes too many"))),
        }
    }
}

/// Appends a partition: four bytes where it is of the first source, six where it is of another one, see [`Partition::to_kept`].
pub(crate) fn write_partition(out: &mut Writer, partition: Partition) {
    let (number, source) = partition.to_kept();
    out.u32(number);
    source.iter().for_each(|&source| out.u16(source));
}

/// Takes a partition: at least four bytes.
pub(crate) fn read_partition(input: &mut Reader<'_>) -> Result<Partition, Malformed> {
    let number = input.u32()?;
    let partition = Partition::from_kept(number, || input.u16())?;
    partition.ok_or_else(|| input.malformed("the first source is named where only others are"))
}

/// Appends an offset.
pub(crate) fn write_offset(out: &mut Writer, offset: Offset) {
    out.i64(offset.0);
}

/// Takes an offset: eight bytes.
pub(crate) fn read_offset(input: &mut Reader<'_>) -> Result<Offset, Malformed> {
    input.i64().map(Offset)
}

#[cfg(test)]
pub(crate) mod tests {
    use proptest::prelude::*;
    use streamgauge_common::partition::SourceIndex;

    use super::*;

    /// Partitions of the first source and of others.
    pub(crate) fn partitions() -> impl Strategy<Value = Partition> {
        let source = prop_oneof![Just(0), any::<u16>()];
        (source, 0..1_u32 << 31).prop_map(|(source, number)| SourceIndex(source).partition(number))
    }

    #[derive(Clone, Debug)]
    enum Field {
        U8(u8),
        U16(u16),
        U32(u32),
        U64(u64),
        I64(i64),
        U128(u128),
        F64(u64),
        Bool(bool),
        Bytes(Vec<u8>),
        Str(String),
        Count(usize),
    }

    impl Field {
        fn write(&self, writer: &mut Writer) {
            match self {
                Self::U8(value) => writer.u8(*value),
                Self::U16(value) => writer.u16(*value),
                Self::U32(value) => writer.u32(*value),
                Self::U64(value) => writer.u64(*value),
                Self::I64(value) => writer.i64(*value),
                Self::U128(value) => writer.u128(*value),
                Self::F64(bits) => writer.f64(f64::from_bits(*bits)),
                Self::Bool(value) => writer.bool(*value),
                Self::Bytes(bytes) => writer.bytes(bytes),
                Self::Str(text) => writer.str(text),
                Self::Count(count) => {
                    writer.u64(*count as u64);
                    writer.raw(&vec![1; count * 3]);
                }
            }
        }

        /// Reads a field of the same kind; whether it is the same.
        fn read(&self, reader: &mut Reader<'_>) -> Result<bool, Malformed> {
            Ok(match self {
                Self::U8(value) => reader.u8()? == *value,
                Self::U16(value) => reader.u16()? == *value,
                Self::U32(value) => reader.u32()? == *value,
                Self::U64(value) => reader.u64()? == *value,
                Self::I64(value) => reader.i64()? == *value,
                Self::U128(value) => reader.u128()? == *value,
                Self::F64(bits) => reader.f64()?.to_bits() == *bits,
                Self::Bool(value) => reader.bool()? == *value,
                Self::Bytes(bytes) => reader.bytes()? == bytes,
                Self::Str(text) => reader.str()? == text,
                Self::Count(count) => {
                    let read = reader.count(3)?;
                    read == *count && reader.raw(read * 3)?.iter().all(|byte| *byte == 1)
                }
            })
        }
    }

    fn field() -> impl Strategy<Value = Field> {
        prop_oneof![
            any::<u8>().prop_map(Field::U8),
            any::<u16>().prop_map(Field::U16),
            any::<u32>().prop_map(Field::U32),
            any::<u64>().prop_map(Field::U64),
            any::<i64>().prop_map(Field::I64),
            any::<u128>().prop_map(Field::U128),
            any::<u64>().prop_map(Field::F64),
            any::<bool>().prop_map(Field::Bool),
            prop::collection::vec(any::<u8>(), 0..40).prop_map(Field::Bytes),
            prop::collection::vec(any::<char>(), 0..10)
                .prop_map(|text| Field::Str(text.into_iter().collect())),
            (0..5usize).prop_map(Field::Count),
        ]
    }

    proptest! {
        #[test]
        fn partitions_come_back_and_every_cut_is_an_error(partitions in prop::collection::vec(partitions(), 0..8)) {
            let mut out = Writer::new();
            partitions.iter().for_each(|&partition| write_partition(&mut out, partition));
            let bytes = out.into_bytes();
            let read = |bytes: &[u8]| {
                let mut input = Reader::new(bytes);
                let read = partitions.iter().map(|_| read_partition(&mut input)).collect::<Result<Vec<_>, _>>()?;
                input.finish().map(|()| read)
            };
            for cut in 0..bytes.len() {
                prop_assert!(read(&bytes[..cut]).is_err());
            }
            prop_assert_eq!(read(&bytes), Ok(partitions));
        }

        #[test]
        fn other_bytes_are_no_partition_or_the_one_that_they_say(bytes in any::<[u8; 6]>()) {
            let mut input = Reader::new(&bytes);
            if let Ok(partition) = read_partition(&mut input) {
                let mut out = Writer::new();
                write_partition(&mut out, partition);
                prop_assert_eq!(out.as_bytes(), &bytes[..input.at()]);
            }
        }

        #[test]
        fn fields_come_back_and_every_cut_is_an_error(fields in prop::collection::vec(field(), 0..12)) {
            let mut writer = Writer::new();
            fields.iter().for_each(|field| field.write(&mut writer));
            let bytes = writer.into_bytes();
            let read = |bytes: &[u8]| {
                let mut reader = Reader::new(bytes);
                for field in &fields {
                    assert!(field.read(&mut reader)?);
                }
                reader.finish()
            };
            prop_assert_eq!(read(&bytes), Ok(()));
            for cut in 0..bytes.len() {
                prop_assert!(read(&bytes[..cut]).is_err());
            }
            let longer = [&bytes[..], &[0]].concat();
            prop_assert_eq!(read(&longer), Err(Malformed { at: bytes.len(), what: "1 bytes too many".into() }));
        }

        #[test]
        fn arbitrary_bytes_never_panic(
            fields in prop::collection::vec(field(), 0..12),
            bytes in prop::collection::vec(any::<u8>(), 0..80),
        ) {
            let mut reader = Reader::new(&bytes);
            for field in &fields {
                if let Err(malformed) = field.read(&mut reader) {
                    prop_assert!(malformed.at <= bytes.len());
                    break;
                }
            }
        }
    }

    #[test]
    fn a_partition_of_the_first_source_is_its_number_as_before_there_were_others() {
        let bytes = |partition| {
            let mut out = Writer::new();
            write_partition(&mut out, partition);
            out.into_bytes()
        };
        assert_eq!(bytes(SourceIndex::FIRST.partition(0)), [0, 0, 0, 0]);
        assert_eq!(bytes(SourceIndex::FIRST.partition(0x0102)), [2, 1, 0, 0]);
        assert_eq!(bytes(SourceIndex::FIRST.partition((1 << 31) - 1)), [0xff, 0xff, 0xff, 0x7f]);
        assert_eq!(bytes(SourceIndex(1).partition(0)), [0, 0, 0, 0x80, 1, 0]);
        assert_eq!(bytes(SourceIndex(0x0304).partition(0x0102)), [2, 1, 0, 0x80, 4, 3]);
        assert!(
            read_partition(&mut Reader::new(&[0, 0, 0, 0x80, 0, 0])).is_err(),
            "the first source has one form"
        );
    }

    #[test]
    fn a_length_beyond_what_is_left_is_refused_before_anything_is_allocated() {
        let mut writer = Writer::new();
        writer.u64(u64::MAX);
        let bytes = writer.into_bytes();
        let what = format!("{} are announced, there is room for at most 0", u64::MAX);
        assert_eq!(Reader::new(&bytes).bytes(), Err(Malformed { at: 0, what: what.clone() }));
        assert_eq!(Reader::new(&bytes).count(16), Err(Malformed { at: 0, what }));
        assert!(Reader::new(&[2]).bool().is_err());
        assert!(Reader::new(&[1, 0, 0, 0, 0, 0, 0, 0, 0xff]).str().is_err());
    }
}
