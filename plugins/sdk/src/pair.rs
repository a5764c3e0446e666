//! Numbers as unevaluated sums of two doubles, about 106 bits together (Dekker 1971, Knuth 4.2.2).

/// A number: `high + low`, never rounded to one double until it is asked for.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Pair {
    /// The leading part.
    pub high: f64,
    /// What `high` leaves out.
    pub low: f64,
}

impl Pair {
    /// The sum of two doubles, exactly. They and their sum must be finite.
    #[inline]
    pub fn sum(a: f64, b: f64) -> Self {
        let high = a + b;
        let of_b = high - a;
        Self { high, low: (a - (high - of_b)) + (b - of_b) }
    }

    /// The product of two doubles, exactly, where both are below 2^500 and the product is no denormal.
    #[inline]
    pub fn product(a: f64, b: f64) -> Self {
        let high = a * b;
        let (a_high, a_low) = halves(a);
        let (b_high, b_low) = halves(b);
        let low = ((a_high * b_high - high) + a_high * b_low + a_low * b_high) + a_low * b_low;
        Self { high, low }
    }

    /// Adds a double: the rounding error of `high` is kept in `low`.
    #[inline]
    pub fn add(&mut self, value: f64) {
        let Self { high, low } = Self::sum(self.high, value);
        self.high = high;
        self.low += low;
    }

    /// Adds a pair.
    #[inline]
    pub fn add_pair(&mut self, other: Self) {
        self.add(other.high);
        self.low += other.low;
    }

    /// The product of two pairs.
    #[must_use]
    pub fn times(self, other: Self) -> Self {
        let Self { high, low } = Self::product(self.high, other.high);
        Self::sum(high, low + (self.high * other.low + self.low * other.high))
    }

    /// The quotient by a double.
    #[must_use]
    pub fn over(self, divisor: f64) -> Self {
        let high = self.high / divisor;
        let product = Self::product(high, divisor);
        Self::sum(high, ((self.high - product.high) - product.low + self.low) / divisor)
    }

    /// The difference of two pairs.
    #[must_use]
    pub fn minus(mut self, other: Self) -> Self {
        self.add_pair(Self { high: -other.high, low: -other.low });
        self
    }

    /// The same, times a power of two.
    #[must_use]
    pub fn scaled(self, power_of_two: f64) -> Self {
        Self { high: self.high * power_of_two, low: self.low * power_of_two }
    }

    /// The nearest double.
    pub fn value(self) -> f64 {
        self.high + self.low
    }
}

/// A double as two of at most 26 bits (Veltkamp).
#[inline]
fn halves(value: f64) -> (f64, f64) {
    let spread = 134_217_729.0 * value;
    let high = spread - (spread - value);
    (high, value - high)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_sum_keeps_what_a_double_loses() {
        let mut sum = Pair::default();
        [1e16, 1.0, -1e16].into_iter().for_each(|value| sum.add(value));
        assert_eq!(sum.value(), 1.0);
    }

    #[test]
    fn a_product_of_whole_numbers_is_exact() {
        let (a, b) = ((1_i64 << 53) - 1, (1_i64 << 53) - 111);
        let Pair { high, low } = Pair::product(a as f64, b as f64);
        assert_eq!(high as i128 + low as i128, i128::from(a) * i128::from(b));
    }

    #[test]
    fn a_quotient_times_its_divisor_is_the_dividend() {
        let third = Pair { high: 1.0, low: 0.0 }.over(3.0);
        let one = third.times(Pair { high: 3.0, low: 0.0 });
        assert!((one.minus(Pair { high: 1.0, low: 0.0 })).value().abs() < 1e-31);
    }
}
