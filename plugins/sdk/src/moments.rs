//! Count, mean and squared deviations of doubles: what `stddev` and `z_score` keep.
//!
//! Sums of differences from the first value and of their squares (the shifted form of Chan, Golub and LeVeque 1983),
//! in about 106 bits, so that a large offset costs no digits. The first value is one of the values, so its distance
//! from the mean is at most the deviation times the square root of the count: the difference that is left in the end
//! never cancels more bits than that.

use crate::{Error, Pair, Reader, Writer, sum::power_of_two};

mod joint;
pub use joint::JointMoments;

/// The first two moments of some doubles.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Moments {
    count: u64,
    /// The first value: differences are from it.
    shift: f64,
    /// Differences are multiplied by it: one of [`SCALES`], always the greatest that all of them allow.
    scale: f64,
    /// The sum of the differences.
    differences: Pair,
    /// The sum of their squares.
    squares: Pair,
    /// Whether a value was not finite: then nothing has a mean.
    special: bool,
}

/// For tiny, ordinary and huge differences: squares neither vanish nor overflow.
const SCALES: [f64; 3] = [power_of_two(700), 1.0, power_of_two(-600)];
/// Scaled differences stay below: 2^63 of their squares can be added.
const LIMIT: f64 = power_of_two(480);

impl Default for Moments {
    fn default() -> Self {
        let [scale, ..] = SCALES;
        let zero = Pair::default();
        Self { count: 0, shift: 0.0, scale, differences: zero, squares: zero, special: false }
    }
}

impl Moments {
    /// Takes in a value.
    #[inline]
    pub fn add(&mut self, value: f64) {
        if self.count == 0 && value.is_finite() {
            self.shift = value;
        }
        self.count += 1;
        let difference = Pair::sum(value, -self.shift).scaled(self.scale);
        if difference.high.abs() < LIMIT {
            self.take(difference);
        } else {
            self.add_far(value);
        }
    }

    #[inline]
    fn take(&mut self, difference: Pair) {
        let Pair { high, low } = difference;
        let square = Pair::product(high, high);
        self.differences.add(high);
        self.differences.low += low;
        self.squares.add(square.high);
        self.squares.low += square.low + 2.0 * high * low;
    }

    /// The difference of a finite value, which is counted when it is taken with [`Moments::take_placed`].
    #[inline]
    fn place(&mut self, value: f64) -> Pair {
        if self.count == 0 {
            self.shift = value;
        }
        let difference = Pair::sum(value, -self.shift).scaled(self.scale);
        if difference.high.abs() < LIMIT { difference } else { self.reach(value) }
    }

    #[inline]
    fn take_placed(&mut self, difference: Pair) {
        self.count += 1;
        self.take(difference);
    }

    #[cold]
    fn add_far(&mut self, value: f64) {
        if value.is_finite() {
            let difference = self.reach(value);
            self.take(difference);
        } else {
            self.special = true;
        }
    }

    /// The difference of a value, after scaling down as far as it needs.
    fn reach(&mut self, value: f64) -> Pair {
        for scale in SCALES {
            if scale > self.scale {
                continue;
            }
            let difference = self.difference(value, scale);
            if difference.high.abs() < LIMIT {
                self.scale_to(scale);
                return difference;
            }
        }
        unreachable!("twice the largest double is below the limit at the smallest scale")
    }

    fn difference(&self, value: f64, scale: f64) -> Pair {
        if scale < 1.0 {
            Pair::sum(value * scale, -self.shift * scale)
        } else {
            Pair::sum(value, -self.shift).scaled(scale)
        }
    }

    fn scale_to(&mut self, scale: f64) {
        let factor = scale / self.scale;
        if factor != 1.0 {
            self.differences = self.differences.scaled(factor);
            self.squares = self.squares.scaled(factor).scaled(factor);
            self.scale = scale;
        }
    }

    /// Takes in the values of others.
    pub fn merge(&mut self, other: &Self) {
        if other.count == 0 {
            return;
        }
        if self.count == 0 {
            *self = *other;
            return;
        }
        let mut other = *other;
        let distance = self.approach(&mut other);
        self.absorb(&other, distance);
    }

    /// Gives both the same scale; then the distance of the other first value from this one.
    fn approach(&mut self, other: &mut Self) -> Pair {
        self.scale_to(self.scale.min(other.scale));
        let distance = self.reach(other.shift);
        other.scale_to(self.scale);
        distance
    }

    /// Takes in the values of others of the same scale, whose first value is at this distance.
    fn absorb(&mut self, other: &Self, distance: Pair) {
        let moved = distance.times(whole(other.count));
        self.squares.add_pair(other.squares);
        self.squares.add_pair(distance.times(other.differences).scaled(2.0));
        self.squares.add_pair(distance.times(moved));
        self.differences.add_pair(other.differences);
        self.differences.add_pair(moved);
        self.count = self.count.wrapping_add(other.count);
        self.special |= other.special;
    }

    /// How many values.
    pub fn count(&self) -> u64 {
        self.count
    }

    /// The mean squared deviation: of the whole population, or of a sample (over `count - 1`). None for no value,
    /// or one value of a sample; NaN where a value was not finite; infinite where it does not fit.
    pub fn variance(&self, sample: bool) -> Option<f64> {
        Some(self.scaled_variance(sample)? / self.scale / self.scale)
    }

    /// The root of the variance.
    pub fn deviation(&self, sample: bool) -> Option<f64> {
        Some(self.scaled_variance(sample)?.sqrt() / self.scale)
    }

    /// How many deviations of the population a value is above the mean. None where the deviation is 0 or there is none.
    pub fn score(&self, value: f64) -> Option<f64> {
        let deviation = self.scaled_variance(false)?.sqrt();
        if deviation == 0.0 {
            return None;
        }
        let mean = self.differences.over(self.count as f64);
        Some(self.difference(value, self.scale).minus(mean).value() / deviation)
    }

    /// The variance times the square of the scale.
    fn scaled_variance(&self, sample: bool) -> Option<f64> {
        let divisor = self.count.checked_sub(u64::from(sample)).filter(|&divisor| divisor > 0)?;
        if self.special {
            return Some(f64::NAN);
        }
        Some(self.deviations()? / divisor as f64)
    }

    /// The sum of the squared deviations from the mean, times the square of the scale. None without values.
    fn deviations(&self) -> Option<f64> {
        let count = (self.count > 0).then_some(self.count as f64)?;
        let squares = Pair::sum(self.squares.high, self.squares.low);
        let differences = Pair::sum(self.differences.high, self.differences.low);
        let deviations = squares.minus(differences.times(differences.over(count)));
        Some(deviations.value().max(0.0))
    }

    /// Writes a state.
    pub fn write(&self, writer: &mut Writer<'_>) {
        writer.u64(self.count);
        writer.u8(u8::from(self.special));
        let [differences, squares] = [self.differences, self.squares];
        for part in [self.shift, self.scale, differences.high, differences.low, squares.high, squares.low] {
            writer.f64(part);
        }
    }

    /// Reads a state.
    pub fn read(reader: &mut Reader<'_>) -> Result<Self, Error> {
        let count = reader.u64()?;
        let special = reader.u8()? != 0;
        let (shift, scale) = (reader.f64()?, reader.f64()?);
        if !SCALES.contains(&scale) || !shift.is_finite() {
            return Err(Error::Corrupt("these are no moments".into()));
        }
        let mut pair = || -> Result<Pair, Error> { Ok(Pair { high: reader.f64()?, low: reader.f64()? }) };
        let (differences, squares) = (pair()?, pair()?);
        Ok(Self { count, shift, scale, differences, squares, special })
    }
}

fn whole(count: u64) -> Pair {
    Pair { high: count as f64, low: 0.0 }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn moments(values: &[f64]) -> Moments {
        let mut moments = Moments::default();
        values.iter().for_each(|&value| moments.add(value));
        moments
    }

    /// The variance of a population of whole numbers, exactly but for one division.
    fn exact_variance(values: &[i64]) -> f64 {
        let count = values.len() as i128;
        let sum: i128 = values.iter().map(|&value| i128::from(value)).sum();
        let squares: i128 = values.iter().map(|&value| i128::from(value).pow(2)).sum();
        (count * squares - sum * sum) as f64 / (count * count) as f64
    }

    fn near(found: f64, exact: f64) -> bool {
        (found - exact).abs() <= 1e-13 * exact.abs()
    }

    proptest! {
        #[test]
        fn the_variance_is_exact_far_from_zero(
            offset in -(1_i64 << 52)..1 << 52,
            noise in prop::collection::vec(-1000_i64..1000, 2..200),
            power in -600_i32..400,
            cuts in prop::collection::vec(0_usize..200, 0..4),
        ) {
            let whole: Vec<i64> = noise.iter().map(|noise| offset + noise).collect();
            let unit = 2.0_f64.powi(power);
            let values: Vec<f64> = whole.iter().map(|&value| value as f64 * unit).collect();
            let exact = exact_variance(&whole).sqrt() * unit;
            prop_assert!(near(moments(&values).deviation(false).unwrap(), exact));

            let mut cuts: Vec<usize> = cuts.into_iter().map(|cut| cut % values.len()).collect();
            cuts.sort_unstable();
            let ends = cuts.iter().copied().chain([values.len()]);
            let mut merged = Moments::default();
            let mut start = 0;
            for end in ends {
                merged.merge(&moments(&values[start..end]));
                start = end;
            }
            let found = merged.deviation(false).unwrap();
            prop_assert!(near(found, exact), "merged {found:e}, not {exact:e}");
        }
    }

    #[test]
    fn a_first_value_far_away_costs_no_digits() {
        let mut values = vec![0.0];
        values.resize(1_000_000, 1e9 + 0.5);
        let count = values.len() as f64;
        let exact = (1e9 + 0.5) * ((count - 1.0) / count / count).sqrt();
        assert!(near(moments(&values).deviation(false).unwrap(), exact));
        values.reverse();
        assert!(near(moments(&values).deviation(false).unwrap(), exact));
    }

    #[test]
    fn the_ends_of_the_range_have_deviations() {
        assert_eq!(moments(&[f64::MAX, f64::MIN]).deviation(false), Some(f64::MAX));
        assert_eq!(moments(&[0.0, 1e-320]).deviation(false), Some(5e-321));
        assert_eq!(moments(&[f64::MAX, f64::MIN]).variance(false), Some(f64::INFINITY));
        assert!(moments(&[1.0, f64::INFINITY]).deviation(true).unwrap().is_nan());
        assert!(moments(&[f64::NAN, 1.0]).variance(true).unwrap().is_nan());
    }

    #[test]
    fn one_value_deviates_by_nothing_and_a_sample_of_one_not_at_all() {
        assert_eq!(moments(&[]).deviation(false), None);
        assert_eq!(moments(&[7.5]).deviation(false), Some(0.0));
        assert_eq!(moments(&[7.5]).deviation(true), None);
        assert_eq!(moments(&[0.1; 999]).deviation(true), Some(0.0));
    }

    #[test]
    fn a_score_counts_deviations_from_the_mean() {
        let moments = moments(&[2.0, 4.0, 4.0, 4.0, 5.0, 5.0, 7.0, 9.0]);
        assert_eq!(moments.score(9.0), Some(2.0));
        assert_eq!(moments.score(5.0), Some(0.0));
        assert_eq!(Moments::default().score(1.0), None);
    }
}
