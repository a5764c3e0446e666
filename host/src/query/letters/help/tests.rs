//! Each help by the value that it is for.

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
    let letter =
        DeadLetter { source: "s", query: "q", place: None, reason, message: "", record: record.as_bytes() };
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
    assert_eq!(of(DataType::Int64, r#"{"c":"5"}"#), "write numbers = 'lenient' in the WITH of source 's'");
    for (data_type, record, found) in [
        (DataType::Int64, r#"{"c":5.5}"#, "DOUBLE"),
        (DataType::Int64, r#"{"c":"x"}"#, "TEXT"),
        (DataType::Float64, r#"{"c":"NaN"}"#, "TEXT"),
        (DataType::Float64, r#"{"c":" 12"}"#, "TEXT"),
        (DataType::Int64, r#"{"c":"+5"}"#, "TEXT"),
        (DataType::Int64, r#"{"c":"00012"}"#, "TEXT"),
        (DataType::Text, r#"{"c":5}"#, "BIGINT"),
        (DataType::Float64, r#"{"c":true}"#, "BOOLEAN"),
    ] {
        assert!(of(data_type, record).starts_with(&format!("declare column c as {found}, ")), "{record}");
    }
    assert_eq!(
        of(DataType::Int64, r#"{"c":"12.5"}"#),
        "declare column c as DOUBLE, and write numbers = 'lenient' in the WITH of source 's'"
    );
    assert_eq!(
        of(DataType::Int64, r#"{"c":true}"#),
        "declare column c as BOOLEAN, if that is what the source has"
    );
    for data_type in [DataType::Text, DataType::Int64] {
        for record in [r#"{"c":12345678901234567890}"#, r#"{"c":123456789012345678901234567890}"#] {
            assert!(of(data_type, record).starts_with("the number is beyond a BIGINT"), "{record}");
        }
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
fn digits_that_are_a_date_are_no_count_since_1970() {
    let of =
        |record: String| helped(&spec(DataType::Timestamp, TimeFormat::Rfc3339), Reason::WrongType, &record);
    for (text, pattern) in [
        ("20261129103000", "%Y%m%d%H%M%S"),
        ("202611291030", "%Y%m%d%H%M"),
        ("20261129103000123", "%Y%m%d%H%M%S%f"),
        ("2026112910", "%Y%m%d%H"),
    ] {
        let help = of(format!("{{\"c\":\"{text}\"}}"));
        assert!(
            help.starts_with(&format!("write time_format = '{pattern}', time_zone = 'UTC'")),
            "{text}: {help}"
        );
        let help = of(format!("{{\"c\":{text}}}"));
        assert!(help.ends_with(&format!("write it in quotes, for FORMAT '{pattern}'")), "{text}: {help}");
    }
    assert_eq!(
        of(r#"{"c":"1767225600"}"#.to_owned()),
        "write time_format = 'unix_s' in the WITH of source 's'"
    );
}

#[test]
fn a_zone_that_is_stated_stays() {
    let place = Place { source: "s", several_times: false, states_zone: true };
    let of = |value: &str| {
        place.fitting(&spec(DataType::Timestamp, TimeFormat::Rfc3339), &Value::from(value)).unwrap()
    };
    assert_eq!(
        of("2026-01-01 02:00:00.5"),
        "write time_format = '%Y-%m-%d %H:%M:%S%.f' in the WITH of source 's', if it is a time of the source's time_zone"
    );
    assert_eq!(
        of("29/Nov/2026:10:00:01 +0100"),
        "write time_format = '%d/%b/%Y:%H:%M:%S %z' in the WITH of source 's'"
    );
}

#[test]
fn a_source_with_several_times_has_a_format_by_column() {
    let place = Place { source: "s", several_times: true, states_zone: false };
    let of = |value: Value| place.fitting(&spec(DataType::Timestamp, TimeFormat::Rfc3339), &value).unwrap();
    assert_eq!(of(Value::from(1_767_225_600_123_i64)), "write FORMAT 'unix_ms' behind the type of column c");
    assert!(of(Value::from("2026-01-01 00:00:00")).starts_with("write FORMAT '%Y-%m-%d %H:%M:%S' behind"));
}

#[test]
fn a_cast_is_proposed_where_it_helps() {
    for (expression, start) in [
        ("n * 1000", "CAST(... AS DOUBLE)"),
        ("sum(n) * 2, for {\"as double\":1}", "CAST(... AS DOUBLE)"),
        ("CAST(x AS bigint) + 1", "TRY_CAST(... AS BIGINT)"),
        ("x::int", "TRY_CAST(... AS BIGINT)"),
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
