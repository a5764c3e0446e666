//! Numbers with the digits that people want.

use super::field::Unit;

/// With separators between thousands.
pub(super) fn integer(value: i64) -> String {
    grouped(&value.to_string())
}

/// With digits by size and unit.
pub(super) fn real(value: f64, unit: Unit) -> String {
    let size = value.abs();
    let decimals = match unit {
        _ if !value.is_finite() => return "–".to_owned(),
        _ if size >= 1e15 => return format!("{value:.3e}"),
        Unit::Milliseconds => usize::from(size < 9.95),
        Unit::Percent => 1,
        _ if size >= 1000.0 => 0,
        Unit::None if size >= 100.0 => 1,
        _ if size >= 0.01 || size == 0.0 => 2,
        _ if size >= 0.0001 || unit == Unit::Dollars => 4,
        _ => return format!("{value:.1e}"),
    };
    grouped(&format!("{value:.decimals$}"))
}

/// `12:05:00`, in UTC.
pub(super) fn time_of_day(time_us: i64) -> String {
    let seconds = time_us.div_euclid(1_000_000).rem_euclid(86_400);
    format!("{:02}:{:02}:{:02}", seconds / 3600, seconds / 60 % 60, seconds % 60)
}

/// `5 min`.
pub(super) fn duration(length_us: i64) -> String {
    let units = [(86_400_000_000, "d"), (3_600_000_000, "h"), (60_000_000, "min"), (1_000_000, "s")];
    match units.iter().find(|(unit, _)| length_us >= *unit && length_us % unit == 0) {
        Some((unit, name)) => format!("{} {name}", length_us / unit),
        None => format!("{} s", length_us as f64 / 1e6),
    }
}

fn grouped(number: &str) -> String {
    let (sign, digits) = number.strip_prefix('-').map_or(("", number), |digits| ("-", digits));
    let (whole, fraction) = digits.find('.').map_or((digits, ""), |point| digits.split_at(point));
    let mut grouped = sign.to_owned();
    for (index, digit) in whole.chars().enumerate() {
        if index > 0 && (whole.len() - index).is_multiple_of(3) {
            grouped.push(',');
        }
        grouped.push(digit);
    }
    grouped + fraction
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_have_the_digits_that_people_want() {
        assert_eq!(
            [0, 999, 1000, -1_234_567, i64::MIN].map(integer),
            ["0", "999", "1,000", "-1,234,567", "-9,223,372,036,854,775,808"]
        );
        let plain = [0.0, 0.8765, 9.996, -12.345, 123.456, 1234.5, 0.00421, 1.2e-7, 1e15, f64::NAN];
        assert_eq!(
            plain.map(|value| real(value, Unit::None)),
            ["0.00", "0.88", "10.00", "-12.35", "123.5", "1,234", "0.0042", "1.2e-7", "1.000e15", "–"]
        );
        assert_eq!(
            [0.0, 9.94, 9.96, 2310.4, 1_000_000.0].map(|value| real(value, Unit::Milliseconds)),
            ["0.0", "9.9", "10", "2,310", "1,000,000"]
        );
        assert_eq!([0.04, 12.36].map(|value| real(value, Unit::Percent)), ["0.0", "12.4"]);
        assert_eq!(
            [0.000_037, 0.0042, 3.178].map(|value| real(value, Unit::Dollars)),
            ["0.0000", "0.0042", "3.18"]
        );
    }

    #[test]
    fn times_are_short() {
        assert_eq!(time_of_day(1_767_225_900_999_999), "00:05:00");
        assert_eq!(time_of_day(-1), "23:59:59");
        let lengths = [300_000_000, 90_000_000, 7_200_000_000, 86_400_000_000, 1_500_000];
        assert_eq!(lengths.map(duration), ["5 min", "90 s", "2 h", "1 d", "1.5 s"]);
    }
}
