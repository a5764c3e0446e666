//! DOUBLE arithmetic and order: IEEE 754 binary64, where finite operands never silently give an infinity.

use std::cmp::Ordering;

use crate::Failure;

/// `a + b`
pub fn add(a: f64, b: f64) -> Result<f64, Failure> {
    checked(a + b, a, b)
}

/// `a - b`
pub fn subtract(a: f64, b: f64) -> Result<f64, Failure> {
    checked(a - b, a, b)
}

/// `a * b`
pub fn multiply(a: f64, b: f64) -> Result<f64, Failure> {
    checked(a * b, a, b)
}

/// `a / b`
pub fn divide(a: f64, b: f64) -> Result<f64, Failure> {
    if b == 0.0 {
        return Err(Failure::DivisionByZero);
    }
    checked(a / b, a, b)
}

/// `a % b` with the sign of `a`; exact.
pub fn remainder(a: f64, b: f64) -> Result<f64, Failure> {
    if b == 0.0 {
        return Err(Failure::DivisionByZero);
    }
    checked(a % b, a, b)
}

/// The result of an operation on `a` and `b`: an overflow if only the result is not finite.
fn checked(result: f64, a: f64, b: f64) -> Result<f64, Failure> {
    if result.is_finite() {
        Ok(result)
    } else if a.is_finite() && b.is_finite() {
        Err(Failure::Overflow)
    } else {
        Ok(canonical(result))
    }
}

/// The number itself, every NaN as the one positive quiet NaN: so that a replay gives the same bits.
pub fn canonical(a: f64) -> f64 {
    if a.is_nan() { f64::from_bits(0x7ff8_0000_0000_0000) } else { a }
}

/// The order of numbers: -0 equals 0, NaN equals NaN and is the greatest.
pub fn order(a: f64, b: f64) -> Ordering {
    a.partial_cmp(&b).unwrap_or_else(|| a.is_nan().cmp(&b.is_nan()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_infinite_operands_give_infinities() {
        assert_eq!(add(f64::MAX, f64::MAX), Err(Failure::Overflow));
        assert_eq!(multiply(-1e200, 1e200), Err(Failure::Overflow));
        assert_eq!(divide(1e300, 1e-300), Err(Failure::Overflow));
        assert_eq!(add(f64::INFINITY, 1.0), Ok(f64::INFINITY));
        assert_eq!(divide(1.0, f64::INFINITY), Ok(0.0));
        assert_eq!(divide(0.0, -0.0), Err(Failure::DivisionByZero));
        assert_eq!(remainder(5.5, 0.0), Err(Failure::DivisionByZero));
        assert_eq!(remainder(-5.5, 2.0), Ok(-1.5));
    }

    #[test]
    fn a_nan_has_one_spelling() {
        let bits = |result: Result<f64, Failure>| result.map(f64::to_bits);
        let nan = Ok(0x7ff8_0000_0000_0000);
        assert_eq!(bits(subtract(f64::INFINITY, f64::INFINITY)), nan);
        assert_eq!(bits(add(-f64::NAN, 1.0)), nan);
        assert_eq!(bits(remainder(f64::INFINITY, 2.0)), nan);
    }

    #[test]
    fn nan_is_greatest_and_equal_to_itself() {
        assert_eq!(order(f64::NAN, -f64::NAN), Ordering::Equal);
        assert_eq!(order(f64::NAN, f64::INFINITY), Ordering::Greater);
        assert_eq!(order(f64::INFINITY, f64::NAN), Ordering::Less);
        assert_eq!(order(-0.0, 0.0), Ordering::Equal);
        assert_eq!(order(1.0, 2.0), Ordering::Less);
    }
}
