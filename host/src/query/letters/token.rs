//! What helps where a record is one but for a value that JSON does not know, such as `NaN`. Then it is no JSON as a whole, and the value is
//! taken from what the message says.

use serde_json::Value;

use crate::decode::layout::ColumnSpec;

/// The value that a message names, where it is one of JSON: something else in its record is not.
pub(super) fn value(message: &str) -> Option<Value> {
    serde_json::from_str(token(message)?).ok()
}

/// What a message says was found; none where it is cut.
fn token(message: &str) -> Option<&str> {
    let (_, found) = message.split_once(", found `")?;
    let (found, _) = found.rsplit_once('`')?;
    (!found.trim_end_matches('"').ends_with('…')).then_some(found)
}

/// What helps where a value is none of JSON, such as `NaN`: its message names it.
pub(super) fn help(spec: &ColumnSpec, message: &str) -> Option<String> {
    let found = token(message)?;
    let name = &spec.column.name;
    match found.trim_start_matches(['-', '+']).to_ascii_lowercase().as_str() {
        "nan" | "inf" | "infinity" => Some(format!(
            "JSON has no `{found}`: let the producer write null, or a text for which column {name} is declared as TEXT"
        )),
        // It is too large, and the message says so.
        word if word.parse::<f64>().is_ok_and(f64::is_infinite) => None,
        "none" | "nil" | "undefined" => Some(format!("JSON has no `{found}`: let the producer write null")),
        word if word.starts_with(|first: char| first.is_ascii_digit() || first == '.')
            || found == "-"
            || found == "+" =>
        {
            Some(format!(
                "`{found}` is no number of JSON, which has digits before the point and behind it, no 0 in front of others, and no +: let the \
                 producer write it so, or in quotes for a column {name} that is declared as TEXT"
            ))
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use streamgauge_common::{chunk::Chunk, offset::Offset};
    use streamgauge_sql::{
        manifest::{SourceColumn, TimeFormat},
        path::PathStep,
        types::DataType,
    };

    use super::{super::help, *};
    use crate::{
        decode::{Reject, format::Decode, json::Decoder},
        deliver::dead_letter::DeadLetter,
        query::Subscription,
    };

    #[test]
    fn what_json_does_not_know_as_a_number_is_told_as_such() {
        let path = vec![PathStep::Field("c".into())];
        let column = SourceColumn { name: "c".into(), data_type: DataType::Float64, path, time_format: None };
        let spec = ColumnSpec { column, time_format: TimeFormat::Rfc3339, lenient_numbers: false };
        for (token, words) in [
            ("NaN", "JSON has no `NaN`: let the producer write null"),
            ("-Infinity", "JSON has no `-Infinity`"),
            ("None", "JSON has no `None`"),
            ("-", "`-` is no number of JSON"),
            ("01", "`01` is no number of JSON"),
            ("1.", "`1.` is no number of JSON"),
            ("+1", "`+1` is no number of JSON"),
            (".5", "`.5` is no number of JSON"),
        ] {
            let told = told(&spec, &format!("{{\"c\":{token}}}"));
            assert!(told.starts_with(words), "{token}: {told}");
        }
        // What is wrong elsewhere in the record is not what is wrong with the column.
        let spec = ColumnSpec { column: SourceColumn { data_type: DataType::Int64, ..spec.column }, ..spec };
        for (value, words) in [("5.5", "declare column c as DOUBLE"), ("\"5\"", "write numbers = 'lenient'")]
        {
            let record = format!("{{\"c\":{value},\"other\":NaN}}");
            assert!(told(&spec, &record).starts_with(words), "{record}");
        }
        assert_eq!(told(&spec, "{\"c\":1e999}"), "", "it is too large, and that is said");
    }

    /// The help for a record as the decoder rejects it.
    fn told(spec: &ColumnSpec, record: &str) -> String {
        let chunk = Chunk {
            bytes: record.as_bytes().to_vec().into(),
            spans: vec![(0, record.len() as u32)],
            offsets: vec![Offset(0)],
            ..Chunk::default()
        };
        let batch = Decoder::new(Arc::new([spec.clone()].into_iter().collect()), 1 << 20).decode(chunk);
        let [Reject { reason, message, .. }] = &batch.rejects[..] else {
            panic!("{record}: {:?}", batch.rejects)
        };
        let (reason, record) = (*reason, record.as_bytes());
        let letter = DeadLetter { source: "s", query: "q", place: None, reason, message, record };
        help::help(&letter, Some(spec), &Subscription::silent("s")).unwrap_or_default()
    }
}
