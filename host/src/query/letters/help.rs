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
    query::Subscription,
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
            Some(value) => fitting(column?, &value, &subscription.source),
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
            Some("CAST(... AS DOUBLE) of the argument aggregates in DOUBLE, which has more room".to_owned())
        }
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
    if has(&["AS BIGINT", "AS INT"]) {
        "TRY_CAST(... AS BIGINT) is NULL where the number does not fit"
    } else if has(&["INTERVAL", "TIMESTAMP"]) {
        "a TIMESTAMP is between the years 1 and 9999: leave rows with other times out with WHERE or CASE"
    } else if has(&["AS DOUBLE", "AS FLOAT", "AS REAL"]) {
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

/// What would make a value fit a column.
fn fitting(spec: &ColumnSpec, value: &Value, source: &str) -> Option<String> {
    let write_format = |format: &str| Some(write_format(format, &spec.column, source));
    let number = value.as_str().and_then(|text| text.trim().parse::<f64>().ok());
    match (spec.column.data_type, value) {
        (DataType::Timestamp, Value::Number(time)) => {
            let format = unit_of(time.as_f64()?)?;
            (word_of(&spec.time_format) != Some(format)).then(|| write_format(format))?
        }
        (DataType::Timestamp, Value::String(text)) => match timestamp(spec, text, number)? {
            Wanted::Format(format) => write_format(format),
            Wanted::Pattern(fits) => Some(proposed(&fits, &spec.column, source)),
        },
        (DataType::Int64 | DataType::Float64, Value::String(_))
            if number.is_some() && !spec.lenient_numbers =>
        {
            Some(write("numbers = 'lenient'", source))
        }
        (DataType::Int64 | DataType::Float64, Value::String(text)) if text.trim().is_empty() => {
            let column = &spec.column.name;
            Some(format!(
                "an empty text is no number: declare column {column} as TEXT, and write TRY_CAST(nullif({column}, '') AS {}) in queries",
                spec.column.data_type
            ))
        }
        (_, Value::Object(_)) => {
            let name = &spec.column.name;
            Some(format!("{name} ... PATH '{}.FIELD' reads a field of an object", spell(&spec.column.path)))
        }
        (wanted, value) => {
            let found = type_of(value)?;
            let name = &spec.column.name;
            (found != wanted).then(|| format!("declare column {name} as {found}, if that is what the source has; CAST converts it in a query"))
        }
    }
}

fn write(option: &str, source: &str) -> String {
    format!("write {option} in the WITH of source '{source}'")
}

fn write_format(format: &str, column: &SourceColumn, source: &str) -> String {
    match column.time_format {
        Some(_) => format!("write FORMAT '{format}' behind the type of column {}", column.name),
        None => write(&format!("time_format = '{format}'"), source),
    }
}

/// Which pattern to write, and when it is the right one.
fn proposed(fits: &Fits, column: &SourceColumn, source: &str) -> String {
    let Fits { pattern, needs_zone, is_ambiguous } = fits;
    let help = match (needs_zone, column.time_format.is_some()) {
        (false, _) => write_format(pattern, column, source),
        (true, false) => write(&format!("time_format = '{pattern}', time_zone = 'UTC'"), source),
        (true, true) => {
            format!("{}, and {}", write_format(pattern, column, source), write("time_zone = 'UTC'", source))
        }
    };
    let conditions = [(*needs_zone, "it is a time of UTC"), (*is_ambiguous, "the day is before the month")];
    let conditions: Vec<&str> =
        conditions.iter().filter(|(holds, _)| *holds).map(|(_, text)| *text).collect();
    match conditions.is_empty() {
        true => help,
        false => format!("{help}, if {}", conditions.join(" and ")),
    }
}

enum Wanted {
    Format(&'static str),
    /// A pattern.
    Pattern(Fits),
}

/// What a time in quotes needs; `number` is what it is as a number.
fn timestamp(spec: &ColumnSpec, text: &str, number: Option<f64>) -> Option<Wanted> {
    if let Some(format) = number.and_then(unit_of) {
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
mod tests {
    use std::sync::Arc;

    use streamgauge_sql::path::PathStep;

    use super::*;

    fn spec(data_type: DataType, time_format: TimeFormat) -> ColumnSpec {
        let column = SourceColumn {
            name: "c".into(),
            data_type,
            path: vec![PathStep::Field("c".into())],
            time_format: None,
        };
        ColumnSpec { column, time_format, lenient_numbers: false }
    }

    /// The help for a record that a column does not take, and with a reason.
    fn helped(spec: &ColumnSpec, reason: Reason, record: &str) -> String {
        let subscription = Subscription::silent("s");
        let letter = DeadLetter {
            source: "s",
            query: "q",
            place: None,
            reason,
            message: "",
            record: record.as_bytes(),
        };
        help(&letter, Some(spec), &Arc::into_inner(subscription).unwrap()).unwrap_or_default()
    }

    #[test]
    fn a_time_that_is_written_otherwise_names_the_format() {
        use TimeFormat::{Rfc3339, UnixMillis, UnixSeconds};
        for (format, record, reason, expected) in [
            (
                Rfc3339,
                r#"{"c":1767225600000}"#,
                Reason::WrongType,
                "write time_format = 'unix_ms' in the WITH of source 's'",
            ),
            (
                Rfc3339,
                r#"{"c":1767225600}"#,
                Reason::WrongType,
                "write time_format = 'unix_s' in the WITH of source 's'",
            ),
            (
                Rfc3339,
                r#"{"c":1767225600.25}"#,
                Reason::WrongType,
                "write time_format = 'unix_s' in the WITH of source 's'",
            ),
            (
                UnixSeconds,
                r#"{"c":1767225600000000}"#,
                Reason::OutOfRange,
                "write time_format = 'unix_us' in the WITH of source 's'",
            ),
            (
                UnixMillis,
                r#"{"c":"2026-01-01T00:00:00Z"}"#,
                Reason::WrongType,
                "write time_format = 'rfc3339' in the WITH of source 's'",
            ),
            (
                Rfc3339,
                r#"{"c":"1767225600"}"#,
                Reason::WrongType,
                "write time_format = 'unix_s' in the WITH of source 's'",
            ),
            (
                Rfc3339,
                r#"{"c":1767225600000000000}"#,
                Reason::WrongType,
                "write time_format = 'unix_ns' in the WITH of source 's'",
            ),
            (Rfc3339, r#"{"c":"yesterday"}"#, Reason::WrongType, ""),
            (UnixMillis, r#"{"c":1767225600000}"#, Reason::OutOfRange, ""),
        ] {
            assert_eq!(helped(&spec(DataType::Timestamp, format), reason, record), expected, "{record}");
        }
    }

    #[test]
    fn a_value_of_another_type_names_the_type_or_the_option() {
        let of = |data_type, record| helped(&spec(data_type, TimeFormat::Rfc3339), Reason::WrongType, record);
        assert_eq!(
            of(DataType::Int64, r#"{"c":"5"}"#),
            "write numbers = 'lenient' in the WITH of source 's'"
        );
        for (data_type, record, found) in [
            (DataType::Int64, r#"{"c":5.5}"#, "DOUBLE"),
            (DataType::Int64, r#"{"c":"x"}"#, "TEXT"),
            (DataType::Text, r#"{"c":5}"#, "BIGINT"),
            (DataType::Float64, r#"{"c":true}"#, "BOOLEAN"),
        ] {
            assert!(of(data_type, record).starts_with(&format!("declare column c as {found}, ")), "{record}");
        }
        assert_eq!(of(DataType::Text, r#"{"c":{"d":1}}"#), "c ... PATH 'c.FIELD' reads a field of an object");
        assert_eq!(of(DataType::Text, r#"{"c":[1]}"#), "");
    }

    #[test]
    fn an_empty_text_is_no_number_even_where_quotes_are_taken() {
        for lenient_numbers in [false, true] {
            let spec = ColumnSpec { lenient_numbers, ..spec(DataType::Float64, TimeFormat::Rfc3339) };
            assert_eq!(
                helped(&spec, Reason::WrongType, r#"{"c":""}"#),
                "an empty text is no number: declare column c as TEXT, and write TRY_CAST(nullif(c, '') AS DOUBLE) in queries"
            );
        }
    }

    #[test]
    fn a_time_that_is_written_otherwise_names_the_pattern() {
        use TimeFormat::{Rfc3339, UnixMillis};
        for (format, record, reason, expected) in [
            (
                Rfc3339,
                r#"{"c":"2026-01-01T00:00:00"}"#,
                Reason::WrongType,
                "write time_format = '%Y-%m-%dT%H:%M:%S', time_zone = 'UTC' in the WITH of source 's', if it is a time of UTC",
            ),
            (
                Rfc3339,
                r#"{"c":"2026-01-01 00:00:00.25"}"#,
                Reason::WrongType,
                "write time_format = '%Y-%m-%d %H:%M:%S%.f', time_zone = 'UTC' in the WITH of source 's', if it is a time of UTC",
            ),
            (
                Rfc3339,
                r#"{"c":"2026-11-29"}"#,
                Reason::WrongType,
                "write time_format = '%Y-%m-%d', time_zone = 'UTC' in the WITH of source 's', if it is a time of UTC",
            ),
            (
                UnixMillis,
                r#"{"c":"09/11/2026 10:00"}"#,
                Reason::WrongType,
                "write time_format = '%d/%m/%Y %H:%M', time_zone = 'UTC' in the WITH of source 's', if it is a time of UTC and the day \
                 is before the month",
            ),
            (
                Rfc3339,
                r#"{"c":"29/Nov/2026:10:00:01 +0100"}"#,
                Reason::WrongType,
                "write time_format = '%d/%b/%Y:%H:%M:%S %z' in the WITH of source 's'",
            ),
        ] {
            assert_eq!(helped(&spec(DataType::Timestamp, format), reason, record), expected, "{record}");
        }
    }

    #[test]
    fn a_column_with_a_format_of_its_own_gets_another_one() {
        let mut spec = spec(DataType::Timestamp, TimeFormat::Rfc3339);
        spec.column.time_format = Some(TimeFormat::Rfc3339);
        assert_eq!(
            helped(&spec, Reason::WrongType, r#"{"c":"2026-11-29"}"#),
            "write FORMAT '%Y-%m-%d' behind the type of column c, and write time_zone = 'UTC' in the WITH of source 's', if it is a time \
             of UTC"
        );
    }

    #[test]
    fn a_cast_is_proposed_where_it_helps() {
        for (expression, start) in [
            ("n * 1000", "CAST(... AS DOUBLE)"),
            ("sum(n) * 2, for {\"as double\":1}", "CAST(... AS DOUBLE)"),
            ("CAST(x AS bigint) + 1", "TRY_CAST(... AS BIGINT)"),
            ("ts + INTERVAL '9000' YEAR", "a TIMESTAMP is"),
            ("CAST(n AS DOUBLE) * 1e300", "a DOUBLE is"),
        ] {
            let told = overflow(&format!("a result that does not fit its type in {expression}"));
            assert!(told.starts_with(start), "{expression}: {told}");
        }
    }

    #[test]
    fn a_time_that_is_missing_names_the_key_that_is_like_it() {
        let time = spec(DataType::Timestamp, TimeFormat::Rfc3339);
        let text = helped(&time, Reason::NullTime, r#"{"C":"2026-01-01T00:00:00Z"}"#);
        assert_eq!(
            text,
            "the event time is read from the key `c`; did you mean `C`? JSON keys are matched exactly"
        );
        assert!(helped(&time, Reason::NullTime, r#"{"c":null}"#).contains("PATH 'a.b'"));
    }
}
