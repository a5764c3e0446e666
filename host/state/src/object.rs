//! Small objects that are written and read as a whole:
//!
//! ```text
//! magic, 8 bytes  format u32  fields  checksum u64 of all before it
//! ```

use std::ops::RangeInclusive;

use super::{
    bytes::{Malformed, Reader, Writer, checksum},
    error::StateError,
};

/// What such an object begins with.
#[derive(Clone, Debug)]
pub(crate) struct ObjectLayout {
    pub(crate) magic: &'static [u8; 8],
    /// The formats that are read; the last is written.
    pub(crate) formats: RangeInclusive<u32>,
    /// What is said of an object with another magic.
    pub(crate) other: &'static str,
}

impl ObjectLayout {
    /// An object with these fields.
    pub(crate) fn write(&self, fields: impl FnOnce(&mut Writer)) -> Vec<u8> {
        let mut out = Writer::new();
        out.raw(self.magic);
        out.u32(*self.formats.end());
        fields(&mut out);
        let sum = checksum(out.as_bytes());
        out.u64(sum);
        out.into_bytes()
    }

    /// The fields of an object, which `fields` reads by their format, to the last byte. `file` names the object in errors.
    pub(crate) fn read<'a, T>(
        &self,
        bytes: &'a [u8],
        file: &str,
        fields: impl FnOnce(u32, &mut Reader<'a>) -> Result<T, Malformed>,
    ) -> Result<T, StateError> {
        let damaged = |at: usize, what: &str| StateError::damaged(file, at as u64, what);
        let malformed = |error: Malformed| damaged(error.at, &error.what);
        let Some((content, sum)) = bytes.split_last_chunk::<8>() else {
            return Err(damaged(0, "it is too short"));
        };
        let mut input = Reader::new(content);
        if input.raw(self.magic.len()).ok() != Some(self.magic) {
            return Err(damaged(0, self.other));
        }
        if checksum(content) != u64::from_le_bytes(*sum) {
            return Err(damaged(0, "its checksum does not fit"));
        }
        let found = input.u32().map_err(malformed)?;
        if !self.formats.contains(&found) {
            return Err(StateError::Version { file: file.to_owned(), found, known: *self.formats.end() });
        }
        let read = fields(found, &mut input).map_err(malformed)?;
        input.finish().map_err(malformed)?;
        Ok(read)
    }
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;
    use crate::store::Store;

    /// Every object that differs in a byte from the one of this name, or is shorter, is refused. The store holds a bad one afterwards.
    pub(crate) fn refuses_damage<T>(
        store: &Store,
        name: &str,
        read: impl Fn(&Store) -> Result<T, StateError>,
    ) {
        let good = store.get(name).unwrap().unwrap().to_vec();
        for at in 0..good.len() {
            let mut bad = good.clone();
            bad[at] ^= 1;
            store.put(name, bad).unwrap();
            assert!(read(store).is_err(), "byte {at}");
            store.put(name, good[..at].to_vec()).unwrap();
            assert!(read(store).is_err(), "cut at {at}");
        }
    }

    const LAYOUT: ObjectLayout =
        ObjectLayout { magic: b"SGTEST\0\0", formats: 2..=3, other: "it is no test" };

    fn read(bytes: &[u8]) -> Result<(u32, u64), StateError> {
        LAYOUT.read(bytes, "test", |format, input| Ok((format, input.u64()?)))
    }

    /// As an object of a format, its checksum right.
    fn of_format(format: u32, magic: &[u8; 8], fields: &[u8]) -> Vec<u8> {
        let content = [magic.as_slice(), &format.to_le_bytes(), fields].concat();
        [content.as_slice(), &checksum(&content).to_le_bytes()].concat()
    }

    #[test]
    fn the_newest_format_is_written_and_older_ones_are_read() {
        let bytes = LAYOUT.write(|out| out.u64(7));
        assert_eq!(bytes, of_format(3, b"SGTEST\0\0", &7_u64.to_le_bytes()));
        assert_eq!(read(&bytes).unwrap(), (3, 7));
        assert_eq!(read(&of_format(2, b"SGTEST\0\0", &7_u64.to_le_bytes())).unwrap(), (2, 7));
    }

    #[test]
    fn what_is_not_such_an_object_is_refused_and_named() {
        let why = |bytes: &[u8]| read(bytes).unwrap_err().to_string();
        let fields = 7_u64.to_le_bytes();
        for format in [1, 4] {
            let bytes = of_format(format, b"SGTEST\0\0", &fields);
            assert!(
                matches!(read(&bytes), Err(StateError::Version { found, known: 3, .. }) if found == format)
            );
        }
        assert!(why(&of_format(3, b"SGOTHER\0", &fields)).contains("it is no test"));
        assert!(why(&of_format(3, b"SGTEST\0\0", &[0; 9])).contains("1 bytes too many"));
        assert!(why(&of_format(3, b"SGTEST\0\0", &[0; 7])).contains("8 bytes are expected, 7 are left"));
        assert!(why(&[0; 7]).contains("it is too short"));
        let good = LAYOUT.write(|out| out.u64(7));
        for at in 8..good.len() {
            let mut bad = good.clone();
            bad[at] ^= 1;
            assert!(why(&bad).contains("its checksum does not fit"), "byte {at}");
            assert!(read(&good[..at]).is_err(), "cut at {at}");
        }
    }
}
