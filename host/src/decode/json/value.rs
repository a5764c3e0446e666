//! One value as its column's type wants it, or why it does not fit.

use streamgauge_common::reason::Reason;
use streamgauge_sql::manifest::TimeFormat;

use super::{number, scan::ValueKind, text};

/// What the source says about its values.
#[derive(Clone, Debug)]
pub(super) struct Rules {
    pub(super) time_format: TimeFormat,
    pub(super) lenient_numbers: bool,
}

/// A value as it stands in its record; strings without their quotes.
#[derive(Clone, Copy, Debug)]
pub(super) struct RawValue<'a> {
    pub(super) kind: ValueKind,
    pub(super) raw: &'a [u8],
}

/// 0001-01-01T00:00:00Z and 9999-12-31T23:59:59.999999Z in microseconds.
const YEARS_US: std::ops::RangeInclusive<i64> = -62_135_596_800_000_000..=253_402_300_799_999_999;

impl RawValue<'_> {
    /// Whether it is NULL: not there, or `null`.
    #[inline]
    pub(super) fn is_null(&self) -> bool {
        match self.kind {
            ValueKind::Missing => true,
            ValueKind::Scalar => self.raw == b"null",
            ValueKind::Plain | ValueKind::Escaped | ValueKind::Composite => false,
        }
    }
}

impl Rules {
    pub(super) fn boolean(&self, found: RawValue<'_>) -> Result<bool, Reason> {
        match (found.kind, found.raw) {
            (ValueKind::Scalar, b"true") => Ok(true),
            (ValueKind::Scalar, b"false") => Ok(false),
            _ => Err(Reason::WrongType),
        }
    }

    #[inline]
    pub(super) fn int64(&self, found: RawValue<'_>) -> Result<i64, Reason> {
        number(found, self.lenient_numbers, number::int64)
    }

    #[inline]
    pub(super) fn float64(&self, found: RawValue<'_>) -> Result<f64, Reason> {
        number(found, self.lenient_numbers, number::float64)
    }

    /// A number of a unit of time may stand in quotes, whatever the source says of its numbers: it cannot be another time.
    pub(super) fn timestamp(&self, found: RawValue<'_>) -> Result<i64, Reason> {
        let scale = match &self.time_format {
            format @ (TimeFormat::Rfc3339 | TimeFormat::Pattern(_)) => return time_text(format, found),
            TimeFormat::UnixSeconds => 6,
            TimeFormat::UnixMillis => 3,
            TimeFormat::UnixMicros => 0,
            TimeFormat::UnixNanos => -3,
        };
        let micros = number(found, true, |text| number::scaled(text, scale))?;
        if YEARS_US.contains(&micros) { Ok(micros) } else { Err(Reason::OutOfRange) }
    }

    /// Whether a value is a time of this format but for its zone.
    pub(super) fn lacks_zone(&self, found: RawValue<'_>) -> bool {
        match found.kind {
            ValueKind::Plain => self.time_format.lacks_zone(found.raw),
            ValueKind::Escaped => unescaped(found.raw).is_ok_and(|text| self.time_format.lacks_zone(&text)),
            ValueKind::Missing | ValueKind::Scalar | ValueKind::Composite => false,
        }
    }
}

#[inline]
fn number<T>(
    found: RawValue<'_>,
    takes_quotes: bool,
    read: impl Fn(&[u8]) -> Result<T, Reason>,
) -> Result<T, Reason> {
    match found.kind {
        ValueKind::Scalar => read(found.raw),
        ValueKind::Plain if takes_quotes => read(found.raw),
        ValueKind::Escaped if takes_quotes => read(&unescaped(found.raw)?),
        _ => Err(Reason::WrongType),
    }
}

fn time_text(format: &TimeFormat, found: RawValue<'_>) -> Result<i64, Reason> {
    let time = match found.kind {
        ValueKind::Plain => format.read_text(found.raw),
        ValueKind::Escaped => format.read_text(&unescaped(found.raw)?),
        _ => return Err(Reason::WrongType),
    };
    // What is no text is no time either; say the worse of the two.
    time.ok_or_else(|| if text::check(found.raw).is_err() { Reason::Malformed } else { Reason::WrongType })
}

fn unescaped(raw: &[u8]) -> Result<Vec<u8>, Reason> {
    let mut text = Vec::new();
    text::unescape(raw, &mut text).map_err(|_| Reason::Malformed)?;
    Ok(text)
}
