//! The parts of a pattern, and how each is read.

use streamgauge_functions::{Civil, read_zone};

/// One part of a pattern.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Item {
    /// This byte.
    Literal(u8),
    /// One blank or more.
    Blanks,
    /// `%Y`: four digits.
    Year,
    /// `%y`: two digits, 1969 to 2068.
    ShortYear,
    /// `%m`
    Month,
    /// `%b`, `%B`: its English name, whole or three letters.
    MonthName,
    /// `%d`, `%e`
    Day,
    /// `%a`, `%A`: the English name of a day of the week, which says nothing more.
    Weekday,
    /// `%H`
    Hour,
    /// `%I`: 1 to 12.
    Hour12,
    /// `%p`: AM or PM.
    HalfDay,
    /// `%M`
    Minute,
    /// `%S`
    Second,
    /// `%f`: digits behind the point.
    Fraction,
    /// `%.f`: a point and such digits, or nothing.
    PointFraction,
    /// `%z`: `Z`, `+02:00`, `+0200` or `+02`.
    Offset,
    /// `%Z`: `UTC`, `GMT` or `Z`.
    Utc,
}

const MONTHS: [&str; 12] = [
    "january",
    "february",
    "march",
    "april",
    "may",
    "june",
    "july",
    "august",
    "september",
    "october",
    "november",
    "december",
];
const WEEKDAYS: [&str; 7] = ["monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday"];

/// What was read so far.
pub(super) struct Reading {
    pub(super) time: Civil,
    /// The hours that AM or PM adds.
    pub(super) half_day: Option<i64>,
}

impl Item {
    /// Reads its part at the start of a text: what is behind it.
    pub(super) fn read<'a>(
        self,
        text: &'a [u8],
        Reading { time, half_day }: &mut Reading,
    ) -> Option<&'a [u8]> {
        let number = |most: usize, part: &mut i64| {
            let (value, behind) = digits(text, most)?;
            *part = value;
            Some(behind)
        };
        match self {
            Self::Literal(literal) => {
                text.split_first().filter(|(byte, _)| **byte == literal).map(|(_, rest)| rest)
            }
            Self::Blanks => {
                let rest = text.trim_ascii_start();
                (rest.len() < text.len()).then_some(rest)
            }
            Self::Year if text.iter().take_while(|byte| byte.is_ascii_digit()).count() < 4 => None,
            Self::Year => number(4, &mut time.year),
            Self::ShortYear => {
                let behind = number(2, &mut time.year)?;
                time.year += if time.year < 69 { 2000 } else { 1900 };
                Some(behind)
            }
            Self::Month => number(2, &mut time.month),
            Self::Day => number(2, &mut time.day),
            Self::Hour | Self::Hour12 => number(2, &mut time.hour),
            Self::Minute => number(2, &mut time.minute),
            Self::Second => number(2, &mut time.second),
            Self::MonthName => {
                let (month, behind) = name(text, &MONTHS)?;
                time.month = month + 1;
                Some(behind)
            }
            Self::HalfDay => {
                let (half, behind) = text.split_at_checked(2)?;
                let halves: [(&[u8], i64); 2] = [(b"am", 0), (b"pm", 12)];
                let known = halves.iter().find(|(name, _)| half.eq_ignore_ascii_case(name));
                *half_day = Some(known?.1);
                Some(behind)
            }
            Self::Weekday => name(text, &WEEKDAYS).map(|(_, behind)| behind),
            Self::Fraction => fraction(text, time),
            Self::PointFraction => match text {
                [b'.' | b',', digits @ ..] => fraction(digits, time),
                _ => Some(text),
            },
            Self::Offset => {
                let (seconds, behind) = read_zone(text)?;
                time.zone_seconds = seconds;
                Some(behind)
            }
            Self::Utc => {
                let names: [&[u8]; 3] = [b"utc", b"gmt", b"z"];
                let found = names.iter().find_map(|name| {
                    let (start, behind) = text.split_at_checked(name.len())?;
                    start.eq_ignore_ascii_case(name).then_some(behind)
                })?;
                time.zone_seconds = 0;
                Some(found)
            }
        }
    }
}

/// A number of at most so many digits, at least one, and what is behind it.
fn digits(text: &[u8], most: usize) -> Option<(i64, &[u8])> {
    let count = text.iter().take(most).take_while(|byte| byte.is_ascii_digit()).count();
    let (digits, rest) = text.split_at_checked(count)?;
    let value = digits.iter().fold(0, |value, digit| value * 10 + i64::from(digit - b'0'));
    (count > 0).then_some((value, rest))
}

/// Digits behind the point, cut to microseconds.
fn fraction<'a>(text: &'a [u8], time: &mut Civil) -> Option<&'a [u8]> {
    let count = text.iter().take_while(|byte| byte.is_ascii_digit()).count();
    let (digits, rest) = text.split_at_checked(count)?;
    let padded = digits.iter().copied().chain(std::iter::repeat(b'0')).take(6);
    time.micros = padded.fold(0, |value, digit| value * 10 + i64::from(digit - b'0'));
    (count > 0).then_some(rest)
}

/// Which of these names a text begins with, whole or its first three letters, and what is behind it.
fn name<'a>(text: &'a [u8], names: &[&str]) -> Option<(i64, &'a [u8])> {
    let begins = |name: &str| {
        let (start, rest) = text.split_at_checked(name.len())?;
        start.eq_ignore_ascii_case(name.as_bytes()).then_some(rest)
    };
    let spelled = |name: &&str| begins(name).or_else(|| begins(name.get(..3)?));
    names.iter().zip(0..).find_map(|(name, number)| Some((number, spelled(name)?)))
}
