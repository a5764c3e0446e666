//! Units of a TIMESTAMP, in UTC and the Gregorian calendar: what `date_trunc`, `extract` and `date_bin` compute.

use crate::Failure;
use crate::timestamp::{civil_from_days, days_from_civil, in_range};

const SECOND: i64 = 1_000_000;
const MINUTE: i64 = 60 * SECOND;
const HOUR: i64 = 60 * MINUTE;
const DAY: i64 = 24 * HOUR;

/// A unit or a field of time. Generated code names it by its number.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum Unit {
    /// The second in microseconds.
    Microseconds,
    /// The second in milliseconds.
    Milliseconds,
    /// With its fraction.
    Second,
    /// From 0.
    Minute,
    /// From 0.
    Hour,
    /// Of the month, from 1.
    Day,
    /// Of ISO 8601: it begins on Monday, and the first one has the year's first Thursday.
    Week,
    /// From 1.
    Month,
    /// From 1.
    Quarter,
    /// From 1 to 9999.
    Year,
    /// The year by ten.
    Decade,
    /// The first one begins with the year 1.
    Century,
    /// The first one begins with the year 1.
    Millennium,
    /// The year that an ISO week belongs to.
    IsoYear,
    /// The day of the week, Sunday is 0.
    DayOfWeek,
    /// The day of the week, Monday is 1 and Sunday 7.
    IsoDayOfWeek,
    /// The day of the year, from 1.
    DayOfYear,
    /// The seconds since 1970.
    Epoch,
}

impl Unit {
    /// All of them, by number.
    pub const ALL: [Self; 18] = [
        Self::Microseconds,
        Self::Milliseconds,
        Self::Second,
        Self::Minute,
        Self::Hour,
        Self::Day,
        Self::Week,
        Self::Month,
        Self::Quarter,
        Self::Year,
        Self::Decade,
        Self::Century,
        Self::Millennium,
        Self::IsoYear,
        Self::DayOfWeek,
        Self::IsoDayOfWeek,
        Self::DayOfYear,
        Self::Epoch,
    ];

    /// The unit of a name in lower case, as PostgreSQL has them in full.
    pub fn named(name: &str) -> Option<Self> {
        Some(match name {
            "microsecond" | "microseconds" => Self::Microseconds,
            "millisecond" | "milliseconds" => Self::Milliseconds,
            "second" | "seconds" => Self::Second,
            "minute" | "minutes" => Self::Minute,
            "hour" | "hours" => Self::Hour,
            "day" | "days" => Self::Day,
            "week" | "weeks" => Self::Week,
            "month" | "months" => Self::Month,
            "quarter" | "quarters" => Self::Quarter,
            "year" | "years" => Self::Year,
            "decade" | "decades" => Self::Decade,
            "century" | "centuries" => Self::Century,
            "millennium" | "millenniums" | "millennia" => Self::Millennium,
            "isoyear" => Self::IsoYear,
            "dow" => Self::DayOfWeek,
            "isodow" => Self::IsoDayOfWeek,
            "doy" => Self::DayOfYear,
            "epoch" => Self::Epoch,
            _ => return None,
        })
    }

    /// Whether times can be cut to it.
    pub fn truncates(self) -> bool {
        (self as u8) <= Self::Millennium as u8
    }

    /// Whether the field is a DOUBLE, as it has a fraction.
    pub fn has_fraction(self) -> bool {
        matches!(self, Self::Milliseconds | Self::Second | Self::Epoch)
    }

    fn of(number: i64) -> Result<Self, Failure> {
        usize::try_from(number)
            .ok()
            .and_then(|number| Self::ALL.get(number))
            .copied()
            .ok_or(Failure::OutOfRange)
    }
}

/// `date_trunc(unit, time)`: the first instant of its unit; of a number that is no such unit out of range.
pub fn truncate(unit: i64, micros: i64) -> Result<i64, Failure> {
    let size = match Unit::of(unit)? {
        Unit::Microseconds => 1,
        Unit::Milliseconds => 1000,
        Unit::Second => SECOND,
        Unit::Minute => MINUTE,
        Unit::Hour => HOUR,
        Unit::Day => DAY,
        unit => return days_in_range(first_day(unit, micros.div_euclid(DAY))?),
    };
    micros.checked_sub(micros.rem_euclid(size)).ok_or(Failure::Overflow).and_then(in_range)
}

fn days_in_range(days: i64) -> Result<i64, Failure> {
    days.checked_mul(DAY).ok_or(Failure::Overflow).and_then(in_range)
}

/// The first day of the unit in which a day is.
fn first_day(unit: Unit, day: i64) -> Result<i64, Failure> {
    let (year, month, _) = civil_from_days(day);
    // Centuries and millennia begin with a year 1.
    let since_one = |years: i64| year - (year - 1).rem_euclid(years);
    let (year, month) = match unit {
        Unit::Week => return Ok(day - (iso_day_of_week(day) - 1)),
        Unit::Month => (year, month),
        Unit::Quarter => (year, month - (month - 1) % 3),
        Unit::Year => (year, 1),
        Unit::Decade => (year - year.rem_euclid(10), 1),
        Unit::Century => (since_one(100), 1),
        Unit::Millennium => (since_one(1000), 1),
        _ => return Err(Failure::OutOfRange),
    };
    Ok(days_from_civil(year, month, 1))
}

/// 1970-01-01 was a Thursday.
fn iso_day_of_week(day: i64) -> i64 {
    (day + 3).rem_euclid(7) + 1
}

/// `extract(field FROM time)` of a field that is a whole number; of a number that is no such field out of range.
pub fn field(unit: i64, micros: i64) -> Result<i64, Failure> {
    let day = micros.div_euclid(DAY);
    let (year, month, day_of_month) = civil_from_days(day);
    Ok(match Unit::of(unit)? {
        Unit::Microseconds => micros.rem_euclid(MINUTE),
        Unit::Minute => micros.rem_euclid(HOUR) / MINUTE,
        Unit::Hour => micros.rem_euclid(DAY) / HOUR,
        Unit::Day => day_of_month,
        Unit::Month => month,
        Unit::Quarter => (month + 2) / 3,
        Unit::Year => year,
        Unit::Decade => year.div_euclid(10),
        Unit::Century => (year + 99).div_euclid(100),
        Unit::Millennium => (year + 999).div_euclid(1000),
        Unit::DayOfWeek => iso_day_of_week(day) % 7,
        Unit::IsoDayOfWeek => iso_day_of_week(day),
        Unit::DayOfYear => day - days_from_civil(year, 1, 1) + 1,
        unit @ (Unit::Week | Unit::IsoYear) => {
            let thursday = day - iso_day_of_week(day) + 4;
            let (year, ..) = civil_from_days(thursday);
            if unit == Unit::Week { (thursday - days_from_civil(year, 1, 1)) / 7 + 1 } else { year }
        }
        Unit::Milliseconds | Unit::Second | Unit::Epoch => return Err(Failure::OutOfRange),
    })
}

/// `extract(field FROM time)` of a field with a fraction; of a number that is no such field out of range.
pub fn fraction(unit: i64, micros: i64) -> Result<f64, Failure> {
    match Unit::of(unit)? {
        Unit::Milliseconds => Ok(micros.rem_euclid(MINUTE) as f64 / 1e3),
        Unit::Second => Ok(micros.rem_euclid(MINUTE) as f64 / 1e6),
        Unit::Epoch => Ok(micros as f64 / 1e6),
        _ => Err(Failure::OutOfRange),
    }
}

/// `date_bin(stride, time, origin)`: the first instant of the bin in which a time is; bins of this many microseconds lie side by side from
/// the origin to both sides. A stride below 1 is out of range.
pub fn bin(stride: i64, micros: i64, origin: i64) -> Result<i64, Failure> {
    if stride < 1 {
        return Err(Failure::OutOfRange);
    }
    let since = micros.checked_sub(origin).ok_or(Failure::Overflow)?;
    micros.checked_sub(since.rem_euclid(stride)).ok_or(Failure::Overflow).and_then(in_range)
}

/// `to_timestamp(seconds)`: the time so many seconds after 1970 began, to the nearest microsecond. NaN is out of range.
pub fn from_seconds(seconds: f64) -> Result<i64, Failure> {
    let micros = (seconds * 1e6).round_ties_even();
    if micros.is_nan() {
        Err(Failure::OutOfRange)
    } else {
        // What does not fit becomes the nearest BIGINT, which is no TIMESTAMP either.
        in_range(micros as i64)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::{format_timestamp, parse_timestamp};

    fn time(text: &str) -> i64 {
        parse_timestamp(text.as_bytes()).unwrap()
    }

    fn text(micros: i64) -> String {
        let mut out = Vec::new();
        format_timestamp(micros, &mut out);
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn units_have_their_numbers() {
        for (number, unit) in Unit::ALL.into_iter().enumerate() {
            assert_eq!(unit as usize, number);
        }
        assert_eq!(field(18, 0), Err(Failure::OutOfRange));
        assert_eq!(truncate(-1, 0), Err(Failure::OutOfRange));
    }

    #[test]
    fn times_are_cut_as_in_postgres() {
        let at = time("2026-11-29T13:47:58.123456Z");
        for (unit, expected) in [
            (Unit::Milliseconds, "2026-11-29T13:47:58.123Z"),
            (Unit::Second, "2026-11-29T13:47:58.000Z"),
            (Unit::Minute, "2026-11-29T13:47:00.000Z"),
            (Unit::Hour, "2026-11-29T13:00:00.000Z"),
            (Unit::Day, "2026-11-29T00:00:00.000Z"),
            (Unit::Week, "2026-11-23T00:00:00.000Z"),
            (Unit::Month, "2026-11-01T00:00:00.000Z"),
            (Unit::Quarter, "2026-10-01T00:00:00.000Z"),
            (Unit::Year, "2026-01-01T00:00:00.000Z"),
            (Unit::Decade, "2020-01-01T00:00:00.000Z"),
            (Unit::Century, "2001-01-01T00:00:00.000Z"),
            (Unit::Millennium, "2001-01-01T00:00:00.000Z"),
        ] {
            assert_eq!(truncate(unit as i64, at).map(text).as_deref(), Ok(expected), "{unit:?}");
        }
        let before = time("1969-07-20T20:17:40.5Z");
        assert_eq!(truncate(Unit::Hour as i64, before).map(text).as_deref(), Ok("1969-07-20T20:00:00.000Z"));
        assert_eq!(
            truncate(Unit::Century as i64, time("2000-12-31T00:00:00Z")),
            Ok(time("1901-01-01T00:00:00Z"))
        );
        assert_eq!(truncate(Unit::Decade as i64, time("0009-01-01T00:00:00Z")), Err(Failure::Overflow));
        assert_eq!(
            truncate(Unit::Week as i64, time("0001-01-01T00:00:00Z")),
            Ok(time("0001-01-01T00:00:00Z"))
        );
        assert_eq!(truncate(Unit::Epoch as i64, at), Err(Failure::OutOfRange));
    }

    #[test]
    fn fields_are_those_of_postgres() {
        let at = time("2021-01-03T13:47:58.123456Z");
        for (unit, expected) in [
            (Unit::Microseconds, 58_123_456),
            (Unit::Minute, 47),
            (Unit::Hour, 13),
            (Unit::Day, 3),
            (Unit::Week, 53),
            (Unit::Month, 1),
            (Unit::Quarter, 1),
            (Unit::Year, 2021),
            (Unit::Decade, 202),
            (Unit::Century, 21),
            (Unit::Millennium, 3),
            (Unit::IsoYear, 2020),
            (Unit::DayOfWeek, 0),
            (Unit::IsoDayOfWeek, 7),
            (Unit::DayOfYear, 3),
        ] {
            assert_eq!(field(unit as i64, at), Ok(expected), "{unit:?}");
        }
        assert_eq!(fraction(Unit::Second as i64, at), Ok(58.123_456));
        assert_eq!(fraction(Unit::Milliseconds as i64, at), Ok(58_123.456));
        assert_eq!(fraction(Unit::Epoch as i64, at), Ok(1_609_681_678.123_456));
        assert_eq!(field(Unit::Century as i64, time("2000-06-01T00:00:00Z")), Ok(20));
        assert_eq!(field(Unit::Week as i64, time("2024-12-30T00:00:00Z")), Ok(1));
    }

    #[test]
    fn bins_lie_on_both_sides_of_their_origin() {
        let (at, origin) = (time("2026-02-01T12:01:30Z"), time("2026-02-01T12:05:00Z"));
        assert_eq!(bin(15 * MINUTE, at, origin), Ok(time("2026-02-01T11:50:00Z")));
        assert_eq!(bin(15 * MINUTE, origin, at), Ok(at));
        assert_eq!(bin(30 * SECOND, at, origin), Ok(at));
        assert_eq!(bin(0, at, origin), Err(Failure::OutOfRange));
        assert_eq!(bin(i64::MAX, at, origin), Err(Failure::Overflow));
    }

    #[test]
    fn seconds_become_times_where_there_are_such() {
        assert_eq!(from_seconds(1_767_225_900.5), Ok(1_767_225_900_500_000));
        assert_eq!(from_seconds(-0.000_000_5), Ok(0));
        for (seconds, expected) in [
            (1e12, Failure::Overflow),
            (f64::NEG_INFINITY, Failure::Overflow),
            (f64::NAN, Failure::OutOfRange),
        ] {
            assert_eq!(from_seconds(seconds), Err(expected));
        }
    }

    proptest! {
        #[test]
        fn a_time_is_in_its_unit(micros in 0i64..253_402_300_799_999_999, unit in 0..13i64) {
            let first = truncate(unit, micros).unwrap();
            prop_assert!(first <= micros);
            prop_assert_eq!(truncate(unit, first), Ok(first));
            if unit >= Unit::Month as i64 {
                prop_assert_eq!(field(unit, first), field(unit, micros));
                prop_assert_ne!(truncate(unit, first - 1), Ok(first));
            }
        }

        #[test]
        fn any_time_has_an_answer(unit in -1..19i64, micros: i64, origin: i64, seconds: f64) {
            let _ = (truncate(unit, micros), field(unit, micros), bin(origin, micros, origin / 7));
            let _ = (fraction(unit, micros), from_seconds(seconds));
        }
    }
}
