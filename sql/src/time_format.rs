//! `time_format` and FORMAT: how a TIMESTAMP is written in records.

mod pattern;
mod item;

use std::fmt;

use serde::{Deserialize, Serialize};
use streamgauge_functions::{parse_timestamp, parse_zone};

pub use pattern::{TimePattern, WrongPattern};

/// How timestamps are written in records.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum TimeFormat {
    /// Text: `2026-01-01T00:00:00.000Z`, with a zone.
    Rfc3339,
    /// A number of seconds since the epoch, fractions cut to microseconds.
    UnixSeconds,
    /// A number of milliseconds since the epoch.
    UnixMillis,
    /// A number of microseconds since the epoch.
    UnixMicros,
    /// A number of nanoseconds since the epoch, cut to microseconds.
    UnixNanos,
    /// Text, as a pattern of strftime says.
    Pattern(TimePattern),
}

/// The formats that are a word, with the word.
const WORDS: [(&str, TimeFormat); 5] = [
    ("rfc3339", TimeFormat::Rfc3339),
    ("unix_s", TimeFormat::UnixSeconds),
    ("unix_ms", TimeFormat::UnixMillis),
    ("unix_us", TimeFormat::UnixMicros),
    ("unix_ns", TimeFormat::UnixNanos),
];

/// Hours, minutes and seconds ahead of UTC, in seconds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Zone(i64);

impl TimeFormat {
    /// Reads the value of `time_format` or FORMAT; `zone` is that of times whose pattern reads none.
    ///
    /// # Errors
    /// It is neither a word nor a pattern of strftime that reads a whole time.
    pub fn new(text: &str, zone: Option<Zone>) -> Result<Self, WrongPattern> {
        let word = text.trim();
        if let Some((_, format)) = WORDS.iter().find(|(known, _)| known.eq_ignore_ascii_case(word)) {
            return Ok(format.clone());
        }
        match text.contains('%') {
            true => TimePattern::new(text, zone).map(Self::Pattern),
            false => Err(WrongPattern {
                message: format!("there is no time format '{text}'"),
                help: "it can be 'rfc3339', 'unix_s', 'unix_ms', 'unix_us', 'unix_ns', or a pattern of strftime \
                       such as '%Y-%m-%d %H:%M:%S%z'"
                    .to_owned(),
            }),
        }
    }

    /// Whether the pattern reads no zone, so that one must be stated beside it.
    pub fn needs_zone(&self) -> bool {
        matches!(self, Self::Pattern(pattern) if pattern.needs_zone())
    }

    /// The instant that a text says, in microseconds since the epoch; none where the text is not of this format, or the
    /// format is one of numbers.
    #[inline]
    pub fn read_text(&self, text: &[u8]) -> Option<i64> {
        match self {
            Self::Rfc3339 => parse_timestamp(text).ok(),
            Self::Pattern(pattern) => pattern.read(text),
            Self::UnixSeconds | Self::UnixMillis | Self::UnixMicros | Self::UnixNanos => None,
        }
    }

    /// Whether a text would be a time of this format if a zone stood behind it.
    pub fn lacks_zone(&self, text: &[u8]) -> bool {
        let with = |zone: &str| self.read_text(&[text, zone.as_bytes()].concat()).is_some();
        self.read_text(text).is_none() && (with("Z") || with(" Z"))
    }
}

/// As the option spells it, and the stated zone behind it.
impl fmt::Display for TimeFormat {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (self, WORDS.iter().find(|(_, format)| format == self)) {
            (_, Some((word, _))) => f.write_str(word),
            (Self::Pattern(pattern), None) => write!(f, "{pattern}"),
            (_, None) => Ok(()),
        }
    }
}

impl Zone {
    /// UTC itself.
    pub const UTC: Self = Self(0);

    /// `UTC`, `GMT`, `Z`, `+02:00`, `+0200` or `+02`.
    pub fn new(text: &str) -> Option<Self> {
        let text = text.trim();
        if ["utc", "gmt"].iter().any(|name| text.eq_ignore_ascii_case(name)) {
            return Some(Self::UTC);
        }
        parse_zone(text.as_bytes()).map(Self)
    }

    /// Seconds ahead of UTC.
    pub fn seconds(self) -> i64 {
        self.0
    }
}

impl fmt::Display for Zone {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (sign, minutes) = (if self.0 < 0 { '-' } else { '+' }, self.0.unsigned_abs() / 60);
        write!(f, "{sign}{:02}:{:02}", minutes / 60, minutes % 60)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_and_patterns_are_formats_and_say_what_they_are() {
        for word in ["rfc3339", "unix_s", "unix_ms", "unix_us", "unix_ns"] {
            assert_eq!(TimeFormat::new(&word.to_uppercase(), None).unwrap().to_string(), word);
        }
        let zone = Zone::new("-0530");
        let format = TimeFormat::new("%Y-%m-%d", zone).unwrap();
        assert_eq!(format.to_string(), "%Y-%m-%d in -05:30");
        assert!(TimeFormat::new("%Y-%m-%d", None).unwrap().needs_zone() && !format.needs_zone());
        assert!(TimeFormat::new("yyyy-MM-dd", None).unwrap_err().help.contains("'%Y-%m-%d %H:%M:%S%z'"));
        let json = serde_json::to_string(&format).unwrap();
        assert_eq!(json, r#"{"pattern":{"pattern":"%Y-%m-%d","zone":-19800}}"#);
        assert_eq!(serde_json::from_str::<TimeFormat>(&json).unwrap(), format);
        assert!(serde_json::from_str::<TimeFormat>(r#"{"pattern":{"pattern":"%Q","zone":0}}"#).is_err());
    }

    #[test]
    fn zones_are_offsets_and_utc() {
        let seconds = |text| Zone::new(text).map(Zone::seconds);
        assert_eq!(
            ["UTC", "gmt", "z", "+02:00", "-0530", "+02"].map(seconds),
            [0, 0, 0, 7200, -19800, 7200].map(Some)
        );
        assert_eq!(["Europe/Berlin", "CET", "", "2", "+24", "+1"].map(seconds), [None; 6]);
    }

    #[test]
    fn a_text_that_only_lacks_its_zone_is_known() {
        let rfc = TimeFormat::Rfc3339;
        assert!(rfc.lacks_zone(b"2026-01-01T00:00:00") && rfc.lacks_zone(b"2026-01-01 00:00:00.5"));
        assert!(!rfc.lacks_zone(b"2026-01-01T00:00:00Z") && !rfc.lacks_zone(b"2026-01-01"));
        let pattern = TimeFormat::new("%d.%m.%Y %H:%M %z", None).unwrap();
        assert!(pattern.lacks_zone(b"01.02.2026 10:00") && !pattern.lacks_zone(b"01.02.2026"));
        assert!(!TimeFormat::UnixSeconds.lacks_zone(b"5"));
    }
}
