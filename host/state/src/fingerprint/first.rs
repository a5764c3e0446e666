//! Fingerprints of the first format, which states of older versions of streamgauge have.
//!
//! Its lines had names and values as a derived `Debug` prints them, which no format may depend on, and the versions of states,
//! which the manifests of checkpoints have. Nothing writes it any more; here its lines are read and become those of today.

use streamgauge_sql::types::Value;

use super::literal;

/// The same meaning in lines of today. A line that the first format cannot have stays as it is: then the meaning differs.
pub(super) fn upgrade(text: &str) -> String {
    let mut lines = text.split('\n').map(upgrade_line);
    let first = lines.next().unwrap_or_default();
    lines.fold(first, |text, line| text + "\n" + &line)
}

fn upgrade_line(line: &str) -> String {
    let upgraded = line
        .strip_prefix("times ")
        .and_then(times)
        .or_else(|| line.strip_prefix("reduces ").and_then(reduces));
    upgraded.unwrap_or_else(|| line.to_owned())
}

/// `times UnixMillis, lenient numbers false`.
fn times(rest: &str) -> Option<String> {
    let (format, lenient) = rest.split_once(", lenient numbers ")?;
    let format = match format {
        "Rfc3339" => "rfc3339",
        "UnixSeconds" => "unix_s",
        "UnixMillis" => "unix_ms",
        "UnixMicros" => "unix_us",
        _ => return None,
    };
    Some(format!("times {format}, lenient numbers {lenient}"))
}

/// `reduces percentile(ms) by signature 0 with [Float64(95.0)], states of version 2`.
fn reduces(rest: &str) -> Option<String> {
    const BY: &str = " by signature ";
    // What is called may have any text in it, so the first place counts from which the rest is right.
    rest.match_indices(BY).find_map(|(at, _)| {
        let (call, behind) = rest.split_at(at);
        let (signature, behind) = behind.strip_prefix(BY)?.split_once(" with [")?;
        let (values, version) = behind.rsplit_once("], states of version ")?;
        signature.parse::<u32>().ok()?;
        version.parse::<u32>().ok()?;
        let values = literal::list(values, value)?;
        Some(format!("reduces {call} by signature {signature} with [{}]", literal::write(&values)))
    })
}

/// `Float64(95.0)`, `Text("a")`, `Null`.
fn value(text: &str) -> Option<(Value, &str)> {
    if let Some(rest) = text.strip_prefix("Null") {
        return Some((Value::Null, rest));
    }
    let (kind, rest) = text.split_once('(')?;
    if kind == "Text" {
        let (text, rest) = literal::quoted(rest.strip_prefix('"')?)?;
        return Some((Value::Text(text), rest.strip_prefix(')')?));
    }
    let (word, rest) = rest.split_once(')')?;
    let value = match kind {
        "Boolean" => Value::Boolean(word.parse().ok()?),
        "Int64" => Value::Int64(word.parse().ok()?),
        "Float64" => Value::Float64(word.parse().ok()?),
        "Timestamp" => Value::Timestamp(word.parse().ok()?),
        _ => return None,
    };
    Some((value, rest))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::{super::literal::tests::any_value, *};

    #[test]
    fn a_fingerprint_of_the_first_format_means_the_same() {
        let first = "reads llm\ncolumn ms DOUBLE at latency.ms\ntimes Rfc3339, lenient numbers false\nwhere ms > 0\n\
            windows of 300 s every 60 s on ts\ngroups by model TEXT\n\
            reduces avg(ms) by signature 1 with [], states of version 1\n\
            reduces top(a || ' by signature 1 with []') by signature 0 with [Float64(95.0), Text(\"a\\\"b\\u{301}\")], states of version 2\n";
        let now = "reads llm\ncolumn ms DOUBLE at latency.ms\ntimes rfc3339, lenient numbers false\nwhere ms > 0\n\
            windows of 300 s every 60 s on ts\ngroups by model TEXT\n\
            reduces avg(ms) by signature 1 with []\n\
            reduces top(a || ' by signature 1 with []') by signature 0 with [double 4057c00000000000, text \"a\\\"b\u{301}\"]\n";
        assert_eq!(upgrade(first), now);
        for other in [
            "times Monthly, lenient numbers false",
            "reduces f(x) by signature 0 with [Int64(x)], states of version 1",
        ] {
            assert_eq!(upgrade(other), other, "it stays as it is");
        }
    }

    proptest! {
        /// The first format was whatever `Debug` printed.
        #[test]
        fn parameters_of_the_first_format_are_read(values in prop::collection::vec(any_value(), 0..4)) {
            let first = format!("reduces f(x) by signature 0 with {values:?}, states of version 1");
            let numbers = |value: &Value| match value {
                // Which NaN it was is not in its text.
                Value::Float64(number) if number.is_nan() => Value::Float64(f64::NAN),
                other => other.clone(),
            };
            let values: Vec<Value> = values.iter().map(numbers).collect();
            let now = format!("reduces f(x) by signature 0 with [{}]", literal::write(&values));
            prop_assert_eq!(upgrade(&first), now);
        }
    }
}
