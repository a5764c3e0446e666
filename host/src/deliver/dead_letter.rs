//! What could not be used, with why: JSON Lines `{source, query, partition, offset, reason, message, record}`.
//!
//! A record that is long is cut, and `record_bytes` and `record_sha256` of the whole one stand behind it: input that is
//! nothing but garbage must not fill the disk several times over.

use sha2::{Digest, Sha256};
use streamgauge_common::{
    hexadecimal::hexadecimal, offset::Offset, partition::Partition, reason::Reason, row::write_json_text,
};

/// How long a record may be in a dead letter, in bytes, as JSON writes it (a control character takes six).
pub(super) const EXCERPT_BYTES_MAX: usize = 4096;
/// How long a message may be, in characters: it may be a plugin's own words.
const MESSAGE_CHARS_MAX: usize = 1024;

/// How much of its record a dead letter holds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum RecordText {
    /// Its first 4 KiB.
    #[default]
    Excerpt,
    /// All of it.
    Full,
}

/// One thing that a query could not use.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DeadLetter<'a> {
    /// The source it came from.
    pub source: &'a str,
    /// The query that could not use it.
    pub query: &'a str,
    /// The partition and offset of the record; none behind a window.
    pub place: Option<(Partition, Offset)>,
    /// Why, from the closed list.
    pub reason: Reason,
    /// Why, for people.
    pub message: &'a str,
    /// The record as it came; behind a window the row's group and window as JSON.
    pub record: &'a [u8],
}

impl DeadLetter<'_> {
    /// Appends the dead letter as one line. What is not UTF-8 in the record is shown as `\u{fffd}`.
    pub fn write(&self, record_text: RecordText, out: &mut Vec<u8>) {
        let text = |out: &mut Vec<u8>, name: &str, value: &str| {
            out.extend_from_slice(name.as_bytes());
            write_json_text(out, value.as_bytes());
        };
        text(out, "{\"source\":", self.source);
        text(out, ",\"query\":", self.query);
        match self.place {
            Some((partition, offset)) => {
                // Its number: the source stands before it.
                let number = partition.number;
                out.extend_from_slice(format!(",\"partition\":{number},\"offset\":{offset}").as_bytes());
            }
            None => out.extend_from_slice(b",\"partition\":null,\"offset\":null"),
        }
        text(out, ",\"reason\":", self.reason.name());
        let message_end = self.message.char_indices().nth(MESSAGE_CHARS_MAX).map(|(at, _)| at);
        match message_end.and_then(|end| self.message.get(..end)) {
            Some(start) => text(out, ",\"message\":", &format!("{start}…")),
            None => text(out, ",\"message\":", self.message),
        }
        let shown = match record_text {
            RecordText::Excerpt => excerpt(self.record),
            RecordText::Full => self.record,
        };
        text(out, ",\"record\":", &String::from_utf8_lossy(shown));
        // What is too large was cut when it was read: nobody knows the whole of it.
        if shown.len() < self.record.len() && self.reason != Reason::TooLarge {
            let length = self.record.len();
            out.extend_from_slice(format!(",\"record_bytes\":{length},\"record_sha256\":\"").as_bytes());
            out.extend(hex(&Sha256::digest(self.record)));
            out.push(b'"');
        }
        out.extend_from_slice(b"}\n");
    }
}

/// A digest in hexadecimal digits.
pub(super) fn hex(digest: &[u8]) -> Vec<u8> {
    hexadecimal(digest).into_bytes()
}

/// The start of a record that JSON writes within the limit; it ends between two characters.
pub(super) fn excerpt(record: &[u8]) -> &[u8] {
    let (mut taken, mut written) = (0, 0);
    for chunk in record.utf8_chunks() {
        for character in chunk.valid().chars() {
            written += written_bytes(character);
            if written > EXCERPT_BYTES_MAX {
                return record.get(..taken).unwrap_or_default();
            }
            taken += character.len_utf8();
        }
        if !chunk.invalid().is_empty() {
            written += char::REPLACEMENT_CHARACTER.len_utf8();
            if written > EXCERPT_BYTES_MAX {
                return record.get(..taken).unwrap_or_default();
            }
            taken += chunk.invalid().len();
        }
    }
    record
}

/// How many bytes a character takes in a JSON text, as [`write_json_text`] writes it.
fn written_bytes(character: char) -> usize {
    match character {
        '"' | '\\' | '\n' | '\r' | '\t' | '\u{8}' | '\u{c}' => 2,
        '\0'..' ' => 6,
        character => character.len_utf8(),
    }
}

#[cfg(test)]
mod tests {
    use streamgauge_common::partition::SourceIndex;

    use super::*;

    #[test]
    fn a_dead_letter_is_one_json_line_whatever_the_record_holds() {
        let mut out = Vec::new();
        let letter = DeadLetter {
            source: "llm",
            query: "select_1",
            place: Some((SourceIndex::FIRST.partition(3), Offset(17))),
            reason: Reason::Malformed,
            message: "expected `}` at byte 4",
            record: b"{\"a\": \xff\n",
        };
        letter.write(RecordText::Excerpt, &mut out);
        assert_eq!(out.iter().filter(|&&byte| byte == b'\n').count(), 1);
        let line: serde_json::Value = serde_json::from_slice(&out).unwrap();
        assert_eq!(line["partition"], 3);
        assert_eq!(line["offset"], 17);
        assert_eq!(line["reason"], "malformed");
        assert_eq!(line["record"], "{\"a\": \u{fffd}\n");
        out.clear();
        DeadLetter { place: None, ..letter }.write(RecordText::Full, &mut out);
        assert!(serde_json::from_slice::<serde_json::Value>(&out).unwrap()["offset"].is_null());
    }

    /// A dead letter of a record, as a line.
    fn line(record: &[u8], record_text: RecordText, reason: Reason) -> String {
        let mut out = Vec::new();
        let place = Some((SourceIndex::FIRST.partition(0), Offset(0)));
        DeadLetter { source: "s", query: "q", place, reason, message: "no", record }
            .write(record_text, &mut out);
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn a_long_record_is_cut_whatever_it_is_made_of_and_its_length_and_digest_are_told() {
        for (unit, shown) in [("x", 4096), ("\u{1}", 682), ("\"", 2048), ("é", 2048), ("\n", 2048)] {
            let record = unit.repeat(100_000);
            let line = line(record.as_bytes(), RecordText::Excerpt, Reason::Malformed);
            assert!(line.len() < 4096 + 250, "{unit:?}: {}", line.len());
            let letter: serde_json::Value = serde_json::from_str(&line).unwrap();
            assert_eq!(letter["record"], unit.repeat(shown), "{unit:?}");
            assert_eq!(letter["record_bytes"], record.len());
            let names: Vec<_> = line.match_indices(",\"").map(|(at, _)| &line[at + 2..at + 6]).collect();
            assert_eq!(names.last(), Some(&"reco"), "they stand behind the record");
        }
        let line = line(&[0xff; 5000], RecordText::Excerpt, Reason::Malformed);
        let letter: serde_json::Value = serde_json::from_str(&line).unwrap();
        assert_eq!(letter["record"], "\u{fffd}".repeat(1365));
        // sha256sum of 5,000 bytes 0xff
        let digest = letter["record_sha256"].as_str().unwrap();
        assert_eq!(digest, SHA256_OF_5000_FF);
    }

    const SHA256_OF_5000_FF: &str = "d41bf2913d4c6ed6e9ef11eb8b9064ac3125a7a95b48f60e305dacf048d15c2b";

    #[test]
    fn a_record_is_whole_where_it_is_short_or_that_is_wanted() {
        let short = "x".repeat(4096);
        let long = "x".repeat(4097);
        for line in [
            line(short.as_bytes(), RecordText::Excerpt, Reason::Malformed),
            line(long.as_bytes(), RecordText::Full, Reason::Malformed),
            line(long.as_bytes(), RecordText::Excerpt, Reason::TooLarge),
        ] {
            assert!(!line.contains("record_"), "{line}");
        }
        assert!(line(long.as_bytes(), RecordText::Full, Reason::Malformed).contains(&long));
    }

    #[test]
    fn a_plugins_words_are_cut() {
        let (mut out, message) = (Vec::new(), "é".repeat(100_000));
        DeadLetter {
            source: "s",
            query: "q",
            place: None,
            reason: Reason::Plugin,
            message: &message,
            record: b"",
        }
        .write(RecordText::Full, &mut out);
        assert!(out.len() < 2_300, "{}", out.len());
    }
}
