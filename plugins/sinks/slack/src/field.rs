//! Values as people read them.

use streamgauge_functions::{format_f64, format_timestamp};
use streamgauge_sdk::Cell;

/// Digits of a number that is no whole one.
const DIGITS: i32 = 6;
/// What stands for NULL.
const NULL: &str = "–";

/// A value: numbers to six digits (whole ones in full), timestamps to the second.
pub(crate) fn value(cell: Option<Cell<'_>>) -> String {
    match cell {
        None => NULL.into(),
        Some(Cell::Boolean(value)) => value.to_string(),
        Some(Cell::Int64(value)) => value.to_string(),
        Some(Cell::Float64(value)) => double(value),
        Some(Cell::Timestamp(micros)) => format!("{} UTC", instant(micros)),
        Some(Cell::Text(text)) => text.into(),
    }
}

fn double(value: f64) -> String {
    // Beyond these the exponent is what one wants to see.
    if value != 0.0 && !(1e-4..1e15).contains(&value.abs()) {
        let mut out = Vec::new();
        format_f64(value, &mut out);
        return String::from_utf8_lossy(&out).into_owned();
    }
    let whole_digits = value.abs().log10().floor().max(0.0) as i32 + 1;
    let decimals = (DIGITS - whole_digits).max(0) as usize;
    let text = format!("{value:.decimals$}");
    match text.contains('.') {
        true => text.trim_end_matches('0').trim_end_matches('.').to_owned(),
        false => text,
    }
}

/// `2026-01-01 00:05:00`, in UTC.
pub(crate) fn instant(micros: i64) -> String {
    let mut out = Vec::new();
    format_timestamp(micros, &mut out);
    let text = String::from_utf8_lossy(&out).replace('T', " ");
    text.split('.').next().unwrap_or_default().to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_short() {
        let read = |value| self::value(Some(Cell::Float64(value)));
        assert_eq!(read(2000.0), "2000");
        assert_eq!(read(2_350.256_789), "2350.26");
        assert_eq!(read(-0.123_456_789), "-0.12346");
        assert_eq!(read(1_234_567.8), "1234568");
        assert_eq!(read(0.0), "0");
        assert_eq!(read(1.5e-7), "1.5e-7");
        assert_eq!(read(1e300), "1e300");
        assert_eq!(read(f64::NAN), "NaN");
        assert_eq!(read(f64::NEG_INFINITY), "-Infinity");
        assert_eq!(value(Some(Cell::Int64(i64::MIN))), "-9223372036854775808");
    }

    #[test]
    fn other_values_are_words() {
        assert_eq!(value(None), "–");
        assert_eq!(value(Some(Cell::Boolean(false))), "false");
        assert_eq!(value(Some(Cell::Timestamp(1_767_225_900_999_999))), "2026-01-01 00:05:00 UTC");
    }
}
