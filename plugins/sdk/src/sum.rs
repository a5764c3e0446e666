//! Sums with their counts: what `sum` and `avg` keep.

use crate::{Error, Pair, Reader, Writer};

/// The sum of whole numbers: exact.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct IntegerSum {
    /// How many numbers.
    pub count: u64,
    /// Their sum: 2^64 numbers fit.
    pub total: i128,
}

impl IntegerSum {
    /// Adds a number.
    #[inline]
    pub fn add(&mut self, value: i64) {
        self.count += 1;
        self.total = self.total.wrapping_add(i128::from(value));
    }

    /// Adds the numbers of another sum.
    pub fn merge(&mut self, other: &Self) {
        self.count = self.count.wrapping_add(other.count);
        self.total = self.total.wrapping_add(other.total);
    }

    /// Writes a state.
    pub fn write(&self, writer: &mut Writer<'_>) {
        writer.u64(self.count);
        writer.i128(self.total);
    }

    /// Reads a state.
    pub fn read(reader: &mut Reader<'_>) -> Result<Self, Error> {
        Ok(Self { count: reader.u64()?, total: reader.i128()? })
    }
}

/// The compensated sum of doubles (Neumaier 1974): the error does not grow with their number. It never overflows on
/// the way, so that the order of merges does not decide whether there is a result.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct FloatSum {
    /// How many numbers.
    pub count: u64,
    /// The sum of those below [`LARGE`].
    ordinary: Pair,
    /// The sum of the other finite ones, times [`DOWN`].
    large: Pair,
    /// The sum of those that are not finite; 0 = there is none.
    special: f64,
}

/// 2^63 numbers below it can be added.
const LARGE: f64 = power_of_two(960);
/// 2^63 of any finite numbers, scaled so, can be added.
const DOWN: f64 = power_of_two(-128);
const UP: f64 = power_of_two(128);

impl FloatSum {
    /// Adds a number.
    #[inline]
    pub fn add(&mut self, value: f64) {
        self.count += 1;
        if value.abs() < LARGE {
            self.ordinary.add(value);
        } else {
            self.add_rare(value);
        }
    }

    #[cold]
    fn add_rare(&mut self, value: f64) {
        if value.is_finite() {
            self.large.add(value * DOWN);
        } else {
            self.special += value;
        }
    }

    /// Adds the numbers of another sum.
    pub fn merge(&mut self, other: &Self) {
        self.count = self.count.wrapping_add(other.count);
        self.ordinary.add_pair(other.ordinary);
        self.large.add_pair(other.large);
        self.special += other.special;
    }

    /// The sum over a divisor; infinite where it does not fit, unless an infinity or a NaN was added.
    pub fn over(&self, divisor: f64) -> f64 {
        if self.special != 0.0 {
            return self.special;
        }
        if self.large == Pair::default() {
            return self.ordinary.value() / divisor;
        }
        let mut total = self.large;
        total.add_pair(self.ordinary.scaled(DOWN));
        total.value() / divisor * UP
    }

    /// Whether all numbers were finite.
    pub fn is_finite(&self) -> bool {
        self.special == 0.0
    }

    /// Writes a state.
    pub fn write(&self, writer: &mut Writer<'_>) {
        writer.u64(self.count);
        for part in [self.ordinary.high, self.ordinary.low, self.large.high, self.large.low] {
            writer.f64(part);
        }
        // What the bits of a NaN are depends on the processor.
        writer.f64(if self.special.is_nan() { f64::NAN } else { self.special });
    }

    /// Reads a state.
    pub fn read(reader: &mut Reader<'_>) -> Result<Self, Error> {
        let count = reader.u64()?;
        let mut pair = || -> Result<Pair, Error> { Ok(Pair { high: reader.f64()?, low: reader.f64()? }) };
        let (ordinary, large) = (pair()?, pair()?);
        Ok(Self { count, ordinary, large, special: reader.f64()? })
    }
}

/// A power of two as a double, for exponents of normal numbers.
pub(crate) const fn power_of_two(exponent: i64) -> f64 {
    assert!(exponent >= -1022 && exponent <= 1023, "a normal double");
    f64::from_bits(((1023 + exponent) as u64) << 52)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sum(values: &[f64]) -> FloatSum {
        let mut sum = FloatSum::default();
        values.iter().for_each(|&value| sum.add(value));
        sum
    }

    #[test]
    fn cancellation_leaves_what_is_small() {
        assert_eq!(sum(&[1e100, 1.0, -1e100]).over(1.0), 1.0);
        assert_eq!(sum(&[f64::MAX, 1.0, -f64::MAX]).over(1.0), 1.0);
        assert_eq!(sum(&vec![0.1; 1_000_000]).over(1e6), 0.1);
    }

    #[test]
    fn the_way_may_lead_beyond_the_largest_double() {
        assert_eq!(sum(&[f64::MAX, f64::MAX]).over(2.0), f64::MAX);
        assert_eq!(sum(&[f64::MAX, f64::MAX, -f64::MAX]).over(1.0), f64::MAX);
        assert_eq!(sum(&[f64::MAX, f64::MAX]).over(1.0), f64::INFINITY);
        assert!(sum(&[f64::MAX, f64::MAX]).is_finite());
    }

    #[test]
    fn infinities_add_as_they_do() {
        assert_eq!(sum(&[f64::INFINITY, 1.0]).over(2.0), f64::INFINITY);
        assert!(sum(&[f64::INFINITY, f64::NEG_INFINITY]).over(2.0).is_nan());
        assert!(!sum(&[f64::NAN]).is_finite());
    }

    #[test]
    fn whole_numbers_add_beyond_64_bits() {
        let mut sum = IntegerSum::default();
        for value in [i64::MAX, i64::MAX, i64::MIN] {
            sum.add(value);
        }
        assert_eq!(sum, IntegerSum { count: 3, total: i128::from(i64::MAX) - 1 });
    }
}
