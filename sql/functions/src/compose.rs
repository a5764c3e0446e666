//! New texts made of others. What could grow without bound ends at [`BYTES_MAX`].

use sha2::{Digest as _, Sha256};

use crate::Failure;
use crate::substring::offset;
use crate::text::{Finder, length};

/// How long a text may become that is longer than the one that it is made of: a mebibyte.
pub const BYTES_MAX: usize = 1 << 20;

/// Appends `replace(text, from, to)`: every part that is `from`, from the left, becomes `to`. An empty `from` is nowhere.
pub fn replace(text: &[u8], from: &[u8], to: &[u8], out: &mut Vec<u8>) -> Result<(), Failure> {
    let limit = out.len() + text.len().max(BYTES_MAX);
    let mut rest = 0;
    if !from.is_empty() {
        for end in Finder::new(from).ends(text) {
            out.extend_from_slice(text.get(rest..end - from.len()).unwrap_or_default());
            out.extend_from_slice(to);
            rest = end;
            if out.len() > limit {
                return Err(Failure::Overflow);
            }
        }
    }
    out.extend_from_slice(text.get(rest..).unwrap_or_default());
    if out.len() > limit { Err(Failure::Overflow) } else { Ok(()) }
}

/// Appends `lpad(text, characters, fill)`: so many characters, filled at the start; a longer text is cut at its end.
pub fn pad_start(text: &[u8], characters: i64, fill: &[u8], out: &mut Vec<u8>) -> Result<(), Failure> {
    let kept = cut(text, characters);
    pad(text, characters, fill, out)?;
    out.extend_from_slice(kept);
    Ok(())
}

/// Appends `rpad(text, characters, fill)`: as [`pad_start`], filled at the end.
pub fn pad_end(text: &[u8], characters: i64, fill: &[u8], out: &mut Vec<u8>) -> Result<(), Failure> {
    out.extend_from_slice(cut(text, characters));
    pad(text, characters, fill, out)
}

fn cut(text: &[u8], characters: i64) -> &[u8] {
    text.get(..offset(text, characters)).unwrap_or_default()
}

/// What is missing, if there is something to fill it with.
fn pad(text: &[u8], characters: i64, fill: &[u8], out: &mut Vec<u8>) -> Result<(), Failure> {
    let missing = characters.saturating_sub(length(text));
    let in_fill = length(fill);
    if missing <= 0 || in_fill == 0 {
        return Ok(());
    }
    let (times, rest) = (missing / in_fill, cut(fill, missing % in_fill));
    let bytes = usize::try_from(times).ok().and_then(|times| times.checked_mul(fill.len()));
    // In a guest a sum of indexes of any size would overflow.
    let fits = |bytes: &usize| *bytes <= BYTES_MAX && text.len() + bytes + rest.len() <= BYTES_MAX;
    let Some(bytes) = bytes.filter(fits) else {
        return Err(Failure::Overflow);
    };
    out.extend(fill.iter().cycle().take(bytes));
    out.extend_from_slice(rest);
    Ok(())
}

/// Appends the characters from the last to the first.
pub fn reverse(text: &[u8], out: &mut Vec<u8>) {
    let mut end = text.len();
    while let Some(before) = text.get(..end).filter(|before| !before.is_empty()) {
        let start = before.iter().rposition(|&byte| !crate::text::is_continuation(byte)).unwrap_or(0);
        out.extend_from_slice(before.get(start..).unwrap_or_default());
        end = start;
    }
}

/// Appends each character in lower case, by itself: what ILIKE compares, as in PostgreSQL. (`lower` looks at its neighbours.)
pub fn fold(text: &[u8], out: &mut Vec<u8>) {
    if text.is_ascii() {
        out.extend(text.iter().map(u8::to_ascii_lowercase));
        return;
    }
    let simple = |character: char| character.to_lowercase().next().unwrap_or(character);
    for character in String::from_utf8_lossy(text).chars().map(simple) {
        out.extend_from_slice(character.encode_utf8(&mut [0; 4]).as_bytes());
    }
}

/// Appends the SHA-256 of the bytes in 64 hexadecimal digits.
pub fn sha256(text: &[u8], out: &mut Vec<u8>) {
    const DIGITS: &[u8; 16] = b"0123456789abcdef";
    let digit = |number: u8| DIGITS.get(usize::from(number)).copied().unwrap_or_default();
    out.extend(Sha256::digest(text).iter().flat_map(|byte| [digit(byte >> 4), digit(byte & 15)]));
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn made(make: impl FnOnce(&mut Vec<u8>) -> Result<(), Failure>) -> Result<String, Failure> {
        let mut out = Vec::new();
        make(&mut out).map(|()| String::from_utf8(out).unwrap())
    }

    /// The same of what cannot fail.
    fn written(write: impl FnOnce(&mut Vec<u8>)) -> String {
        let mut out = Vec::new();
        write(&mut out);
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn texts_are_padded_and_cut_as_in_postgres() {
        for (text, characters, fill, start, end) in [
            ("hi", 5, "xyz", "xyzhi", "hixyz"),
            ("hi", 7, "xyz", "xyzxyhi", "hixyzxy"),
            ("héllo", 2, "x", "hé", "hé"),
            ("日", 3, "本", "本本日", "日本本"),
            ("hi", 5, "", "hi", "hi"),
            ("hi", 1, "", "h", "h"),
            ("hi", 0, "x", "", ""),
            ("hi", -3, "x", "", ""),
            ("", 2, "é", "éé", "éé"),
        ] {
            let found = [pad_start, pad_end]
                .map(|pad| made(|out| pad(text.as_bytes(), characters, fill.as_bytes(), out)));
            assert_eq!(found, [Ok(start.to_owned()), Ok(end.to_owned())], "{text:?} {characters} {fill:?}");
        }
        for characters in [BYTES_MAX as i64 + 1, i64::MAX] {
            assert_eq!(made(|out| pad_start(b"hi", characters, b"x", out)), Err(Failure::Overflow));
            assert_eq!(made(|out| pad_end(b"hi", characters, "é".as_bytes(), out)), Err(Failure::Overflow));
        }
        assert_eq!(
            made(|out| pad_end(b"", BYTES_MAX as i64, b"x", out)).map(|text| text.len()),
            Ok(BYTES_MAX)
        );
    }

    #[test]
    fn what_is_replaced_does_not_grow_without_bound() {
        let text = vec![b'a'; 2000];
        assert_eq!(made(|out| replace(&text, b"a", &[b'b'; 500], out)).map(|text| text.len()), Ok(1_000_000));
        assert_eq!(made(|out| replace(&text, b"a", &[b'b'; 600], out)), Err(Failure::Overflow));
        let long = vec![b'a'; BYTES_MAX + 1];
        assert_eq!(made(|out| replace(&long, b"b", b"cc", out)).map(|text| text.len()), Ok(BYTES_MAX + 1));
        assert_eq!(made(|out| replace(&long, b"a", b"cc", out)), Err(Failure::Overflow));
    }

    #[test]
    fn characters_are_turned_around_whole_and_folded_alone() {
        assert_eq!(written(|out| reverse("aé😀".as_bytes(), out)), "😀éa");
        assert_eq!(written(|out| fold("ΑΣ STRAßE İ".as_bytes(), out)), "ας".replace('ς', "σ") + " straße i");
    }

    #[test]
    fn digests_are_those_of_the_standard() {
        // FIPS 180-2, appendix B.
        for (text, expected) in [
            ("abc", "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"),
            ("", "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"),
        ] {
            assert_eq!(written(|out| sha256(text.as_bytes(), out)), expected);
        }
    }

    proptest! {
        #[test]
        fn texts_are_replaced_as_the_standard_library_does(
            text in "[abé😀]{0,9}", from in "[abé😀]{1,2}", to in "[cé]{0,3}",
        ) {
            let found = made(|out| replace(text.as_bytes(), from.as_bytes(), to.as_bytes(), out));
            prop_assert_eq!(found, Ok(text.replace(&from, &to)));
            let reversed = written(|out| reverse(text.as_bytes(), out));
            prop_assert_eq!(reversed, text.chars().rev().collect::<String>());
        }

        #[test]
        fn any_bytes_make_texts(text: Vec<u8>, part: Vec<u8>, characters: i64) {
            let mut out = Vec::new();
            let _ = replace(&text, &part, &text, &mut out);
            let _ = (pad_start(&text, characters, &part, &mut out), pad_end(&text, characters % 99, &part, &mut out));
            reverse(&text, &mut out);
            fold(&text, &mut out);
            sha256(&text, &mut out);
        }
    }
}
