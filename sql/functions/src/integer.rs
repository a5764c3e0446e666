//! BIGINT arithmetic: 64 bits, checked.

use crate::Failure;

/// `a + b`
pub fn add(a: i64, b: i64) -> Result<i64, Failure> {
    a.checked_add(b).ok_or(Failure::Overflow)
}

/// `a - b`
pub fn subtract(a: i64, b: i64) -> Result<i64, Failure> {
    a.checked_sub(b).ok_or(Failure::Overflow)
}

/// `a * b`
pub fn multiply(a: i64, b: i64) -> Result<i64, Failure> {
    a.checked_mul(b).ok_or(Failure::Overflow)
}

/// `a / b`, cut toward zero.
pub fn divide(a: i64, b: i64) -> Result<i64, Failure> {
    if b == 0 {
        return Err(Failure::DivisionByZero);
    }
    a.checked_div(b).ok_or(Failure::Overflow)
}

/// `a % b` with the sign of `a`; the least BIGINT `% -1` is 0.
pub fn remainder(a: i64, b: i64) -> Result<i64, Failure> {
    if b == 0 {
        return Err(Failure::DivisionByZero);
    }
    Ok(a.wrapping_rem(b))
}

/// `- a`
pub fn negate(a: i64) -> Result<i64, Failure> {
    a.checked_neg().ok_or(Failure::Overflow)
}

/// `abs(a)`
pub fn abs(a: i64) -> Result<i64, Failure> {
    a.checked_abs().ok_or(Failure::Overflow)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_edges_of_bigint_overflow() {
        assert_eq!(add(i64::MAX, 1), Err(Failure::Overflow));
        assert_eq!(subtract(i64::MIN, 1), Err(Failure::Overflow));
        assert_eq!(multiply(i64::MIN, -1), Err(Failure::Overflow));
        assert_eq!(negate(i64::MIN), Err(Failure::Overflow));
        assert_eq!(abs(i64::MIN), Err(Failure::Overflow));
        assert_eq!(abs(-7), Ok(7));
    }

    #[test]
    fn division_cuts_toward_zero_and_knows_its_edges() {
        assert_eq!(divide(-7, 2), Ok(-3));
        assert_eq!(remainder(-7, 2), Ok(-1));
        assert_eq!(divide(1, 0), Err(Failure::DivisionByZero));
        assert_eq!(remainder(1, 0), Err(Failure::DivisionByZero));
        assert_eq!(divide(i64::MIN, -1), Err(Failure::Overflow));
        assert_eq!(remainder(i64::MIN, -1), Ok(0));
    }
}
