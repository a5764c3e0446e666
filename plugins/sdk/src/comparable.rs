//! Values of every type in a total order, as states keep them.

use std::cmp::Ordering;

use crate::{Argument, Error, Output, Reader, Stored, Timestamp, Typed, Writer};

/// A type whose values are ordered as PostgreSQL orders them: false before true, texts by their bytes, doubles as [`Double`] says.
pub trait Comparable: Typed + Argument + Output + Sized + 'static {
    /// A value that a state keeps.
    type Kept: Ord + Stored + Clone + std::fmt::Debug;

    /// How the value of a row compares with a kept one.
    fn compare(value: &Self::Value<'_>, kept: &Self::Kept) -> Ordering;

    /// Keeps the value of a row.
    fn keep(value: Self::Value<'_>) -> Self::Kept;

    /// A kept value as the value of a row.
    fn value(kept: &Self::Kept) -> Self::Value<'_>;

    /// A kept value as a result.
    fn result(kept: Self::Kept) -> Self;
}

macro_rules! comparable {
    ($($rust:ty),*) => {$(
        impl Comparable for $rust {
            type Kept = Self;

            #[inline]
            fn compare(value: &Self, kept: &Self) -> Ordering {
                value.cmp(kept)
            }

            #[inline]
            fn keep(value: Self) -> Self {
                value
            }

            #[inline]
            fn value(kept: &Self) -> Self {
                *kept
            }

            fn result(kept: Self) -> Self {
                kept
            }
        }
    )*};
}

comparable!(bool, i64);

/// Kept as a number, so that the code of its states is that of whole numbers.
impl Comparable for Timestamp {
    type Kept = i64;

    #[inline]
    fn compare(value: &Self, kept: &i64) -> Ordering {
        value.0.cmp(kept)
    }

    #[inline]
    fn keep(value: Self) -> i64 {
        value.0
    }

    #[inline]
    fn value(kept: &i64) -> Self {
        Self(*kept)
    }

    fn result(kept: i64) -> Self {
        Self(kept)
    }
}

impl Comparable for f64 {
    type Kept = Double;

    #[inline]
    fn compare(value: &f64, kept: &Double) -> Ordering {
        Double::from(*value).cmp(kept)
    }

    #[inline]
    fn keep(value: f64) -> Double {
        Double::from(value)
    }

    #[inline]
    fn value(kept: &Double) -> f64 {
        kept.0
    }

    fn result(kept: Double) -> f64 {
        kept.0
    }
}

impl Comparable for String {
    type Kept = Self;

    #[inline]
    fn compare(value: &&str, kept: &String) -> Ordering {
        str::cmp(value, kept)
    }

    fn keep(value: &str) -> String {
        value.to_owned()
    }

    fn value(kept: &String) -> &str {
        kept
    }

    fn result(kept: String) -> String {
        kept
    }
}

/// A double with a total order: NaN is equal to NaN and greater than any number, and -0 is 0.
#[derive(Clone, Copy, Debug, Default)]
pub struct Double(f64);

impl Double {
    /// The number.
    pub fn get(self) -> f64 {
        self.0
    }
}

impl From<f64> for Double {
    /// All NaNs become the same, and -0 becomes 0, so that equal values have equal bits.
    #[inline]
    fn from(value: f64) -> Self {
        // -0 + 0 is 0.
        Self(if value.is_nan() { f64::NAN } else { value + 0.0 })
    }
}

impl Ord for Double {
    #[inline]
    fn cmp(&self, other: &Self) -> Ordering {
        self.0.total_cmp(&other.0)
    }
}

impl PartialOrd for Double {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl PartialEq for Double {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other).is_eq()
    }
}

impl Eq for Double {}

impl Stored for Double {
    const BYTES_MAX: Option<u32> = f64::BYTES_MAX;

    fn write(&self, writer: &mut Writer<'_>) {
        self.0.write(writer);
    }

    fn read(reader: &mut Reader<'_>) -> Result<Self, Error> {
        f64::read(reader).map(Self::from)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn doubles_have_one_nan_above_all_numbers_and_one_zero() {
        let ascending =
            [f64::NEG_INFINITY, f64::MIN, -5e-324, 0.0, 5e-324, f64::MAX, f64::INFINITY, f64::NAN];
        assert!(ascending.map(Double::from).is_sorted_by(|a, b| a < b));
        assert_eq!(Double::from(-f64::NAN), Double::from(f64::NAN));
        assert_eq!(Double::from(-f64::NAN).get().to_bits(), f64::NAN.to_bits());
        assert_eq!(Double::from(-0.0).get().to_bits(), 0.0_f64.to_bits());
        assert!(f64::compare(&-0.0, &Double::from(0.0)).is_eq());
    }

    #[test]
    fn a_value_that_is_read_from_a_state_is_in_the_order() {
        let mut bytes = Vec::new();
        (-0.0_f64).write(&mut Writer::new(&mut bytes));
        let read = Double::read(&mut Reader::new(&bytes)).unwrap();
        assert_eq!(read.get().to_bits(), 0, "a state of another program may hold -0");
    }
}
