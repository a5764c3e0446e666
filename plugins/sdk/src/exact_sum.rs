//! The exact sum of doubles: what the order of additions and merges cannot change, not even in the last bit.
//!
//! A superaccumulator: the sum as one fixed-point number that covers the whole range of doubles (Neal, "Fast exact summation using small
//! and large superaccumulators", 2015).

use crate::{Error, Reader, Stored, Writer};

/// Bits by which the places of two limbs differ.
const LIMB_BITS: u32 = 32;
/// 67 * 32 bits: 2098 for any finite double, and room for the sum of 2^45 of the largest.
const LIMBS: usize = 67;
/// So many additions cannot overflow a limb: each adds less than 2^32 to it.
const PENDING_MAX: u32 = 1 << 29;
const FRACTION_BITS: u32 = f64::MANTISSA_DIGITS - 1;

/// A sum of doubles.
#[derive(Clone, Debug)]
pub struct ExactSum {
    /// The sum of the finite ones: limb `i` counts 2^(32 i - 1074).
    limbs: [i64; LIMBS],
    /// How many additions since all limbs but the last were in 0 to 2^32 - 1.
    pending: u32,
    /// The sum of those that are not finite; 0 = there is none.
    special: f64,
}

impl Default for ExactSum {
    fn default() -> Self {
        Self { limbs: [0; LIMBS], pending: 0, special: 0.0 }
    }
}

impl ExactSum {
    /// Adds a number.
    #[inline]
    pub fn add(&mut self, value: f64) {
        if !value.is_finite() {
            self.special += value;
            return;
        }
        if self.pending >= PENDING_MAX {
            self.normalise();
        }
        self.pending += 1;
        let bits = value.to_bits();
        let exponent = (bits >> FRACTION_BITS) as u32 & 0x7ff;
        let fraction = bits & ((1 << FRACTION_BITS) - 1);
        let mantissa = if exponent == 0 { fraction } else { fraction | 1 << FRACTION_BITS };
        let place = exponent.max(1) - 1;
        let shifted = u128::from(mantissa) << (place % LIMB_BITS);
        let parts = [shifted as u32, (shifted >> LIMB_BITS) as u32, (shifted >> (2 * LIMB_BITS)) as u32];
        let limbs = self.limbs.iter_mut().skip((place / LIMB_BITS) as usize);
        if value.is_sign_negative() {
            limbs.zip(parts).for_each(|(limb, part)| *limb -= i64::from(part));
        } else {
            limbs.zip(parts).for_each(|(limb, part)| *limb += i64::from(part));
        }
    }

    /// Adds the numbers of another sum.
    pub fn merge(&mut self, other: &Self) {
        let mut other = other.clone();
        other.normalise();
        if self.pending >= PENDING_MAX {
            self.normalise();
        }
        self.pending += 1;
        // The last limb takes all that the others carry: it is added modulo 2^64, where only damaged states arrive.
        self.limbs.iter_mut().zip(other.limbs).for_each(|(limb, other)| *limb = limb.wrapping_add(other));
        self.special += other.special;
    }

    /// Carries from limb to limb, so that each sum has one form.
    fn normalise(&mut self) {
        let mut carry = 0;
        let last = LIMBS - 1;
        for (index, limb) in self.limbs.iter_mut().enumerate() {
            let sum = limb.wrapping_add(carry);
            carry = sum >> LIMB_BITS;
            *limb = if index == last { sum } else { sum & i64::from(u32::MAX) };
        }
        self.pending = 0;
    }

    /// The double nearest to the sum, an even one of two; infinite where it is beyond the largest.
    pub fn value(&self) -> f64 {
        if self.special != 0.0 {
            return self.special;
        }
        let mut sum = self.clone();
        sum.normalise();
        let negative = sum.limbs.last().is_some_and(|&last| last < 0);
        if negative {
            sum.limbs.iter_mut().for_each(|limb| *limb = limb.wrapping_neg());
            sum.normalise();
        }
        let size = magnitude(&sum.limbs);
        if negative { -size } else { size }
    }

    /// Whether all numbers were finite.
    pub fn is_finite(&self) -> bool {
        self.special == 0.0
    }
}

/// The double nearest to a number that is not negative, in its one form.
fn magnitude(limbs: &[i64; LIMBS]) -> f64 {
    let Some(top) = limbs.iter().rposition(|&limb| limb != 0) else { return 0.0 };
    let limb =
        |below: usize| top.checked_sub(below).and_then(|at| limbs.get(at)).copied().unwrap_or(0) as u128;
    // The highest limbs, which hold at least 65 bits of it, and whether anything is below them.
    let head = limb(0) << (2 * LIMB_BITS) | limb(1) << LIMB_BITS | limb(2);
    let rest = limbs.iter().take(top.saturating_sub(2)).any(|&limb| limb != 0);
    let bits = u128::BITS - head.leading_zeros();
    // The place of the last bit of `head`, in units of 2^-1074: below 0 where limbs below the first were made up.
    let place = (top as i64 - 2) * i64::from(LIMB_BITS);
    // A double has 53 bits, fewer where the number is below its normal range. Bits of limbs that were made up are 0.
    let dropped = (i64::from(bits) - i64::from(f64::MANTISSA_DIGITS)).max(-place);
    let kept = (head >> dropped) as u64;
    let half = 1_u128 << (dropped - 1);
    let below = head & ((half << 1) - 1);
    let up = below > half || below == half && (rest || kept & 1 == 1);
    let kept = kept + u64::from(up);
    // `kept` counts 2^(place + dropped) units; its leading bit adds one to the exponent, and a carry one more.
    let exponent = place + dropped;
    match u64::try_from(exponent) {
        Ok(exponent) if exponent < 2046 => f64::from_bits((exponent << FRACTION_BITS) + kept),
        _ => f64::INFINITY,
    }
}

impl Stored for ExactSum {
    const BYTES_MAX: Option<u32> = Some(8 + 1 + 9 * LIMBS as u32);

    /// Only limbs that are not 0.
    fn write(&self, writer: &mut Writer<'_>) {
        let mut sum = self.clone();
        sum.normalise();
        // What the bits of a NaN are depends on the processor.
        writer.f64(if self.special.is_nan() { f64::NAN } else { self.special });
        let used = || sum.limbs.iter().zip(0..).filter(|(limb, _)| **limb != 0);
        writer.u8(used().count() as u8);
        for (limb, index) in used() {
            writer.u8(index);
            writer.i64(*limb);
        }
    }

    fn read(reader: &mut Reader<'_>) -> Result<Self, Error> {
        let mut sum = Self { special: reader.f64()?, ..Self::default() };
        let mut next = 0;
        for _ in 0..reader.u8()? {
            let index = reader.u8()?;
            let value = reader.i64()?;
            let is_last = usize::from(index) == LIMBS - 1;
            let fits = value != 0 && (is_last || u32::try_from(value).is_ok());
            match sum.limbs.get_mut(usize::from(index)) {
                Some(limb) if index >= next && fits => *limb = value,
                _ => return Err(Error::Corrupt("these are no limbs of a sum".into())),
            }
            next = index + 1;
        }
        Ok(sum)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn sum(values: &[f64]) -> ExactSum {
        let mut sum = ExactSum::default();
        values.iter().for_each(|&value| sum.add(value));
        sum
    }

    fn bytes(sum: &ExactSum) -> Vec<u8> {
        let mut bytes = Vec::new();
        sum.write(&mut Writer::new(&mut bytes));
        bytes
    }

    #[test]
    fn one_number_is_its_sum() {
        let numbers = [0.0, 5e-324, 1e-310, f64::MIN_POSITIVE, 1.0, 0.1, 1e16, 1e300, f64::MAX, f64::EPSILON];
        for number in numbers {
            assert_eq!(sum(&[number]).value(), number);
            assert_eq!(sum(&[-number]).value(), -number);
            assert_eq!(sum(&[number, -number]).value(), 0.0);
            assert_eq!(sum(&[number, number]).value(), 2.0 * number);
        }
    }

    #[test]
    fn what_is_between_two_doubles_is_rounded_to_an_even_one() {
        let half = f64::EPSILON / 2.0;
        assert_eq!(sum(&[1.0, half]).value(), 1.0);
        assert_eq!(sum(&[1.0, half, 5e-324]).value(), 1.0 + f64::EPSILON);
        assert_eq!(sum(&[1.0 + f64::EPSILON, half]).value(), 1.0 + 2.0 * f64::EPSILON);
        assert_eq!(sum(&[2.0, -half, -5e-324]).value(), 2.0_f64.next_down());
        assert_eq!(sum(&[2.0, -half]).value(), 2.0);
        assert_eq!(sum(&[f64::MAX, f64::MAX]).value(), f64::INFINITY);
        assert_eq!(sum(&[f64::MAX, f64::MAX, -f64::MAX]).value(), f64::MAX);
        assert_eq!(sum(&[f64::INFINITY, 1.0]).value(), f64::INFINITY);
        assert!(sum(&[f64::INFINITY, f64::NEG_INFINITY]).value().is_nan());
    }

    #[test]
    fn a_damaged_sum_is_refused() {
        let read = |bytes: &[u8]| ExactSum::read(&mut Reader::new(bytes)).map(|sum| sum.value());
        let good = bytes(&sum(&[1.5, -1e300]));
        assert_eq!(read(&good), Ok(-1e300));
        let mut place = good.clone();
        place[9] = 67;
        assert!(read(&place).is_err(), "no such limb");
        let mut twice = good.clone();
        twice[18] = twice[9];
        assert!(read(&twice).is_err(), "a limb again");
        assert!(read(&good[..good.len() - 1]).is_err());
    }

    proptest! {
        #[test]
        fn integers_add_exactly_in_any_order(
            values in prop::collection::vec(-(1_i64 << 53)..1 << 53, 0..200),
            power in -1074_i32..900,
            cut in 0_usize..200,
        ) {
            let unit = if power < -1022 { f64::from_bits(1 << (power + 1074)) } else { 2.0_f64.powi(power) };
            let doubles: Vec<f64> = values.iter().map(|&value| value as f64 * unit).collect();
            let exact: i128 = values.iter().map(|&value| i128::from(value)).sum();
            let all = sum(&doubles);
            prop_assert_eq!(all.value(), exact as f64 * unit);

            let (head, tail) = doubles.split_at(cut.min(doubles.len()));
            let mut merged = sum(tail);
            merged.merge(&sum(head));
            prop_assert_eq!(bytes(&merged), bytes(&all));
            let read = ExactSum::read(&mut Reader::new(&bytes(&all))).unwrap();
            prop_assert_eq!(bytes(&read), bytes(&all));
        }
    }
}
