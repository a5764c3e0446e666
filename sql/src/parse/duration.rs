//! INTERVAL: `'5' MINUTE`, `5 MINUTES`, `'5 minutes'`, `'1 hour 30 minutes'`, `'10s'`.

/// What is wrong with a duration, and what to write instead.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Wrong {
    pub(crate) message: String,
    pub(crate) help: &'static str,
}

const SPELLINGS: &str =
    "write it like INTERVAL '5' MINUTE; units are MILLISECOND, SECOND, MINUTE, HOUR, DAY and WEEK";

const MICROSECOND: i64 = 1;
const MILLISECOND: i64 = 1_000;
const SECOND: i64 = 1_000 * MILLISECOND;
const MINUTE: i64 = 60 * SECOND;
const HOUR: i64 = 60 * MINUTE;
const DAY: i64 = 24 * HOUR;
const WEEK: i64 = 7 * DAY;

/// Whether a word behind INTERVAL is meant as its unit.
pub(super) fn is_unit(word: &str) -> bool {
    unit(word).is_some() || is_calendar(word)
}

/// The microseconds of an amount with a unit behind it, or of a text that holds its units.
pub(crate) fn microseconds(text: &str, behind: Option<&str>) -> Result<i64, Wrong> {
    let text = text.trim();
    if let Some(name) = behind {
        return amount(text, name);
    }
    let mut rest = text;
    let mut total = 0_i64;
    while !rest.is_empty() {
        let (number, name, tail) = part(rest).ok_or_else(|| malformed(text))?;
        total = total.checked_add(amount(number, name)?).ok_or_else(|| too_long(text))?;
        rest = tail;
    }
    if text.is_empty() { Err(malformed(text)) } else { Ok(total) }
}

/// The first number, its unit and what is behind them.
fn part(text: &str) -> Option<(&str, &str, &str)> {
    let (number, rest) = split(text, |c| c.is_ascii_digit() || matches!(c, '.' | '-' | '+'))?;
    let (name, rest) = split(rest.trim_start(), char::is_alphabetic)?;
    Some((number, name, rest.trim_start()))
}

/// The longest start of `text` that `belongs`, which is not empty, and the rest.
fn split(text: &str, belongs: impl Fn(char) -> bool) -> Option<(&str, &str)> {
    let at = text.find(|c| !belongs(c)).unwrap_or(text.len());
    (at > 0).then(|| text.split_at(at))
}

fn amount(number: &str, name: &str) -> Result<i64, Wrong> {
    if is_calendar(name) {
        let message =
            "an INTERVAL cannot count in months, quarters or years: their lengths differ".to_owned();
        return Err(Wrong { message, help: "count in days or weeks: INTERVAL '30' DAY" });
    }
    let Some(unit) = unit(name) else {
        return Err(Wrong { message: format!("`{name}` is no unit of time"), help: SPELLINGS });
    };
    let (sign, digits) = match number.strip_prefix('-') {
        Some(digits) => (-1, digits),
        None => (1, number.strip_prefix('+').unwrap_or(number)),
    };
    let (whole, fraction) = digits.split_once('.').unwrap_or((digits, ""));
    let is_number = !(whole.is_empty() && fraction.is_empty())
        && whole.chars().chain(fraction.chars()).all(|c| c.is_ascii_digit());
    if !is_number {
        return Err(malformed(number));
    }
    let whole: i64 = if whole.is_empty() { 0 } else { whole.parse().map_err(|_| too_long(number))? };
    let micros = whole.checked_mul(unit).ok_or_else(|| too_long(number))?;
    micros.checked_add(part_of(fraction, unit)).map(|micros| sign * micros).ok_or_else(|| too_long(number))
}

/// The microseconds of the digits behind a decimal point.
fn part_of(fraction: &str, unit: i64) -> i64 {
    let tenth = |(sum, unit): (i64, i64), digit: char| {
        let unit = unit / 10;
        (sum + i64::from(digit.to_digit(10).unwrap_or_default()) * unit, unit)
    };
    fraction.chars().fold((0, unit), tenth).0
}

fn unit(name: &str) -> Option<i64> {
    Some(match name.to_ascii_lowercase().as_str() {
        "us" | "microsecond" | "microseconds" => MICROSECOND,
        "ms" | "millisecond" | "milliseconds" => MILLISECOND,
        "s" | "sec" | "secs" | "second" | "seconds" => SECOND,
        "m" | "min" | "mins" | "minute" | "minutes" => MINUTE,
        "h" | "hr" | "hrs" | "hour" | "hours" => HOUR,
        "d" | "day" | "days" => DAY,
        "w" | "week" | "weeks" => WEEK,
        _ => return None,
    })
}

fn is_calendar(name: &str) -> bool {
    let calendar = [
        "mon", "mons", "month", "months", "quarter", "quarters", "y", "yr", "year", "years", "decade",
        "century",
    ];
    calendar.contains(&name.to_ascii_lowercase().as_str())
}

fn malformed(text: &str) -> Wrong {
    Wrong { message: format!("`{text}` is no duration"), help: SPELLINGS }
}

fn too_long(text: &str) -> Wrong {
    Wrong { message: format!("`{text}` is too long a duration"), help: SPELLINGS }
}

/// The longest units in which the duration is a whole number, as EXPLAIN shows it.
pub(crate) fn describe(micros: i64) -> String {
    let units = [
        (WEEK, "week"),
        (DAY, "day"),
        (HOUR, "hour"),
        (MINUTE, "minute"),
        (SECOND, "second"),
        (MILLISECOND, "millisecond"),
        (MICROSECOND, "microsecond"),
    ];
    let (unit, name) =
        units.into_iter().find(|(unit, _)| micros % unit == 0).unwrap_or((MICROSECOND, "microsecond"));
    let plural = if micros / unit == 1 { "" } else { "s" };
    format!("{} {name}{plural}", micros / unit)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_spelling() {
        let spellings = [
            ("5", Some("MINUTE"), 300_000_000),
            ("5", Some("minutes"), 300_000_000),
            ("5 minutes", None, 300_000_000),
            ("1 hour 30 minutes", None, 5_400_000_000),
            ("1h30m", None, 5_400_000_000),
            ("10 s", None, 10_000_000),
            ("10s", None, 10_000_000),
            ("1.5", Some("SECOND"), 1_500_000),
            ("0.0000015", Some("SECOND"), 1),
            (".5 s", None, 500_000),
            ("-5", Some("SECOND"), -5_000_000),
            ("250", Some("MILLISECONDS"), 250_000),
            ("1", Some("WEEK"), 604_800_000_000),
        ];
        for (text, unit, expected) in spellings {
            assert_eq!(microseconds(text, unit), Ok(expected), "{text} {unit:?}");
        }
    }

    #[test]
    fn what_is_no_duration() {
        for (text, unit) in
            [("", None), ("5", None), ("minute", None), ("5 minutes 3", None), ("00:05:00", None)]
        {
            assert!(microseconds(text, unit).is_err(), "{text}");
        }
        assert!(microseconds("99999999999999999", Some("WEEK")).is_err());
        assert!(microseconds("1 month", None).is_err_and(|wrong| wrong.message.contains("lengths differ")));
        assert!(microseconds("1-1", Some("DAY")).is_err());
        assert!(microseconds("x", Some("DAY")).is_err());
    }

    #[test]
    fn described_in_the_longest_unit() {
        for (micros, expected) in
            [(300_000_000, "5 minutes"), (60_000_000, "1 minute"), (1_500_000, "1500 milliseconds")]
        {
            assert_eq!(describe(micros), expected);
        }
    }
}
