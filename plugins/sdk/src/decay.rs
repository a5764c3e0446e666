//! Exponential decay with the same bits on every machine.

/// Beyond it, the result is below half the least double.
const LARGEST: f64 = 1076.0;
/// Terms of the series of e^t that are used; for |t| <= ln(2) / 2 what is left out is below 2^-57.
const TERMS: u32 = 14;

/// 2^-x for an x of at least 0, to a relative error of 4e-16 where it is a normal double. It is written with additions and
/// multiplications alone, which are exactly defined; the functions of a mathematical library differ between platforms.
#[inline]
pub fn half_to_the(x: f64) -> f64 {
    if x >= LARGEST {
        return 0.0;
    }
    let whole = (x + 0.5).floor();
    let t = (whole - x) * std::f64::consts::LN_2;
    let series = (1..TERMS).rev().fold(1.0, |sum, term| 1.0 + sum * t / f64::from(term));
    // In two steps: the power alone may be below the range of doubles while the product is not.
    let halves = whole as u32;
    let power = |exponent: u32| f64::from_bits(u64::from(1023 - exponent) << 52);
    series * power(halves / 2) * power(halves - halves / 2)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_is_the_power_of_a_half() {
        for step in 0..200_000 {
            let x = f64::from(step) / 193.0;
            let (found, due) = (half_to_the(x), (-x).exp2());
            assert!((found - due).abs() <= 4e-16 * due + 5e-324, "{x}: {found:e}, not {due:e}");
        }
        for whole in 0..1074 {
            assert_eq!(half_to_the(f64::from(whole)), (-f64::from(whole)).exp2());
        }
        assert_eq!(half_to_the(f64::INFINITY), 0.0);
    }
}
