//! States that store themselves: in snapshots, little-endian, every length checked when they are read.
//!
//! | type | bytes |
//! |---|---|
//! | `bool`, `u8` | 1 |
//! | `u32` | 4 |
//! | `u64`, `i64`, `f64` | 8; of a double every bit |
//! | `i128` | 16 |
//! | tuples, arrays, structs of [`state!`](crate::state) | their parts, one after the other |
//! | `Option<T>` | 1, and those of the value where there is one |
//! | `Vec<T>`, `String`, `BTreeMap<K, V>`, `BTreeSet<T>` | the number of items, seven bits a byte, and the items |
//!
//! A hash table has no place here: the order of its items differs between two runs, so its bytes would, too. Use a `BTreeMap`.

use std::collections::{BTreeMap, BTreeSet};

use crate::{Error, Reader, Writer};

/// What can be kept in a snapshot.
pub trait Stored: Sized {
    /// The most bytes that one takes; none = it grows with its values.
    const BYTES_MAX: Option<u32>;

    /// Writes it.
    fn write(&self, writer: &mut Writer<'_>);

    /// Reads what [`Stored::write`] wrote. What it never writes is an error.
    fn read(reader: &mut Reader<'_>) -> Result<Self, Error>;
}

/// The bytes of two parts; none where one of them grows.
pub const fn sum(a: Option<u32>, b: Option<u32>) -> Option<u32> {
    match (a, b) {
        (Some(a), Some(b)) => Some(a + b),
        _ => None,
    }
}

macro_rules! numbers {
    ($($number:ident: $bytes:literal),*) => {$(
        impl Stored for $number {
            const BYTES_MAX: Option<u32> = Some($bytes);

            fn write(&self, writer: &mut Writer<'_>) {
                writer.$number(*self);
            }

            fn read(reader: &mut Reader<'_>) -> Result<Self, Error> {
                reader.$number()
            }
        }
    )*};
}

numbers!(u8: 1, u32: 4, u64: 8, i64: 8, i128: 16, f64: 8);

impl Stored for bool {
    const BYTES_MAX: Option<u32> = Some(1);

    fn write(&self, writer: &mut Writer<'_>) {
        writer.u8(u8::from(*self));
    }

    fn read(reader: &mut Reader<'_>) -> Result<Self, Error> {
        match reader.u8()? {
            0 => Ok(false),
            1 => Ok(true),
            _ => Err(Error::Corrupt("neither true nor false".into())),
        }
    }
}

macro_rules! tuples {
    ($($($part:ident $place:tt),+;)*) => {$(
        impl<$($part: Stored),+> Stored for ($($part,)+) {
            const BYTES_MAX: Option<u32> = {
                let bytes = Some(0);
                $(let bytes = sum(bytes, $part::BYTES_MAX);)+
                bytes
            };

            fn write(&self, writer: &mut Writer<'_>) {
                $(self.$place.write(writer);)+
            }

            fn read(reader: &mut Reader<'_>) -> Result<Self, Error> {
                Ok(($($part::read(reader)?,)+))
            }
        }
    )*};
}

tuples! {
    A 0;
    A 0, B 1;
    A 0, B 1, C 2;
    A 0, B 1, C 2, D 3;
}

impl<T: Stored + Copy + Default, const N: usize> Stored for [T; N] {
    const BYTES_MAX: Option<u32> = match T::BYTES_MAX {
        Some(bytes) => Some(bytes * N as u32),
        None => None,
    };

    fn write(&self, writer: &mut Writer<'_>) {
        self.iter().for_each(|item| item.write(writer));
    }

    fn read(reader: &mut Reader<'_>) -> Result<Self, Error> {
        let mut items = [T::default(); N];
        for item in &mut items {
            *item = T::read(reader)?;
        }
        Ok(items)
    }
}

impl<T: Stored> Stored for Option<T> {
    const BYTES_MAX: Option<u32> = sum(Some(1), T::BYTES_MAX);

    fn write(&self, writer: &mut Writer<'_>) {
        self.is_some().write(writer);
        if let Some(value) = self {
            value.write(writer);
        }
    }

    fn read(reader: &mut Reader<'_>) -> Result<Self, Error> {
        bool::read(reader)?.then(|| T::read(reader)).transpose()
    }
}

impl<T: Stored> Stored for Vec<T> {
    const BYTES_MAX: Option<u32> = None;

    fn write(&self, writer: &mut Writer<'_>) {
        writer.varint(self.len() as u64);
        self.iter().for_each(|item| item.write(writer));
    }

    fn read(reader: &mut Reader<'_>) -> Result<Self, Error> {
        // Nothing is allocated in advance: a wrong length must not ask for memory.
        (0..reader.varint()?).map(|_| T::read(reader)).collect()
    }
}

impl Stored for String {
    const BYTES_MAX: Option<u32> = None;

    fn write(&self, writer: &mut Writer<'_>) {
        writer.varint(self.len() as u64);
        writer.raw(self.as_bytes());
    }

    fn read(reader: &mut Reader<'_>) -> Result<Self, Error> {
        let bytes = Vec::<u8>::read(reader)?;
        Self::from_utf8(bytes).map_err(|_| Error::Corrupt("a text is not UTF-8".into()))
    }
}

impl<K: Stored + Ord, V: Stored> Stored for BTreeMap<K, V> {
    const BYTES_MAX: Option<u32> = None;

    fn write(&self, writer: &mut Writer<'_>) {
        writer.varint(self.len() as u64);
        for (key, value) in self {
            key.write(writer);
            value.write(writer);
        }
    }

    fn read(reader: &mut Reader<'_>) -> Result<Self, Error> {
        let mut map = Self::new();
        for _ in 0..reader.varint()? {
            let key = K::read(reader)?;
            if map.last_key_value().is_some_and(|(last, _)| *last >= key) {
                return Err(Error::Corrupt("keys are not in their order".into()));
            }
            map.insert(key, V::read(reader)?);
        }
        Ok(map)
    }
}

impl<T: Stored + Ord> Stored for BTreeSet<T> {
    const BYTES_MAX: Option<u32> = None;

    fn write(&self, writer: &mut Writer<'_>) {
        writer.varint(self.len() as u64);
        self.iter().for_each(|item| item.write(writer));
    }

    fn read(reader: &mut Reader<'_>) -> Result<Self, Error> {
        let items = Vec::read(reader)?;
        if !items.is_sorted_by(|a, b| a < b) {
            return Err(Error::Corrupt("items are not in their order".into()));
        }
        Ok(items.into_iter().collect())
    }
}

/// A struct of a state: it is `Clone`, `Debug` and `Default`, and it stores itself.
///
/// ```
/// streamgauge_sdk::state! {
///     /// What a geometric mean keeps.
///     pub struct Logs {
///         count: u64,
///         sum: f64,
///     }
/// }
/// ```
#[macro_export]
macro_rules! state {
    ($(#[$meta:meta])* $visible:vis struct $name:ident { $($(#[$field_meta:meta])* $field:ident: $type:ty),+ $(,)? }) => {
        $(#[$meta])*
        #[derive(Clone, Debug, Default)]
        $visible struct $name { $($(#[$field_meta])* $field: $type),+ }

        impl $crate::Stored for $name {
            const BYTES_MAX: Option<u32> = {
                let bytes = Some(0);
                $(let bytes = $crate::stored::sum(bytes, <$type as $crate::Stored>::BYTES_MAX);)+
                bytes
            };

            fn write(&self, writer: &mut $crate::Writer<'_>) {
                $($crate::Stored::write(&self.$field, writer);)+
            }

            fn read(reader: &mut $crate::Reader<'_>) -> Result<Self, $crate::Error> {
                Ok(Self { $($field: $crate::Stored::read(reader)?),+ })
            }
        }
    };
}

#[cfg(test)]
mod tests {
    use super::*;

    state! {
        struct All {
            flag: bool,
            numbers: (u8, u32, u64, i64),
            wide: i128,
            doubles: [f64; 2],
            last: Option<i64>,
            texts: Vec<String>,
            counts: BTreeMap<String, u64>,
        }
    }

    state! {
        struct Fixed {
            a: (u8, f64),
            b: Option<i64>,
            c: [u32; 3],
        }
    }

    fn bytes(value: &impl Stored) -> Vec<u8> {
        let mut bytes = Vec::new();
        value.write(&mut Writer::new(&mut bytes));
        bytes
    }

    fn all() -> All {
        All {
            flag: true,
            numbers: (1, 2, 3, -4),
            wide: -5,
            doubles: [0.5, f64::NEG_INFINITY],
            last: Some(i64::MIN),
            texts: vec![String::new(), "é".into()],
            counts: BTreeMap::from([("a".into(), 1), ("b".into(), u64::MAX)]),
        }
    }

    #[test]
    fn what_is_stored_comes_back_and_every_cut_is_an_error() {
        let stored = bytes(&all());
        let mut reader = Reader::new(&stored);
        let read = All::read(&mut reader).unwrap();
        assert_eq!((reader.finish(), format!("{read:?}")), (Ok(()), format!("{:?}", all())));
        for cut in 0..stored.len() {
            assert!(
                matches!(All::read(&mut Reader::new(&stored[..cut])), Err(Error::Corrupt(_))),
                "cut at {cut}"
            );
        }
    }

    #[test]
    fn sizes_are_those_of_the_parts() {
        assert_eq!((All::BYTES_MAX, Fixed::BYTES_MAX), (None, Some(9 + 9 + 12)));
        let most = Fixed { a: (1, 2.0), b: Some(3), c: [4; 3] };
        assert_eq!(bytes(&most).len(), 30);
        assert_eq!(bytes(&Fixed::default()).len(), 22);
    }

    #[test]
    fn what_is_never_written_is_refused() {
        let read = |bytes: &[u8]| BTreeMap::<u8, u8>::read(&mut Reader::new(bytes));
        assert_eq!(read(&[2, 1, 0, 2, 0]), Ok(BTreeMap::from([(1, 0), (2, 0)])));
        for wrong in [&[2, 2, 0, 1, 0][..], &[2, 1, 0, 1, 0]] {
            assert_eq!(read(wrong), Err(Error::Corrupt("keys are not in their order".into())));
        }
        let read = |bytes: &[u8]| BTreeSet::<u8>::read(&mut Reader::new(bytes));
        assert_eq!(read(&[2, 1, 2]), Ok(BTreeSet::from([1, 2])));
        for wrong in [&[2, 2, 1][..], &[2, 1, 1]] {
            assert_eq!(read(wrong), Err(Error::Corrupt("items are not in their order".into())));
        }
        assert!(bool::read(&mut Reader::new(&[2])).is_err());
        assert!(String::read(&mut Reader::new(&[1, 0xff])).is_err());
        // A length that no bytes follow asks for no memory.
        assert!(Vec::<f64>::read(&mut Reader::new(&[0xff; 10])).is_err());
    }
}
