//! What could not be used, with why: JSON Lines `{source, query, partition, offset, reason, message, record}`.

use crate::{decode::Reason, row::write_json_text};

/// One thing that a query could not use.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DeadLetter<'a> {
    /// The source it came from.
    pub source: &'a str,
    /// The query that could not use it.
    pub query: &'a str,
    /// The partition and offset of the record; none behind a window.
    pub place: Option<(u32, i64)>,
    /// Why, from the closed list.
    pub reason: Reason,
    /// Why, for people.
    pub message: &'a str,
    /// The record as it came; behind a window the row's group and window as JSON.
    pub record: &'a [u8],
}

impl DeadLetter<'_> {
    /// Appends the dead letter as one line. What is not UTF-8 in the record is shown as `\u{fffd}`.
    pub fn write(&self, out: &mut Vec<u8>) {
        let text = |out: &mut Vec<u8>, name: &str, value: &str| {
            out.extend_from_slice(name.as_bytes());
            write_json_text(out, value.as_bytes());
        };
        text(out, "{\"source\":", self.source);
        text(out, ",\"query\":", self.query);
        match self.place {
            Some((partition, offset)) => {
                out.extend_from_slice(format!(",\"partition\":{partition},\"offset\":{offset}").as_bytes());
            }
            None => out.extend_from_slice(b",\"partition\":null,\"offset\":null"),
        }
        text(out, ",\"reason\":", self.reason.name());
        text(out, ",\"message\":", self.message);
        text(out, ",\"record\":", &String::from_utf8_lossy(self.record));
        out.extend_from_slice(b"}\n");
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_dead_letter_is_one_json_line_whatever_the_record_holds() {
        let mut out = Vec::new();
        let letter = DeadLetter {
            source: "llm",
            query: "select_1",
            place: Some((3, 17)),
            reason: Reason::Malformed,
            message: "expected `}` at byte 4",
            record: b"{\"a\": \xff\n",
        };
        letter.write(&mut out);
        assert_eq!(out.iter().filter(|&&byte| byte == b'\n').count(), 1);
        let line: serde_json::Value = serde_json::from_slice(&out).unwrap();
        assert_eq!(line["partition"], 3);
        assert_eq!(line["offset"], 17);
        assert_eq!(line["reason"], "malformed");
        assert_eq!(line["record"], "{\"a\": \u{fffd}\n");
        out.clear();
        DeadLetter { place: None, ..letter }.write(&mut out);
        assert!(serde_json::from_slice::<serde_json::Value>(&out).unwrap()["offset"].is_null());
    }
}
