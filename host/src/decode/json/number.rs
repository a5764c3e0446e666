//! Numbers of JSON, exactly.

use streamgauge_common::reason::Reason;

/// A number as it is written: `± digits · 10^exponent`, of which the first 19 digits are kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Decimal {
    pub(super) negative: bool,
    pub(super) digits: u64,
    pub(super) exponent: i32,
    /// Whether there were more digits.
    cut: bool,
    /// Whether one of them was not 0.
    rest: bool,
    /// Whether it is written without point and exponent.
    integer: bool,
}

/// The most digits that always fit into 64 bits.
const DIGITS_MAX: u32 = 19;
/// The powers of ten that are exact in binary64.
const EXACT: [f64; 23] = [
    1e0, 1e1, 1e2, 1e3, 1e4, 1e5, 1e6, 1e7, 1e8, 1e9, 1e10, 1e11, 1e12, 1e13, 1e14, 1e15, 1e16, 1e17, 1e18,
    1e19, 1e20, 1e21, 1e22,
];

/// A `BIGINT`: digits only.
pub(super) fn int64(text: &[u8]) -> Result<i64, Reason> {
    let number = decimal(text).filter(|number| number.integer).ok_or(Reason::WrongType)?;
    if number.cut {
        return Err(Reason::OutOfRange);
    }
    let magnitude = i128::from(number.digits);
    i64::try_from(if number.negative { -magnitude } else { magnitude }).map_err(|_| Reason::OutOfRange)
}

/// A `DOUBLE`: the nearest one, if that is finite.
pub(super) fn float64(text: &[u8]) -> Result<f64, Reason> {
    let number = decimal(text).ok_or(Reason::WrongType)?;
    if let Some(value) = number.exact() {
        return Ok(value);
    }
    let value =
        str::from_utf8(text).ok().and_then(|text| text.parse::<f64>().ok()).ok_or(Reason::WrongType)?;
    if value.is_finite() { Ok(value) } else { Err(Reason::OutOfRange) }
}

/// A count of `10^-scale`, further digits cut toward minus infinity; none beyond 18 digits.
pub(super) fn scaled(text: &[u8], scale: i32) -> Result<i64, Reason> {
    let number = decimal(text).ok_or(Reason::WrongType)?;
    if number.digits == 0 {
        return Ok(0);
    }
    let exponent = number.exponent.saturating_add(scale);
    let digits = i128::from(number.digits);
    let (magnitude, rest) = match exponent {
        0..=18 => (digits * 10i128.pow(exponent.unsigned_abs()), number.rest),
        -19..0 => {
            let unit = 10i128.pow(exponent.unsigned_abs());
            (digits / unit, number.rest || digits % unit != 0)
        }
        19.. => return Err(Reason::OutOfRange),
        _ => (0, true),
    };
    let value = if number.negative { -magnitude - i128::from(rest) } else { magnitude };
    i64::try_from(value).ok().filter(|value| value.unsigned_abs() < 10u64.pow(18)).ok_or(Reason::OutOfRange)
}

impl Decimal {
    /// The value, where one correctly rounded operation on exact operands gives it.
    #[inline]
    fn exact(&self) -> Option<f64> {
        if self.cut || self.digits >= 1 << 53 {
            return None;
        }
        let power = *EXACT.get(self.exponent.unsigned_abs() as usize)?;
        let digits = self.digits as f64;
        let magnitude = if self.exponent < 0 { digits / power } else { digits * power };
        Some(if self.negative { -magnitude } else { magnitude })
    }
}

/// Reads a number by JSON's grammar; none if it is not one.
#[inline]
pub(super) fn decimal(text: &[u8]) -> Option<Decimal> {
    let (negative, text) = match text {
        [b'-', rest @ ..] => (true, rest),
        _ => (false, text),
    };
    let mut number = Decimal { negative, digits: 0, exponent: 0, cut: false, rest: false, integer: true };
    let mut kept = 0;
    let (length, rest) = number.digits(text, &mut kept, 0);
    if length == 0 || (length > 1 && text.first() == Some(&b'0')) {
        return None;
    }
    let rest = match rest {
        [b'.', fraction @ ..] => {
            number.integer = false;
            let (length, rest) = number.digits(fraction, &mut kept, -1);
            if length == 0 {
                return None;
            }
            rest
        }
        _ => rest,
    };
    match rest {
        [] => Some(number),
        [b'e' | b'E', exponent @ ..] => {
            number.integer = false;
            number.exponent = number.exponent.saturating_add(read_exponent(exponent)?);
            Some(number)
        }
        _ => None,
    }
}

impl Decimal {
    /// Takes up the digits at the start; how many they are, and what is behind them.
    ///
    /// `shift` is by how much one of them that is kept moves the exponent: 0 before the point, -1 behind it.
    #[inline]
    fn digits<'a>(&mut self, text: &'a [u8], kept: &mut u32, shift: i32) -> (usize, &'a [u8]) {
        let mut rest = text;
        while let [byte @ b'0'..=b'9', behind @ ..] = rest {
            rest = behind;
            if *kept < DIGITS_MAX {
                self.digits = self.digits * 10 + u64::from(byte - b'0');
                // Zeros at the front are no digits.
                *kept += u32::from(self.digits != 0);
                self.exponent = self.exponent.saturating_add(shift);
            } else {
                self.cut = true;
                self.rest |= *byte != b'0';
                self.exponent = self.exponent.saturating_add(1 + shift);
            }
        }
        (text.len() - rest.len(), rest)
    }
}

#[cold]
fn read_exponent(text: &[u8]) -> Option<i32> {
    let (negative, digits) = match text {
        [b'-', rest @ ..] => (true, rest),
        [b'+', rest @ ..] => (false, rest),
        _ => (false, text),
    };
    if digits.is_empty() || !digits.iter().all(u8::is_ascii_digit) {
        return None;
    }
    let magnitude =
        digits.iter().fold(0i32, |sum, digit| sum.saturating_mul(10).saturating_add(i32::from(digit - b'0')));
    Some(if negative { -magnitude } else { magnitude })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn only_numbers_of_json_are_numbers() {
        for text in ["0", "-0", "0.0", "1e5", "1E+05", "10.25e-3", "123456789012345678901234567890.5"] {
            assert!(decimal(text.as_bytes()).is_some(), "{text}");
        }
        for text in [
            "", "-", "01", "-01", "00", "+1", ".5", "1.", "1.e5", "1e", "1e+", "0x1", "1_0", " 1", "NaN",
            "--1",
        ] {
            assert!(decimal(text.as_bytes()).is_none(), "{text}");
        }
    }

    #[test]
    fn a_bigint_is_digits_within_64_bits() {
        assert_eq!(int64(b"-0"), Ok(0));
        assert_eq!(int64(b"9223372036854775807"), Ok(i64::MAX));
        assert_eq!(int64(b"-9223372036854775808"), Ok(i64::MIN));
        for text in [
            "9223372036854775808",
            "-9223372036854775809",
            "99999999999999999999",
            "100000000000000000000000",
        ] {
            assert_eq!(int64(text.as_bytes()), Err(Reason::OutOfRange), "{text}");
        }
        for text in ["5.0", "5e0", "1e400", "99999999999999999999.5", "true"] {
            assert_eq!(int64(text.as_bytes()), Err(Reason::WrongType), "{text}");
        }
    }

    #[test]
    fn a_time_is_cut_toward_the_past() {
        assert_eq!(scaled(b"1.5", 6), Ok(1_500_000));
        assert_eq!(scaled(b"1.23456789", 6), Ok(1_234_567));
        assert_eq!(scaled(b"-1.23456789", 6), Ok(-1_234_568));
        assert_eq!(scaled(b"-0.0000000000000000000000000000001", 6), Ok(-1));
        assert_eq!(scaled(b"0.0000000000000000000000000000001", 6), Ok(0));
        assert_eq!(scaled(b"-1.0000000000000000000000", 6), Ok(-1_000_000));
        assert_eq!(scaled(b"1.7e9", 6), Ok(1_700_000_000_000_000));
        assert_eq!(scaled(b"0e999999999999", 6), Ok(0));
        assert_eq!(scaled(b"1e999999999999", 6), Err(Reason::OutOfRange));
        assert_eq!(scaled(b"123456789012345678901234567890", 0), Err(Reason::OutOfRange));
        assert_eq!(scaled(b"100000000000000000000000e-20", 0), Ok(1000));
    }

    proptest! {
        #[test]
        fn a_double_is_the_nearest_one(value in any::<f64>().prop_filter("JSON has no others", |value| value.is_finite())) {
            for text in [format!("{value}"), format!("{value:e}"), format!("{value:?}")] {
                prop_assert_eq!(float64(text.as_bytes()).map(f64::to_bits), Ok(value.to_bits()), "{}", text);
            }
        }

        #[test]
        fn a_decimal_reads_as_the_standard_library_reads_it(text in "-?(0|[1-9][0-9]{0,24})(\\.[0-9]{1,24})?(e-?[0-9]{1,3})?") {
            let expected: f64 = text.parse().unwrap();
            let expected = if expected.is_finite() { Ok(expected.to_bits()) } else { Err(Reason::OutOfRange) };
            prop_assert_eq!(float64(text.as_bytes()).map(f64::to_bits), expected);
        }

        #[test]
        fn a_bigint_reads_as_the_standard_library_reads_it(value in any::<i64>()) {
            prop_assert_eq!(int64(value.to_string().as_bytes()), Ok(value));
        }
    }
}
