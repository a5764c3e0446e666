//! What a record is that is no JSON object, by its bytes, and what would make one of it.

/// How many bytes are looked at where a text may be UTF-16.
const UTF16_BYTES: usize = 32;
/// What the first bytes of packed data are, and how it is called.
const PACKED: [(&[u8], &str); 4] = [
    (&[0x1f, 0x8b], "gzip"),
    (&[0x28, 0xb5, 0x2f, 0xfd], "zstd"),
    (&[0x04, 0x22, 0x4d, 0x18], "lz4"),
    (b"PK\x03\x04", "zip"),
];
/// Characters between the fields of a line of CSV.
const SEPARATORS: [u8; 3] = [b',', b';', b'\t'];
/// Python, which is nearly everywhere.
const CSV_TO_JSON: &str = "python3 -c 'import csv, json, sys; [print(json.dumps(row)) for row in csv.DictReader(sys.stdin)]' < FILE.csv > FILE.jsonl";

/// What would make a JSON object of a record; `is_file` where records are lines.
pub(super) fn help(record: &[u8], is_file: bool) -> String {
    if let Some((_, name)) = PACKED.iter().find(|(start, _)| record.starts_with(start)) {
        return format!(
            "each record must be one JSON object: this one is packed by {name} within the record, which is not unpacked; Kafka's own \
             compression (`compression.type` of the producer) is"
        );
    }
    if is_utf16(record) {
        let convert = if is_file { "; `iconv -f UTF-16 -t UTF-8 FILE` converts a file" } else { "" };
        return format!("records must be UTF-8, and this one is UTF-16{convert}");
    }
    if let [0, rest @ ..] = record {
        return registry(rest);
    }
    let text = record.trim_ascii_start();
    match text {
        [b'[', ..] => "each record must be one JSON object: send the elements of an array one by one".to_owned() + of_file(is_file),
        [b'{', rest @ ..] if rest.trim_ascii_start().starts_with(b"'") => {
            "JSON has double quotes around keys and texts: let the producer write JSON (in Python `json.dumps`, not `str`)".to_owned()
        }
        [b'{', ..] if is_file => {
            "a file must have one JSON object a line; `jq -c . FILE` writes objects of several lines so".to_owned()
        }
        [b'"', rest @ ..] if rest.trim_ascii_start().starts_with(b"{") => {
            "each record must be one JSON object: this one is a text with JSON in it; let the producer write the object itself, not as \
             a text"
                .to_owned()
        }
        _ if is_csv(text) => match is_file {
            true => format!("each line must be one JSON object, and this one looks like CSV; `{CSV_TO_JSON}` converts a file, with the \
                             numbers in quotes (numbers = 'lenient')"),
            false => "each record must be one JSON object, and this one looks like CSV".to_owned(),
        },
        _ => "each record must be exactly one JSON object".to_owned(),
    }
}

fn of_file(is_file: bool) -> &'static str {
    if is_file { "; `jq -c '.[]' FILE` writes them so" } else { "" }
}

/// What stands behind a first byte 0: the id of a schema in four bytes, the greatest first, and what is described by it.
fn registry(rest: &[u8]) -> String {
    let start =
        "each record must be one JSON object: a first byte 0 is how records of a schema registry begin";
    match rest.split_first_chunk::<4>() {
        Some((id, [b'{', ..])) => format!(
            "{start}; behind it are the id of a schema, {}, and JSON (JSON Schema): let the producer write JSON by a serializer that puts \
             nothing before it",
            u32::from_be_bytes(*id)
        ),
        Some((id, [_, ..])) => format!(
            "{start}, with the id of a schema, {}: Avro and Protobuf cannot be read; let the producer, or a job of its own, write JSON",
            u32::from_be_bytes(*id)
        ),
        _ => format!("{start} (Avro, Protobuf), which cannot be read"),
    }
}

/// Whether a text is UTF-16: by its mark, or since every second byte is 0 as in Latin texts. The second line of a file begins with what
/// is left of the end of the first.
fn is_utf16(record: &[u8]) -> bool {
    if record.starts_with(&[0xff, 0xfe]) || record.starts_with(&[0xfe, 0xff]) {
        return true;
    }
    let start = record.get(..UTF16_BYTES.min(record.len())).unwrap_or_default();
    let zeros = |first: usize| start.iter().skip(first).step_by(2).all(|&byte| byte == 0);
    let others = |first: usize| start.iter().skip(first).step_by(2).all(|&byte| byte != 0);
    start.len() >= 4 && (zeros(0) && others(1) || zeros(1) && others(0))
}

/// Whether a line has fields between separators, and nothing of JSON.
fn is_csv(line: &[u8]) -> bool {
    let is_text = str::from_utf8(line)
        .is_ok_and(|line| !line.chars().any(|found| found.is_control() && found != '\t' && found != '\r'));
    let is_json = line.iter().any(|byte| matches!(byte, b'{' | b'}' | b'[' | b']'));
    is_text && !is_json && SEPARATORS.iter().any(|separator| line.contains(separator))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_record_is_instead_is_told_by_its_bytes() {
        let utf16 =
            |text: &str, of: fn(u16) -> [u8; 2]| text.encode_utf16().flat_map(of).collect::<Vec<u8>>();
        let object = "{\"n\":1}";
        let little = utf16(object, u16::to_le_bytes);
        let big = utf16(object, u16::to_be_bytes);
        let marked = utf16("\u{feff}{\"é\":\"漢\"}", u16::to_le_bytes);
        // A line of a file in UTF-16 ends within a character: the next one begins with its second byte.
        let next_line = [&[0][..], &little].concat();
        let cases: [(&[u8], &str); 17] = [
            (b"\x1f\x8b\x08\0\0\0\0\0", "packed by gzip"),
            (&[0x28, 0xb5, 0x2f, 0xfd, 0x24], "packed by zstd"),
            (&little, "is UTF-16"),
            (&big, "is UTF-16"),
            (&marked, "is UTF-16"),
            (&next_line, "is UTF-16"),
            (b"\0\0\0\0\x07\x02\x10gpt", "with the id of a schema, 7: Avro"),
            (b"\0\0\x01\0\0{\"n\":1}", "the id of a schema, 65536, and JSON (JSON Schema)"),
            (b"\0\0", "(Avro, Protobuf), which cannot be read"),
            (b" [{}]", "elements of an array one by one"),
            (b"{'n': 1}", "in Python `json.dumps`"),
            (b"\"{\\\"n\\\":1}\"", "a text with JSON in it"),
            (b"u1,12.5,2026-01-01", "looks like CSV"),
            (b"u1;12,5\r", "looks like CSV"),
            (b"{\"n\":", "exactly one JSON object"),
            (b"hello", "exactly one JSON object"),
            (b"", "exactly one JSON object"),
        ];
        for (record, words) in cases {
            let told = help(record, false);
            assert!(told.contains(words), "{}: {told}", String::from_utf8_lossy(record));
        }
    }

    #[test]
    fn of_a_file_the_command_is_told_that_converts_it() {
        for (record, words) in [
            (&b"[{\"n\":1}]"[..], "`jq -c '.[]' FILE`"),
            (b"{", "`jq -c . FILE`"),
            (b"{\0\"\0n\0\"\0:\0", "`iconv -f UTF-16 -t UTF-8 FILE`"),
            (b"a,b", "csv.DictReader"),
        ] {
            assert!(help(record, true).contains(words), "{}", String::from_utf8_lossy(record));
            assert!(!help(record, false).contains(words), "{}", String::from_utf8_lossy(record));
        }
    }
}
