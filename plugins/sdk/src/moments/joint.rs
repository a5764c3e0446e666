//! Moments of pairs of doubles: what `corr` and `regr_slope` keep.

use super::{Moments, whole};
use crate::{Error, Pair, Reader, Stored, Writer};

/// The first two moments of some pairs.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct JointMoments {
    x: Moments,
    y: Moments,
    /// The sum of the products of the differences, each with the scale of its axis.
    products: Pair,
    /// Whether a number was not finite: then nothing has a mean.
    special: bool,
}

impl JointMoments {
    /// Takes in a pair.
    #[inline]
    pub fn add(&mut self, x: f64, y: f64) {
        if !(x.is_finite() && y.is_finite()) {
            self.special = true;
            return;
        }
        let scale = self.scale();
        let (x, y) = (self.x.place(x), self.y.place(y));
        self.rescale(scale);
        let product = Pair::product(x.high, y.high);
        self.products.add(product.high);
        self.products.low += product.low + (x.high * y.low + x.low * y.high);
        self.x.take_placed(x);
        self.y.take_placed(y);
    }

    /// Takes in the pairs of others.
    pub fn merge(&mut self, other: &Self) {
        self.special |= other.special;
        if other.x.count == 0 {
            return;
        }
        if self.x.count == 0 {
            *self = Self { special: self.special, ..*other };
            return;
        }
        let (mut other, scale) = (*other, self.scale());
        let others = other.scale();
        let x = self.x.approach(&mut other.x);
        let y = self.y.approach(&mut other.y);
        self.rescale(scale);
        other.rescale(others);

        // The other differences are larger by x and y: (a + x) (b + y) = ab + ay + xb + xy.
        self.products.add_pair(other.products);
        self.products.add_pair(y.times(other.x.differences));
        self.products.add_pair(x.times(other.y.differences));
        self.products.add_pair(x.times(y).times(whole(other.x.count)));
        self.x.absorb(&other.x, x);
        self.y.absorb(&other.y, y);
    }

    /// The factor of `products`.
    fn scale(&self) -> (f64, f64) {
        (self.x.scale, self.y.scale)
    }

    /// Follows the scales of the axes, which were these.
    fn rescale(&mut self, (x, y): (f64, f64)) {
        if self.scale() != (x, y) {
            self.products = self.products.scaled(self.x.scale / x).scaled(self.y.scale / y);
        }
    }

    /// The correlation, from -1 to 1. None where all numbers of an axis are equal; NaN where a number was not finite.
    pub fn correlation(&self) -> Option<f64> {
        if self.special {
            return Some(f64::NAN);
        }
        let (x, y) = (self.x.deviations()?, self.y.deviations()?);
        if x <= 0.0 || y <= 0.0 {
            return None;
        }
        Some((self.deviations()? / x.sqrt() / y.sqrt()).clamp(-1.0, 1.0))
    }

    /// The slope of the line through the pairs with the least squared errors of y. None where all x are equal; NaN where a
    /// number was not finite.
    pub fn slope(&self) -> Option<f64> {
        if self.special {
            return Some(f64::NAN);
        }
        let x = self.x.deviations()?;
        if x <= 0.0 {
            return None;
        }
        Some(self.deviations()? / x * self.x.scale / self.y.scale)
    }

    /// The sum of the products of the deviations from the means.
    fn deviations(&self) -> Option<f64> {
        let count = (self.x.count > 0).then_some(self.x.count as f64)?;
        let normal = |pair: Pair| Pair::sum(pair.high, pair.low);
        let means = normal(self.x.differences).times(normal(self.y.differences).over(count));
        Some(normal(self.products).minus(means).value())
    }
}

impl Stored for JointMoments {
    const BYTES_MAX: Option<u32> = Some(2 * (8 + 1 + 6 * 8) + 2 * 8 + 1);

    fn write(&self, writer: &mut Writer<'_>) {
        self.x.write(writer);
        self.y.write(writer);
        self.products.high.write(writer);
        self.products.low.write(writer);
        self.special.write(writer);
    }

    fn read(reader: &mut Reader<'_>) -> Result<Self, Error> {
        let (x, y) = (Moments::read(reader)?, Moments::read(reader)?);
        if x.count != y.count {
            return Err(Error::Corrupt("these are no moments of pairs".into()));
        }
        let products = Pair { high: reader.f64()?, low: reader.f64()? };
        Ok(Self { x, y, products, special: bool::read(reader)? })
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn moments(pairs: &[(f64, f64)]) -> JointMoments {
        let mut moments = JointMoments::default();
        pairs.iter().for_each(|&(x, y)| moments.add(x, y));
        moments
    }

    /// The sums of squares and products of deviations of whole numbers, times their count: exact.
    fn exact(pairs: &[(i64, i64)]) -> (i128, i128, i128) {
        let sum = |of: &dyn Fn(i128, i128) -> i128| -> i128 {
            pairs.iter().map(|&(x, y)| of(i128::from(x), i128::from(y))).sum()
        };
        let (count, x, y) = (pairs.len() as i128, sum(&|x, _| x), sum(&|_, y| y));
        (
            count * sum(&|x, _| x * x) - x * x,
            count * sum(&|_, y| y * y) - y * y,
            count * sum(&|x, y| x * y) - x * y,
        )
    }

    proptest! {
        #[test]
        fn they_are_exact_far_from_zero_and_after_merges(
            (of_x, of_y) in (-(1_i64 << 50)..1 << 50, -(1_i64 << 50)..1 << 50),
            noise in prop::collection::vec((-1000_i64..1000, -1000_i64..1000), 2..100),
            (power_x, power_y) in (-500_i32..400, -500_i32..400),
            cut in 0_usize..100,
        ) {
            let whole: Vec<(i64, i64)> = noise.iter().map(|(x, y)| (of_x + x, of_y + y)).collect();
            let (unit_x, unit_y) = (2.0_f64.powi(power_x), 2.0_f64.powi(power_y));
            let pairs: Vec<(f64, f64)> =
                whole.iter().map(|&(x, y)| (x as f64 * unit_x, y as f64 * unit_y)).collect();
            let (x, y, products) = exact(&whole);
            let (head, tail) = pairs.split_at(cut.min(pairs.len()));
            let mut merged = moments(tail);
            merged.merge(&moments(head));
            for found in [moments(&pairs), merged] {
                if x == 0 {
                    prop_assert_eq!(found.slope(), None);
                } else {
                    let slope = products as f64 / x as f64 * unit_y / unit_x;
                    let found = found.slope().unwrap();
                    let infinite = slope.is_infinite() && found.is_infinite();
                    prop_assert!(infinite || (found - slope).abs() <= 1e-13 * slope.abs().max(unit_y / unit_x));
                }
                if x == 0 || y == 0 {
                    prop_assert_eq!(found.correlation(), None);
                } else {
                    let due = products as f64 / (x as f64).sqrt() / (y as f64).sqrt();
                    prop_assert!((found.correlation().unwrap() - due).abs() <= 1e-13);
                }
            }
        }
    }

    #[test]
    fn numbers_that_are_not_finite_have_no_correlation() {
        assert!(moments(&[(1.0, 2.0), (f64::INFINITY, 3.0)]).correlation().unwrap().is_nan());
        assert_eq!(moments(&[]).correlation(), None);
        assert_eq!(moments(&[(1.0, 2.0)]).slope(), None);
        assert_eq!(moments(&[(1.0, 2.0), (3.0, 2.0)]).correlation(), None, "all y are equal");
        assert_eq!(moments(&[(1.0, 2.0), (3.0, 2.0)]).slope(), Some(0.0));
        assert_eq!(moments(&[(f64::MIN, f64::MAX), (f64::MAX, f64::MIN)]).correlation(), Some(-1.0));
    }
}
