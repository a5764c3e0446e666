//! TIMESTAMP and its text: microseconds since 1970-01-01T00:00:00Z, RFC 3339, proleptic Gregorian.

use std::ops::RangeInclusive;

use crate::Failure;

/// Microseconds of a second.
const SECOND: i64 = 1_000_000;
/// Seconds of a day.
const DAY: i64 = 86_400;
/// 0001-01-01T00:00:00Z, in microseconds.
const FIRST: i64 = -62_135_596_800 * SECOND;
/// 9999-12-31T23:59:59.999999Z, in microseconds.
const LAST: i64 = 253_402_300_800 * SECOND - 1;

/// The instants that a TIMESTAMP can be: years 1 to 9999.
pub const RANGE: RangeInclusive<i64> = FIRST..=LAST;

/// The sum or difference of a TIMESTAMP and an INTERVAL, unless it is outside of [`RANGE`].
pub fn in_range(micros: i64) -> Result<i64, Failure> {
    if RANGE.contains(&micros) { Ok(micros) } else { Err(Failure::Overflow) }
}

/// Reads RFC 3339: `2026-01-01T00:05:00.000Z`, a space for the `T`, an offset for the `Z` (`+02:00`, `+0200`, `+02`).
///
/// A zone is required; digits behind microseconds are cut; `24:00`, `:60` and years outside of 1 to 9999 (in UTC) fail.
pub fn parse_timestamp(text: &[u8]) -> Result<i64, Failure> {
    read(text).ok_or(Failure::InvalidCast)
}

/// A time of a calendar and a clock, in a zone. Hours, minutes and seconds are 0 where nothing says more.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Civil {
    /// The year, of the Gregorian calendar.
    pub year: i64,
    /// The month, from 1.
    pub month: i64,
    /// The day of the month, from 1.
    pub day: i64,
    /// The hour, from 0.
    pub hour: i64,
    /// The minute, from 0.
    pub minute: i64,
    /// The second, from 0.
    pub second: i64,
    /// Microseconds of the second.
    pub micros: i64,
    /// How many seconds the zone is ahead of UTC.
    pub zone_seconds: i64,
}

impl Civil {
    /// The instant, in microseconds since the epoch; none where there is no such day or time, or it is outside of [`RANGE`].
    #[inline]
    pub fn instant(self) -> Option<i64> {
        let Self { year, month, day, hour, minute, second, micros, zone_seconds } = self;
        // Years of four digits, so that nothing below can overflow.
        let in_day = (0..=23).contains(&hour) && (0..=59).contains(&minute) && (0..=59).contains(&second);
        let is_time = in_day && (0..SECOND).contains(&micros) && (-DAY..=DAY).contains(&zone_seconds);
        if !is_time || !(0..=9999).contains(&year) || day < 1 || day > days_of_month(year, month)? {
            return None;
        }
        let seconds =
            days_from_civil(year, month, day) * DAY + hour * 3600 + minute * 60 + second - zone_seconds;
        let instant = seconds * SECOND + micros;
        RANGE.contains(&instant).then_some(instant)
    }
}

fn read(text: &[u8]) -> Option<i64> {
    let &[
        y1,
        y2,
        y3,
        y4,
        b'-',
        mo1,
        mo2,
        b'-',
        d1,
        d2,
        b'T' | b't' | b' ',
        h1,
        h2,
        b':',
        mi1,
        mi2,
        b':',
        s1,
        s2,
        ref rest @ ..,
    ] = text
    else {
        return None;
    };
    let year = two(y1, y2)? * 100 + two(y3, y4)?;
    let (month, day) = (two(mo1, mo2)?, two(d1, d2)?);
    let (hour, minute, second) = (two(h1, h2)?, two(mi1, mi2)?, two(s1, s2)?);
    let (micros, zone) = read_fraction(rest)?;
    let zone_seconds = parse_zone(zone)?;
    Civil { year, month, day, hour, minute, second, micros, zone_seconds }.instant()
}

/// Two digits as a number.
#[inline]
fn two(tens: u8, ones: u8) -> Option<i64> {
    let (tens, ones) = (tens.wrapping_sub(b'0'), ones.wrapping_sub(b'0'));
    (tens <= 9 && ones <= 9).then(|| i64::from(tens * 10 + ones))
}

/// The microseconds of `.123` at the start, if there is a point, and what stands behind it.
#[inline]
fn read_fraction(text: &[u8]) -> Option<(i64, &[u8])> {
    let [b'.', digits @ ..] = text else { return Some((0, text)) };
    let length = digits.iter().take_while(|byte| byte.is_ascii_digit()).count();
    if length == 0 {
        return None;
    }
    let (digits, rest) = digits.split_at_checked(length)?;
    let read = digits.iter().take(6).fold(0, |sum, digit| sum * 10 + i64::from(digit - b'0'));
    let missing = 6 - length.min(6);
    Some((read * 10i64.pow(missing as u32), rest))
}

/// The seconds that a zone is ahead of UTC: `Z`, `+02:00`, `+0200` or `+02`.
#[inline]
pub fn parse_zone(text: &[u8]) -> Option<i64> {
    match text {
        [b'Z' | b'z'] => Some(0),
        _ => read_zone(text).filter(|(_, rest)| rest.is_empty()).map(|(seconds, _)| seconds),
    }
}

/// The seconds that the zone at the start of a text is ahead of UTC, and what is behind it.
#[inline]
pub fn read_zone(text: &[u8]) -> Option<(i64, &[u8])> {
    let (sign, h1, h2, rest) = match text {
        [b'Z' | b'z', rest @ ..] => return Some((0, rest)),
        [b'+', h1, h2, rest @ ..] => (1, *h1, *h2, rest),
        [b'-', h1, h2, rest @ ..] => (-1, *h1, *h2, rest),
        _ => return None,
    };
    let hours = two(h1, h2)?;
    let (minutes, rest) = match rest {
        [b':', m1, m2, rest @ ..] => (two(*m1, *m2)?, rest),
        [m1, m2, rest @ ..] if m1.is_ascii_digit() => (two(*m1, *m2)?, rest),
        rest => (0, rest),
    };
    (hours <= 23 && minutes <= 59).then_some((sign * (hours * 3600 + minutes * 60), rest))
}

#[inline]
fn days_of_month(year: i64, month: i64) -> Option<i64> {
    match month {
        1 | 3 | 5 | 7 | 8 | 10 | 12 => Some(31),
        4 | 6 | 9 | 11 => Some(30),
        2 if year % 4 == 0 && (year % 100 != 0 || year % 400 == 0) => Some(29),
        2 => Some(28),
        _ => None,
    }
}

/// Days since 1970-01-01. (Hinnant, "chrono-compatible low-level date algorithms", `days_from_civil`.)
#[inline]
pub(crate) fn days_from_civil(year: i64, month: i64, day: i64) -> i64 {
    // Years begin in March, so that the leap day is the last.
    let year = if month <= 2 { year - 1 } else { year };
    let era = year.div_euclid(400);
    let year_of_era = year.rem_euclid(400);
    let day_of_year = (153 * ((month + 9) % 12) + 2) / 5 + day - 1;
    let day_of_era = year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year;
    era * 146_097 + day_of_era - 719_468
}

/// Year, month and day of a count of days since 1970-01-01. (Hinnant, `civil_from_days`.)
#[inline]
pub(crate) fn civil_from_days(days: i64) -> (i64, i64, i64) {
    let days = days + 719_468;
    let era = days.div_euclid(146_097);
    let day_of_era = days.rem_euclid(146_097);
    let year_of_era = (day_of_era - day_of_era / 1460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let month_from_march = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * month_from_march + 2) / 5 + 1;
    let month = if month_from_march < 10 { month_from_march + 3 } else { month_from_march - 9 };
    let year = year_of_era + era * 400 + i64::from(month <= 2);
    (year, month, day)
}

/// Appends RFC 3339 in UTC, cut to milliseconds: `2026-01-01T00:05:00.000Z`.
///
/// A year outside of 0 to 9999, which no text gives, is written with its sign.
pub fn format_timestamp(micros: i64, out: &mut Vec<u8>) {
    let seconds = micros.div_euclid(SECOND);
    let millis = micros.rem_euclid(SECOND) / 1000;
    let (year, month, day) = civil_from_days(seconds.div_euclid(DAY));
    let second_of_day = seconds.rem_euclid(DAY);
    if !(0..=9999).contains(&year) {
        out.push(if year < 0 { b'-' } else { b'+' });
    }
    let year = year.unsigned_abs();
    if year > 9999 {
        out.extend_from_slice(itoa::Buffer::new().format(year / 10_000).as_bytes());
    }
    let [y1, y2] = digits(year as i64 / 100 % 100);
    let [y3, y4] = digits(year as i64 % 100);
    let ([mo1, mo2], [d1, d2]) = (digits(month), digits(day));
    let [h1, h2] = digits(second_of_day / 3600);
    let [mi1, mi2] = digits(second_of_day / 60 % 60);
    let [s1, s2] = digits(second_of_day % 60);
    let ([f1, f2], [_, f3]) = (digits(millis / 10), digits(millis % 10));
    out.extend_from_slice(&[
        y1, y2, y3, y4, b'-', mo1, mo2, b'-', d1, d2, b'T', h1, h2, b':', mi1, mi2, b':', s1, s2, b'.', f1,
        f2, f3, b'Z',
    ]);
}

/// A number below 100 as two digits.
#[inline]
fn digits(number: i64) -> [u8; 2] {
    [b'0' + (number / 10) as u8, b'0' + (number % 10) as u8]
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn text(micros: i64) -> String {
        let mut out = Vec::new();
        format_timestamp(micros, &mut out);
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn rfc_3339_is_read() {
        let cases = [
            ("1970-01-01T00:00:00Z", 0),
            ("1970-01-01 00:00:00.5z", 500_000),
            ("1970-01-01t00:00:00.1234569Z", 123_456),
            ("2026-01-01T00:05:00.000Z", 1_767_225_900_000_000),
            ("2026-01-01T05:35:00+05:30", 1_767_225_900_000_000),
            ("2025-12-31T23:05:00.000000-01:00", 1_767_225_900_000_000),
            ("2026-01-01T05:35:00+0530", 1_767_225_900_000_000),
            ("2025-12-31T22:05:00-02", 1_767_225_900_000_000),
            ("2024-02-29T00:00:00-00:00", 1_709_164_800_000_000),
            ("1969-12-31T23:59:59.999999Z", -1),
            ("0001-01-01T00:00:00Z", FIRST),
            ("9999-12-31T23:59:59.999999999Z", LAST),
        ];
        for (text, expected) in cases {
            assert_eq!(parse_timestamp(text.as_bytes()), Ok(expected), "{text}");
        }
    }

    #[test]
    fn what_is_not_rfc_3339_fails() {
        let cases = [
            "",
            "2026-01-01",
            "2026-01-01T00:00:00",
            "2026-01-01T00:00Z",
            "2026-01-01T24:00:00Z",
            "2026-01-01T00:00:60Z",
            "2026-01-01T00:60:00Z",
            "2026-13-01T00:00:00Z",
            "2026-00-01T00:00:00Z",
            "2026-02-29T00:00:00Z",
            "1900-02-29T00:00:00Z",
            "2026-04-31T00:00:00Z",
            "2026-01-00T00:00:00Z",
            "0000-01-01T00:00:00Z",
            "0001-01-01T00:00:00+00:01",
            "9999-12-31T23:59:59-00:01",
            "2026-01-01T00:00:00.Z",
            "2026-01-01T00:00:00+053",
            "2026-01-01T00:00:00+5",
            "2026-01-01T00:00:00+02:",
            "2026-01-01T00:00:00+02:0",
            "2026-01-01T00:00:00+0260",
            "2026-01-01T00:00:00+02Z",
            "2026-01-01T00:00:00+02000",
            "2026-01-01T00:00:00+24:00",
            "2026-01-01T00:00:00Z ",
            " 2026-01-01T00:00:00Z",
            "2026-01-01_00:00:00Z",
            "2026-01-01T0/:00:00Z",
            "+026-01-01T00:00:00Z",
        ];
        for text in cases {
            assert_eq!(parse_timestamp(text.as_bytes()), Err(Failure::InvalidCast), "{text}");
        }
    }

    #[test]
    fn the_years_end() {
        assert_eq!(in_range(FIRST), Ok(FIRST));
        assert_eq!(in_range(LAST), Ok(LAST));
        for outside in [FIRST - 1, LAST + 1, i64::MIN, i64::MAX] {
            assert_eq!(in_range(outside), Err(Failure::Overflow));
        }
    }

    #[test]
    fn it_is_written_cut_to_milliseconds() {
        assert_eq!(text(1_767_225_900_000_999), "2026-01-01T00:05:00.000Z");
        assert_eq!(text(-1), "1969-12-31T23:59:59.999Z");
        assert_eq!(text(FIRST), "0001-01-01T00:00:00.000Z");
        assert_eq!(text(LAST), "9999-12-31T23:59:59.999Z");
        assert_eq!(text(i64::MAX), "+294247-01-10T04:00:54.775Z");
        assert_eq!(text(i64::MIN), "-290308-12-21T19:59:05.224Z");
    }

    proptest! {
        #[test]
        fn it_reads_back_as_it_was_written(millis in FIRST / 1000..=LAST / 1000) {
            prop_assert_eq!(parse_timestamp(text(millis * 1000).as_bytes()), Ok(millis * 1000));
        }

        #[test]
        fn days_count_on_without_a_gap(day in -106_751_991i64..106_751_991) {
            let (year, month, day_of_month) = civil_from_days(day);
            prop_assert_eq!(days_from_civil(year, month, day_of_month), day);
            let next = civil_from_days(day + 1);
            prop_assert!(next > (year, month, day_of_month));
            prop_assert!(day_of_month <= days_of_month(year.rem_euclid(400), month).unwrap());
        }

        #[test]
        fn any_text_and_any_time_have_an_answer(bytes: Vec<u8>, micros: i64) {
            let _ = parse_timestamp(&bytes);
            let _ = text(micros);
        }
    }
}
