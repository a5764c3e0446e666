//! Roots, powers and logarithms of DOUBLE, by `libm`: the platform's own differ in their last bits.
//!
//! An argument outside of a function's domain is out of range; a finite one whose result is infinite overflows, and a result that is
//! too small is 0. NaN gives NaN.

use crate::Failure;
use crate::float::canonical;

/// `sqrt(x)`; IEEE 754 says each of its bits.
pub fn sqrt(x: f64) -> Result<f64, Failure> {
    if x < 0.0 { Err(Failure::OutOfRange) } else { Ok(canonical(x.sqrt())) }
}

/// `ln(x)`
pub fn ln(x: f64) -> Result<f64, Failure> {
    if x <= 0.0 { Err(Failure::OutOfRange) } else { Ok(canonical(libm::log(x))) }
}

/// `log10(x)`
pub fn log10(x: f64) -> Result<f64, Failure> {
    if x <= 0.0 { Err(Failure::OutOfRange) } else { Ok(canonical(libm::log10(x))) }
}

/// `exp(x)`
pub fn exp(x: f64) -> Result<f64, Failure> {
    finite_of(libm::exp(x), x.is_finite())
}

/// `power(x, y)`. 0 to a negative power, and a negative number to one that is not whole, are out of range; `power(x, 0)` and
/// `power(1, y)` are 1, of NaN too.
pub fn power(x: f64, y: f64) -> Result<f64, Failure> {
    let is_whole = y.is_infinite() || y.is_nan() || y.trunc() == y;
    if x == 0.0 && y < 0.0 || x < 0.0 && !is_whole {
        return Err(Failure::OutOfRange);
    }
    finite_of(libm::pow(x, y), x.is_finite() && y.is_finite())
}

/// `sign(x)`: -1, 0 or 1; 0 of NaN, as in PostgreSQL.
pub fn sign(x: f64) -> f64 {
    f64::from(i8::from(x > 0.0) - i8::from(x < 0.0))
}

fn finite_of(result: f64, is_finite: bool) -> Result<f64, Failure> {
    if result.is_infinite() && is_finite { Err(Failure::Overflow) } else { Ok(canonical(result)) }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn domains_end_with_an_error() {
        for (found, expected) in [
            (sqrt(-1.0), Failure::OutOfRange),
            (sqrt(f64::NEG_INFINITY), Failure::OutOfRange),
            (ln(0.0), Failure::OutOfRange),
            (ln(-0.0), Failure::OutOfRange),
            (log10(-2.0), Failure::OutOfRange),
            (exp(1000.0), Failure::Overflow),
            (power(0.0, -1.0), Failure::OutOfRange),
            (power(-8.0, 1.0 / 3.0), Failure::OutOfRange),
            (power(10.0, 309.0), Failure::Overflow),
        ] {
            assert_eq!(found, Err(expected));
        }
    }

    #[test]
    fn exact_results_are_exact() {
        for (found, expected) in [
            (sqrt(2.25), 1.5),
            (ln(1.0), 0.0),
            (log10(1000.0), 3.0),
            (exp(0.0), 1.0),
            (exp(-1000.0), 0.0),
            (exp(f64::NEG_INFINITY), 0.0),
            (exp(f64::INFINITY), f64::INFINITY),
            (power(2.0, 10.0), 1024.0),
            (power(-2.0, 3.0), -8.0),
            (power(-2.0, -1.0), -0.5),
            (power(f64::NAN, 0.0), 1.0),
            (power(1.0, f64::NAN), 1.0),
            (power(0.5, f64::INFINITY), 0.0),
            (power(f64::INFINITY, 0.5), f64::INFINITY),
            (power(10.0, -400.0), 0.0),
        ] {
            assert_eq!(found, Ok(expected));
        }
        assert_eq!(sqrt(-0.0).map(f64::to_bits), Ok((-0.0f64).to_bits()));
        assert_eq!([-3.0, -0.0, 0.0, 5e-324, f64::NAN].map(sign), [-1.0, 0.0, 0.0, 1.0, 0.0]);
    }

    proptest! {
        #[test]
        fn results_are_near_those_of_the_platform(x in 1e-300..1e300f64, y in -700.0..700.0f64, z in -20.0..20.0f64) {
            let near = |found: Result<f64, Failure>, expected: f64| {
                found.is_ok_and(|found| (found - expected).abs() <= expected.abs() * 1e-15)
            };
            prop_assert!(near(ln(x), x.ln()) && near(log10(x), x.log10()));
            prop_assert!(near(exp(y), y.exp()) && near(power(y.abs(), z), y.abs().powf(z)));
        }

        #[test]
        fn any_number_has_an_answer(x: f64, y: f64) {
            for found in [sqrt(x), ln(x), log10(x), exp(x), power(x, y)].into_iter().flatten() {
                prop_assert_eq!(found.to_bits(), canonical(found).to_bits());
            }
        }
    }
}
