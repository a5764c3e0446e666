//! Casts between numbers, booleans and text, spelt as in PostgreSQL: blanks around a value are ignored.

use crate::Failure;
use crate::float::canonical;

/// TEXT to BIGINT: a sign and decimal digits.
pub fn parse_i64(text: &[u8]) -> Result<i64, Failure> {
    let text = text.trim_ascii();
    let (negative, digits) = match text {
        [b'-', digits @ ..] => (true, digits),
        [b'+', digits @ ..] => (false, digits),
        digits => (false, digits),
    };
    if digits.is_empty() || !digits.iter().all(u8::is_ascii_digit) {
        return Err(Failure::InvalidCast);
    }
    // Toward the sign's side, so that the least BIGINT is read too.
    let append = |value: i64, digit: &u8| {
        let digit = i64::from(digit - b'0');
        let shifted = value.checked_mul(10)?;
        if negative { shifted.checked_sub(digit) } else { shifted.checked_add(digit) }
    };
    digits.iter().try_fold(0, append).ok_or(Failure::Overflow)
}

/// TEXT to DOUBLE: a decimal number, `Infinity`, `inf` or `NaN`, with a sign, in any case. A number too great is an overflow.
pub fn parse_f64(text: &[u8]) -> Result<f64, Failure> {
    let text = text.trim_ascii();
    let value: f64 =
        std::str::from_utf8(text).ok().and_then(|text| text.parse().ok()).ok_or(Failure::InvalidCast)?;
    if value.is_infinite() && text.iter().any(u8::is_ascii_digit) {
        return Err(Failure::Overflow);
    }
    Ok(canonical(value))
}

/// TEXT to BOOLEAN: true, t, yes, y, on, 1 and their opposites, in any case.
pub fn parse_boolean(text: &[u8]) -> Result<bool, Failure> {
    let text = text.trim_ascii();
    let is = |word: &&str| text.eq_ignore_ascii_case(word.as_bytes());
    if ["true", "t", "yes", "y", "on", "1"].iter().any(is) {
        Ok(true)
    } else if ["false", "f", "no", "n", "off", "0"].iter().any(is) {
        Ok(false)
    } else {
        Err(Failure::InvalidCast)
    }
}

/// DOUBLE to BIGINT: rounded, ties to even.
pub fn f64_to_i64(value: f64) -> Result<i64, Failure> {
    let rounded = value.round_ties_even();
    // Both bounds are exact: -2^63 fits, 2^63 does not; NaN is in no range.
    if (-9_223_372_036_854_775_808.0..9_223_372_036_854_775_808.0).contains(&rounded) {
        Ok(rounded as i64)
    } else {
        Err(Failure::Overflow)
    }
}

/// Appends a BIGINT in digits.
pub fn format_i64(value: i64, out: &mut Vec<u8>) {
    out.extend_from_slice(itoa::Buffer::new().format(value).as_bytes());
}

/// Appends the shortest decimal that reads back as the DOUBLE, with `.` or `e`: `2000.0`; or `NaN`, `Infinity`, `-Infinity`.
pub fn format_f64(value: f64, out: &mut Vec<u8>) {
    if value.is_finite() {
        out.extend_from_slice(ryu::Buffer::new().format_finite(value).as_bytes());
    } else if value.is_nan() {
        out.extend_from_slice(b"NaN");
    } else {
        out.extend_from_slice(if value > 0.0 { b"Infinity" } else { b"-Infinity" });
    }
}

/// Appends `true` or `false`.
pub fn format_boolean(value: bool, out: &mut Vec<u8>) {
    out.extend_from_slice(if value { b"true" } else { b"false" });
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn bigint_is_read_to_its_edges() {
        let cases: [(&str, Result<i64, Failure>); 12] = [
            (" 42\t", Ok(42)),
            ("+7", Ok(7)),
            ("-0", Ok(0)),
            ("9223372036854775807", Ok(i64::MAX)),
            ("-9223372036854775808", Ok(i64::MIN)),
            ("9223372036854775808", Err(Failure::Overflow)),
            ("000000000000000000000000000012", Ok(12)),
            ("", Err(Failure::InvalidCast)),
            ("-", Err(Failure::InvalidCast)),
            ("5.0", Err(Failure::InvalidCast)),
            ("1 2", Err(Failure::InvalidCast)),
            ("٣", Err(Failure::InvalidCast)),
        ];
        for (text, expected) in cases {
            assert_eq!(parse_i64(text.as_bytes()), expected, "{text:?}");
        }
    }

    #[test]
    fn double_is_read_as_postgres_does() {
        let cases: [(&str, Result<f64, Failure>); 12] = [
            (" 1.5 ", Ok(1.5)),
            (".5", Ok(0.5)),
            ("5.", Ok(5.0)),
            ("1E3", Ok(1000.0)),
            ("-inf", Ok(f64::NEG_INFINITY)),
            ("Infinity", Ok(f64::INFINITY)),
            ("1e400", Err(Failure::Overflow)),
            ("1e-400", Ok(0.0)),
            ("", Err(Failure::InvalidCast)),
            (".", Err(Failure::InvalidCast)),
            ("0x10", Err(Failure::InvalidCast)),
            ("1,5", Err(Failure::InvalidCast)),
        ];
        for (text, expected) in cases {
            assert_eq!(parse_f64(text.as_bytes()), expected, "{text:?}");
        }
        assert_eq!(parse_f64(b"-NaN").map(f64::to_bits), Ok(0x7ff8_0000_0000_0000));
    }

    #[test]
    fn boolean_has_the_usual_spellings() {
        for text in ["true", " T", "YES", "y", "on", "1"] {
            assert_eq!(parse_boolean(text.as_bytes()), Ok(true), "{text:?}");
        }
        for text in ["false", "f", "No", "n", "OFF ", "0"] {
            assert_eq!(parse_boolean(text.as_bytes()), Ok(false), "{text:?}");
        }
        assert_eq!(parse_boolean(b"2"), Err(Failure::InvalidCast));
        assert_eq!(parse_boolean(b""), Err(Failure::InvalidCast));
    }

    #[test]
    fn double_becomes_bigint_where_it_fits() {
        assert_eq!(f64_to_i64(2.5), Ok(2));
        assert_eq!(f64_to_i64(-3.5), Ok(-4));
        assert_eq!(f64_to_i64(-9_223_372_036_854_775_808.0), Ok(i64::MIN));
        assert_eq!(f64_to_i64(9_223_372_036_854_775_808.0), Err(Failure::Overflow));
        assert_eq!(f64_to_i64(f64::NAN), Err(Failure::Overflow));
        assert_eq!(f64_to_i64(f64::INFINITY), Err(Failure::Overflow));
    }

    #[test]
    fn numbers_are_written_for_rows() {
        let text = |value| {
            let mut out = Vec::new();
            format_f64(value, &mut out);
            String::from_utf8(out).unwrap()
        };
        let values = [2000.0, -0.0, 0.1, 1e21, 1e-7, f64::NAN, f64::INFINITY, f64::NEG_INFINITY];
        assert_eq!(
            values.map(text),
            ["2000.0", "-0.0", "0.1", "1e21", "1e-7", "NaN", "Infinity", "-Infinity"]
        );
    }

    proptest! {
        #[test]
        fn numbers_read_back_as_they_were_written(i: i64, bits: u64) {
            let mut out = Vec::new();
            format_i64(i, &mut out);
            prop_assert_eq!(parse_i64(&out), Ok(i));
            let x = canonical(f64::from_bits(bits));
            out.clear();
            format_f64(x, &mut out);
            prop_assert_eq!(parse_f64(&out).map(f64::to_bits), Ok(x.to_bits()));
            prop_assert!(!x.is_finite() || out.iter().any(|byte| b".e".contains(byte)));
        }
    }
}
