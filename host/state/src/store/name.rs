//! Any name as one segment of a path.

use xxhash_rust::xxh3::xxh3_128;

/// Beyond it a segment is cut and told apart by a hash: file systems take 255 bytes.
const SEGMENT_BYTES_MAX: usize = 160;
const CUT_BYTES: usize = 120;
const HASH_DIGITS: usize = 32;

/// Percent-encoded, except for ASCII letters, digits, `_` and `-`. Never empty, and no two names share a segment.
pub(super) fn segment(name: &str) -> String {
    let mut segment = String::with_capacity(name.len());
    for byte in name.bytes() {
        match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'_' | b'-' => segment.push(char::from(byte)),
            _ => segment.push_str(&format!("%{byte:02X}")),
        }
    }
    if segment.len() > SEGMENT_BYTES_MAX {
        segment.truncate(CUT_BYTES);
        segment.push_str(&format!("%{:032x}", xxh3_128(name.as_bytes())));
    }
    match segment.is_empty() {
        true => "%".to_owned(),
        false => segment,
    }
}

/// The name of a segment; the segment itself where that does not say it.
pub(super) fn of(segment: &str) -> String {
    // The hash of a segment that was cut reads as a name, too.
    let hash = segment.get(CUT_BYTES..).and_then(|end| end.strip_prefix('%'));
    let is_cut = hash.is_some_and(|hash| hash.len() == HASH_DIGITS);
    let decoded = decoded(segment).filter(|_| !is_cut).and_then(|bytes| String::from_utf8(bytes).ok());
    decoded.filter(|name| self::segment(name) == segment).unwrap_or_else(|| segment.to_owned())
}

fn decoded(segment: &str) -> Option<Vec<u8>> {
    let mut bytes = Vec::with_capacity(segment.len());
    let mut rest = segment.as_bytes();
    while let Some((&first, behind)) = rest.split_first() {
        if first != b'%' {
            bytes.push(first);
            rest = behind;
            continue;
        }
        let digits = std::str::from_utf8(behind.get(..2)?).ok()?;
        bytes.push(u8::from_str_radix(digits, 16).ok()?);
        rest = behind.get(2..)?;
    }
    Some(bytes)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use proptest::prelude::*;

    use super::*;

    #[test]
    fn names_stay_readable() {
        assert_eq!(segment("insert_team_1"), "insert_team_1");
        assert_eq!(segment("../a b"), "%2E%2E%2Fa%20b");
        assert_eq!(segment(""), "%");
    }

    proptest! {
        #[test]
        fn a_segment_is_safe_and_of_one_name(names in prop::collection::vec("[%a/.é]{0,90}", 2..9)) {
            let mut seen = BTreeMap::new();
            for name in names {
                let segment = segment(&name);
                prop_assert!((1..=SEGMENT_BYTES_MAX).contains(&segment.len()));
                let known = of(&segment);
                let is_cut = segment.len() == CUT_BYTES + 1 + HASH_DIGITS || name.is_empty();
                prop_assert!(known == name || (known == segment && is_cut), "{segment}");
                prop_assert!(segment.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"_-%".contains(&byte)));
                let other = seen.insert(segment, name.clone());
                prop_assert!(other.is_none_or(|other| other == name));
            }
        }
    }
}
