//! Rounding of DOUBLE.

use crate::Failure;
use crate::float::canonical;

/// `round(x)`: to a whole number, ties to even.
pub fn round(x: f64) -> f64 {
    canonical(x.round_ties_even())
}

/// `round(x, digits)`: to so many decimal digits behind the point (negative: before it), ties away from zero.
///
/// What is rounded is the shortest decimal that reads back as `x`, the one that is printed: `round(2.675, 2)` is 2.68.
pub fn round_to(x: f64, digits: i64) -> Result<f64, Failure> {
    to_digits(x, digits, true)
}

/// `trunc(x)`: the whole number toward zero.
pub fn trunc(x: f64) -> f64 {
    canonical(x.trunc())
}

/// `trunc(x, digits)`: cut to so many decimal digits, of the decimal that is printed: `trunc(0.29, 2)` is 0.29.
pub fn trunc_to(x: f64, digits: i64) -> Result<f64, Failure> {
    to_digits(x, digits, false)
}

fn to_digits(x: f64, digits: i64, rounds: bool) -> Result<f64, Failure> {
    if !x.is_finite() {
        return Ok(canonical(x));
    }
    let decimal = Decimal::shortest(x);
    // How many of the decimal's last digits lie behind the digit that is rounded to.
    let dropped = digits.saturating_neg().saturating_sub(i64::from(decimal.exponent));
    if dropped <= 0 {
        return Ok(x);
    }
    let kept = match u32::try_from(dropped).ok().and_then(|dropped| 10u64.checked_pow(dropped)) {
        // 10^19 and less: the mantissa has at most 17 digits, so adding half of it stays below 2^64.
        Some(power) => (decimal.mantissa + if rounds { power / 2 } else { 0 }) / power,
        None => 0,
    };
    let rounded = if kept == 0 {
        0.0
    } else {
        Decimal { mantissa: kept, exponent: digits.saturating_neg() as i32 }.value()
    };
    if rounded.is_finite() { Ok(rounded.copysign(x)) } else { Err(Failure::Overflow) }
}

/// `mantissa * 10^exponent`
struct Decimal {
    mantissa: u64,
    exponent: i32,
}

impl Decimal {
    /// The shortest decimal that reads back as `x`, without its sign; `x` is finite.
    fn shortest(x: f64) -> Self {
        let mut buffer = ryu::Buffer::new();
        let text = buffer.format_finite(x.abs());
        let (digits, exponent) = text.split_once('e').unwrap_or((text, "0"));
        let (whole, fraction) = digits.split_once('.').unwrap_or((digits, ""));
        let fraction = fraction.trim_end_matches('0');
        let mantissa =
            whole.bytes().chain(fraction.bytes()).fold(0, |sum, digit| sum * 10 + u64::from(digit - b'0'));
        let exponent = exponent.parse::<i32>().unwrap_or(0) - fraction.len() as i32;
        Self { mantissa, exponent }
    }

    /// The DOUBLE next to it; infinite if it is too great.
    fn value(&self) -> f64 {
        let mut text = Vec::with_capacity(32);
        text.extend_from_slice(itoa::Buffer::new().format(self.mantissa).as_bytes());
        text.push(b'e');
        text.extend_from_slice(itoa::Buffer::new().format(self.exponent).as_bytes());
        std::str::from_utf8(&text).ok().and_then(|text| text.parse().ok()).unwrap_or(f64::NAN)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn whole_numbers_tie_to_even() {
        assert_eq!([0.5, 1.5, 2.5, -0.5, -1.5].map(round), [0.0, 2.0, 2.0, -0.0, -2.0]);
    }

    #[test]
    fn digits_tie_away_from_zero_on_the_printed_text() {
        let cases = [
            (2.675, 2, 2.68),
            (-2.675, 2, -2.68),
            (1.005, 2, 1.01),
            (0.05, 1, 0.1),
            (1250.0, -2, 1300.0),
            (-5.0, -1, -10.0),
            (4.0, -1, 0.0),
            (1e22, 3, 1e22),
            (1e-300, 5, 0.0),
            (123.456, i64::MAX, 123.456),
            (123.456, i64::MIN, 0.0),
            (5e-324, 323, 1e-323),
            (5e-324, 324, 5e-324),
            (9.995, 2, 10.0),
            (0.0, -5, 0.0),
        ];
        for (x, digits, expected) in cases {
            assert_eq!(round_to(x, digits), Ok(expected), "round({x}, {digits})");
        }
        assert_eq!(round_to(1.7e308, -308), Err(Failure::Overflow));
        assert_eq!(round_to(f64::NEG_INFINITY, 2), Ok(f64::NEG_INFINITY));
    }

    #[test]
    fn digits_are_cut_from_the_printed_text() {
        for (x, digits, expected) in [
            (0.29, 2, 0.29),
            (2.679, 2, 2.67),
            (-2.679, 2, -2.67),
            (1299.5, -2, 1200.0),
            (99.0, -2, 0.0),
            (1e22, 3, 1e22),
            (f64::MAX, -308, 1e308),
        ] {
            assert_eq!(trunc_to(x, digits), Ok(expected), "trunc({x}, {digits})");
        }
        assert_eq!([2.9, -2.9, -0.5].map(trunc), [2.0, -2.0, -0.0]);
    }

    proptest! {
        #[test]
        fn the_result_is_as_near_as_any_and_has_no_more_digits(x in -1e9..1e9f64, digits in 0..8i64) {
            let rounded = round_to(x, digits).unwrap();
            let step = 10f64.powi(-digits as i32);
            prop_assert!((rounded - x).abs() <= step / 2.0 + x.abs() * 1e-15);
            prop_assert_eq!(round_to(rounded, digits), Ok(rounded));
            prop_assert!(rounded.to_string().split_once('.').map_or(0, |(_, f)| f.len()) as i64 <= digits);
        }

        #[test]
        fn any_argument_has_a_result(x: f64, digits: i64) {
            let _ = round_to(x, digits);
            let _ = round_to(x, digits % 400);
        }
    }
}
