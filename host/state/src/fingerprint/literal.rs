//! The parameters of an aggregate call as a fingerprint has them: written and read by hand, so that the bytes depend on nothing
//! but the values.
//!
//! | value | text |
//! |---|---|
//! | NULL | `null` |
//! | BOOLEAN | `boolean true` |
//! | BIGINT | `bigint -5` |
//! | DOUBLE | `double 4057c00000000000`: the 64 bits in hexadecimal |
//! | TIMESTAMP | `timestamp 5`: microseconds since the epoch |
//! | TEXT | `text "a"`, with `\\`, `\"`, `\n` and `\r` for a backslash, a quotation mark and the ends of lines |

use streamgauge_sql::types::Value;

/// Values, with a comma between two.
pub(super) fn write(values: &[Value]) -> String {
    values.iter().map(write_one).collect::<Vec<_>>().join(", ")
}

fn write_one(value: &Value) -> String {
    match value {
        Value::Null => "null".to_owned(),
        Value::Boolean(value) => format!("boolean {value}"),
        Value::Int64(value) => format!("bigint {value}"),
        Value::Float64(value) => format!("double {:016x}", value.to_bits()),
        Value::Timestamp(value) => format!("timestamp {value}"),
        Value::Text(text) => format!("text {}", quote(text)),
    }
}

/// A text in quotation marks.
pub(super) fn quote(text: &str) -> String {
    format!("\"{}\"", escape(text))
}

fn escape(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for character in text.chars() {
        match character {
            '\\' => escaped.push_str("\\\\"),
            '"' => escaped.push_str("\\\""),
            '\n' => escaped.push_str("\\n"),
            '\r' => escaped.push_str("\\r"),
            other => escaped.push(other),
        }
    }
    escaped
}

/// Values that [`write()`] wrote; none where the text is another one.
pub(super) fn read(text: &str) -> Option<Vec<Value>> {
    list(text, read_one)
}

fn read_one(text: &str) -> Option<(Value, &str)> {
    if let Some(rest) = text.strip_prefix("null") {
        return Some((Value::Null, rest));
    }
    let (kind, rest) = text.split_once(' ')?;
    if kind == "text" {
        let (text, rest) = quoted(rest.strip_prefix('"')?)?;
        return Some((Value::Text(text), rest));
    }
    let (word, rest) = rest.split_at(rest.find(',').unwrap_or(rest.len()));
    let value = match kind {
        "boolean" => Value::Boolean(word.parse().ok()?),
        "bigint" => Value::Int64(word.parse().ok()?),
        "double" => Value::Float64(f64::from_bits(u64::from_str_radix(word, 16).ok()?)),
        "timestamp" => Value::Timestamp(word.parse().ok()?),
        _ => return None,
    };
    Some((value, rest))
}

/// Values with `, ` between two.
pub(super) fn list(text: &str, read: impl Fn(&str) -> Option<(Value, &str)>) -> Option<Vec<Value>> {
    let mut values = Vec::new();
    let mut rest = text;
    while !rest.is_empty() {
        let (value, behind) = read(rest)?;
        values.push(value);
        if behind.is_empty() {
            break;
        }
        rest = behind.strip_prefix(", ").filter(|rest| !rest.is_empty())?;
    }
    Some(values)
}

/// A text up to its closing quotation mark, and what is behind that. Takes the escapes of the first format, too.
pub(super) fn quoted(text: &str) -> Option<(String, &str)> {
    let mut value = String::new();
    let mut characters = text.chars();
    loop {
        match characters.next()? {
            '"' => return Some((value, characters.as_str())),
            '\\' => value.push(match characters.next()? {
                'n' => '\n',
                'r' => '\r',
                't' => '\t',
                '0' => '\0',
                plain @ ('\\' | '"' | '\'') => plain,
                'u' => {
                    let (digits, rest) = characters.as_str().strip_prefix('{')?.split_once('}')?;
                    characters = rest.chars();
                    char::from_u32(u32::from_str_radix(digits, 16).ok()?)?
                }
                _ => return None,
            }),
            other => value.push(other),
        }
    }
}

#[cfg(test)]
pub(super) mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn each_kind_of_value_has_its_text() {
        let values = [
            Value::Null,
            Value::Boolean(true),
            Value::Int64(-5),
            Value::Float64(95.0),
            Value::Timestamp(5),
            Value::Text("a, \"b\"\n\\é".into()),
        ];
        let text = "null, boolean true, bigint -5, double 4057c00000000000, timestamp 5, text \"a, \\\"b\\\"\\n\\\\é\"";
        assert_eq!(write(&values), text);
        assert_eq!(read(text).unwrap(), values);
        assert_eq!(read(""), Some(Vec::new()));
        for wrong in ["nul", "null,", "null, ", "double x", "text \"a", "text a", "bigint 5 ", "Int64(5)"] {
            assert_eq!(read(wrong), None, "{wrong}");
        }
    }

    pub(in super::super) fn any_value() -> impl Strategy<Value = Value> {
        prop_oneof![
            Just(Value::Null),
            any::<bool>().prop_map(Value::Boolean),
            any::<i64>().prop_map(Value::Int64),
            any::<f64>().prop_map(Value::Float64),
            any::<i64>().prop_map(Value::Timestamp),
            any::<String>().prop_map(Value::Text),
        ]
    }

    proptest! {
        #[test]
        fn values_come_back(values in prop::collection::vec(any_value(), 0..4)) {
            let text = write(&values);
            prop_assert!(!text.contains(['\n', '\r']), "a line stays one: {}", text);
            let back = read(&text);
            // By their text, since NaN is not equal to itself.
            prop_assert_eq!(back.map(|values| write(&values)), Some(text));
        }
    }
}
