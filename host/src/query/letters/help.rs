//! Which option or change would let a record be used, by the reason of its dead letter.

use serde_json::Value;
use streamgauge_common::reason::Reason;
use streamgauge_functions::parse_timestamp;
use streamgauge_sql::{
    manifest::{SourceColumn, TimeFormat},
    path::spell,
    types::DataType,
};

use super::{
    not_json,
    time_patterns::{self, Fits},
    token,
};
use crate::{
    decode::{
        keys,
        layout::ColumnSpec,
        times::{unit_of, value_at, word_of},
    },
    deliver::dead_letter::DeadLetter,
    query::{Subscription, late::SILENT},
};

/// What would help; none where nothing that a user can write does.
pub(super) fn help(
    letter: &DeadLetter<'_>,
    column: Option<&ColumnSpec>,
    subscription: &Subscription,
) -> Option<String> {
    let value = column.and_then(|spec| value_at(letter.record, &spec.column.path));
    match letter.reason {
        Reason::Malformed if column.is_some() => {
            Some("texts must be UTF-8, with the escapes of JSON".to_owned())
        }
        Reason::Malformed => Some(not_json::help(letter.record, !subscription.files.is_empty())),
        Reason::TooLarge => Some("--limit max_record_bytes=2MiB takes longer records".to_owned()),
        Reason::WrongType | Reason::OutOfRange => match value.or_else(|| token::value(letter.message)) {
            Some(value) => Place::of(subscription).fitting(column?, &value),
            None if letter.reason == Reason::WrongType => token::help(column?, letter.message),
            None => None,
        },
        Reason::NullTime => Some(no_time(&column?.column, letter.record)),
        Reason::Future => Some(format!(
            "if the clocks of its senders are right, max_future_skew = '1 hour' in the WITH of source '{}' lets events be so far ahead",
            subscription.source
        )),
        Reason::Overflow => Some(overflow(letter.message).to_owned()),
        Reason::DivisionByZero => Some("a / nullif(b, 0) is NULL where b is 0".to_owned()),
        Reason::InvalidCast => Some("TRY_CAST(... AS ...) is NULL where the text does not fit".to_owned()),
        Reason::Evaluate => {
            Some("leave such values out with FILTER (WHERE ...); if the argument is a BIGINT, CAST(... AS DOUBLE) has more room".to_owned())
        }
        Reason::Late if letter.message.ends_with(SILENT) => Some(format!(
            "a longer idle_timeout in the WITH of source '{}' waits longer for a partition that is silent; with late_dead_letters = 'false' \
             they are only counted",
            subscription.source
        )),
        Reason::Late => Some(format!(
            "a longer delay in WATERMARK FOR ... of source '{}' waits longer for events; with late_dead_letters = 'false' in its WITH \
             they are only counted",
            subscription.source
        )),
        // The message names the limit, or is the plugin's or the receiver's own.
        Reason::GroupLimit | Reason::Plugin | Reason::Rejected => None,
    }
}

/// What helps where a result does not fit its type, by the text of the expression.
fn overflow(message: &str) -> &'static str {
    // What follows names the group.
    let expression = message.split(", for {").next().unwrap_or_default().to_uppercase();
    let has = |words: &[&str]| words.iter().any(|word| expression.contains(word));
    if has(&["AS BIGINT", "AS INT", "::BIGINT", "::INT"]) {
        "TRY_CAST(... AS BIGINT) is NULL where the number does not fit"
    } else if has(&["INTERVAL", "TIMESTAMP"]) {
        "a TIMESTAMP is between the years 1 and 9999: leave rows with other times out with WHERE or CASE"
    } else if has(&["AS DOUBLE", "AS FLOAT", "AS REAL", "::DOUBLE", "::FLOAT", "::REAL"]) {
        "a DOUBLE is not beyond 1.8e308: leave rows with such numbers out with WHERE or CASE"
    } else {
        "CAST(... AS DOUBLE) of an operand that is a BIGINT computes in DOUBLE, which does not overflow so soon"
    }
}

fn no_time(time: &SourceColumn, record: &[u8]) -> String {
    let key = spell(&time.path);
    match keys::nearest_to(record, &time.path) {
        Some(meant) => format!(
            "the event time is read from the key `{key}`; did you mean `{meant}`? JSON keys are matched exactly"
        ),
        None => format!(
            "the event time is read from the key `{key}`; PATH 'a.b' behind the type of column {} names another",
            time.name
        ),
    }
}

/// What a help says where to write something.
struct Place<'a> {
    source: &'a str,
    /// Whether the source has more than one time, so that each column has a format of its own.
    several_times: bool,
    /// Whether the source states the zone of times that have none.
    states_zone: bool,
}

impl<'a> Place<'a> {
    fn of(subscription: &'a Subscription) -> Self {
        Self {
            source: &subscription.source,
            several_times: subscription.times.has_several(),
            states_zone: subscription.times.states_zone(),
        }
    }

    /// What would make a value fit a column.
    fn fitting(&self, spec: &ColumnSpec, value: &Value) -> Option<String> {
        let column = &spec.column;
        match (column.data_type, value) {
            (DataType::Timestamp, Value::Number(time)) => {
                if let Some(fits) = time_patterns::of_digits(&time.to_string()) {
                    return Some(format!(
                        "`{time}` looks like a date in digits, and a pattern reads texts alone: let the producer write it in quotes, for \
                         FORMAT '{}'",
                        fits.pattern
                    ));
                }
                let format = unit_of(time.as_f64()?)?;
                (word_of(&spec.time_format) != Some(format)).then(|| self.format(format, column))
            }
            (DataType::Timestamp, Value::String(text)) => match timestamp(spec, text)? {
                Wanted::Format(format) => Some(self.format(format, column)),
                Wanted::Pattern(fits) => Some(self.pattern(&fits, &spec.column)),
            },
            (DataType::Int64 | DataType::Float64, Value::String(text)) => Some(self.quoted(spec, text)),
            (DataType::Int64 | DataType::Text, Value::Number(number)) if is_beyond_bigint(number) => {
                Some(format!(
                    "the number is beyond a BIGINT, and a DOUBLE keeps about 16 of its digits: let the producer write it in quotes, for a column \
                 {} that is declared as TEXT",
                    column.name
                ))
            }
            (_, Value::Object(_)) => Some(format!(
                "{} ... PATH '{}.FIELD' reads a field of an object",
                column.name,
                spell(&column.path)
            )),
            (wanted, value) => {
                let found = type_of(value)?;
                (found != wanted).then(|| declared(&column.name, found, wanted))
            }
        }
    }

    /// A text where a number is due.
    fn quoted(&self, spec: &ColumnSpec, text: &str) -> String {
        let (name, wanted) = (&spec.column.name, spec.column.data_type);
        if text.trim().is_empty() {
            return format!(
                "an empty text is no number: declare column {name} as TEXT, and write TRY_CAST(nullif({name}, '') AS {wanted}) in queries"
            );
        }
        // What stands in the quotes must be a number of JSON, as without them.
        let number = serde_json::from_str(text).ok().filter(|_| text.trim() == text);
        match number.as_ref().and_then(type_of) {
            Some(found) if !spec.lenient_numbers && (found == wanted || wanted == DataType::Float64) => {
                self.option("numbers = 'lenient'")
            }
            Some(DataType::Float64) if wanted == DataType::Int64 => {
                let also = if spec.lenient_numbers {
                    String::new()
                } else {
                    format!(", and {}", self.option("numbers = 'lenient'"))
                };
                format!("declare column {name} as DOUBLE{also}")
            }
            _ => declared(name, DataType::Text, wanted),
        }
    }

    fn option(&self, option: &str) -> String {
        format!("write {option} in the WITH of source '{}'", self.source)
    }

    fn format(&self, format: &str, column: &SourceColumn) -> String {
        match column.time_format.is_some() || self.several_times {
            true => format!("write FORMAT '{format}' behind the type of column {}", column.name),
            false => self.option(&format!("time_format = '{format}'")),
        }
    }

    /// Which pattern to write, and when it is the right one. A zone that the source states stays.
    fn pattern(&self, fits: &Fits, column: &SourceColumn) -> String {
        let Fits { pattern, needs_zone, is_ambiguous } = fits;
        let states_utc = *needs_zone && !self.states_zone;
        let of_column = column.time_format.is_some() || self.several_times;
        let help = match (states_utc, of_column) {
            (false, _) => self.format(pattern, column),
            (true, false) => self.option(&format!("time_format = '{pattern}', time_zone = 'UTC'")),
            (true, true) => {
                format!("{}, and {}", self.format(pattern, column), self.option("time_zone = 'UTC'"))
            }
        };
        let conditions = [
            (states_utc, "it is a time of UTC"),
            (*needs_zone && self.states_zone, "it is a time of the source's time_zone"),
            (*is_ambiguous, "the day is before the month"),
        ];
        let conditions: Vec<&str> =
            conditions.iter().filter(|(holds, _)| *holds).map(|(_, text)| *text).collect();
        match conditions.is_empty() {
            true => help,
            false => format!("{help}, if {}", conditions.join(" and ")),
        }
    }
}

/// Which type to declare instead, and how a query goes on with it.
fn declared(column: &str, found: DataType, wanted: DataType) -> String {
    let convert = match (found, wanted) {
        (DataType::Text, wanted) => {
            format!("; TRY_CAST({column} AS {wanted}) is NULL where the text does not fit")
        }
        (DataType::Int64, DataType::Float64) | (DataType::Float64, DataType::Int64) | (_, DataType::Text) => {
            "; CAST converts it in a query".to_owned()
        }
        _ => String::new(),
    };
    format!("declare column {column} as {found}, if that is what the source has{convert}")
}

/// Whether a number is whole and has no place in 64 bits.
fn is_beyond_bigint(number: &serde_json::Number) -> bool {
    const FIRST_BEYOND: f64 = 9_223_372_036_854_775_808.0;
    let is_whole = |number: f64| number.fract() == 0.0 && !(-FIRST_BEYOND..FIRST_BEYOND).contains(&number);
    !number.is_i64() && (number.is_u64() || number.as_f64().is_some_and(is_whole))
}

enum Wanted {
    Format(&'static str),
    /// A pattern.
    Pattern(Fits),
}

/// What a time in quotes needs.
fn timestamp(spec: &ColumnSpec, text: &str) -> Option<Wanted> {
    if let Some(fits) = time_patterns::of_digits(text) {
        return Some(Wanted::Pattern(fits));
    }
    if let Some(format) = text.trim().parse().ok().and_then(unit_of) {
        return (word_of(&spec.time_format) != Some(format)).then_some(Wanted::Format(format));
    }
    if spec.time_format != TimeFormat::Rfc3339 && parse_timestamp(text.as_bytes()).is_ok() {
        return Some(Wanted::Format("rfc3339"));
    }
    time_patterns::of(text).map(Wanted::Pattern)
}

/// The type that takes a value.
fn type_of(value: &Value) -> Option<DataType> {
    match value {
        Value::Bool(_) => Some(DataType::Boolean),
        Value::Number(number) if number.is_i64() => Some(DataType::Int64),
        Value::Number(_) => Some(DataType::Float64),
        Value::String(_) => Some(DataType::Text),
        Value::Null | Value::Array(_) | Value::Object(_) => None,
    }
}

#[cfg(test)]
mod tests;
