//! What makes a dead letter another one than others: all of its fields, and its whole record, of which a line may show more or
//! less.

use std::borrow::Cow;

use memchr::memmem;
use sha2::{Digest, Sha256};
use streamgauge_common::row::write_json_text;
use xxhash_rust::xxh3::Xxh3;

use crate::deliver::dead_letter::{EXCERPT_BYTES_MAX, excerpt, hex};

// A quote in a JSON text has a backslash before it. So these bytes are nowhere but between two fields.
const QUERY: &[u8] = b",\"query\":";
const PARTITION: &[u8] = b",\"partition\":";
const TOO_LARGE: &[u8] = b",\"reason\":\"too_large\",";
const RECORD: &[u8] = b",\"record\":";
const DIGEST: &[u8] = b",\"record_sha256\":\"";
/// What stands around a record that is the last field: two quotes, a bracket, a line end.
const AROUND: usize = 4;

/// The identity of a letter, as a hash.
pub(super) fn hash(line: &[u8]) -> u64 {
    let mut hash = Xxh3::new();
    let Some(at) = memmem::find(line, RECORD) else {
        hash.update(line);
        return hash.digest();
    };
    let (before, record) =
        (line.get(..at).unwrap_or_default(), line.get(at + RECORD.len()..).unwrap_or_default());
    hash.update(before);
    hash.update(&whole(before, record));
    hash.digest()
}

/// The whole record, the same for a line that shows its start and for one that shows all: itself where it is short, its digest
/// where it is long. Of a record that was cut when it was read there is no digest: its start, as a line shows it.
fn whole<'a>(before: &[u8], record: &'a [u8]) -> Cow<'a, [u8]> {
    if let Some(at) = memmem::rfind(record, DIGEST) {
        let digest = record.get(at + DIGEST.len()..).unwrap_or_default();
        return Cow::Borrowed(digest.split(|&byte| byte == b'"').next().unwrap_or_default());
    }
    if record.len() <= EXCERPT_BYTES_MAX + AROUND {
        return Cow::Borrowed(record);
    }
    let end = record.len().saturating_sub(b"}\n".len());
    let Ok(text) = serde_json::from_slice::<Cow<'_, str>>(record.get(..end).unwrap_or_default()) else {
        return Cow::Borrowed(record);
    };
    if memmem::find(before, TOO_LARGE).is_none() {
        return Cow::Owned(hex(&Sha256::digest(text.as_bytes())));
    }
    let mut start = Vec::new();
    write_json_text(&mut start, excerpt(text.as_bytes()));
    start.extend_from_slice(b"}\n");
    Cow::Owned(start)
}

/// The query of a letter, as JSON writes its name.
pub(super) fn query(line: &[u8]) -> Option<&[u8]> {
    let from = memmem::find(line, QUERY)? + QUERY.len();
    let name = line.get(from..)?;
    name.get(..memmem::find(name, PARTITION)?)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::deliver::dead_letter::{DeadLetter, RecordText};
    use streamgauge_common::{offset::Offset, partition::SourceIndex, reason::Reason};

    fn line(record: &[u8], reason: Reason, record_text: RecordText) -> Vec<u8> {
        let mut line = Vec::new();
        let message = ",\"record\":\"no\"";
        DeadLetter {
            source: "s",
            query: "a \"q\"",
            place: Some((SourceIndex::FIRST.partition(0), Offset(7))),
            reason,
            message,
            record,
        }
        .write(record_text, &mut line);
        line
    }

    #[test]
    fn a_letter_is_the_same_however_much_of_its_record_it_holds() {
        for reason in [Reason::Malformed, Reason::TooLarge] {
            for record in ["abc".to_owned(), "x".repeat(4096), "\u{1}é\"".repeat(5_000)] {
                let lines =
                    [RecordText::Excerpt, RecordText::Full].map(|text| line(record.as_bytes(), reason, text));
                assert_eq!(hash(&lines[0]), hash(&lines[1]), "{reason:?} {}", record.len());
            }
        }
    }

    #[test]
    fn letters_of_other_records_are_others_though_all_else_is_the_same() {
        let long = "x".repeat(5_000);
        let records = ["mon", "tue", &long, &format!("{long}y")];
        for text in [RecordText::Excerpt, RecordText::Full] {
            let hashes: std::collections::BTreeSet<u64> = records
                .iter()
                .map(|record| hash(&line(record.as_bytes(), Reason::Malformed, text)))
                .collect();
            assert_eq!(hashes.len(), records.len(), "{text:?}");
        }
        let reasons =
            [Reason::Malformed, Reason::Late].map(|reason| hash(&line(b"mon", reason, RecordText::Full)));
        assert_ne!(reasons[0], reasons[1]);
    }

    #[test]
    fn a_letter_says_whose_it_is() {
        let line = line(b"{}", Reason::Malformed, RecordText::Full);
        assert_eq!(query(&line), Some(&b"\"a \\\"q\\\"\""[..]));
        assert_eq!(query(b"notes\n"), None);
    }
}
