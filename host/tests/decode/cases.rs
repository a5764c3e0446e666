//! The corner cases, by hand.

use super::*;

use Reason::{Malformed, OutOfRange, WrongType};

/// The value of `x` in a record.
fn read(record: &[u8], data_type: DataType, time_format: TimeFormat, lenient: bool) -> Result<Value, Reason> {
    let schema = [column("x", data_type)];
    let decoder = decoder_of(&schema, time_format, lenient);
    outcome(&decoder.decode(chunk(&[record], b"\n")), 0, 0)
}

fn bigint(value: &str) -> Result<Value, Reason> {
    read(format!("{{\"x\":{value}}}").as_bytes(), DataType::Int64, TimeFormat::Rfc3339, false)
}

fn double(value: &str) -> Result<Value, Reason> {
    read(format!("{{\"x\":{value}}}").as_bytes(), DataType::Float64, TimeFormat::Rfc3339, false)
}

fn boolean(value: &str) -> Result<Value, Reason> {
    read(format!("{{\"x\":{value}}}").as_bytes(), DataType::Boolean, TimeFormat::Rfc3339, false)
}

fn text(value: &[u8]) -> Result<Value, Reason> {
    read(&[b"{\"x\":", value, b"}"].concat(), DataType::Text, TimeFormat::Rfc3339, false)
}

fn time(value: &str, time_format: TimeFormat) -> Result<Value, Reason> {
    read(format!("{{\"x\":{value}}}").as_bytes(), DataType::Timestamp, time_format, false)
}

#[test]
fn a_record_is_exactly_one_balanced_object() {
    let whole = |record: &str| read(record.as_bytes(), DataType::Int64, TimeFormat::Rfc3339, false);
    let one = Ok(Value::Int64(1));
    for record in [
        r#"{"x":1}"#,
        " \t\r\n{\"x\":1}\r\n ",
        r#"{ "x" : 1 }"#,
        "{\n\t\"x\"\r:\n1\t}",
        // What is not read is balanced, more is not asked of it.
        r#"{"y":tru,"x":1}"#,
        r#"{"y":01,"x":1}"#,
        r#"{"y":[1 2,,],"x":1}"#,
        r#"{"y":{"a"},"x":1}"#,
        r#"{"y":"\q\u12","x":1}"#,
        "{\"y\":\"\t\",\"x\":1}",
        r#"{"\q":5,"x":1}"#,
        r#"{"y":"}","x":1}"#,
        r#"{"y":"\"}","x":1}"#,
        r#"{"y":"\\","x":1}"#,
        r#"{"y":[[{"x":2}]],"x":1}"#,
        r#"{"y":{"x":2},"x":1}"#,
        r#"{"x":2,"x":1}"#,
        "{\"\\u0078\":1}",
        r#"{"x":"no","x":1}"#,
    ] {
        assert_eq!(whole(record), one, "{record}");
    }
    for record in [
        "",
        " ",
        "{",
        "}",
        "[]",
        "1",
        "null",
        "\"x\"",
        "{\"x\":1",
        "{\"x\":1,",
        "{\"x\":1,}",
        "{\"x\":1}}",
        "{\"x\":1}{}",
        "{\"x\":1} x",
        "{\"x\":1}\0",
        "\u{feff}{\"x\":1}",
        "{,\"x\":1}",
        "{\"x\":1,,\"y\":2}",
        "{\"x\" 1}",
        "{\"x\":}",
        "{\"x\":,\"y\":1}",
        "{\"x\"}",
        "{x:1}",
        "{'x':1}",
        "{\"x\":1 2}",
        "{\"x\":1\"y\":2}",
        "{\"x\":1:2}",
        "{\"x\":1]",
        "{\"x\":\"a}",
        "{\"x\":\"a\\\"}",
        "{\"x\":\"a\"b}",
        "{\"x\":1,\"y\":[}",
        "{\"x\":1,\"y\":[}]}",
        "{\"x\":1,\"y\":{]}}",
        "{\"x\":1,\"y\":[\"]}",
        "{\"x\":1,\"y\":{\"a\":[1,2}}",
        "{\"x\":1;\"y\":2}",
        "{\"x\":1,\u{a0}\"y\":2}",
        "{\"x\":1,\"y",
        "{\"x\":1,\"y\":",
        "{\"x\"\u{b}:1}",
    ] {
        assert_eq!(whole(record), Err(Malformed), "{record}");
    }
}

#[test]
fn a_bigint_is_digits_only() {
    for (written, value) in [
        ("5", 5),
        ("0", 0),
        ("-0", 0),
        ("-7", -7),
        ("9223372036854775807", i64::MAX),
        ("-9223372036854775808", i64::MIN),
    ] {
        assert_eq!(bigint(written), Ok(Value::Int64(value)), "{written}");
    }
    for written in ["9223372036854775808", "-9223372036854775809", "123456789012345678901234567890"] {
        assert_eq!(bigint(written), Err(OutOfRange), "{written}");
    }
    for written in
        ["5.0", "5e0", "1E3", "01", "+1", "-", "\"5\"", "true", "nul", "0x10", "1_000", "{}", "[5]", "NaN"]
    {
        assert_eq!(bigint(written), Err(WrongType), "{written}");
    }
    assert_eq!(bigint("null"), Ok(Value::Null));
}

#[test]
fn a_double_is_any_finite_number_of_json() {
    for (written, value) in [
        ("5", 5.0),
        ("5.0", 5.0),
        ("5e0", 5.0),
        ("-0.0", -0.0),
        ("0.1", 0.1),
        ("1E-2", 0.01),
        ("123456.789e3", 123_456_789.0),
        ("9007199254740993", 9_007_199_254_740_992.0),
        ("1e308", 1e308),
        ("5e-324", 5e-324),
        ("1e-999", 0.0),
        ("0.30000000000000004", 0.300_000_000_000_000_04),
        ("123456789012345678901234567890", 1.234_567_890_123_456_8e29),
        ("2.2250738585072012e-308", 2.225_073_858_507_201_2e-308),
        ("0e999999999999999999999", 0.0),
    ] {
        let Ok(Value::Float64(read)) = double(written) else { panic!("{written}: {:?}", double(written)) };
        assert_eq!(read.to_bits(), f64::to_bits(value), "{written}");
    }
    for written in ["1e999", "-1e309", "1e99999999999999999999", "179769313486231580000e289"] {
        assert_eq!(double(written), Err(OutOfRange), "{written}");
    }
    for written in [
        "01", "+1", ".5", "1.", "1.e2", "1e", "1e+", "-", "--1", "Infinity", "NaN", "nan", "\"1\"", "1f",
        "1.2.3",
    ] {
        assert_eq!(double(written), Err(WrongType), "{written}");
    }
}

#[test]
fn a_boolean_is_true_or_false() {
    assert_eq!(boolean("true"), Ok(Value::Boolean(true)));
    assert_eq!(boolean("false"), Ok(Value::Boolean(false)));
    for written in ["1", "0", "\"true\"", "True", "truee", "tru", "[true]"] {
        assert_eq!(boolean(written), Err(WrongType), "{written}");
    }
}

#[test]
fn a_text_is_a_string_of_utf_8() {
    for (written, value) in [
        (r#""""#, ""),
        (r#""a b""#, "a b"),
        (r#""\"\\\/\b\f\n\r\t""#, "\"\\/\u{8}\u{c}\n\r\t"),
        (r#""\u00e9\u20ac\ud83d\ude00""#, "é€😀"),
        (r#""\u0000""#, "\0"),
        ("\"é😀\u{7f}\u{2028}\"", "é😀\u{7f}\u{2028}"),
        (r#""{\"x\":1}""#, "{\"x\":1}"),
        (r#""null""#, "null"),
    ] {
        assert_eq!(text(written.as_bytes()), Ok(Value::Text(value.into())), "{written}");
    }
    for written in [
        b"\"\xff\"".as_slice(),
        b"\"\xc3\"",
        b"\"\xed\xa0\x80\"",
        b"\"\xf4\x90\x80\x80\"",
        b"\"\xc0\xaf\"",
        b"\"a\nb\"",
        b"\"a\tb\"",
        b"\"\0\"",
        br#""\ud800""#,
        br#""\udc00""#,
        br#""\ud800\u0041""#,
        br#""\x""#,
        br#""\u12""#,
        b"\"\\n\xff\"",
        b"\"\\n\n\"",
    ] {
        assert_eq!(text(written), Err(Malformed), "{}", String::from_utf8_lossy(written));
    }
    for written in ["5", "true", "{}", "[\"a\"]", "nul", "nulll"] {
        assert_eq!(text(written.as_bytes()), Err(WrongType), "{written}");
    }
}

#[test]
fn halves_of_a_character_in_neighbouring_records_do_not_make_a_text() {
    let schema = [column("x", DataType::Text)];
    let records = [b"{\"x\":\"\xc3\"}".as_slice(), b"{\"x\":\"\xa9\"}", b"{\"x\":\"ok\"}"];
    let batch = decoder(&schema).decode(chunk(&records, b"\n"));
    assert_eq!(outcome(&batch, 0, 0), Err(Malformed));
    assert_eq!(outcome(&batch, 0, 1), Err(Malformed));
    assert_eq!(outcome(&batch, 0, 2), Ok(Value::Text("ok".into())));
}

#[test]
fn a_timestamp_is_as_its_source_says() {
    use TimeFormat::{Rfc3339, UnixMicros, UnixMillis, UnixNanos, UnixSeconds};
    let at = |micros: i64| Ok(Value::Timestamp(micros));
    assert_eq!(time(r#""2026-01-01T00:05:00Z""#, Rfc3339), at(1_767_225_900_000_000));
    assert_eq!(time(r#""2026-01-01 01:05:00.1234567+01:00""#, Rfc3339), at(1_767_225_900_123_456));
    assert_eq!(time(r#""2026-01-01T00:05:00\u005a""#, Rfc3339), at(1_767_225_900_000_000));
    for written in [
        r#""2026-01-01T00:05:00""#,
        r#""2026-01-01T24:00:00Z""#,
        r#""2026-01-01""#,
        "1767225900",
        r#""""#,
        r#""0000-01-01T00:00:00Z""#,
    ] {
        assert_eq!(time(written, Rfc3339), Err(WrongType), "{written}");
    }
    assert_eq!(time("1767225900", UnixSeconds), at(1_767_225_900_000_000));
    assert_eq!(time("1767225900.1234567", UnixSeconds), at(1_767_225_900_123_456));
    assert_eq!(time("-0.0000001", UnixSeconds), at(-1));
    assert_eq!(time("1.7672259e9", UnixSeconds), at(1_767_225_900_000_000));
    assert_eq!(time("1767225900123", UnixMillis), at(1_767_225_900_123_000));
    assert_eq!(time("1767225900123.4567", UnixMillis), at(1_767_225_900_123_456));
    assert_eq!(time("1767225900123456", UnixMicros), at(1_767_225_900_123_456));
    assert_eq!(time("1767225900123456.9", UnixMicros), at(1_767_225_900_123_456));
    assert_eq!(time("253402300799.999999", UnixSeconds), at(253_402_300_799_999_999));
    assert_eq!(time("-62135596800", UnixSeconds), at(-62_135_596_800_000_000));
    for written in ["253402300800", "-62135596800.000001", "1767225900123456", "1e30", "-1e999"] {
        assert_eq!(time(written, UnixSeconds), Err(OutOfRange), "{written}");
    }
    assert_eq!(time("1767225900123456789", UnixNanos), at(1_767_225_900_123_456));
    assert_eq!(time("-1", UnixNanos), at(-1));
    assert_eq!(time("1.767225900123456789e18", UnixNanos), at(1_767_225_900_123_456));
    // In quotes too, whatever the source says of its numbers.
    assert_eq!(time(r#""1767225900""#, UnixSeconds), at(1_767_225_900_000_000));
    assert_eq!(time(r#""1767225900.5""#, UnixSeconds), at(1_767_225_900_500_000));
    assert_eq!(time(r#""1767225900123456789""#, UnixNanos), at(1_767_225_900_123_456));
    assert_eq!(time(r#""\u0035""#, UnixMillis), at(5000));
    for written in [r#"" 5""#, r#""""#, r#""2026-01-01T00:05:00Z""#, "true", "[5]"] {
        assert_eq!(time(written, UnixSeconds), Err(WrongType), "{written}");
    }
    assert_eq!(time(r#""2026-01-01T02:05:00+0200""#, Rfc3339), at(1_767_225_900_000_000));
    assert_eq!(time(r#""2026-01-01T02:05:00+02""#, Rfc3339), at(1_767_225_900_000_000));
}

#[test]
fn a_timestamp_may_follow_a_pattern_and_one_without_zone_is_told_so() {
    let format = |pattern: &str, zone: &str| TimeFormat::new(pattern, Zone::new(zone)).unwrap();
    let local = || format("%Y-%m-%d %H:%M:%S", "+02:00");
    assert_eq!(time(r#""2026-01-01 02:05:00""#, local()), Ok(Value::Timestamp(1_767_225_900_000_000)));
    assert_eq!(time(r#""2026-01-01 02:05:0\u0030""#, local()), Ok(Value::Timestamp(1_767_225_900_000_000)));
    for written in ["5", r#""2026-01-01T02:05:00""#, r#""2026-01-01 24:05:00""#] {
        assert_eq!(time(written, local()), Err(WrongType), "{written}");
    }
    let message = |value: &str, time_format| {
        let decoder = decoder_of(&[column("t", DataType::Timestamp)], time_format, false);
        let batch = decoder.decode(chunk(&[format!("{{\"t\":{value}}}")], b""));
        batch.rejects.into_iter().map(|reject| reject.message).collect::<Vec<_>>()
    };
    assert_eq!(
        message(r#""2026-01-01T02:05:00""#, TimeFormat::Rfc3339),
        [
            r#"column "t": expected TIMESTAMP as text of RFC 3339, found `"2026-01-01T02:05:00"`, which has no zone"#
        ]
    );
    assert_eq!(
        message(r#""2026-01-01""#, TimeFormat::Rfc3339),
        [r#"column "t": expected TIMESTAMP as text of RFC 3339, found `"2026-01-01"`"#]
    );
    assert_eq!(
        message(r#""2026-01-01 02:05""#, format("%Y-%m-%d %H:%M%z", "")),
        [
            r#"column "t": expected TIMESTAMP as text like '%Y-%m-%d %H:%M%z', found `"2026-01-01 02:05"`, which has no zone"#
        ]
    );
    assert_eq!(
        message(r#""x""#, TimeFormat::UnixNanos),
        [r#"column "t": expected TIMESTAMP as a number of nanoseconds, found `"x"`"#]
    );
}

#[test]
fn numbers_in_quotes_fit_where_the_source_is_lenient() {
    let lenient = |value: &str, data_type| {
        let record = format!("{{\"x\":{value}}}");
        read(record.as_bytes(), data_type, TimeFormat::UnixMillis, true)
    };
    assert_eq!(lenient(r#""5""#, DataType::Int64), Ok(Value::Int64(5)));
    assert_eq!(lenient(r#""-1.5e1""#, DataType::Float64), Ok(Value::Float64(-15.0)));
    assert_eq!(lenient(r#""\u0035""#, DataType::Int64), Ok(Value::Int64(5)));
    assert_eq!(lenient(r#""1500""#, DataType::Timestamp), Ok(Value::Timestamp(1_500_000)));
    assert_eq!(lenient("7", DataType::Int64), Ok(Value::Int64(7)));
    for wrong in [r#"" 5""#, r#""5.0""#, r#""""#, r#""0x5""#, r#""null""#] {
        assert_eq!(lenient(wrong, DataType::Int64), Err(WrongType), "{wrong}");
    }
    assert_eq!(lenient(r#""99999999999999999999""#, DataType::Int64), Err(OutOfRange));
    assert_eq!(lenient(r#""true""#, DataType::Boolean), Err(WrongType));
}

#[test]
fn a_path_leads_through_objects_only_and_the_last_duplicate_counts() {
    let schema =
        [column("u.t", DataType::Int64), column("u", DataType::Text), column("u.v.w", DataType::Int64)];
    let read = |record: &str| {
        let batch = decoder(&schema).decode(chunk(&[record], b""));
        [outcome(&batch, 0, 0), outcome(&batch, 1, 0), outcome(&batch, 2, 0)]
    };
    let (null, int) = (Ok(Value::Null), |value| Ok(Value::Int64(value)));
    let cases: [(&str, [Result<Value, Reason>; 3]); 16] = [
        (r#"{"u":{"t":1,"v":{"w":2}}}"#, [int(1), Err(WrongType), int(2)]),
        (r#"{"u":{"v":{"w":2},"t":1}}"#, [int(1), Err(WrongType), int(2)]),
        (r#"{"u":null}"#, [null.clone(), null.clone(), null.clone()]),
        (r#"{"u":"x"}"#, [null.clone(), Ok(Value::Text("x".into())), null.clone()]),
        (r#"{"u":5}"#, [null.clone(), Err(WrongType), null.clone()]),
        (r#"{"u":[{"t":1}]}"#, [null.clone(), Err(WrongType), null.clone()]),
        (r#"{}"#, [null.clone(), null.clone(), null.clone()]),
        (r#"{"u":{}}"#, [null.clone(), Err(WrongType), null.clone()]),
        (r#"{"u":{"t":1},"u":{"v":{"w":2}}}"#, [null.clone(), Err(WrongType), int(2)]),
        (r#"{"u":{"t":1,"v":{"w":2}},"u":null}"#, [null.clone(), null.clone(), null.clone()]),
        (r#"{"u":{"t":1,"v":{"w":2},"v":7}}"#, [int(1), Err(WrongType), null.clone()]),
        (r#"{"u":{"t":1,"t":"no"}}"#, [Err(WrongType), Err(WrongType), null.clone()]),
        (r#"{"u":{"t":"no","t":null}}"#, [null.clone(), Err(WrongType), null.clone()]),
        (r#"{"t":3,"v":{"w":4},"u.t":5}"#, [null.clone(), null.clone(), null.clone()]),
        (r#"{"U":{"t":1}}"#, [null.clone(), null.clone(), null.clone()]),
        (r#"{"u" : { "t" : 1 , "v" : { } } }"#, [int(1), Err(WrongType), null]),
    ];
    for (record, expected) in cases {
        assert_eq!(read(record), expected, "{record}");
    }
    for record in [r#"{"u":{"t":1}"#, r#"{"u":{"t":1]}"#, r#"{"u":{"t":1,}}"#, r#"{"u":{"t":1}}}"#] {
        assert_eq!(read(record), [Err(Malformed), Err(Malformed), Err(Malformed)], "{record}");
    }
}

#[test]
fn a_path_leads_through_elements_and_quoted_names() {
    let schema = [
        column("c[0].r", DataType::Text),
        column("c[2]", DataType::Int64),
        column("c.r", DataType::Text),
        column("c[1][0]", DataType::Int64),
        column(r#"t."a.b""#, DataType::Int64),
        column(r"t.a\.b.c", DataType::Int64),
    ];
    let read = |record: &str| -> Vec<Result<Value, Reason>> {
        // The second record comes where the scanner knows the layout of the first.
        let batch = decoder(&schema).decode(chunk(&[record, record], b""));
        let of_row = |row| (0..schema.len()).map(|at| outcome(&batch, at, row)).collect::<Vec<_>>();
        assert_eq!(of_row(0), of_row(1), "{record}");
        of_row(0)
    };
    let (null, int) = (Ok(Value::Null), |value| Ok(Value::Int64(value)));
    let text = |value: &str| Ok(Value::Text(value.into()));
    let all = |c0: &Result<Value, Reason>, c2, c, c1| vec![c0.clone(), c2, c, c1, null.clone(), null.clone()];
    let cases: [(&str, Vec<Result<Value, Reason>>); 14] = [
        (r#"{"c":[{"r":"x"},[7],5,"more",{"r":[]}]}"#, all(&text("x"), int(5), null.clone(), int(7))),
        (r#"{"c" : [ { "r" : "x" } , [ 7 , 8 ] , 5 ] }"#, all(&text("x"), int(5), null.clone(), int(7))),
        (r#"{"c":[{"r":"x"}]}"#, all(&text("x"), null.clone(), null.clone(), null.clone())),
        (r#"{"c":[{},[],null]}"#, all(&null, null.clone(), null.clone(), null.clone())),
        (r#"{"c":[]}"#, all(&null, null.clone(), null.clone(), null.clone())),
        (r#"{"c":[ ]}"#, all(&null, null.clone(), null.clone(), null.clone())),
        (r#"{"c":[1,2,"3"]}"#, all(&null, Err(WrongType), null.clone(), null.clone())),
        (r#"{"c":{"r":"y"}}"#, all(&null, null.clone(), text("y"), null.clone())),
        (r#"{"c":"no"}"#, all(&null, null.clone(), null.clone(), null.clone())),
        (r#"{"c":[0,0,5],"c":{"r":"y"}}"#, all(&null, null.clone(), text("y"), null.clone())),
        (r#"{"c":{"r":"y"},"c":[0,0,5]}"#, all(&null, int(5), null.clone(), null.clone())),
        // Behind the last element that is read only balance is asked for.
        (r#"{"c":[0,[0],5,nonsense 1,,{"a"}]}"#, all(&null, int(5), null.clone(), int(0))),
        (
            r#"{"t":{"a.b":1,"a":{"b":{"c":2}}}}"#,
            vec![null.clone(), null.clone(), null.clone(), null.clone(), int(1), null.clone()],
        ),
        (
            r#"{"t":{"a\u002eb":{"c":3}},"c":[{"r":"z"}]}"#,
            vec![text("z"), null.clone(), null.clone(), null.clone(), Err(WrongType), int(3)],
        ),
    ];
    for (record, expected) in cases {
        assert_eq!(read(record), expected, "{record}");
    }
    for record in
        [r#"{"c":[}"#, r#"{"c":[1 2]}"#, r#"{"c":[1,]}"#, r#"{"c":[,1]}"#, r#"{"c":[1"#, r#"{"c":[1,2,3,4}"#]
    {
        assert_eq!(read(record), vec![Err(Malformed); schema.len()], "{record}");
    }
}

#[test]
fn a_wrong_column_hurts_only_itself_and_messages_say_what_was_found() {
    let schema = [
        column("n", DataType::Float64),
        column("i", DataType::Int64),
        column("s", DataType::Text),
        column("t", DataType::Timestamp),
    ];
    let long = "x".repeat(100);
    let records = [
        r#"{"n":"abc","i":99999999999999999999,"s":{"a":1},"t":5}"#.as_bytes().to_vec(),
        b"{\"s\":\"\xff\"}".to_vec(),
        format!(r#"{{"n":"{long}","s":"fine"}}"#).into_bytes(),
        b"{\"n\":1,\"n\" 2}".to_vec(),
        [b"{\"s\":\"", "y".repeat(RECORD_BYTES_MAX).as_bytes(), b"\"}"].concat(),
        br#"{"s":"\ud800"}"#.to_vec(),
        br#"{"n":1.5"#.to_vec(),
    ];
    let batch = decoder(&schema).decode(chunk(&records, b"\n"));
    let told: Vec<String> = batch
        .rejects
        .iter()
        .map(|reject| {
            format!("{} {:?} {}: {}", row_of(reject), reject.column, reject.reason.name(), reject.message)
        })
        .collect();
    let shown = "x".repeat(40);
    assert_eq!(
        told,
        [
            "0 Some(0) wrong_type: column \"n\": expected DOUBLE, found `\"abc\"`",
            "0 Some(1) out_of_range: column \"i\": expected BIGINT, found `99999999999999999999`, which is out of range",
            "0 Some(2) wrong_type: column \"s\": expected TEXT, found an object",
            "0 Some(3) wrong_type: column \"t\": expected TIMESTAMP as text of RFC 3339, found `5`",
            "1 Some(2) malformed: column \"s\": expected TEXT, found `\"\u{fffd}\"`, which is not UTF-8",
            &format!("2 Some(0) wrong_type: column \"n\": expected DOUBLE, found `\"{shown}…\"`"),
            "3 None malformed: expected `:` at byte 11, found `2}`",
            "4 None too_large: the record is longer than 100000 bytes (--limit max_record_bytes)",
            r#"5 Some(2) malformed: column "s": expected TEXT, found `"\ud800"`, which has half a surrogate pair"#,
            "6 None malformed: expected `,` or `}` at byte 8, found the end of the record",
        ]
    );
    assert_eq!(outcome(&batch, 2, 2), Ok(Value::Text("fine".into())));
}

#[test]
fn columns_without_nulls_have_no_bitmap_and_depth_has_no_bound() {
    let schema = [column("x", DataType::Int64), column("y", DataType::Int64)];
    let batch = decoder(&schema).decode(chunk(&[r#"{"x":1,"y":2}"#, r#"{"x":1}"#], b""));
    let [x, y] = [0, 1].map(|position| batch.columns.require(position).unwrap());
    assert!(x.valid.is_none() && y.valid.is_some());
    let deep = format!(r#"{{"z":{}{},"x":3}}"#, "[".repeat(40_000), "]".repeat(40_000));
    assert_eq!(outcome(&decoder(&schema).decode(chunk(&[deep], b"")), 0, 0), Ok(Value::Int64(3)));
    let path = vec!["a".into(); 10_000];
    let schema = [SourceColumn { name: "x".into(), data_type: DataType::Int64, path, time_format: None }];
    let deep = format!("{}5{}", "{\"a\":".repeat(10_000), "}".repeat(10_000));
    assert_eq!(outcome(&decoder(&schema).decode(chunk(&[deep], b"")), 0, 0), Ok(Value::Int64(5)));
    let none = decoder(&[]).decode(chunk(&["{}", "{", "{\"a\":[]}"], b""));
    assert_eq!((none.columns.iter().count(), none.rejects.len()), (0, 1));
}
