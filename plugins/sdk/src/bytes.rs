//! States as bytes: little-endian numbers one behind the other, every length checked when they are read.

use crate::Error;

/// Appends to a state's bytes.
#[derive(Debug)]
pub struct Writer<'a> {
    bytes: &'a mut Vec<u8>,
}

impl<'a> Writer<'a> {
    /// Writes behind what is there.
    pub fn new(bytes: &'a mut Vec<u8>) -> Self {
        Self { bytes }
    }

    /// One byte.
    pub fn u8(&mut self, value: u8) {
        self.bytes.push(value);
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
    pub fn i128(&mut self, value: i128) {
        self.bytes.extend(value.to_le_bytes());
    }

    /// Eight bytes, every bit of the number.
    pub fn f64(&mut self, value: f64) {
        self.u64(value.to_bits());
    }

    /// As many bytes as there are; where they end must be known otherwise.
    pub fn raw(&mut self, bytes: &[u8]) {
        self.bytes.extend_from_slice(bytes);
    }

    /// Seven bits a byte, least first: short for small numbers.
    pub fn varint(&mut self, mut value: u64) {
        while value >= 0x80 {
            self.u8(value as u8 | 0x80);
            value >>= 7;
        }
        self.u8(value as u8);
    }
}

/// Takes a state's bytes from the front.
#[derive(Debug)]
pub struct Reader<'a> {
    bytes: &'a [u8],
}

impl<'a> Reader<'a> {
    /// Reads from the start.
    pub fn new(bytes: &'a [u8]) -> Self {
        Self { bytes }
    }

    fn take<const N: usize>(&mut self) -> Result<[u8; N], Error> {
        let (taken, rest) =
            self.bytes.split_first_chunk().ok_or_else(|| Error::Corrupt("too short".into()))?;
        self.bytes = rest;
        Ok(*taken)
    }

    /// One byte.
    pub fn u8(&mut self) -> Result<u8, Error> {
        self.take().map(u8::from_le_bytes)
    }

    /// Four bytes.
    pub fn u32(&mut self) -> Result<u32, Error> {
        self.take().map(u32::from_le_bytes)
    }

    /// Eight bytes.
    pub fn u64(&mut self) -> Result<u64, Error> {
        self.take().map(u64::from_le_bytes)
    }

    /// Eight bytes.
    pub fn i64(&mut self) -> Result<i64, Error> {
        self.take().map(i64::from_le_bytes)
    }

    /// Sixteen bytes.
    pub fn i128(&mut self) -> Result<i128, Error> {
        self.take().map(i128::from_le_bytes)
    }

    /// Eight bytes.
    pub fn f64(&mut self) -> Result<f64, Error> {
        self.u64().map(f64::from_bits)
    }

    /// All that is left.
    pub fn rest(&mut self) -> &'a [u8] {
        std::mem::take(&mut self.bytes)
    }

    /// Whether nothing is left.
    pub fn is_empty(&self) -> bool {
        self.bytes.is_empty()
    }

    /// Seven bits a byte, least first.
    pub fn varint(&mut self) -> Result<u64, Error> {
        let mut value = 0;
        for shift in (0..u64::BITS).step_by(7) {
            let byte = self.u8()?;
            let bits = u64::from(byte & 0x7f);
            if bits << shift >> shift != bits {
                break;
            }
            value |= bits << shift;
            if byte < 0x80 {
                return Ok(value);
            }
        }
        Err(Error::Corrupt("a number is too long".into()))
    }

    /// Nothing may be left.
    pub fn finish(&self) -> Result<(), Error> {
        if self.is_empty() {
            return Ok(());
        }
        Err(Error::Corrupt(format!("{} bytes too many", self.bytes.len())))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_come_back_and_every_cut_is_an_error() {
        let mut bytes = Vec::new();
        let mut writer = Writer::new(&mut bytes);
        writer.u8(7);
        writer.u32(u32::MAX);
        writer.i64(i64::MIN);
        writer.i128(i128::MIN);
        writer.f64(f64::NEG_INFINITY);
        for value in [0, 127, 128, u64::MAX] {
            writer.varint(value);
        }
        let read = |bytes: &[u8]| -> Result<_, Error> {
            let mut reader = Reader::new(bytes);
            let head = (reader.u8()?, reader.u32()?, reader.i64()?, reader.i128()?, reader.f64()?);
            let tail = [reader.varint()?, reader.varint()?, reader.varint()?, reader.varint()?];
            reader.finish()?;
            Ok((head, tail))
        };
        let head = (7, u32::MAX, i64::MIN, i128::MIN, f64::NEG_INFINITY);
        assert_eq!(read(&bytes), Ok((head, [0, 127, 128, u64::MAX])));
        for cut in 0..bytes.len() {
            assert!(matches!(read(&bytes[..cut]), Err(Error::Corrupt(_))), "cut at {cut}");
        }
        bytes.push(0);
        assert_eq!(read(&bytes), Err(Error::Corrupt("1 bytes too many".into())));
    }

    #[test]
    fn a_varint_beyond_64_bits_is_an_error() {
        let longest = [0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x02];
        assert!(Reader::new(&longest).varint().is_err());
        assert!(Reader::new(&[0x80; 11]).varint().is_err());
    }
}
