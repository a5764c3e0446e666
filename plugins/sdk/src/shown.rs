//! Values as texts for people.

use std::fmt;

use crate::Cell;

const MILLIS_A_DAY: i64 = 86_400_000;

/// Times are in UTC and to the millisecond, numbers have no needless digits, and a text is as it is.
impl fmt::Display for Cell<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Boolean(value) => value.fmt(f),
            Self::Int64(value) => value.fmt(f),
            Self::Float64(value) => value.fmt(f),
            Self::Text(value) => value.fmt(f),
            Self::Timestamp(micros) => time(*micros, f),
        }
    }
}

/// `2026-01-01T00:05:00Z`, or with `.123` where there are milliseconds.
fn time(micros: i64, f: &mut fmt::Formatter<'_>) -> fmt::Result {
    let millis = micros.div_euclid(1000);
    let (year, month, day) = date(millis.div_euclid(MILLIS_A_DAY));
    let of_day = millis.rem_euclid(MILLIS_A_DAY);
    let (seconds, fraction) = (of_day / 1000, of_day % 1000);
    let (hour, minute, second) = (seconds / 3600, seconds / 60 % 60, seconds % 60);
    write!(f, "{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}")?;
    match fraction {
        0 => f.write_str("Z"),
        millis => write!(f, ".{millis:03}Z"),
    }
}

/// Year, month and day of a number of days since 1970-01-01. Years begin in March here, so that a leap day is the last of its year.
fn date(days: i64) -> (i64, i64, i64) {
    const DAYS_400_YEARS: i64 = 146_097;
    let since_march = days + 719_468;
    let (era, of_era) = (since_march.div_euclid(DAYS_400_YEARS), since_march.rem_euclid(DAYS_400_YEARS));
    let year_of_era = (of_era - of_era / 1460 + of_era / 36_524 - of_era / 146_096) / 365;
    let day_of_year = of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let month_from_march = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * month_from_march + 2) / 5 + 1;
    let month = if month_from_march < 10 { month_from_march + 3 } else { month_from_march - 9 };
    (400 * era + year_of_era + i64::from(month <= 2), month, day)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_those_of_the_calendar() {
        // From `date -u -d @SECONDS`.
        for (seconds, expected) in [
            (0, "1970-01-01T00:00:00Z"),
            (951_782_400, "2000-02-29T00:00:00Z"),
            (951_868_799, "2000-02-29T23:59:59Z"),
            (4_107_542_400, "2100-03-01T00:00:00Z"),
            (1_767_225_900, "2026-01-01T00:05:00Z"),
            (-1, "1969-12-31T23:59:59Z"),
            (-62_135_596_800, "0001-01-01T00:00:00Z"),
        ] {
            assert_eq!(Cell::Timestamp(seconds * 1_000_000).to_string(), expected);
        }
        assert_eq!(Cell::Timestamp(1_767_225_900_123_999).to_string(), "2026-01-01T00:05:00.123Z");
        assert!(Cell::Timestamp(i64::MIN).to_string().starts_with("-290308-"));
        assert!(Cell::Timestamp(i64::MAX).to_string().starts_with("294247-01-10T"));
    }

    #[test]
    fn numbers_have_no_needless_digits() {
        let texts = [
            Cell::Float64(400.0),
            Cell::Float64(0.1),
            Cell::Int64(-7),
            Cell::Boolean(true),
            Cell::Text("a b"),
        ];
        assert_eq!(texts.map(|cell| cell.to_string()), ["400", "0.1", "-7", "true", "a b"]);
    }
}
