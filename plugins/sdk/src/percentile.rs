//! Which value is a percentile.

use crate::{Collected, Double};

/// A fraction as it was written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Fraction {
    /// Below 2^53.
    pub numerator: u64,
    /// At most 2^117.
    pub denominator: u128,
}

impl Fraction {
    /// The shortest decimal fraction that is this double, which is what somebody wrote: 99.9 is 999 tenths, though its
    /// double is a little more. Else the double itself. It must be from 0 to 100.
    pub fn of(value: f64) -> Self {
        const DIGITS_MAX: i32 = 15;
        const EXACT_BELOW: f64 = (1_u64 << f64::MANTISSA_DIGITS) as f64;
        for digits in 0..=DIGITS_MAX {
            let denominator = 10_u64.pow(digits as u32);
            let numerator = (value * denominator as f64).round();
            // Both are exact, so the quotient is the double nearest to the fraction.
            if numerator < EXACT_BELOW && numerator / denominator as f64 == value {
                return Self { numerator: numerator as u64, denominator: u128::from(denominator) };
            }
        }
        Self::binary(value)
    }

    /// The double itself: mantissa / 2^places, where a double of at most 100 has at least 46 places.
    fn binary(value: f64) -> Self {
        const FRACTION_BITS: u32 = f64::MANTISSA_DIGITS - 1;
        /// So many places make any rank a fraction of 1, and so do more.
        const PLACES_MAX: u32 = 117;
        let bits = value.to_bits();
        let exponent = (bits >> FRACTION_BITS) as u32;
        let fraction = bits & ((1 << FRACTION_BITS) - 1);
        let numerator = if exponent == 0 { fraction } else { fraction | 1 << FRACTION_BITS };
        let places = (1075 - exponent.max(1)).min(PLACES_MAX);
        Self { numerator, denominator: 1 << places }
    }
}

/// The smallest `k` of at least 1 with `whole * k >= part * count`, in exact arithmetic; `whole` is 100 where `part` is a percentage,
/// and 1 where it is a share.
pub fn rank(part: Fraction, whole: u128, count: u64) -> u64 {
    let Fraction { numerator, denominator } = part;
    let rank = (u128::from(numerator) * u128::from(count)).div_ceil(whole * denominator);
    (rank as u64).clamp(1, count.max(1))
}

/// The percentile of a share from 0 to 1 as PostgreSQL interpolates it: the values have the places 0 to `n - 1`, and the result has the place
/// `share * (n - 1)`. None where there is no value.
pub fn interpolated(values: &Collected<Double>, share: f64) -> Option<f64> {
    let place = share * values.len().checked_sub(1)? as f64;
    let (below, above) = values.neighbours(place as usize)?;
    let (below, above) = (below.get(), above.get());
    let part = place - place.floor();
    if part == 0.0 || below == above {
        return Some(below);
    }
    let distance = above - below;
    if distance.is_infinite() && below.is_finite() && above.is_finite() {
        return Some(below * (1.0 - part) + above * part);
    }
    Some(below + part * distance)
}
