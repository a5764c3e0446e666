//! Which pattern of strftime reads a time as it is written, of those that are common.

use streamgauge_sql::time_format::{TimeFormat, Zone};

/// Days. Where a day and a month could change places, the day is first.
const DATES: [&str; 15] = [
    "%Y-%m-%d",
    "%Y/%m/%d",
    "%Y.%m.%d",
    "%Y%m%d",
    "%d.%m.%Y",
    "%d/%m/%Y",
    "%m/%d/%Y",
    "%d-%m-%Y",
    "%m-%d-%Y",
    "%d/%b/%Y",
    "%d-%b-%Y",
    "%d %b %Y",
    "%b %d, %Y",
    "%b %d %Y",
    "%a, %d %b %Y",
];
/// Times of the day, with what is between them and the day.
const TIMES: [&str; 13] = [
    "",
    " %H:%M",
    " %H:%M:%S",
    " %H:%M:%S%.f",
    "T%H:%M",
    "T%H:%M:%S",
    "T%H:%M:%S%.f",
    ":%H:%M:%S",
    ", %H:%M:%S",
    " %I:%M %p",
    " %I:%M:%S %p",
    ", %I:%M %p",
    ", %I:%M:%S %p",
];
/// Zones, with what is before them.
const ZONES: [&str; 5] = ["", "%z", " %z", " %Z", "%Z"];
/// Dates and times in digits alone.
const DIGITS: [&str; 4] = ["%Y%m%d%H%M%S", "%Y%m%d%H%M", "%Y%m%d%H", "%Y%m%d%H%M%S%f"];
/// The years in which digits are taken for a date: those of a count of seconds since 1970 begin with 1 and with other digits now.
const YEARS: std::ops::RangeInclusive<u32> = 1990..=2100;
/// What `ctime` and `date` write: the year is last.
const WHOLE: [&str; 2] = ["%a %b %d %H:%M:%S %Y", "%a %b %d %H:%M:%S %Z %Y"];

/// A pattern that reads a text.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Fits {
    pub(super) pattern: String,
    /// Whether it reads no zone, so that one must be stated.
    pub(super) needs_zone: bool,
    /// Whether day and month could change places.
    pub(super) is_ambiguous: bool,
}

/// The pattern that reads a text; none where no common one does.
pub(super) fn of(text: &str) -> Option<Fits> {
    let parts = DATES.iter().flat_map(|date| {
        TIMES.iter().flat_map(move |time| ZONES.iter().map(move |zone| format!("{date}{time}{zone}")))
    });
    let pattern = parts.chain(WHOLE.map(str::to_owned)).find(|pattern| reads(pattern, text))?;
    let swapped = pattern.replace("%d", "%?").replace("%m", "%d").replace("%?", "%m");
    Some(Fits {
        needs_zone: TimeFormat::new(&pattern, None).is_ok_and(|format| format.needs_zone()),
        is_ambiguous: pattern.starts_with("%d") && pattern.contains("%m") && reads(&swapped, text),
        pattern,
    })
}

/// The pattern that reads digits as a date and a time; none where they are none, or more likely a count since 1970.
pub(super) fn of_digits(text: &str) -> Option<Fits> {
    let year: u32 = text.get(..4)?.parse().ok()?;
    let is_date = YEARS.contains(&year) && text.bytes().all(|byte| byte.is_ascii_digit());
    let lengths = [14, 12, 10, 17];
    let pattern = DIGITS
        .iter()
        .zip(lengths)
        .find(|&(pattern, length)| is_date && text.len() == length && reads(pattern, text))
        .map(|(pattern, _)| (*pattern).to_owned())?;
    Some(Fits { pattern, needs_zone: true, is_ambiguous: false })
}

fn reads(pattern: &str, text: &str) -> bool {
    TimeFormat::new(pattern, Some(Zone::UTC)).is_ok_and(|format| format.read_text(text.as_bytes()).is_some())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_as_people_and_programs_write_them_have_a_pattern() {
        for (text, pattern, needs_zone, is_ambiguous) in [
            ("2026-11-29", "%Y-%m-%d", true, false),
            ("20261129", "%Y%m%d", true, false),
            ("29/11/2026 10:00", "%d/%m/%Y %H:%M", true, false),
            ("11/29/2026 10:00", "%m/%d/%Y %H:%M", true, false),
            ("05/11/2026 10:00", "%d/%m/%Y %H:%M", true, true),
            ("29.11.2026 10:00:01,5", "%d.%m.%Y %H:%M:%S%.f", true, false),
            ("11/5/2026 1:02:03 PM", "%d/%m/%Y %I:%M:%S %p", true, true),
            ("29/Nov/2026:10:00:01 +0100", "%d/%b/%Y:%H:%M:%S %z", false, false),
            ("Sun, 29 Nov 2026 10:00:01 GMT", "%a, %d %b %Y %H:%M:%S %Z", false, false),
            ("Sun Nov 29 10:00:01 2026", "%a %b %d %H:%M:%S %Y", true, false),
            ("2026-11-29T10:00", "%Y-%m-%dT%H:%M", true, false),
            ("2026-11-29 10:00:01 UTC", "%Y-%m-%d %H:%M:%S %Z", false, false),
        ] {
            let fits = of(text).unwrap();
            assert_eq!(
                (fits.pattern.as_str(), fits.needs_zone, fits.is_ambiguous),
                (pattern, needs_zone, is_ambiguous),
                "{text}"
            );
        }
        for text in ["yesterday", "", "10:00", "2026-13-41", "5"] {
            assert_eq!(of(text), None, "{text}");
        }
    }
}
