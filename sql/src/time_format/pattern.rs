//! Patterns of strftime, as far as they say one instant: `%Y-%m-%d %H:%M:%S`.

use std::fmt;

use serde::{Deserialize, Serialize};
use streamgauge_functions::Civil;

use super::Zone;
use super::item::{Item, Reading};

/// A pattern that reads year, month and day, and a zone unless one is stated beside it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "Written", into = "Written")]
pub struct TimePattern {
    text: String,
    zone: Option<Zone>,
    items: Vec<Item>,
}

/// What a pattern is made of.
#[derive(Clone, Serialize, Deserialize)]
struct Written {
    pattern: String,
    zone: Option<Zone>,
}

/// Why a text is no format of times, and what to write instead.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{message}: {help}")]
pub struct WrongPattern {
    /// What is wrong with it.
    pub message: String,
    /// What to write instead.
    pub help: String,
}

const KNOWN: &str = "known are %Y %y %m %b %d %e %a %H %I %p %M %S %f %.f %z %Z %F %T %R %D and %%";

impl TimePattern {
    /// Reads a pattern; `zone` is that of times whose pattern reads none.
    ///
    /// # Errors
    /// It has a part that is not known, or does not say a day.
    pub fn new(text: &str, zone: Option<Zone>) -> Result<Self, WrongPattern> {
        let items = items(text)?;
        let reads = |wanted: &[Item]| items.iter().any(|item| wanted.contains(item));
        let parts: [(&[Item], &str, &str); 3] = [
            (&[Item::Year, Item::ShortYear], "year", "%Y"),
            (&[Item::Month, Item::MonthName], "month", "%m"),
            (&[Item::Day], "day", "%d"),
        ];
        if let Some((_, what, part)) = parts.into_iter().find(|(wanted, ..)| !reads(wanted)) {
            return Err(wrong(
                format!("the time format '{text}' reads no {what}"),
                format!("write {part} where it stands"),
            ));
        }
        if reads(&[Item::Hour12]) != reads(&[Item::HalfDay]) {
            return Err(wrong(
                format!("the time format '{text}' has only one of %I and %p"),
                "write both for hours of 1 to 12, or %H for hours of 0 to 23",
            ));
        }
        if let Some((missing, part)) = gap(&items) {
            return Err(wrong(
                format!("the time format '{text}' reads {missing}"),
                format!("write {part} where it stands; without it the time would be another one"),
            ));
        }
        if let Some(what) = twice(&items) {
            return Err(wrong(
                format!("the time format '{text}' reads the {what} twice"),
                "leave one of them out: only the last one would count",
            ));
        }
        let has_zone = reads(&[Item::Offset, Item::Utc]);
        Ok(Self { text: text.to_owned(), zone: zone.filter(|_| !has_zone), items })
    }

    /// The pattern as it was written.
    pub fn text(&self) -> &str {
        &self.text
    }

    /// Whether a zone is stated beside it.
    pub fn has_stated_zone(&self) -> bool {
        self.zone.is_some()
    }

    /// Whether it reads no zone, and none is stated.
    pub fn needs_zone(&self) -> bool {
        self.zone.is_none() && !self.items.iter().any(|item| matches!(item, Item::Offset | Item::Utc))
    }

    /// The instant that a text says, in microseconds since the epoch; none where it does not fit, or its zone is not known.
    pub fn read(&self, text: &[u8]) -> Option<i64> {
        let time = Civil { zone_seconds: self.zone.map_or(0, Zone::seconds), ..Civil::default() };
        let mut reading = Reading { time, half_day: None };
        let mut rest = text;
        for item in &self.items {
            rest = item.read(rest, &mut reading)?;
        }
        let Reading { mut time, half_day } = reading;
        if let Some(hours) = half_day {
            if !(1..=12).contains(&time.hour) {
                return None;
            }
            time.hour = time.hour % 12 + hours;
        }
        if rest.is_empty() && !self.needs_zone() { time.instant() } else { None }
    }
}

/// A part of the time of day that is read without the one above it, and how that is spelled.
fn gap(items: &[Item]) -> Option<(&'static str, &'static str)> {
    let reads = |wanted: &[Item]| items.iter().any(|item| wanted.contains(item));
    let hours = reads(&[Item::Hour, Item::Hour12]);
    let (minutes, seconds) = (reads(&[Item::Minute]), reads(&[Item::Second]));
    let fractions = reads(&[Item::Fraction, Item::PointFraction]);
    [
        (minutes && !hours, ("minutes and no hours", "%H")),
        (seconds && !minutes, ("seconds and no minutes", "%M")),
        (fractions && !seconds, ("fractions of seconds and no seconds", "%S")),
    ]
    .into_iter()
    .find_map(|(is_missing, what)| is_missing.then_some(what))
}

/// What is read twice. `%z %Z` is not: Go and mails write `+0000 UTC`.
fn twice(items: &[Item]) -> Option<&'static str> {
    let parts: [(&[Item], &str); 9] = [
        (&[Item::Year, Item::ShortYear], "year"),
        (&[Item::Month, Item::MonthName], "month"),
        (&[Item::Day], "day"),
        (&[Item::Hour, Item::Hour12], "hour"),
        (&[Item::HalfDay], "half of the day"),
        (&[Item::Minute], "minute"),
        (&[Item::Second], "second"),
        (&[Item::Fraction, Item::PointFraction], "fraction of the second"),
        (&[Item::Offset], "zone"),
    ];
    let count = |wanted: &[Item]| items.iter().filter(|item| wanted.contains(item)).count();
    parts.into_iter().find(|(wanted, _)| count(wanted) > 1).map(|(_, what)| what)
}

/// The parts of a pattern.
fn items(text: &str) -> Result<Vec<Item>, WrongPattern> {
    let mut items = Vec::new();
    let mut characters = text.chars();
    while let Some(character) = characters.next() {
        match character {
            '%' => part(text, &mut characters, &mut items)?,
            blank if blank.is_ascii_whitespace() => push_blanks(&mut items),
            literal => items.extend(literal.encode_utf8(&mut [0; 4]).bytes().map(Item::Literal)),
        }
    }
    Ok(items)
}

fn push_blanks(items: &mut Vec<Item>) {
    if items.last() != Some(&Item::Blanks) {
        items.push(Item::Blanks);
    }
}

/// What stands behind a `%`.
fn part(text: &str, characters: &mut std::str::Chars<'_>, items: &mut Vec<Item>) -> Result<(), WrongPattern> {
    let mut spelled = String::from("%");
    let mut next = || {
        let next = characters.next();
        spelled.extend(next);
        next
    };
    let mut letter = next();
    // `%-d` and `%_d` are `%d` without padding, which is taken anyway.
    if matches!(letter, Some('-' | '_')) {
        letter = next();
    }
    let has_point = letter == Some('.');
    if has_point {
        letter = next();
    }
    let has_width = letter.is_some_and(|letter| letter.is_ascii_digit());
    if has_width {
        letter = next();
    }
    let date = [Item::Year, Item::Literal(b'-'), Item::Month, Item::Literal(b'-'), Item::Day];
    let us_date = [Item::Month, Item::Literal(b'/'), Item::Day, Item::Literal(b'/'), Item::ShortYear];
    let time = [Item::Hour, Item::Literal(b':'), Item::Minute, Item::Literal(b':'), Item::Second];
    let found: &[Item] = match letter {
        Some('f') if has_point => &[Item::PointFraction],
        Some('f') => &[Item::Fraction],
        _ if has_point || has_width => return Err(unknown(text, &spelled)),
        Some('Y') => &[Item::Year],
        Some('y') => &[Item::ShortYear],
        Some('m') => &[Item::Month],
        Some('b' | 'B' | 'h') => &[Item::MonthName],
        Some('d' | 'e') => &[Item::Day],
        Some('a' | 'A') => &[Item::Weekday],
        Some('H' | 'k') => &[Item::Hour],
        Some('I' | 'l') => &[Item::Hour12],
        Some('p' | 'P') => &[Item::HalfDay],
        Some('M') => &[Item::Minute],
        Some('S') => &[Item::Second],
        Some('z') => &[Item::Offset],
        Some('Z') => &[Item::Utc],
        Some('F') => &date,
        Some('T') => &time,
        Some('R') => time.get(..3).unwrap_or_default(),
        Some('D') => &us_date,
        Some('%') => &[Item::Literal(b'%')],
        Some('n' | 't') => {
            push_blanks(items);
            &[]
        }
        _ => return Err(unknown(text, &spelled)),
    };
    items.extend_from_slice(found);
    Ok(())
}

fn unknown(text: &str, part: &str) -> WrongPattern {
    wrong(format!("`{part}` in the time format '{text}' is not known"), KNOWN)
}

fn wrong(message: impl Into<String>, help: impl Into<String>) -> WrongPattern {
    WrongPattern { message: message.into(), help: help.into() }
}

/// The pattern, and the stated zone behind it.
impl fmt::Display for TimePattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.zone {
            Some(zone) => write!(f, "{} in {zone}", self.text),
            None => f.write_str(&self.text),
        }
    }
}

impl TryFrom<Written> for TimePattern {
    type Error = WrongPattern;

    fn try_from(Written { pattern, zone }: Written) -> Result<Self, WrongPattern> {
        Self::new(&pattern, zone)
    }
}

impl From<TimePattern> for Written {
    fn from(TimePattern { text, zone, .. }: TimePattern) -> Self {
        Self { pattern: text, zone }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use streamgauge_functions::parse_timestamp;

    use super::*;

    fn read(pattern: &str, zone: &str, text: &str) -> Option<i64> {
        TimePattern::new(pattern, Zone::new(zone)).unwrap().read(text.as_bytes())
    }

    #[test]
    fn times_are_what_rfc_3339_says_of_them() {
        for (pattern, zone, text, same) in [
            ("%Y-%m-%d %H:%M:%S", "UTC", "2026-01-02 03:04:05", "2026-01-02T03:04:05Z"),
            ("%Y-%m-%d %H:%M:%S", "+02:00", "2026-01-02 03:04:05", "2026-01-02T03:04:05+02:00"),
            ("%F %T", "-05", "2026-01-02   03:04:05", "2026-01-02T03:04:05-05:00"),
            ("%FT%T%.f%z", "", "2026-01-02T03:04:05.123456789+0200", "2026-01-02T03:04:05.123456+02:00"),
            ("%FT%T%.f%z", "+09", "2026-01-02T03:04:05Z", "2026-01-02T03:04:05Z"),
            ("%FT%T,%f%z", "", "2026-01-02T03:04:05,5+02", "2026-01-02T03:04:05.5+02:00"),
            ("%d/%b/%Y:%H:%M:%S %z", "", "10/Oct/2000:13:55:36 -0700", "2000-10-10T13:55:36-07:00"),
            ("%a, %d %b %Y %T %Z", "", "Sun, 06 Nov 1994 08:49:37 GMT", "1994-11-06T08:49:37Z"),
            ("%A %e %B %Y", "UTC", "Sunday  6 november 1994", "1994-11-06T00:00:00Z"),
            ("%m/%d/%y %I:%M %p", "UTC", "1/2/69 12:05 am", "1969-01-02T00:05:00Z"),
            ("%D %I:%M:%S %p", "UTC", "01/02/68 12:05:06 PM", "2068-01-02T12:05:06Z"),
            ("%Y%m%d%H%M%S", "UTC", "20260102030405", "2026-01-02T03:04:05Z"),
            ("%-d.%-m.%Y %R", "UTC", "2.1.2026 3:04", "2026-01-02T03:04:00Z"),
            ("%Y年%m月%d日", "UTC", "2026年01月02日", "2026-01-02T00:00:00Z"),
            ("100%% %F", "UTC", "100% 2026-01-02", "2026-01-02T00:00:00Z"),
        ] {
            let expected = parse_timestamp(same.as_bytes()).ok();
            assert_eq!(read(pattern, zone, text), expected, "{pattern} {text}");
        }
    }

    #[test]
    fn what_does_not_fit_is_no_time() {
        for (pattern, text) in [
            ("%Y-%m-%d", "2026-02-29"),
            ("%Y-%m-%d", "2026-13-01"),
            ("%Y-%m-%d", "2026-00-01"),
            ("%Y-%m-%d", "226-01-01"),
            ("%Y-%m-%d", "0000-01-01"),
            ("%Y-%m-%d", "2026-01-01 "),
            ("%Y-%m-%d", " 2026-01-01"),
            ("%Y-%m-%d", "2026-01-"),
            ("%Y-%m-%d %H", "2026-01-01 24"),
            ("%Y-%m-%d %H", "2026-01-0112"),
            ("%Y-%m-%d %I %p", "2026-01-01 13 pm"),
            ("%Y-%m-%d %I %p", "2026-01-01 00 am"),
            ("%Y-%m-%d %I %p", "2026-01-01 01 xm"),
            ("%F %T%.f", "2026-01-01 00:00:00."),
            ("%d %b %Y", "01 jun3 2026"),
            ("%F%z", "2026-01-01"),
            ("%F%z", "2026-01-01+24:00"),
            ("%F%z", "2026-01-01+2"),
            ("%F %Z", "2026-01-01 CET"),
        ] {
            assert_eq!(read(pattern, "UTC", text), None, "{pattern} {text}");
        }
        assert_eq!(read("%F", "", "2026-01-01"), None, "no zone is known");
    }

    #[test]
    fn a_pattern_says_a_day_with_parts_that_are_known() {
        for (pattern, message) in [
            ("%H:%M", "the time format '%H:%M' reads no year"),
            ("%Y", "the time format '%Y' reads no month"),
            ("%Y-%m", "the time format '%Y-%m' reads no day"),
            ("%F %I", "the time format '%F %I' has only one of %I and %p"),
            ("%F %p", "the time format '%F %p' has only one of %I and %p"),
            ("%F %M:%S", "the time format '%F %M:%S' reads minutes and no hours"),
            ("%F %H:%S", "the time format '%F %H:%S' reads seconds and no minutes"),
            ("%F %R%.f", "the time format '%F %R%.f' reads fractions of seconds and no seconds"),
            ("%F %H:%M:%H", "the time format '%F %H:%M:%H' reads the hour twice"),
            ("%F %T %I %p", "the time format '%F %T %I %p' reads the hour twice"),
            ("%F %y", "the time format '%F %y' reads the year twice"),
            ("%d %b %m %Y", "the time format '%d %b %m %Y' reads the month twice"),
            ("%F %d", "the time format '%F %d' reads the day twice"),
            ("%F %R:%M", "the time format '%F %R:%M' reads the minute twice"),
            ("%F %T.%S", "the time format '%F %T.%S' reads the second twice"),
            ("%F %T.%f%.f", "the time format '%F %T.%f%.f' reads the fraction of the second twice"),
            ("%F %I %p %p", "the time format '%F %I %p %p' reads the half of the day twice"),
            ("%F %T%z %z", "the time format '%F %T%z %z' reads the zone twice"),
            ("%F %Q", "`%Q` in the time format '%F %Q' is not known"),
            ("%F %3S", "`%3S` in the time format '%F %3S' is not known"),
            ("%F %", "`%` in the time format '%F %' is not known"),
        ] {
            assert_eq!(
                TimePattern::new(pattern, None).map_err(|wrong| wrong.message),
                Err(message.to_owned())
            );
        }
        assert!(TimePattern::new("%a %F %T %z %Z %A", None).is_ok(), "as Go writes it");
        assert!(TimePattern::new("%F", None).unwrap().needs_zone());
        assert!(!TimePattern::new("%F %z", None).unwrap().needs_zone());
    }

    proptest! {
        #[test]
        fn any_pattern_and_any_text_have_an_answer(pattern in "(%[-_.]?[0-9]?[a-zA-Z%]|[ :/-]|\\PC){0,8}", text: Vec<u8>) {
            if let Ok(pattern) = TimePattern::new(&pattern, Some(Zone::UTC)) {
                let _ = pattern.read(&text);
            }
        }

        #[test]
        fn what_rfc_3339_reads_a_pattern_reads_alike(
            micros in -62_135_596_800_000_000i64..253_402_300_800_000_000,
            zone in prop::sample::select(vec!["Z", "+02:00", "-0930", "+14"]),
        ) {
            let mut text = Vec::new();
            streamgauge_functions::format_timestamp(micros, &mut text);
            text.pop();
            text.extend_from_slice(zone.as_bytes());
            let pattern = TimePattern::new("%Y-%m-%dT%H:%M:%S.%f%z", None).unwrap();
            prop_assert_eq!(pattern.read(&text), parse_timestamp(&text).ok());
        }
    }
}
